/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_MLP_H
#define KCAP_NN_MLP_H

#include "kcap/math/act.h"
#include "nn/layer.h"

/* y = act(x W1 + b1) W2 + b2, of all positions or of an expert's rows; gated: the first half of W1's
 * columns through act, times the second. Views. */
typedef struct kc_mlp {
    kc_linear up, down; /* W1 [d, m], W2 [f, d]                                       */
    int gated;
    kc_act act;
    kc_mat u, g; /* [n, m]: x W1 + b1, kept for backward; [n, f]: what W2 multiplies */
    kc_mat dg;   /* [n, f]                                                           */
    int threads;
    kc_phases *phases; /* NULL: not timed */
} kc_mlp;

/* y = act(x W1 + b1) W2 + beta y: b2 is the caller's, who has more to put into y. */
void kc_mlp_forward(const kc_mlp *m, kc_mat x, kc_mat y, float beta);

/* dx from dy; the gradients by the weights and both biases +=; u is overwritten. */
void kc_mlp_backward(const kc_mlp *m, kc_mat x, kc_mat dy, kc_mat dx);

#endif
