/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/layer.h"

#include "kcap/math/gemm.h"
#include "kcap/math/ops.h"

/* Where the tensor lies in an array of the flat layout. */
static float *at(const kc_layer *a, const float *flat, int index)
{
    const kc_layout *layout = a->w->layout;
    if (!flat || index == KC_NO_TENSOR || layout->tensor[index].layers == 0)
        return NULL;
    return (float *)kc_at_expert(layout, flat, index, a->l, a->expert);
}

const float *kc_layer_vec(const kc_layer *a, int index)
{
    return at(a, a->w->w, index);
}

float *kc_layer_grad(const kc_layer *a, int index)
{
    return at(a, a->grad, index);
}

kc_linear kc_layer_linear(const kc_layer *a, int weight, int bias)
{
    const kc_tensor *t = &a->w->layout->tensor[weight];
    return (kc_linear){.w = kc_mat_of(at(a, a->w->w, weight), t->rows, t->cols),
                       .wt = kc_mat_of(at(a, a->w->wt, weight), t->cols, t->rows),
                       .bias = kc_layer_vec(a, bias),
                       .dw = kc_mat_of(kc_layer_grad(a, weight), t->rows, t->cols),
                       .dbias = kc_layer_grad(a, bias)};
}

void kc_linear_backward(const kc_linear *a, kc_mat dx, kc_mat dy, kc_mat x, int threads,
                        kc_phases *phases)
{
    if (a->dbias)
        kc_add_columns(a->dbias, dy, threads);
    if (phases)
        kc_phases_end(phases, KC_seconds_elementwise);
    kc_gemm_t(a->dw, x, dy, 1, threads);
    kc_gemm(dx, dy, a->wt, 0, threads);
    if (phases)
        kc_phases_end(phases, KC_seconds_linear);
}
