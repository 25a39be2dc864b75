/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/record/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "kcap/io/file.h"
#include "kcap/optim/masters.h"
#include "kcap/record/shelf.h"
#include "record/draft.h"
#include "record/manifest.h"
#include "record/tensors.h"

/* This rank's slices: of the dense tensors, and of its experts; where their moments lie. */
typedef struct slice {
    int64_t lo, hi, at;
} slice;

static int slices_of(const kc_grid *g, const kc_state *state, slice two[2])
{
    const int64_t lo = state->lo[g->rank], hi = state->lo[g->rank + 1];
    const int64_t dense = state->layout->n_dense;
    two[0] = (slice){lo, hi, 0};
    two[1] = (slice){dense + state->expert_lo[0], dense + state->expert_lo[1], hi - lo};
    return state->expert_lo[1] > state->expert_lo[0] ? 2 : 1;
}

/* What is trained beside the weights: whole on every rank. */
typedef struct beside {
    const char *group, *what;
    float *values;
} beside;

enum { BESIDE = 3 };

static int besides_of(const kc_state *state, beside of[BESIDE])
{
    const kc_adapters *a = state->adapters;
    if (!a)
        return 0;
    of[0] = (beside){"/adapters", "adapter", a->params};
    of[1] = (beside){"/adapters_m", "AdamW's first moment", a->m};
    of[2] = (beside){"/adapters_v", "AdamW's second moment", a->v};
    return BESIDE;
}

static int create_beside(kc_h5 *f, const kc_state *state, kc_error *e)
{
    beside of[BESIDE];
    const int n = besides_of(state, of);
    if (state->masters)
        KC_TRY(kc_tensors_create(f, "/masters", "what the weight is made of", state->layout, e));
    for (int i = 0; i < n; ++i)
        KC_TRY(kc_tensors_create(f, of[i].group, of[i].what, &state->adapters->layout, e));
out:
    return e->code;
}

static int64_t floats_of(const kc_state *state)
{
    const int64_t sets = 1 + (state->m ? 2 : 0) + (state->masters ? 1 : 0);
    return sets * state->layout->n_params +
           (state->adapters ? BESIDE * state->adapters->layout.n_params : 0);
}

/* All but the tensors' values, by this rank alone. */
static int write_frame(const kc_draft *d, const kc_checkpoint_info *info, const kc_state *state,
                       kc_error *e)
{
    kc_h5 f = {.id = 0};
    const int64_t bytes = floats_of(state) * (int64_t)sizeof(float);
    KC_TRY(kc_draft_begin(d, &f, info, bytes, e));
    KC_TRY(kc_tensors_create(&f, "/params", "weight", state->layout, e));
    KC_TRY(create_beside(&f, state, e));
    if (state->m) {
        KC_TRY(kc_tensors_create(&f, "/m", "AdamW's first moment", state->layout, e));
        KC_TRY(kc_tensors_create(&f, "/v", "AdamW's second moment", state->layout, e));
    }
out:
    return kc_draft_begun(d, &f, e);
}

/* Another run's checkpoint of this step is kept under a name of its own. */
static int make_way(const kc_draft *d, const char *run_id, kc_error *e)
{
    char h5[KC_PATH_MAX + 48], manifest[KC_PATH_MAX + 48];
    kc_manifest m;
    kc_error none = {0};
    if (kc_manifest_read(d->manifest, &m, &none) != KC_OK || strcmp(m.run_id, run_id) == 0)
        return KC_OK;
    snprintf(h5, sizeof h5, "%s.of_%s", d->h5, m.run_id);
    snprintf(manifest, sizeof manifest, "%s.of_%s", d->manifest, m.run_id);
    fprintf(stderr, "kcap: warning: %s: of run %s, kept as %s\n", d->h5, m.run_id, h5);
    KC_TRY(kc_file_rename(d->manifest, manifest, e));
    KC_TRY(kc_file_rename(d->h5, h5, e));
out:
    return e->code;
}

static int prepare(const kc_draft *d, const char *dir, const kc_checkpoint_info *info,
                   const kc_state *state, kc_error *e)
{
    KC_TRY(kc_folder_create(d->folder, e));
    KC_TRY(kc_shelf_clean(dir, e));
    KC_TRY(make_way(d, info->stamp.run_id, e));
    KC_TRY(write_frame(d, info, state, e));
out:
    return e->code;
}

/* The values of this rank's slices, weights and moments. */
static int check_finite(const kc_grid *g, const char *where, const kc_state *state, kc_error *e)
{
    slice own[2];
    const kc_layout *l = state->layout;
    const int n = slices_of(g, state, own), code = KC_ENUMERIC;
    for (int i = 0; i < n; ++i) {
        const slice *s = &own[i];
        KC_TRY(
            kc_tensors_finite(where, "/params", l, s->lo, s->hi, state->params + s->lo, code, e));
        if (state->masters)
            KC_TRY(kc_tensors_finite(where, "/masters", l, s->lo, s->hi, state->masters + s->lo,
                                     code, e));
        if (!state->m)
            continue;
        KC_TRY(kc_tensors_finite(where, "/m", l, s->lo, s->hi, state->m + s->at, code, e));
        KC_TRY(kc_tensors_finite(where, "/v", l, s->lo, s->hi, state->v + s->at, code, e));
    }
    beside of[BESIDE];
    const int besides = besides_of(state, of);
    for (int i = 0; i < besides; ++i) {
        const kc_layout *small = &state->adapters->layout;
        KC_TRY(
            kc_tensors_finite(where, of[i].group, small, 0, small->n_flat, of[i].values, code, e));
    }
out:
    return e->code;
}

