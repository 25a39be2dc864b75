/* SPDX-License-Identifier: BSD-3-Clause */
/* Of a corpus with a skew: what is stored of those who are shown often, and of those who are shown rarely.
 * A band's bits of a term are its part of the corpus's. Bands are read apart, so in sum they differ from
 * /measure by what documents in a window tell of each other:
 *   items x people / N x log2_size - items / reads x nats log2 e,  nats summed over the band's people.
 * What all people share, bioD's diversity, is of no band. */
#include <math.h>

#include "measure/bands.def"
#include "kcap/measure/capacity.h"

#define POINTER(type, name, width, unit, help) kc_col_##type *name;
typedef struct lists {
    KC_LISTS_BANDS(POINTER)
} lists;
#undef POINTER

static void columns(const kc_corpus_info *info, const kc_shape *shape, kc_schema *s)
{
    const int64_t bands = info->n_bands;
    const kc_column all[] = {KC_COLUMNS_EVENT(KC_COLUMN_ROW) KC_LISTS_BANDS(KC_COLUMN_LIST)};
    (void)shape;
    kc_schema_create(s, "/bands", 64, all, sizeof all / sizeof *all);
}

static int64_t every(const kc_config *cfg)
{
    return cfg->corpus.skew == KC_corpus_skew_none ? -1 : cfg->measure.every_exposures;
}

static size_t bytes(const kc_config *cfg, const kc_corpus_info *info, const kc_model *model,
                    int ranks, int threads)
{
    return kc_measure_capacity.bytes(cfg, info, model, ranks, threads);
}

static double bits_of(const kc_corpus_info *info, const kc_span_sums *sums, int read, double people)
{
    const kc_term *t = &info->term[read];
    if (!t->name)
        return 0;
    return t->items * people / (double)info->n_people * t->log2_size -
           t->items / t->reads * kc_capacity_nats(info, sums, read) * M_LOG2E;
}

static double recall_of(const kc_corpus_info *info, const kc_span_sums *sums, double people)
{
    double recalled = 0, had = 0;
    for (int a = 1; a < info->n_attributes; ++a)
        if (info->attribute[a].counted) {
            recalled += sums->recall[a];
            had += people * info->attribute[a].share;
        }
    return had > 0 ? recalled / had : NAN;
}

static void fill(const kc_corpus_info *info, int b, const kc_span_sums *sums, const lists *to)
{
    const kc_band *band = &info->band[b];
    const double people = (double)(band->end - band->first);
    to->people[b] = people;
    to->shown[b] = band->exposures;
    to->name_bits[b] = bits_of(info, sums, KC_READ_NAME, people);
    to->value_bits[b] = bits_of(info, sums, KC_READ_VALUES, people);
    to->name_recall[b] = sums->recall[0] / people;
    to->value_recall[b] = recall_of(info, sums, people);
}

static int take(const kc_subject *x, const kc_schema *schema, void *row)
{
    const kc_corpus_info *info = kc_corpus_about(x->corpus);
#define PLACE(type, name, width, unit, help) .name = kc_row_at(schema, row, #name),
    const lists to = {KC_LISTS_BANDS(PLACE)};
#undef PLACE
    kc_stopper stopper = x->stopper;
    kc_scorer scorer;
    int why = 0;
    stopper.read = NULL; /* windows of a band begin elsewhere than those of all */
    kc_scorer_create(&scorer, x->model, x->weights, x->threads);
    for (int b = 0; b < info->n_bands && !why; ++b) {
        kc_span_sums sums;
        why = kc_measure_range(x->grid, x->corpus, info->band[b].first, info->band[b].end,
                               x->model->shape.T, kc_scorer_score, &scorer, x->threads, &stopper,
                               &sums);
        if (!why)
            fill(info, b, &sums, &to);
    }
    kc_scorer_destroy(&scorer);
    return why;
}

const kc_measure kc_measure_bands = {columns, every, bytes, take};
