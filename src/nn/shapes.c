/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/nn/shapes.h"

#include <math.h>
#include <string.h>

static int is(const char *value, const char *word)
{
    return strcmp(value, word) == 0;
}

kc_shape kc_shape_of(const kc_config *cfg, int64_t n_vocab)
{
    const int64_t hd = cfg->model.head_dim, h = cfg->model.heads, d = h * hd;
    const int64_t kv = cfg->model.kv_heads ? cfg->model.kv_heads : h;
    const int64_t wide = cfg->model.mlp_width ? cfg->model.mlp_width
                                              : (int64_t)floor(cfg->model.mlp_ratio * (double)d);
    const int64_t f = is(cfg->model.mlp, "none") ? 0 : wide;
    const int gated = is(cfg->model.mlp, "gated"), rotary = is(cfg->model.position, "rotary");
    return (kc_shape){.T = cfg->train.context,
                      .d = d,
                      .h = h,
                      .hd = hd,
                      .kv = kv,
                      .qkv = d + 2 * kv * hd,
                      .f = f,
                      .m = gated ? 2 * f : f,
                      .E = f ? cfg->model.experts : 0,
                      .k = f && cfg->model.experts ? cfg->model.experts_topk : 0,
                      .V = n_vocab,
                      .l = cfg->model.layers,
                      .rot = rotary ? llround(cfg->model.rotary_fraction * (double)hd) : 0,
                      .rms = is(cfg->model.norm, "rmsnorm"),
                      .learned = is(cfg->model.position, "learned"),
                      .gated = gated,
                      .silu = is(cfg->model.activation, "silu"),
                      .biased = is(cfg->model.biases, "all"),
                      .untied = is(cfg->model.embeddings, "untied"),
                      .renormalised = is(cfg->model.experts_gate, "renormalised")};
}

kc_flops kc_flops_of(const kc_shape *s)
{
    const double l = (double)s->l, d = (double)s->d, T = (double)s->T;
    const double qkv = (double)s->qkv, f = (double)s->f, m = (double)s->m, E = (double)s->E;
    const double mlp = (s->E ? (double)s->k : 1) * (d * m + f * d) + d * E;
    kc_flops n = {.linear = 6 * l * (d * qkv + d * d + mlp),
                  .attention = 6 * l * d * T,
                  .head = 6 * (double)s->V * d};
    n.all = n.linear + n.attention + n.head;
    return n;
}
