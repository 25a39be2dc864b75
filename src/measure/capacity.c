/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/measure/capacity.h"

#include <math.h>
#include <stdlib.h>

#include "kcap/base/clock.h"

static void by_attribute(const kc_corpus_info *info, const kc_span_sums *sums, kc_measure_row *row)
{
    const double N = (double)info->n_people;
    int counted = 0;
    row->value_recall = 0;
    for (int a = 0; a < info->n_attributes; ++a) {
        row->attribute_nats[a] = sums->nats[a] / N;
        row->attribute_recall[a] = sums->recall[a] / N;
        row->attribute_first[a] = sums->first[a] / N;
        if (a > 0 && info->attribute[a].counted) {
            row->value_recall += row->attribute_recall[a];
            ++counted;
        }
    }
    row->name_recall = row->attribute_recall[0];
    row->value_recall = counted ? row->value_recall / counted : NAN;
}

/* Summed loss of what a term reads. */
static double nats_of(const kc_corpus_info *info, const kc_span_sums *sums, int read)
{
    double values = 0;
    if (read == KC_READ_NAME)
        return sums->nats[0];
    if (read == KC_READ_CHUNKS)
        return sums->first_chunk_nats;
    for (int a = 1; a < info->n_attributes; ++a)
        values += info->attribute[a].counted ? sums->nats[a] : 0;
    return values;
}

void kc_capacity(const kc_corpus_info *info, const kc_span_sums *sums, int64_t n_params,
                 kc_measure_row *row)
{
    double *const columns[KC_N_READS][2] = {
        [KC_READ_NAME] = {&row->name_nats, &row->name_bits},
        [KC_READ_VALUES] = {&row->value_nats, &row->value_bits},
        [KC_READ_CHUNKS] = {&row->first_chunk_nats, &row->diversity_bits}};
    by_attribute(info, sums, row);
    row->total_bits = 0;
    for (int r = 0; r < KC_N_READS; ++r) {
        const kc_term *t = &info->term[r];
        const double nats = t->name ? nats_of(info, sums, r) / t->reads : NAN;
        const double bits = t->name ? t->items * (t->log2_size - nats * M_LOG2E) : 0;
        *columns[r][0] = nats;
        *columns[r][1] = bits;
        row->total_bits += bits;
    }
    row->bits_per_param = row->total_bits / (double)n_params;
    row->max_bits_per_param = info->max_bits / (double)n_params;
}

/* Of the slowest rank. */
static double seconds_since(const kc_grid *g, double start)
{
    double mine = kc_clock() - start, *all = malloc((size_t)g->size * sizeof *all);
    KC_CHECK(all, "out of memory");
    kc_allgather(g, &mine, all, sizeof mine);
    for (int r = 0; r < g->size; ++r)
        mine = all[r] > mine ? all[r] : mine;
    free(all);
    return mine;
}

void kc_capacity_take(const kc_subject *x, kc_measure_row *row)
{
    const double start = kc_clock();
    kc_scorer scorer;
    kc_span_sums sums;
    *row = (kc_measure_row){.step = x->step, .tokens = x->tokens, .exposures = x->exposures};
    kc_scorer_create(&scorer, x->model, x->weights, x->threads);
    kc_measure_spans(x->grid, x->corpus, x->model->shape.T, kc_scorer_score, &scorer, x->threads,
                     &sums);
    kc_scorer_loads(x->grid, &scorer, row->expert_load, KC_LOADS_MAX);
    kc_scorer_destroy(&scorer);
    kc_capacity(kc_corpus_about(x->corpus), &sums, x->model->layout.n_params, row);
    row->seconds = seconds_since(x->grid, start);
}
