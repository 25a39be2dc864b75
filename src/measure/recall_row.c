/* SPDX-License-Identifier: BSD-3-Clause */
#include "measure/recall_row.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"

kc_recall_lists kc_recall_lists_of(const kc_schema *s, const void *row)
{
#define PLACE(type, name, width, unit, help) .name = kc_row_at(s, row, #name),
    return (kc_recall_lists){KC_LISTS_RECALL(PLACE)};
#undef PLACE
}

int32_t kc_recall_named(const kc_corpus_info *info, const char *name)
{
    for (int32_t a = 0; a < info->n_attributes; ++a)
        if (strcmp(info->attribute[a].name, name) == 0)
            return a;
    return -1;
}

/* Sums of n numbers, in the order in which they come. */
typedef struct sums {
    double n, sum, squares;
} sums;

static void add(sums *s, double x)
{
    ++s->n;
    s->sum += x;
    s->squares += x * x;
}

static double mean(const sums *s)
{
    return s->n > 0 ? s->sum / s->n : NAN;
}

/* Of a draw of this share. */
static double error_of(const sums *s, double share)
{
    const double m = mean(s), left = s->squares - s->n * m * m;
    if (share >= 1)
        return 0;
    return s->n > 1 ? sqrt(fmax(left, 0) / (s->n - 1) / s->n * (1 - share)) : NAN;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int64_t n)
{
    qsort(x, (size_t)n, sizeof *x, by_size);
    return n ? (x[(n - 1) / 2] + x[n / 2]) / 2 : NAN;
}

/* What the values of one attribute come to. */
typedef struct outcome {
    sums recalled, first, top, reciprocal;
    double median_rank;
} outcome;

/* Of results `at` of each document. */
static outcome outcome_of(const kc_recall_draw *d, int at, int n_at, int32_t attribute)
{
    outcome o = {.median_rank = NAN};
    int64_t n = 0;
    double *rank = kc_alloc(d->n * n_at, sizeof *rank, "ranks of values");
    for (int64_t i = 0; i < d->n * n_at; ++i) {
        const kc_told *t = &d->told[i / n_at * d->width + at + i % n_at];
        if (t->attribute != attribute)
            continue;
        add(&o.recalled, t->recalled);
        add(&o.first, t->first);
        if (isnan(t->rank))
            continue;
        add(&o.top, t->rank == 1);
        add(&o.reciprocal, 1 / t->rank);
        rank[n++] = t->rank;
    }
    o.median_rank = median(rank, n);
    free(rank);
    return o;
}

void kc_recall_fill_shown(const kc_recall_draw *d, const kc_recall_lists *to)
{
    const double share = (double)d->n / (double)d->all;
    for (int32_t a = 0; a < d->width; ++a) {
        const outcome o = outcome_of(d, 0, d->width, a);
        const double candidates = (double)kc_ranker_candidates(d->shown, a);
        to->read[a] = o.recalled.n;
        to->recall[a] = mean(&o.recalled);
        to->recall_error[a] = error_of(&o.recalled, share);
        to->first[a] = mean(&o.first);
        to->candidates[a] = candidates > 0 ? candidates : NAN;
        to->top[a] = mean(&o.top);
        to->reciprocal_rank[a] = mean(&o.reciprocal);
        to->reciprocal_error[a] = candidates > 0 ? error_of(&o.reciprocal, share) : NAN;
        to->median_rank[a] = o.median_rank;
    }
}

/* Memorised m and extracted e of all counted pairs, and e / m with the error of a ratio of means: that of
 * the mean of e_i - ratio x m_i, over m. */
static void fill_ratio(const kc_recall_draw *d, const kc_corpus_info *asked,
                       const kc_recall_lists *to)
{
    const double share = (double)d->n / (double)d->all;
    sums memorised = {0}, extracted = {0}, left = {0};
    for (int64_t i = 0; i < d->n; ++i)
        if (asked->attribute[d->told[2 * i].attribute].counted) {
            add(&extracted, d->told[2 * i].recalled);
            add(&memorised, d->told[2 * i + 1].recalled);
        }
    const double ratio = mean(&extracted) / mean(&memorised);
    for (int64_t i = 0; i < d->n; ++i)
        if (asked->attribute[d->told[2 * i].attribute].counted)
            add(&left, d->told[2 * i].recalled - ratio * d->told[2 * i + 1].recalled);
    const int any = memorised.sum > 0;
    *to->memorised_all = mean(&memorised);
    *to->memorised_error = error_of(&memorised, share);
    *to->extracted_all = mean(&extracted);
    *to->extracted_error = error_of(&extracted, share);
    *to->extracted_ratio = any ? ratio : NAN;
    *to->ratio_error = any ? error_of(&left, share) / mean(&memorised) : NAN;
}

/* In the order of the attributes of the part that is measured. */
void kc_recall_fill_asked(const kc_recall_draw *d, const kc_recall_lists *to)
{
    const kc_corpus_info *info = kc_corpus_about(d->x->corpus);
    const kc_corpus_info *asked =
        kc_corpus_about(kc_corpus_part(d->x->corpus, info->asked_part - 1));
    const kc_corpus_info *first = kc_corpus_about(kc_corpus_part(d->x->corpus, 0));
    for (int32_t i = 0; i < info->n_attributes; ++i) {
        const char *name = info->attribute[i].name;
        const outcome answer = outcome_of(d, 0, 1, kc_recall_named(asked, name));
        const outcome told = outcome_of(d, 1, 1, kc_recall_named(first, name));
        to->asked_read[i] = answer.recalled.n;
        to->memorised[i] = mean(&told.recalled);
        to->extracted[i] = mean(&answer.recalled);
        to->answer_reciprocal_rank[i] = mean(&answer.reciprocal);
        to->answer_median_rank[i] = answer.median_rank;
    }
    fill_ratio(d, asked, to);
}
