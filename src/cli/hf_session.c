/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/hf_session.h"

#include <stdlib.h>

#include "kcap/comm/exchange.h"

int kc_session_corpus(kc_session *s, kc_files *files, kc_error *e)
{
    if (files) {
        s->files = *files;
        *files = (kc_files){0};
    } else
        KC_TRY(kc_input_files(&s->grid, &s->cfg, &s->files, e));
    KC_TRY(kc_input_corpus(&s->grid, &s->cfg, &s->files, &s->corpus, e));
out:
    return e->code;
}

void kc_session_stamp(kc_session *s, const kc_layout *layout, const char *run_id)
{
    kc_sign(&s->sign, &s->grid, &s->cfg, kc_corpus_about(s->corpus), &s->host, layout, run_id);
    s->stamp = s->sign.stamp;
}

void kc_session_end(kc_session *s)
{
    kc_corpus_destroy(s->corpus);
    kc_files_free(&s->files);
    kc_signature_free(&s->sign);
}

int kc_weights_read(kc_session *s, const kc_head *head, kc_state *state, kc_error *e)
{
    state->n_lanes = s->cfg.train.lanes;
    int64_t *lo = malloc((size_t)(s->grid.size + 1) * sizeof *lo);
    state->params = aligned_alloc(64, (size_t)state->layout->n_flat * sizeof(float));
    state->cursors = malloc((size_t)state->n_lanes * sizeof *state->cursors);
    KC_CHECK(lo && state->params && state->cursors, "out of memory for the weights");
    kc_slices(&s->grid, state->layout->n_dense, lo);
    state->lo = lo;
    return kc_checkpoint_read(&s->grid, head, state, e);
}

void kc_weights_free(kc_state *state)
{
    free((void *)state->lo);
    free(state->params);
    free(state->cursors);
}
