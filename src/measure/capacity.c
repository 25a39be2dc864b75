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

static void bios_values(const kc_corpus_info *info, double values, kc_measure_row *row)
{
    const double N = (double)info->n_people;
    row->value_nats = values / N;
    row->first_chunk_nats = NAN;
    row->value_bits = N * (info->log2_values - row->value_nats * M_LOG2E);
    row->diversity_bits = 0;
}

static void biod_values(const kc_corpus_info *info, double values, double first_chunk_nats,
                        kc_measure_row *row)
{
    const double N = (double)info->n_people, K = (double)info->K, D = (double)info->D;
    row->value_nats = values / (N * K);
    row->first_chunk_nats = first_chunk_nats / (N * K);
    row->value_bits = N * K * (info->log2_values - row->value_nats * M_LOG2E);
    row->diversity_bits = K * D * (info->log2_strings - log2(D) - row->first_chunk_nats * M_LOG2E);
}

static void no_values(kc_measure_row *row)
{
    row->value_nats = row->first_chunk_nats = NAN;
    row->value_bits = row->diversity_bits = 0;
}

void kc_capacity(const kc_corpus_info *info, const kc_span_sums *sums, int64_t n_params,
                 kc_measure_row *row)
{
    const double N = (double)info->n_people;
    double values = 0;
    for (int a = 1; a < info->n_attributes; ++a)
        values += info->attribute[a].counted ? sums->nats[a] : 0;
    by_attribute(info, sums, row);
    row->name_nats = sums->nats[0] / N;
    row->name_bits = N * (info->log2_names - row->name_nats * M_LOG2E);
    switch (info->kind) {
    case KC_KIND_BIOS:
        bios_values(info, values, row);
        break;
    case KC_KIND_BIOD:
        biod_values(info, values, sums->first_chunk_nats, row);
        break;
    case KC_KIND_RANDOM:
        no_values(row);
        break;
    }
    row->total_bits = row->name_bits + row->value_bits + row->diversity_bits;
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
