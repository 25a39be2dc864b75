/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_LAYER_H
#define KCAP_NN_LAYER_H

#include "kcap/math/act.h"
#include "kcap/nn/params.h"
#include "kcap/types/phase.h"

/* One block's part of the weights and of a flat gradient (NULL: none); of experts, that of one of
 * this rank's. Views. */
typedef struct kc_layer {
    const kc_weights *w;
    int64_t l, expert;
    float *grad;
} kc_layer;

/* A tensor of the block, and its gradient; NULL where there is none. */
const float *kc_layer_vec(const kc_layer *layer, int index);
float *kc_layer_grad(const kc_layer *layer, int index);

/* A Canon layer's kernel and its gradient; NULL: there is none. Views. */
typedef struct kc_canon {
    const float *w;
    float *dw;
} kc_canon;

kc_canon kc_layer_canon(const kc_layer *layer, int index);

/* y = x w + bias, and the gradients by w and bias. Views. */
typedef struct kc_linear {
    kc_mat w, wt; /* [columns of x, of y]; its transposed copy */
    const float *bias;
    kc_mat dw;
    float *dbias;
} kc_linear;

/* bias NULL where it is KC_NO_TENSOR, or the model lacks it. */
enum { KC_NO_TENSOR = -1 };
kc_linear kc_layer_linear(const kc_layer *layer, int weight, int bias);

/* dbias += sum of dy's rows, dw += x^T dy (each: where there is one), dx = dy w^T.
 *   phases      timed there; NULL: not */
void kc_linear_backward(const kc_linear *map, kc_mat dx, kc_mat dy, kc_mat x, int threads,
                        kc_phases *phases);

/* y = act(x W1 + b1) W2 + b2, of all positions or of an expert's rows; gated: the first half of W1's
 * columns through act, times the second. With a Canon layer act(canon(x W1 + b1)). Views. */
typedef struct kc_mlp {
    kc_linear up, down; /* W1 [d, m], W2 [f, d]                                       */
    kc_canon canon;
    int64_t past; /* rows of u in front of this, which the Canon layer sees           */
    int gated;
    kc_act act;
    kc_mat u, g; /* [n, m]: x W1 + b1, kept for backward; [n, f]: what W2 multiplies */
    kc_mat c;    /* [n, m]: canon(u), kept, where there is a Canon layer             */
    kc_mat dg;   /* [n, f]                                                           */
    int threads;
    kc_phases *phases; /* NULL: not timed */
} kc_mlp;

/* y = act(x W1 + b1) W2 + beta y: b2 is the caller's, who has more to put into y. */
void kc_mlp_forward(const kc_mlp *m, kc_mat x, kc_mat y, float beta);

/* dx from dy; the gradients by the weights, kernel and both biases +=; u or c is overwritten. */
void kc_mlp_backward(const kc_mlp *m, kc_mat x, kc_mat dy, kc_mat dx);

#endif
