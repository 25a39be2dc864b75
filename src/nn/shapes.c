/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/nn/shapes.h"

#include <math.h>

#include "kcap/math/canon.h"

_Static_assert((int)KC_model_activation_gelu == KC_GELU &&
                   (int)KC_model_activation_silu == KC_SILU &&
                   (int)KC_model_activation_gelu_erf == KC_GELU_ERF,
               "the words of model.activation are numbered as kc_act");

_Static_assert(KC_model_canon_A == 1 && KC_model_canon_B == 2 && KC_model_canon_C == 4 &&
                   KC_model_canon_D == 8 && KC_model_canon_ABCD == 15,
               "the words of model.canon are numbered as sets of KC_CANON_A ...");

kc_shape kc_shape_of(const kc_config *cfg, int64_t n_vocab)
{
    const kc_config settled = kc_config_settled(cfg);
    const kc_model_keys *model = &settled.model;
    const int64_t hd = model->head_dim, h = model->heads, dh = h * hd;
    const int64_t kv = model->kv_heads, f = model->mlp_width;
    const int gated = model->mlp == KC_model_mlp_gated;
    const int rotary = model->position == KC_model_position_rotary;
    return (kc_shape){.T = cfg->train.context,
                      .d = kc_config_width(cfg),
                      .h = h,
                      .hd = hd,
                      .dh = dh,
                      .kv = kv,
                      .qkv = dh + 2 * kv * hd,
                      .f = f,
                      .m = gated ? 2 * f : f,
                      .E = f ? model->experts : 0,
                      .k = f && model->experts ? model->experts_topk : 0,
                      .V = n_vocab,
                      .l = model->layers,
                      .rot = rotary ? llround(model->rotary_fraction * (double)hd) : 0,
                      .rms = model->norm == KC_model_norm_rmsnorm,
                      .learned = model->position == KC_model_position_learned,
                      .gated = gated,
                      .act = (kc_act)model->activation,
                      .qk_normed = model->qk_norm == KC_model_qk_norm_yes,
                      .parallel = model->residual == KC_model_residual_parallel && f > 0,
                      .biased = model->biases == KC_model_biases_all,
                      .qkv_biased = model->biases != KC_model_biases_none,
                      .untied = model->embeddings == KC_model_embeddings_untied,
                      .renormalised = model->experts_gate == KC_model_experts_gate_renormalised,
                      .canon = (int32_t)model->canon,
                      .norm_eps = (float)model->norm_eps};
}

kc_flops kc_flops_of(const kc_shape *s)
{
    const double l = (double)s->l, d = (double)s->d, T = (double)s->T;
    const double dh = (double)s->dh;
    const double qkv = (double)s->qkv, f = (double)s->f, m = (double)s->m, E = (double)s->E;
    const double mlp = (s->E ? (double)s->k : 1) * (d * m + f * d) + d * E;
    const double canon = (s->canon & KC_CANON_A ? d : 0) + (s->canon & KC_CANON_B ? qkv : 0) +
                         (s->canon & KC_CANON_C ? d : 0) + (s->canon & KC_CANON_D ? m : 0);
    kc_flops n = {.linear = 6 * l * (d * qkv + dh * d + mlp),
                  .canon = 6 * l * KC_CANON_TAPS * canon,
                  .attention = 6 * l * dh * T,
                  .head = 6 * (double)s->V * d};
    n.all = n.linear + n.canon + n.attention + n.head;
    return n;
}
