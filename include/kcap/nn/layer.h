/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_LAYER_H
#define KCAP_NN_LAYER_H

#include "kcap/math/act.h"
#include "kcap/math/ops.h"
#include "kcap/nn/params.h"

/* One block's part of the weights and of a flat gradient: its tensors as vectors, as matrices, as
 * transposed copies, as gradients. What the model lacks is NULL. Views. */
typedef struct kc_layer {
    const kc_weights *w;
    int64_t l;
    float *grad;
} kc_layer;

static inline int kc_layer_has(const kc_layer *a, int index)
{
    return a->w->layout->tensor[index].layers > 0;
}

static inline const float *kc_layer_vec(const kc_layer *a, int index)
{
    return kc_layer_has(a, index) ? kc_at(a->w->layout, a->w->w, index, a->l) : NULL;
}

static inline kc_mat kc_layer_mat(const kc_layer *a, int index)
{
    const kc_tensor *t = &a->w->layout->tensor[index];
    return kc_mat_of(kc_layer_vec(a, index), t->rows, t->cols);
}

static inline kc_mat kc_layer_mat_t(const kc_layer *a, int index)
{
    const kc_tensor *t = &a->w->layout->tensor[index];
    return kc_mat_of(kc_at(a->w->layout, a->w->wt, index, a->l), t->cols, t->rows);
}

static inline float *kc_layer_grad_vec(const kc_layer *a, int index)
{
    return kc_layer_has(a, index) ? (float *)kc_at(a->w->layout, a->grad, index, a->l) : NULL;
}

static inline kc_mat kc_layer_grad_mat(const kc_layer *a, int index)
{
    const kc_tensor *t = &a->w->layout->tensor[index];
    return kc_mat_of(kc_layer_grad_vec(a, index), t->rows, t->cols);
}

/* A bias's gradient, where the model has it: sum += the rows of dy. */
static inline void kc_layer_grad_bias(const kc_layer *a, int index, kc_mat dy, int threads)
{
    float *sum = kc_layer_grad_vec(a, index);
    if (sum)
        kc_add_columns(sum, dy, threads);
}

#endif
