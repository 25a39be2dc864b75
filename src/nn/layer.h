/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_LAYER_H
#define KCAP_NN_LAYER_H

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
const float *kc_layer_vec(const kc_layer *a, int index);
float *kc_layer_grad(const kc_layer *a, int index);

/* y = x w + bias, and the gradients by w and bias. Views. */
typedef struct kc_linear {
    kc_mat w, wt; /* [columns of x, of y]; its transposed copy */
    const float *bias;
    kc_mat dw;
    float *dbias;
} kc_linear;

/* bias NULL where it is KC_NO_TENSOR, or the model lacks it. */
enum { KC_NO_TENSOR = -1 };
kc_linear kc_layer_linear(const kc_layer *a, int weight, int bias);

/* dbias += sum of dy's rows, dw += x^T dy, dx = dy w^T.
 *   phases      timed there; NULL: not */
void kc_linear_backward(const kc_linear *a, kc_mat dx, kc_mat dy, kc_mat x, int threads,
                        kc_phases *phases);

#endif
