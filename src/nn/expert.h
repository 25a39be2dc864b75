/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_EXPERT_H
#define KCAP_NN_EXPERT_H

#include "nn/moe.h"

/* One expert of this rank on the rows of one source: item i = source x experts here + expert. Its rows
 * lie at scratch->start[i] of what arrived, kept->got[i] of them. Serial; items do not touch each
 * other, so threads may share them. */

/* The answers to kept->xs, into the same rows of out. */
void kc_expert_forward(const kc_moe *m, int64_t i, float *out);

/* dx's rows from dout's, and the item's gradients (see kc_moe_backward). */
void kc_expert_backward(const kc_moe *m, int64_t i, const float *dout, float *dx);

/* The sources' gradients in scratch->sums, added, to those of the experts here. */
void kc_expert_add_sources(const kc_moe *m);

#endif
