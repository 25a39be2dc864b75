/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_RECALL_H
#define KCAP_MEASURE_RECALL_H

#include "kcap/measure/measure.h"
#include "measure/rank.h"

/* Read what documents of a part are drawn for `people` of its people, and fill the lists of a row of
 * /recall (recall.def) that are about them; those about questions where `x` holds their part.
 * Who predicts is a model (kc_predictor) or an oracle.
 *   schema, row  as kc_measure_recall makes them
 *   collective  on all ranks; the row is the same on all, and does not depend on ranks or threads
 *   returns     0, or what it was broken off for */
int kc_recall(const kc_subject *x, kc_predict predict, void *predictor, int threads, int64_t people,
              const kc_schema *schema, void *row);

extern const kc_measure kc_measure_recall;

#endif
