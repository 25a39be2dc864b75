/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/cli/verbs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/cli/print/report.h"
#include "kcap/base/clock.h"
#include "kcap/comm/exchange.h"
#include "kcap/measure/capacity.h"

int kc_verb_config(kc_session *s, kc_error *e)
{
    if (s->options->defaults)
        kc_config_defaults(&s->cfg);
    if (s->options->defaults && s->options->n_sets)
        kc_config_parse("", 0, "defaults", s->options->sets, s->options->n_sets, &s->cfg, e);
    if (s->options->print)
        kc_session_config(s, e);
    if (e->code || s->grid.rank != 0)
        return e->code;
    if (s->options->json)
        kc_report_config_json(stdout, &s->cfg);
    else
        kc_config_print(&s->cfg, s->options->defaults, stdout);
    return KC_OK;
}

int kc_verb_corpus(kc_session *s, kc_error *e)
{
    KC_TRY(kc_session_config(s, e));
    KC_TRY(kc_session_corpus(s, NULL, e));
    if (s->grid.rank != 0)
        return KC_OK;
    if (s->options->json)
        kc_report_corpus_json(stdout, s, s->options->show);
    else
        kc_report_corpus(stdout, s, s->options->show);
out:
    return e->code;
}

void kc_measure_now(kc_session *s, const kc_model *model, const kc_weights *weights,
                    kc_measure_row *row)
{
    const double start = kc_clock();
    kc_scorer scorer;
    kc_span_sums sums;
    kc_scorer_create(&scorer, model, weights, s->threads);
    kc_measure_spans(&s->grid, s->corpus, model->shape.T, kc_scorer_score, &scorer, s->threads,
                     &sums);
    kc_scorer_loads(&s->grid, &scorer, row->expert_load, KC_LOADS_MAX);
    kc_scorer_destroy(&scorer);
    kc_capacity(kc_corpus_about(s->corpus), &sums, model->layout.n_params, row);
    double mine = kc_clock() - start, *all = malloc((size_t)s->grid.size * sizeof *all);
    KC_CHECK(all, "out of memory");
    kc_allgather(&s->grid, &mine, all, sizeof mine);
    for (int r = 0; r < s->grid.size; ++r)
        mine = all[r] > mine ? all[r] : mine;
    free(all);
    row->seconds = mine;
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

static void measure_checkpoint(kc_session *s, const kc_head *head, const kc_model *model,
                               const kc_state *state)
{
    float *wt = aligned_alloc(64, (size_t)model->layout.n_flat * sizeof *wt);
    KC_CHECK(wt, "out of memory for the weights");
    kc_params_transpose(&model->layout, state->params, wt, s->threads);
    const kc_weights weights = {&model->layout, state->params, wt};
    kc_measure_row row = {.step = state->step, .tokens = state->tokens};
    for (int64_t k = 0; k < state->n_lanes; ++k)
        row.exposures += (double)state->cursors[k].docs;
    row.exposures /= (double)kc_corpus_about(s->corpus)->n_people;
    kc_measure_now(s, model, &weights, &row);
    free(wt);
    const kc_outcome outcome = {.status = "measured",
                                .checkpoint = head->path,
                                .steps = state->step,
                                .tokens = state->tokens,
                                .loss = NAN};
    if (s->grid.rank == 0)
        (s->options->json ? kc_report_json : kc_report_table)(stdout, s, &row, &outcome);
}

int kc_verb_measure(kc_session *s, kc_error *e)
{
    kc_head head = {0};
    kc_model model = {0};
    kc_state state = {0};
    KC_TRY(kc_checkpoint_find(&s->grid, s->options->input, &head, e));
    if (!head.path[0])
        kc_fail(e, KC_EINPUT, "%s: no checkpoint there", s->options->input);
    KC_TRY(e->code);
    kc_config_parse(head.config, strlen(head.config), head.path, NULL, 0, &s->cfg, e);
    KC_TRY(kc_agree(&s->grid, e));
    KC_TRY(kc_session_corpus(s, &head.files, e));
    KC_TRY(kc_session_machine(s, NULL, e));
    /* On ranks that its groups do not divide each rank has all experts. */
    if (s->grid.size % s->cfg.parallel.ep != 0)
        s->cfg.parallel.ep = 1;
    kc_session_mesh(s);
    kc_model_create_spread(&model, &s->cfg, kc_corpus_about(s->corpus)->n_vocab, s->grid.ep);
    kc_session_stamp(s, &model.layout, head.run_id);
    s->stamp.imported_from = head.imported_from;
    state.layout = &model.layout;
    KC_TRY(kc_weights_read(s, &head, &state, e));
    measure_checkpoint(s, &head, &model, &state);
out:
    kc_weights_free(&state);
    kc_model_destroy(&model);
    kc_head_free(&head);
    return e->code;
}
