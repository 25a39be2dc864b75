/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_LOGITS_H
#define KCAP_NN_LOGITS_H

#include "nn/layer.h"

/* Output head and cross-entropy, by chunks of rows so that the logits [T, V] never lie in memory
 * whole. */
enum { KC_LOGITS_ROWS = 128 };

/* Floats of scratch: one chunk of logits. */
int64_t kc_logits_scratch(const kc_shape *s);

/* x [T, d] -> sum over counted targets of -ln softmax(x W^T)[target], in double in row order; and
 * the gradient of that sum: dx (overwritten), that of W [V, d] added to in grad, of the flat layout. */
double kc_logits_grad(const kc_weights *w, kc_mat x, const int32_t *targets, kc_mat dx, float *grad,
                      float *scratch, int threads);

/* nats[t] = -ln softmax(...)[target], hit[t] = 1 when the target is the most likely token (of
 * equal ones the first counts); 0 and 0 where the target does not count. */
void kc_logits_score(const kc_weights *w, kc_mat x, const int32_t *targets, float *nats,
                     uint8_t *hit, float *scratch, int threads);

/* logits [T, V] whole, for tests and exports. */
void kc_logits_all(const kc_weights *w, kc_mat x, kc_mat logits, int threads);

#endif
