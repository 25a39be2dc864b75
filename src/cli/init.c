/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kcap/cli/verbs.h"
#include "kcap/comm/exchange.h"
#include "kcap/io/file.h"
#include "kcap/io/json.h"
#include "kcap/record/shelf.h"

enum { PATH_MOST = 1024 };

static int claim(const kc_session *s, const char *out, kc_error *e)
{
    const int full = s->grid.rank == 0 ? kc_folder_full(out) : 0;
    if (full < 0)
        kc_fail(e, KC_EIO, "%s: cannot be read: %s", out, strerror(errno));
    else if (full)
        kc_fail(e, KC_EINPUT, "%s: not empty; choose another --out", out);
    return kc_agree(&s->grid, e);
}

/* Weights as training starts from them, whole on every rank; moments and cursors are zero. */
static void start(const kc_session *s, kc_state *state)
{
    const kc_grid *g = &s->grid;
    const kc_layout *layout = state->layout;
    int64_t *lo = calloc(2 * (size_t)(g->size + 1), sizeof *lo), *expert_lo = lo + g->size + 1;
    KC_CHECK(lo, "out of memory");
    kc_slices(g, layout->n_dense, lo);
    kc_slices(g, layout->n_flat - layout->n_dense, expert_lo);
    state->lo = lo;
    state->dense_here = lo[g->rank + 1] - lo[g->rank];
    for (int i = 0; i < 2; ++i)
        state->expert_lo[i] = expert_lo[g->rank + i];
    const size_t mine = (size_t)(state->dense_here + state->expert_lo[1] - state->expert_lo[0]) + 1;
    state->n_lanes = s->cfg.train.lanes;
    state->params = calloc((size_t)layout->n_flat, sizeof(float));
    state->m = calloc(mine, sizeof(float));
    state->v = calloc(mine, sizeof(float));
    state->cursors = calloc((size_t)state->n_lanes, sizeof *state->cursors);
    KC_CHECK(state->params && state->m && state->v && state->cursors,
             "out of memory for %lld parameters", (long long)layout->n_params);
    kc_params_init(layout, (uint64_t)s->cfg.run.seed, s->cfg.model.init_std, state->params);
}

static void report(const kc_session *s, const char *path)
{
    if (!s->options->json) {
        printf("%s: initial weights, %lld parameters\n", path, (long long)s->stamp.n_params);
        return;
    }
    cJSON *object = cJSON_CreateObject();
    kc_json_text(object, "status", "initialised");
    kc_json_text(object, "out", s->options->out);
    kc_json_text(object, "checkpoint", path);
    kc_json_number(object, "n_params", (double)s->stamp.n_params);
    kc_json_put(stdout, object);
}

int kc_verb_init(kc_session *s, kc_error *e)
{
    const char *out = s->options->out;
    char path[PATH_MOST];
    kc_layout layout;
    kc_state state = {.layout = &layout};
    KC_TRY(claim(s, out, e));
    KC_TRY(kc_session_config(s, e));
    KC_TRY(kc_session_corpus(s, NULL, e));
    const kc_shape shape = kc_shape_of(&s->cfg, kc_corpus_about(s->corpus)->n_vocab);
    kc_layout_of(&shape, &layout);
    kc_session_stamp(s, &layout, NULL);
    start(s, &state);
    if (s->grid.rank == 0)
        kc_folders_create(out, e);
    KC_TRY(kc_agree(&s->grid, e));
    KC_TRY(kc_checkpoint_write(&s->grid, out, &state, &s->stamp, &s->files, 1, e));
    kc_shelf_path(out, 0, ".h5", path, sizeof path);
    if (s->grid.rank == 0)
        report(s, path);
out:
    kc_weights_free(&state);
    free(state.m);
    free(state.v);
    return e->code;
}
