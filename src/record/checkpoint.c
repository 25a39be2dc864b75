/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/record/checkpoint.h"

#include <stdio.h>
#include <string.h>

#include "kcap/io/array.h"
#include "kcap/io/attribute.h"
#include "kcap/io/file.h"
#include "kcap/io/stamp.h"
#include "record/embed.h"
#include "record/manifest.h"
#include "kcap/record/shelf.h"
#include "record/tensors.h"

enum { PATH = 1024, CURSOR = 4 };

static const char cursor_path[] = "/lanes/cursor";

_Static_assert(sizeof(kc_cursor) == CURSOR * sizeof(int64_t),
               "kc_cursor is a row of /lanes/cursor");

/* The four names a checkpoint goes through. */
typedef struct names {
    char folder[PATH], h5_partial[PATH], h5[PATH], manifest_partial[PATH], manifest[PATH];
} names;

static void make_names(const char *dir, int64_t step, names *n)
{
    kc_shelf_folder(dir, n->folder, PATH);
    kc_shelf_path(dir, step, ".h5.partial", n->h5_partial, PATH);
    kc_shelf_path(dir, step, ".h5", n->h5, PATH);
    kc_shelf_path(dir, step, ".manifest.partial", n->manifest_partial, PATH);
    kc_shelf_path(dir, step, ".manifest", n->manifest, PATH);
}

static int write_lanes(kc_h5 *f, const kc_state *state, kc_error *e)
{
    kc_h5_array a = {.id = 0};
    int64_t dims[2] = {state->n_lanes, CURSOR};
    KC_TRY(kc_h5_group(f, "/lanes", e));
    KC_TRY(kc_h5_array_create(f, cursor_path, KC_H5_INT, 2, dims, e));
    KC_TRY(kc_h5_describe(f, cursor_path, "1",
                          "where each lane stands in its documents: epoch, next, offset, docs", e));
    KC_TRY(kc_h5_array_open(f, cursor_path, KC_H5_INT, &a, e));
    kc_h5_array_write(&a, 0, dims[0] * dims[1], state->cursors, e);
    kc_h5_array_close(&a, e);
out:
    return e->code;
}

/* Everything but the tensors' values, by this rank alone. */
static int write_frame(const char *path, const kc_state *state, const kc_stamp *stamp,
                       const kc_files *files, kc_error *e)
{
    kc_h5 f;
    KC_TRY(kc_h5_create(&f, path, KC_H5_PLAIN, e));
    KC_TRY(kc_stamp_write(&f, stamp, e));
    KC_TRY(kc_h5_set_int(&f, "/", "step", state->step, e));
    KC_TRY(kc_h5_set_int(&f, "/", "tokens", state->tokens, e));
    KC_TRY(kc_tensors_create(&f, "/params", "weight", state->layout, e));
    KC_TRY(kc_tensors_create(&f, "/m", "AdamW's first moment", state->layout, e));
    KC_TRY(kc_tensors_create(&f, "/v", "AdamW's second moment", state->layout, e));
    KC_TRY(write_lanes(&f, state, e));
    KC_TRY(kc_embed_write(&f, files, e));
out:
    kc_h5_close(&f, e);
    return e->code;
}

/* Reserve the room first: a disk that fills up later is an error that HDF5 does not survive in
 * order. */
static int prepare(const names *n, const char *dir, const kc_state *state, const kc_stamp *stamp,
                   const kc_files *files, kc_error *e)
{
    int64_t bytes = 3 * state->layout->n_params * (int64_t)sizeof(float) + files->bytes +
                    (files->words ? (int64_t)strlen(files->words) : 0) +
                    state->n_lanes * (int64_t)sizeof(kc_cursor) + (1 << 16);
    KC_TRY(kc_folder_create(n->folder, e));
    KC_TRY(kc_shelf_clean(dir, e));
    KC_TRY(kc_file_reserve(n->h5_partial, bytes, e));
    KC_TRY(write_frame(n->h5_partial, state, stamp, files, e));
    KC_TRY(kc_file_reserve(n->h5_partial, kc_file_size(n->h5_partial), e));
out:
    return e->code;
}

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

