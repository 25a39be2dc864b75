/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_CAPACITY_H
#define KCAP_MEASURE_CAPACITY_H

#include "kcap/measure/spans.h"
#include "kcap/measure/subject.h"

/* From summed losses to bits, unclipped: of each term of the corpus (kc_term) a model stores
 *   items x (log2_size - nats x log2 e),  nats its mean loss
 * and R = the sum / n_params. With p1 mean loss of the name, p2 of the values, p3 of their first
 * chunks, in nats, these are arXiv 2404.05405, Theorem 3.2, Definitions 4.1 and 4.3, and 2505.24832:
 *   bios    N log2(N0 / e^p1) + N log2(S0 / e^p2),          p2 a mean over people of all six values
 *   biod    N log2(N0 / e^p1) + N K log2(D^C / e^p2) + K D log2(T^L / (D e^p3)),
 *                                                           p2, p3 means over (person, attribute)
 *   random  N log2(V^S / e^p1)
 * Fills every column of the row but step, tokens, exposures and seconds. Of a term that the corpus
 * does not have 0 bits are stored, and its nats and recall are NaN.
 *   collective  no */
void kc_capacity(const kc_corpus_info *info, const kc_span_sums *sums, int64_t n_params,
                 kc_measure_row *row);

/* Read every person once and fill a whole row.
 *   collective  on all ranks; the row is the same on all
 *   bits        all but seconds do not depend on ranks or threads */
void kc_capacity_take(const kc_subject *subject, kc_measure_row *row);

#endif
