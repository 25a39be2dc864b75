/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/layer.h"

#include "kcap/math/canon.h"
#include "kcap/math/gemm.h"
#include "kcap/math/ops.h"

/* Where the tensor lies in an array of the flat layout. */
static float *at(const kc_layer *layer, const float *flat, int index)
{
    const kc_layout *layout = layer->w->layout;
    if (!flat || index == KC_NO_TENSOR || layout->tensor[index].layers == 0)
        return NULL;
    return (float *)kc_at_expert(layout, flat, index, layer->l, layer->expert);
}

const float *kc_layer_vec(const kc_layer *layer, int index)
{
    return at(layer, layer->w->w, index);
}

float *kc_layer_grad(const kc_layer *layer, int index)
{
    return at(layer, layer->grad, index);
}

kc_canon kc_layer_canon(const kc_layer *layer, int index)
{
    return (kc_canon){kc_layer_vec(layer, index), kc_layer_grad(layer, index)};
}

kc_linear kc_layer_linear(const kc_layer *layer, int weight, int bias)
{
    const kc_tensor *t = &layer->w->layout->tensor[weight];
    return (kc_linear){.w = kc_mat_of(at(layer, layer->w->w, weight), t->rows, t->cols),
                       .wt = kc_gemm_factor(at(layer, layer->w->wt, weight), t->cols, t->rows),
                       .bias = kc_layer_vec(layer, bias),
                       .dw = kc_mat_of(kc_layer_grad(layer, weight), t->rows, t->cols),
                       .dbias = kc_layer_grad(layer, bias)};
}

static void end(kc_phases *phases, kc_phase phase)
{
    if (phases)
        kc_phases_end(phases, phase);
}

void kc_linear_backward(const kc_linear *map, kc_mat dx, kc_mat dy, kc_mat x, int threads,
                        kc_phases *phases)
{
    if (map->dbias)
        kc_add_columns(map->dbias, dy, threads);
    end(phases, KC_seconds_elementwise);
    if (map->dw.p)
        kc_gemm_t(map->dw, x, dy, 1, threads);
    kc_gemm(dx, dy, map->wt, 0, threads);
    end(phases, KC_seconds_linear);
}

/* What the activation takes. */
static kc_mat before(const kc_mlp *m)
{
    return m->canon.w ? m->c : m->u;
}

void kc_mlp_forward(const kc_mlp *m, kc_mat x, kc_mat y, float beta)
{
    const float *bias = m->up.bias;
    kc_gemm(m->u, x, m->up.w, 0, m->threads);
    end(m->phases, KC_seconds_linear);
    if (m->canon.w) {
        kc_canon_forward(m->c, m->u, m->past, bias, m->canon.w, m->threads);
        bias = NULL;
    }
    (m->gated ? kc_gate_forward : kc_act_forward)(m->g, before(m), bias, m->act, m->threads);
    end(m->phases, KC_seconds_elementwise);
    kc_gemm(y, m->g, m->down.w, beta, m->threads);
    end(m->phases, KC_seconds_linear);
}

void kc_mlp_backward(const kc_mlp *m, kc_mat x, kc_mat dy, kc_mat dx)
{
    kc_linear_backward(&m->down, m->dg, dy, m->g, m->threads, m->phases);
    (m->gated ? kc_gate_backward : kc_act_backward)(before(m), m->dg, m->act, m->threads);
    if (m->canon.w)
        kc_canon_backward(m->c, m->u, m->canon.w, m->canon.dw, m->threads);
    kc_linear_backward(&m->up, dx, before(m), x, m->threads, m->phases);
}
