/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/init.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kcap/base/memory.h"
#include "kcap/comm/exchange.h"
#include "kcap/io/file.h"
#include "kcap/io/lock.h"
#include "kcap/nn/params.h"
#include "kcap/record/checkpoint.h"
#include "kcap/record/shelf.h"
#include "kcap/run/input.h"
#include "kcap/run/signature.h"

/* What a kill has left of a checkpoint is not in the way. */
static int claim(const char *out, kc_error *e)
{
    char folder[KC_PATH_MAX];
    kc_shelf_folder(out, folder, sizeof folder);
    KC_TRY(kc_shelf_clean(out, e));
    rmdir(folder); /* where it is empty now */
    const int full = kc_folder_full(out);
    if (full < 0)
        return kc_fail(e, KC_EIO, "%s: cannot be read: %s", out, strerror(errno));
    if (full)
        kc_fail(e, KC_EINPUT, "%s: not empty; choose another --out", out);
out:
    return e->code;
}

/* All weights on every rank, of which each writes its share; cursors are zero. */
static void start(const kc_grid *g, const kc_config *cfg, kc_state *state)
{
    const kc_layout *layout = state->layout;
    int64_t *lo = kc_alloc(2 * (g->size + 1), sizeof *lo, "shares"), *expert_lo = lo + g->size + 1;
    kc_slices(g, layout->n_dense, lo);
    kc_slices(g, layout->n_flat - layout->n_dense, expert_lo);
    state->lo = lo;
    memcpy(state->expert_lo, expert_lo + g->rank, sizeof state->expert_lo);
    state->n_lanes = cfg->train.lanes;
    state->n_parts = cfg->parts;
    state->cursors = kc_alloc(state->n_lanes * state->n_parts, sizeof *state->cursors, "lanes");
    state->params = calloc((size_t)layout->n_flat, sizeof *state->params);
    KC_ROOM(state->params, "out of memory for %lld weights", (long long)layout->n_flat);
    kc_params_init(layout, (uint64_t)cfg->run.seed, cfg->model.init_std, state->params);
}

static int write_state(kc_grid *g, const kc_config *cfg, const kc_corpus_info *info,
                       const kc_files *files, const char *out, int64_t *n_params, kc_error *e)
{
    const kc_shape shape = kc_shape_of(cfg, info->n_vocab);
    const kc_host none = {0};
    kc_layout layout;
    kc_signature sign;
    kc_state state = {.layout = &layout};
    if (kc_layout_fits(&shape, e) != KC_OK)
        return e->code;
    kc_layout_of(&shape, &layout);
    *n_params = layout.n_params;
    kc_sign(&sign, g, cfg, info, &none, &layout, NULL);
    start(g, cfg, &state);
    KC_TRY(kc_checkpoint_write(g, out, &state, &sign.stamp, files, 1, e));
out:
    free((void *)state.lo);
    free(state.cursors);
    free(state.params);
    kc_signature_free(&sign);
    return e->code;
}

int kc_run_init(kc_grid *g, const kc_init_request *q, int64_t *n_params, kc_error *e)
{
    kc_config cfg;
    kc_files files = {0};
    kc_corpus *corpus = NULL;
    kc_lock *lock = NULL;
    KC_TRY_ROOT(g, kc_lock_take(q->out, KC_LOCK_RUN, KC_LOCK_PATIENCE, &lock, e));
    KC_TRY_ROOT(g, claim(q->out, e));
    KC_TRY(kc_input_config(g, q->input, q->sets, q->n_sets, &cfg, e));
    KC_TRY(kc_input_files(g, &cfg, &files, e));
    KC_TRY(kc_input_corpus(g, &cfg, &files, &corpus, e));
    KC_TRY(write_state(g, &cfg, kc_corpus_about(corpus), &files, q->out, n_params, e));
out:
    kc_corpus_destroy(corpus);
    kc_files_free(&files);
    kc_lock_release(lock);
    return e->code;
}
