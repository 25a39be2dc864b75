/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_QK_H
#define KCAP_NN_QK_H

#include "kcap/nn/shapes.h"

/* RMSNorm of each head of queries and of each of keys (Dehghani et al., arXiv 2302.05442, section 2, with
 * RMSNorm as Qwen 3 has it): y = x / rms(x) gain over the head's hd floats, with one gain for all
 * heads of queries and one for all of keys. Values pass. */
typedef struct kc_qk {
    const kc_shape *s;
    const float *gain[2]; /* [hd]: of queries, of keys             */
    float *dgain[2];      /* NULL: not wanted                      */
    float *mean, *rstd;   /* [h + kv, T], kept for backward        */
    int64_t first;        /* position of the first row of x and y  */
    int threads;
} kc_qk;

/* y from x, rows [.., qkv] of positions from `first` on; they do not overlap. */
void kc_qk_forward(const kc_qk *qk, kc_mat y, kc_mat x);

/* Gradients [T, qkv] by y become those by x, in place; dgain += .
 *   room    [T, hd] */
void kc_qk_backward(const kc_qk *qk, kc_mat grad, kc_mat x, float *room);

#endif
