/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_CAPACITY_H
#define KCAP_MEASURE_CAPACITY_H

#include "kcap/measure/capacity.def"
#include "kcap/measure/measure.h"
#include "kcap/measure/spans.h"

/* The values of a row of /measure that stand alone: what it begins with. */
typedef struct kc_capacity_row {
    KC_COLUMNS_EVENT(KC_COLUMN_FIELD)
    KC_COLUMNS_CAPACITY(KC_COLUMN_FIELD)
} kc_capacity_row;

/* Its lists. Those of experts are NULL where there are none. */
#define KC_POINTER(type, name, width, unit, help) kc_col_##type *name;
typedef struct kc_capacity_lists {
    KC_LISTS_CAPACITY(KC_POINTER)
} kc_capacity_lists;
#undef KC_POINTER
kc_capacity_lists kc_capacity_lists_of(const kc_schema *schema, const void *row);

/* The last row of a run's, NULL before one. */
const kc_capacity_row *kc_capacity_last(const kc_measurements *all);

/* The measure: a group /measure, every measure.every_exposures. Reads every person once.
 *   bits        all but seconds do not depend on ranks or threads */
extern const kc_measure kc_measure_capacity;

/* From summed losses to bits, unclipped: of each term of the corpus (kc_term) a model stores
 *   items x (log2_size - nats x log2 e),  nats its mean loss
 * and R = the sum / n_params. With p1 mean loss of the name, p2 of the values, p3 of their first
 * chunks, in nats, these are arXiv 2404.05405, Theorem 3.2, Definitions 4.1 and 4.3, and 2505.24832:
 *   bios    N log2(N0 / e^p1) + N log2(S0 / e^p2),          p2 a mean over people of all six values
 *   biod    N log2(N0 / e^p1) + N K log2(D^C / e^p2) + K D log2(T^L / (D e^p3)),
 *                                                           p2, p3 means over (person, attribute)
 *   random  N log2(V^S / e^p1)
 *   facts   see src/data/kind/facts_bits.c
 * Fills all of the row but its kc_event, the experts' loads and held_out_bits. Of a term that the corpus
 * does not have 0 bits are stored, and its nats and recall are NaN.
 *   collective  no */
void kc_capacity(const kc_corpus_info *info, const kc_span_sums *sums, int64_t n_params,
                 kc_capacity_row *row, const kc_capacity_lists *lists);

/* Summed loss of what a term reads (kc_read). */
double kc_capacity_nats(const kc_corpus_info *info, const kc_span_sums *sums, int read);

/* What the formula of the names gives for who is held out; NaN where nobody is. */
double kc_capacity_held_out(const kc_corpus_info *info, const kc_span_sums *sums);

/* People (or strings) whose documents a window of measurement holds, where they have the mean length.
 *   collective  no */
int64_t kc_capacity_window(const kc_corpus_info *info, int64_t context);

/* Bits that a model can read above the corpus's maximum when windows hold so many people: an exposure shows
 * each of N once, so after j others in a window the next is one of N - j, and log2(N / (N - j)) of
 * the log2 N bits to name it are known. About (people - 1) / 2 x log2 e in all, whatever N is.
 *   collective  no */
double kc_capacity_given_away(const kc_corpus_info *info, int64_t people);

#endif
