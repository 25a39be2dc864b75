/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_ROUTE_H
#define KCAP_NN_ROUTE_H

#include "nn/moe.h"

/* The router alone: no expert, no other rank. Formulas: moe.h. */

/* From scores = x W [T, E] all of kept up to `sent`; rows are numbered by expert, then in the order
 * they were taken. Adds to lane's used, load and routing.
 *   bits        do not depend on the threads */
void kc_route(const kc_shape *s, int64_t layer, const float *scores, kc_moe_kept *kept,
              kc_moe_lane *lane, int threads);

/* dscores [T, E] = the gradient by the scores of the loss through the gates, dgate [T, k] (0 where
 * dropped), and of the balance and z losses. */
void kc_route_backward(const kc_shape *s, const kc_moe_kept *kept, const kc_moe_lane *lane,
                       const float *dgate, float *dscores, int threads);

#endif
