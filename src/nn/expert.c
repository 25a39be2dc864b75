/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/moe.h"

#include <string.h>

#include "kcap/base/sum.h"

/* Expert `e` of this rank; with the gradient of a source e = source x experts here + expert. */
static kc_layer layer_of(const kc_moe *m, int64_t e)
{
    kc_layer a = *m->layer;
    a.expert = e;
    return a;
}

/* Where the item's part of a tensor's gradient is added up; NULL where there is none. */
static float *gradient(const kc_moe *m, int64_t i, int index)
{
    const kc_layer a = layer_of(m, i);
    const kc_layout *layout = a.w->layout;
    const kc_tensor *t = &layout->tensor[index];
    if (!m->scratch->sums)
        return kc_layer_grad(&a, index);
    if (!a.grad || !t->layers)
        return NULL;
    return m->scratch->sums + i * layout->one + (t->offset - layout->n_dense) / t->layers;
}

static kc_linear linear_of(const kc_moe *m, int64_t i, int weight, int bias)
{
    const kc_layer a = layer_of(m, i % m->layer->w->layout->here);
    kc_linear l = kc_layer_linear(&a, weight, bias);
    l.dw.p = gradient(m, i, weight);
    l.dbias = gradient(m, i, bias);
    return l;
}

static kc_mat rows_of(const kc_moe *m, const float *p, int64_t i, int64_t width)
{
    return kc_mat_of(p + m->scratch->start[i] * width, m->kept->got[i], width);
}

static kc_mlp mlp_of(const kc_moe *m, int64_t i)
{
    const kc_shape *s = m->shape;
    return (kc_mlp){.up = linear_of(m, i, KC_P_exp_up, KC_P_exp_up_bias),
                    .down = linear_of(m, i, KC_P_exp_down, KC_P_exp_down_bias),
                    .gated = s->gated,
                    .act = s->act,
                    .u = rows_of(m, m->kept->u, i, s->m),
                    .g = rows_of(m, m->kept->g, i, s->f),
                    .dg = rows_of(m, m->scratch->dg, i, s->f),
                    .threads = 1};
}

void kc_expert_forward(const kc_moe *m, int64_t i, float *out)
{
    const kc_mlp mlp = mlp_of(m, i);
    const float *bias = mlp.down.bias;
    const kc_mat y = rows_of(m, out, i, m->shape->d);
    if (!y.rows)
        return;
    for (int64_t r = 0; bias && r < y.rows; ++r)
        memcpy(y.p + r * y.ld, bias, (size_t)y.cols * sizeof *bias);
    kc_mlp_forward(&mlp, rows_of(m, m->kept->xs, i, m->shape->d), y, bias ? 1 : 0);
}

void kc_expert_backward(const kc_moe *m, int64_t i, const float *dout, float *dx)
{
    const int64_t d = m->shape->d;
    const kc_mlp mlp = mlp_of(m, i);
    if (m->kept->got[i])
        kc_mlp_backward(&mlp, rows_of(m, m->kept->xs, i, d), rows_of(m, dout, i, d),
                        rows_of(m, dx, i, d));
}

void kc_expert_add_sources(const kc_moe *m)
{
    const kc_layout *layout = m->layer->w->layout;
    const int64_t here = layout->here;
    kc_add_pairwise(m->scratch->sums, layout->experts / here, here * layout->one, m->threads);
    for (int64_t e = 0; e < here; ++e) {
        const kc_layer a = layer_of(m, e);
        for (int k = 0; k < layout->n; ++k)
            if (layout->tensor[k].of_expert && layout->tensor[k].layers)
                kc_add(kc_layer_grad(&a, k), gradient(m, e, k), layout->tensor[k].stride,
                       m->threads);
    }
}
