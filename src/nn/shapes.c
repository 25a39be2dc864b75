/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/nn/shapes.h"

#include <math.h>

kc_shape kc_shape_of(const kc_config *cfg, int64_t n_vocab)
{
    int64_t hd = cfg->model.head_dim, d = cfg->model.heads * hd;
    return (kc_shape){.T = cfg->train.context,
                      .d = d,
                      .h = cfg->model.heads,
                      .hd = hd,
                      .f = 4 * d,
                      .V = n_vocab,
                      .l = cfg->model.layers,
                      .rot = llround(cfg->model.rotary_fraction * (double)hd)};
}

kc_flops kc_flops_of(const kc_shape *s)
{
    const double l = (double)s->l, d = (double)s->d, T = (double)s->T;
    const double heads = (double)(s->h * s->hd), f = (double)s->f;
    kc_flops n = {.linear = 6 * l * (4 * d * heads + 2 * d * f),
                  .attention = 6 * l * heads * T,
                  .head = 6 * (double)s->V * d};
    n.all = n.linear + n.attention + n.head;
    return n;
}