static int write_slices(const kc_grid *g, const kc_draft *d, const kc_state *state, kc_error *e)
{
    kc_h5 f;
    slice own[2];
    const kc_layout *l = state->layout;
    const int n = slices_of(g, state, own);
    if (kc_h5_open_shared(g, &f, d->h5_partial, e) != KC_OK)
        return e->code;
    for (int i = 0; i < n; ++i) {
        const slice *s = &own[i];
        KC_TRY(kc_tensors_write(&f, "/params", l, s->lo, s->hi, state->params + s->lo, e));
        if (state->masters)
            KC_TRY(kc_tensors_write(&f, "/masters", l, s->lo, s->hi, state->masters + s->lo, e));
        if (!state->m)
            continue;
        KC_TRY(kc_tensors_write(&f, "/m", l, s->lo, s->hi, state->m + s->at, e));
        KC_TRY(kc_tensors_write(&f, "/v", l, s->lo, s->hi, state->v + s->at, e));
    }
    beside of[BESIDE];
    const int besides = besides_of(state, of);
    for (int i = 0; i < besides; ++i) {
        const kc_layout *small = &state->adapters->layout;
        const int64_t own_end =
            g->rank == 0 ? small->n_flat : 0; /* all ranks open what one writes */
        KC_TRY(kc_tensors_write(&f, of[i].group, small, 0, own_end, of[i].values, e));
    }
out:
    return kc_draft_written(g, d, &f, e);
}

int kc_checkpoint_write(const kc_grid *g, const char *dir, const kc_state *state,
                        const kc_stamp *stamp, const kc_files *files, int64_t keep, kc_error *e)
{
    kc_draft draft;
    kc_checkpoint_info info = {.stamp = *stamp,
                               .step = state->step,
                               .tokens = state->tokens,
                               .has_moments = state->m || state->adapters,
                               .n_cursors = state->n_lanes * state->n_parts,
                               .cursors = state->cursors,
                               .files = *files};
    kc_shelf_path(dir, state->step, ".h5", info.path, sizeof info.path);
    kc_draft_names(&draft, info.path);
    if (check_finite(g, info.path, state, e), kc_agree(g, e) != KC_OK)
        return e->code;
    KC_TRY_ROOT(g, prepare(&draft, dir, &info, state, e));
    KC_TRY(write_slices(g, &draft, state, e));
    KC_TRY(kc_draft_finish(g, &draft, &info, e));
    KC_TRY_ROOT(g, kc_shelf_retain(dir, stamp->run_id, state->step, keep, e));
out:
    if (e->code != KC_OK && g->rank == 0) {
        kc_draft_take_back(&draft);
        remove(draft.folder); /* where it is empty */
    }
    return e->code;
}

static int read_cursors(const kc_checkpoint_info *info, kc_state *state, kc_error *e)
{
    if (info->n_cursors != state->n_lanes * state->n_parts)
        return kc_fail(
            e, KC_EINPUT,
            "%s: holds %lld cursors, this run has %lld lanes (train.lanes) of %lld parts "
            "of the corpus",
            info->path, (long long)info->n_cursors, (long long)state->n_lanes,
            (long long)state->n_parts);
    memcpy(state->cursors, info->cursors, (size_t)info->n_cursors * sizeof *info->cursors);
    return KC_OK;
}

static int read_finite(kc_h5 *f, const char *group, const kc_layout *l, int64_t lo, int64_t hi,
                       float *flat, kc_error *e)
{
    if (kc_tensors_read(f, group, l, lo, hi, flat, e) == KC_OK)
        kc_tensors_finite(f->path, group, l, lo, hi, flat, KC_EINPUT, e);
    return e->code;
}

/* Each rank reads by itself: the file is complete, and nothing is written. */
int kc_checkpoint_read(const kc_grid *g, const kc_checkpoint_info *info, kc_state *state,
                       kc_error *e)
{
    kc_h5 f = {.id = 0};
    const kc_layout *layout = state->layout;
    slice own[2];
    const int with_moments = state->m != NULL && state->v != NULL;
    const int n = with_moments ? slices_of(g, state, own) : 0;
    beside of[BESIDE];
    const int besides = besides_of(state, of);
    if (with_moments || besides)
        KC_TRY(kc_checkpoint_resumable(info, e));
    KC_TRY(kc_h5_open(&f, info->path, e));
    KC_TRY(read_finite(&f, "/params", layout, 0, layout->n_flat, state->params, e));
    if (state->masters)
        KC_TRY(read_finite(&f, "/masters", layout, 0, layout->n_flat, state->masters, e));
    for (int i = 0; i < besides; ++i) {
        const kc_layout *small = &state->adapters->layout;
        KC_TRY(read_finite(&f, of[i].group, small, 0, small->n_flat, of[i].values, e));
    }
    for (int i = 0; i < n; ++i) {
        const slice *s = &own[i];
        KC_TRY(read_finite(&f, "/m", layout, s->lo, s->hi, state->m + s->at, e));
        KC_TRY(read_finite(&f, "/v", layout, s->lo, s->hi, state->v + s->at, e));
    }
    if (state->cursors != NULL)
        KC_TRY(read_cursors(info, state, e));
    state->step = info->step;
    state->tokens = info->tokens;
out:
    kc_h5_close(&f, e);
    return kc_agree(g, e);
}
