/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_HEAD_H
#define KCAP_MEASURE_HEAD_H

#include "kcap/math/mat.h"

/* What a probe sets on hidden states: a norm with gain and bias, then a linear softmax classifier.
 *   LayerNorm   of each state alone
 *   BatchNorm   of each dimension over the states of a call (Ioffe and Szegedy, arXiv 1502.03167), as
 *               PyTorch's BatchNorm1d: eps 1e-5; guesses take running moments, of which each
 *               call moves a tenth, the variance without bias */
typedef struct kc_head_shape {
    int64_t d, classes, most; /* states of a call, at most */
    int of_batch;             /* BatchNorm in place of LayerNorm */
} kc_head_shape;

/* A tensor of a head and its gradient. */
typedef struct kc_head_part {
    float *at, *grad;
} kc_head_part;

typedef struct kc_head {
    kc_head_shape shape;
    kc_head_part W, gain, bias, shift; /* [d, classes], [d] twice, [classes]; the caller's */
    float *running_mean, *running_var; /* [d], of BatchNorm                                */
    float *mean, *rstd;                /* of the last call: a state each, or a dimension    */
    kc_mat y, dy, logits;              /* [most, d] twice, [most, classes]                  */
} kc_head;

/* Everything but the tensors, from an arena; where it has memory, running moments are 0 and 1. */
void kc_head_take(kc_head *h, const kc_head_shape *shape, kc_arena *a);

/* Loss of states x [n, d], summed, in nats; its gradients are added to the tensors' and to dx [n, d].
 * BatchNorm moves its running moments; of fewer than two states it learns nothing: the loss is 0.
 *   class       [n], each of 0 ... classes-1 */
double kc_head_learn(kc_head *h, kc_mat x, const int32_t *class, kc_mat dx);

/* Class that scores most for one state [1, d]; of equal ones the first. */
int32_t kc_head_guess(kc_head *h, kc_mat x);

#endif
