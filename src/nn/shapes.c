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