static int write_slices(const kc_grid *g, const char *path, const kc_state *state, kc_error *e)
{
    kc_h5 f;
    slice own[2];
    const int n = slices_of(g, state, own);
    if (kc_h5_open_shared(g, &f, path, e) != KC_OK)
        return e->code;
    for (int i = 0; i < n; ++i) {
        const slice *s = &own[i];
        KC_TRY(
            kc_tensors_write(&f, "/params", state->layout, s->lo, s->hi, state->params + s->lo, e));
        KC_TRY(kc_tensors_write(&f, "/m", state->layout, s->lo, s->hi, state->m + s->at, e));
        KC_TRY(kc_tensors_write(&f, "/v", state->layout, s->lo, s->hi, state->v + s->at, e));
    }
out:
    if (kc_h5_close_shared(g, &f, e) == KC_OK)
        kc_file_sync(path, e);
    return kc_agree(g, e);
}

/* The manifest's own name comes last: with it the checkpoint exists, complete. An older manifest
 * under this name would not fit the new file. */
static int commit(const names *n, const kc_manifest *m, kc_error *e)
{
    KC_TRY(kc_manifest_write(n->manifest_partial, m, e));
    KC_TRY(kc_file_remove(n->manifest, e));
    KC_TRY(kc_file_rename(n->h5_partial, n->h5, e));
    KC_TRY(kc_file_rename(n->manifest_partial, n->manifest, e));
    KC_TRY(kc_file_sync(n->folder, e));
out:
    return e->code;
}

static void take_back(const names *n)
{
    kc_error ignored = {0};
    kc_file_remove(n->manifest_partial, &ignored);
    kc_file_remove(n->h5_partial, &ignored);
}

int kc_checkpoint_write(const kc_grid *g, const char *dir, const kc_state *state,
                        const kc_stamp *stamp, const kc_files *files, int64_t keep, kc_error *e)
{
    names n;
    kc_manifest manifest = {.step = state->step};
    make_names(dir, state->step, &n);
    snprintf(manifest.file, sizeof manifest.file, "%s", strrchr(n.h5, '/') + 1);
    snprintf(manifest.run_id, sizeof manifest.run_id, "%s", stamp->run_id);
    if (g->rank == 0)
        prepare(&n, dir, state, stamp, files, e);
    KC_TRY(kc_agree(g, e));
    KC_TRY(write_slices(g, n.h5_partial, state, e));
    KC_TRY(kc_manifest_hash(g, n.h5_partial, &manifest, e));
    if (g->rank == 0 && commit(&n, &manifest, e) == KC_OK)
        kc_shelf_retain(dir, state->step, keep, e);
    KC_TRY(kc_agree(g, e));
out:
    if (e->code != KC_OK && g->rank == 0)
        take_back(&n);
    return e->code;
}

/* Cursors of as many lanes as the state has. */
static int read_lanes(kc_h5 *f, kc_state *state, kc_error *e)
{
    kc_h5_array a = {.id = 0};
    KC_TRY(kc_h5_array_open(f, cursor_path, KC_H5_INT, &a, e));
    if (a.n_dims != 2 || a.dims[0] != state->n_lanes || a.dims[1] != CURSOR)
        kc_fail(e, KC_EINPUT, "%s: holds %lld lanes, this run has %lld (train.lanes)", f->path,
                (long long)a.dims[0], (long long)state->n_lanes);
    else
        kc_h5_array_read(&a, 0, state->n_lanes * CURSOR, state->cursors, e);
out:
    kc_h5_array_close(&a, e);
    return e->code;
}

/* Each rank reads by itself: the file is complete, and nothing is written. */
int kc_checkpoint_read(const kc_grid *g, const kc_head *head, kc_state *state, kc_error *e)
{
    kc_h5 f;
    const kc_layout *layout = state->layout;
    KC_TRY(kc_h5_open(&f, head->path, KC_H5_PLAIN, e));
    KC_TRY(kc_tensors_read(&f, "/params", layout, 0, layout->n_flat, state->params, e));
    if (state->m != NULL && state->v != NULL) {
        slice own[2];
        const int n = slices_of(g, state, own);
        for (int i = 0; i < n; ++i) {
            KC_TRY(
                kc_tensors_read(&f, "/m", layout, own[i].lo, own[i].hi, state->m + own[i].at, e));
            KC_TRY(
                kc_tensors_read(&f, "/v", layout, own[i].lo, own[i].hi, state->v + own[i].at, e));
        }
    }
    if (state->cursors != NULL)
        KC_TRY(read_lanes(&f, state, e));
    state->step = head->step;
    state->tokens = head->tokens;
out:
    kc_h5_close(&f, e);
    return kc_agree(g, e);
}
