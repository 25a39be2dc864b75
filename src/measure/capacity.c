/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/measure/capacity.h"

#include <math.h>

#include "kcap/measure/spans.h"

static void by_attribute(const kc_corpus_info *info, const kc_span_sums *sums,
                         const kc_capacity_lists *lists, kc_capacity_row *row)
{
    const double N = (double)info->n_people;
    double counted = 0;
    row->value_recall = 0;
    for (int a = 0; a < info->n_attributes; ++a) {
        const double share = info->attribute[a].share, n = N * share;
        lists->attribute_nats[a] = sums->nats[a] / n;
        lists->attribute_recall[a] = sums->recall[a] / n;
        lists->attribute_first[a] = sums->first[a] / n;
        if (a > 0 && info->attribute[a].counted) {
            row->value_recall += lists->attribute_recall[a] * share;
            counted += share;
        }
    }
    row->name_recall = lists->attribute_recall[0];
    row->value_recall = counted > 0 ? row->value_recall / counted : NAN;
}

double kc_capacity_nats(const kc_corpus_info *info, const kc_span_sums *sums, int read)
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
                 kc_capacity_row *row, const kc_capacity_lists *lists)
{
    double *const columns[KC_N_READS][2] = {
        [KC_READ_NAME] = {&row->name_nats, &row->name_bits},
        [KC_READ_VALUES] = {&row->value_nats, &row->value_bits},
        [KC_READ_CHUNKS] = {&row->first_chunk_nats, &row->diversity_bits}};
    by_attribute(info, sums, lists, row);
    row->total_bits = 0;
    for (int r = 0; r < KC_N_READS; ++r) {
        const kc_term *t = &info->term[r];
        const double nats = t->name ? kc_capacity_nats(info, sums, r) / t->reads : NAN;
        const double bits = t->name ? t->items * (t->log2_size - nats * M_LOG2E) : 0;
        *columns[r][0] = nats;
        *columns[r][1] = bits;
        row->total_bits += bits;
    }
    row->bits_per_param = row->total_bits / (double)n_params;
    row->max_bits_per_param = info->max_bits / (double)n_params;
}

int64_t kc_capacity_window(const kc_corpus_info *info, int64_t context)
{
    const int64_t people =
        info->windows_are_single ? 1 : (int64_t)((double)context / info->mean_doc_tokens);
    return people < 1 ? 1 : people < info->n_people ? people : info->n_people;
}

double kc_capacity_given_away(const kc_corpus_info *info, int64_t people)
{
    const int64_t N = info->n_people, whole = N / people, last = N % people;
    double bits = 0;
    for (int64_t j = 1; j < people; ++j)
        bits += (double)(whole + (j < last)) * log2((double)N / (double)(N - j));
    return bits;
}

kc_capacity_lists kc_capacity_lists_of(const kc_schema *s, const void *row)
{
#define PLACE(type, name, width, unit, help) .name = kc_row_at(s, row, #name),
    return (kc_capacity_lists){KC_LISTS_CAPACITY(PLACE)};
#undef PLACE
}

const kc_capacity_row *kc_capacity_last(const kc_measurements *all)
{
    const kc_capacity_row *row = all->n > 0 ? all->of[KC_MEASURE_capacity].row : NULL;
    return row && row->step != KC_NO_INT ? row : NULL;
}

static void columns(const kc_corpus_info *info, const kc_shape *shape, kc_schema *s)
{
    const int64_t attributes = info->n_attributes;
    const int64_t parts = info->n_parts > 1 ? info->n_parts : KC_NO_COLUMN;
    const int64_t asked =
        info->n_held_out && !info->term[KC_READ_NAME].name ? attributes : KC_NO_COLUMN;
    const int64_t experts = shape->E ? shape->l * shape->E : KC_NO_COLUMN;
    const kc_column all[] = {KC_COLUMNS_EVENT(KC_COLUMN_ROW) KC_COLUMNS_CAPACITY(KC_COLUMN_ROW)
                                 KC_LISTS_CAPACITY(KC_COLUMN_LIST)};
    kc_schema_create(s, "/measure", 64, all, sizeof all / sizeof *all);
    const char **labels = kc_schema_label(s, info->n_attributes);
    for (int a = 0; a < info->n_attributes; ++a)
        labels[a] = info->attribute[a].name;
}

static int64_t every(const kc_config *cfg)
{
    return cfg->measure.every_exposures;
}

static size_t bytes(const kc_config *cfg, const kc_corpus_info *info, const kc_model *model,
                    int ranks, int threads)
{
    const size_t spans = kc_measure_spans_bytes(info, model->shape.T, ranks, threads);
    size_t all = kc_scorer_bytes(model, threads);
    (void)cfg;
    return __builtin_add_overflow(all, spans, &all) ? SIZE_MAX : all;
}

double kc_capacity_held_out(const kc_corpus_info *info, const kc_span_sums *sums)
{
    const double n = (double)info->n_held_out;
    return n > 0 && info->term[KC_READ_NAME].name
               ? n * info->term[KC_READ_NAME].log2_size - sums->nats[0] * M_LOG2E
               : NAN;
}

/* to: NULL where nobody is held out. */
static void held_out_recall(const kc_corpus_info *info, const kc_span_sums *sums, double *to)
{
    for (int a = 0; to && a < info->n_attributes; ++a)
        to[a] = sums->recall[a] / sums->read[a];
}

static int take(const kc_subject *x, const kc_schema *schema, void *row)
{
    const kc_capacity_lists lists = kc_capacity_lists_of(schema, row);
    const kc_stopper quiet = {.stop = x->stopper.stop, .of = x->stopper.of};
    kc_scorer scorer;
    kc_span_sums sums, held_out = {0};
    kc_scorer_create(&scorer, x->model, x->weights, x->threads);
    int why = kc_measure_spans(x->grid, x->corpus, x->model->shape.T, kc_scorer_score, &scorer,
                               x->threads, &x->stopper, &sums);
    if (!why)
        kc_scorer_loads(x->grid, &scorer, lists.expert_load);
    if (!why && kc_corpus_about(x->corpus)->n_held_out)
        why = kc_measure_held_out(x->grid, x->corpus, x->model->shape.T, kc_scorer_score, &scorer,
                                  x->threads, &quiet, &held_out);
    kc_scorer_destroy(&scorer);
    if (why)
        return why;
    for (int i = 0; lists.part_exposures && i < kc_corpus_about(x->corpus)->n_parts; ++i)
        lists.part_exposures[i] = x->exposures[i];
    held_out_recall(kc_corpus_about(x->corpus), &held_out, lists.held_out_recall);
    kc_capacity(kc_corpus_about(x->corpus), &sums, x->model->layout.n_params, row, &lists);
    ((kc_capacity_row *)row)->held_out_bits =
        kc_capacity_held_out(kc_corpus_about(x->corpus), &held_out);
    return 0;
}

const kc_measure kc_measure_capacity = {columns, every, bytes, take};
