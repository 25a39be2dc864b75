/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/block.h"

#include "kcap/math/gemm.h"

kc_block_kept kc_block_kept_take(const kc_model *model, kc_arena *a)
{
    const kc_shape *s = &model->shape;
    const int64_t T = s->T, d = s->d, kvd = s->kv * s->hd, mlp = s->f > 0, one = mlp && !s->E;
    kc_block_kept b = {.x = kc_arena_floats(a, T * d), .a1 = kc_arena_floats(a, T * d)};
    b.mean1 = kc_arena_floats(a, T);
    b.rstd1 = kc_arena_floats(a, T);
    b.q = kc_arena_floats(a, T * d);
    b.k = kc_arena_floats(a, T * kvd);
    b.v = kc_arena_floats(a, T * kvd);
    b.o = kc_arena_floats(a, T * d);
    b.P = kc_arena_floats(a, s->h * kc_attn_kept(T));
    b.x1 = kc_arena_floats(a, mlp * T * d);
    b.a2 = kc_arena_floats(a, mlp * T * d);
    b.mean2 = kc_arena_floats(a, mlp * T);
    b.rstd2 = kc_arena_floats(a, mlp * T);
    b.u = kc_arena_floats(a, one * T * s->m);
    b.g = kc_arena_floats(a, one * T * s->f);
    if (s->E)
        b.moe = kc_moe_kept_take(s, model->arrivals, a);
    return b;
}

kc_block_scratch kc_block_scratch_take(const kc_model *model, kc_arena *a)
{
    const kc_shape *s = &model->shape;
    const int64_t T = s->T, d = s->d;
    kc_block_scratch b = {.qkv = kc_arena_floats(a, T * s->qkv), .lane = model->lane};
    b.kt = kc_arena_floats(a, T * s->kv * s->hd);
    b.dq = kc_arena_floats(a, T * d);
    b.dk = kc_arena_floats(a, T * d);
    b.dv = kc_arena_floats(a, T * d);
    b.da = kc_arena_floats(a, T * d);
    b.dg = kc_arena_floats(a, s->E ? 0 : T * s->f);
    b.attn = kc_arena_floats(a, s->h * kc_attn_scratch(s));
    b.lane.used = kc_arena_take(a, s->l * s->E, sizeof *b.lane.used);
    b.lane.load = kc_arena_take(a, s->l * s->E, sizeof *b.lane.load);
    if (s->E)
        b.moe = kc_moe_scratch_take(s, model->ep_size, model->arrivals,
                                    model->add_sources ? s->E * model->layout.one : 0, a);
    return b;
}

/* out = x + attention(norm(x)) Wo + bo */
static void attention_forward(const kc_model *model, const kc_layer *a, kc_block_kept *b,
                              kc_block_scratch *tmp, float *out, int threads)
{
    const kc_shape *s = &model->shape;
    const int64_t T = s->T, d = s->d;
    kc_mat x = kc_mat_of(b->x, T, d), a1 = kc_mat_of(b->a1, T, d), x1 = kc_mat_of(out, T, d);
    kc_norm norm = {kc_layer_vec(a, KC_P_ln1_gain), kc_layer_vec(a, KC_P_ln1_bias), b->mean1,
                    b->rstd1, s->rms};
    kc_heads heads = {b->q, b->k, b->v, tmp->kt};
    kc_norm_forward(a1, x, &norm, threads);
    kc_phases_end(&tmp->phases, KC_seconds_elementwise);
    kc_gemm(kc_mat_of(tmp->qkv, T, s->qkv), a1, kc_layer_mat(a, KC_P_attn_qkv), 0, threads);
    kc_phases_end(&tmp->phases, KC_seconds_linear);
    kc_heads_split(s, &model->rope, tmp->qkv, kc_layer_vec(a, KC_P_attn_qkv_bias), &heads, threads);
    kc_phases_end(&tmp->phases, KC_seconds_elementwise);
    kc_attn_forward(s, &heads, b->P, b->o, threads);
    kc_phases_end(&tmp->phases, KC_seconds_attention);
    kc_add_bias(x1, x, kc_layer_vec(a, KC_P_attn_out_bias), threads);
    kc_phases_end(&tmp->phases, KC_seconds_elementwise);
    kc_gemm(x1, kc_mat_of(b->o, T, d), kc_layer_mat(a, KC_P_attn_out), 1, threads);
    kc_phases_end(&tmp->phases, KC_seconds_linear);
}

static void attention_backward(const kc_model *model, const kc_layer *a, kc_block_kept *b,
                               kc_block_scratch *tmp, kc_mat dx, int threads)
{
    const kc_shape *s = &model->shape;
    const int64_t T = s->T, d = s->d;
    kc_mat da = kc_mat_of(tmp->da, T, d), dqkv = kc_mat_of(tmp->qkv, T, s->qkv);
    kc_heads heads = {b->q, b->k, b->v, NULL}, grads = {tmp->dq, tmp->dk, tmp->dv, NULL};
    kc_norm norm = {kc_layer_vec(a, KC_P_ln1_gain), NULL, b->mean1, b->rstd1, s->rms};
    kc_layer_grad_bias(a, KC_P_attn_out_bias, dx, threads);
    kc_phases_end(&tmp->phases, KC_seconds_elementwise);
    kc_gemm_t(kc_layer_grad_mat(a, KC_P_attn_out), kc_mat_of(b->o, T, d), dx, 1, threads);
    kc_gemm(da, dx, kc_layer_mat_t(a, KC_P_attn_out), 0, threads);
    kc_phases_end(&tmp->phases, KC_seconds_linear);
    kc_attn_backward(s, &heads, b->P, tmp->da, &grads, tmp->attn, threads);
    kc_phases_end(&tmp->phases, KC_seconds_attention);
    kc_heads_merge(s, &model->rope, &grads, tmp->qkv, threads);
    kc_layer_grad_bias(a, KC_P_attn_qkv_bias, dqkv, threads);
    kc_phases_end(&tmp->phases, KC_seconds_elementwise);
    kc_gemm_t(kc_layer_grad_mat(a, KC_P_attn_qkv), kc_mat_of(b->a1, T, d), dqkv, 1, threads);
    kc_gemm(da, dqkv, kc_layer_mat_t(a, KC_P_attn_qkv), 0, threads);
    kc_phases_end(&tmp->phases, KC_seconds_linear);
    kc_norm_backward(dx, da, kc_mat_of(b->x, T, d), &norm, kc_layer_grad_vec(a, KC_P_ln1_gain),
                     kc_layer_grad_vec(a, KC_P_ln1_bias), threads);
    kc_phases_end(&tmp->phases, KC_seconds_elementwise);
}

/* next = x1 + act(norm(x1) W1 + b1) W2 + b2; gated: the first half of W1's columns through act, times
 * the second. */
static void mlp_forward(const kc_shape *s, const kc_layer *a, kc_block_kept *b,
                        kc_block_scratch *tmp, float *next, int threads)
{
    const int64_t T = s->T, d = s->d;
    kc_mat x1 = kc_mat_of(b->x1, T, d), a2 = kc_mat_of(b->a2, T, d), u = kc_mat_of(b->u, T, s->m),
           g = kc_mat_of(b->g, T, s->f), out = kc_mat_of(next, T, d);
    kc_norm norm = {kc_layer_vec(a, KC_P_ln2_gain), kc_layer_vec(a, KC_P_ln2_bias), b->mean2,
                    b->rstd2, s->rms};
    kc_norm_forward(a2, x1, &norm, threads);
    kc_phases_end(&tmp->phases, KC_seconds_elementwise);
    kc_gemm(u, a2, kc_layer_mat(a, KC_P_mlp_up), 0, threads);
    kc_phases_end(&tmp->phases, KC_seconds_linear);
    (s->gated ? kc_gate_forward : kc_act_forward)(g, u, kc_layer_vec(a, KC_P_mlp_up_bias),
                                                  s->silu ? KC_SILU : KC_GELU, threads);
    kc_add_bias(out, x1, kc_layer_vec(a, KC_P_mlp_down_bias), threads);
    kc_phases_end(&tmp->phases, KC_seconds_elementwise);
    kc_gemm(out, g, kc_layer_mat(a, KC_P_mlp_down), 1, threads);
    kc_phases_end(&tmp->phases, KC_seconds_linear);
}

static void mlp_backward(const kc_shape *s, const kc_layer *a, kc_block_kept *b,
                         kc_block_scratch *tmp, kc_mat dx, int threads)
{
    const int64_t T = s->T, d = s->d, f = s->f;
    kc_mat dg = kc_mat_of(tmp->dg, T, f), du = kc_mat_of(b->u, T, s->m),
           da = kc_mat_of(tmp->da, T, d);
    kc_norm norm = {kc_layer_vec(a, KC_P_ln2_gain), NULL, b->mean2, b->rstd2, s->rms};
    kc_layer_grad_bias(a, KC_P_mlp_down_bias, dx, threads);
    kc_phases_end(&tmp->phases, KC_seconds_elementwise);
    kc_gemm_t(kc_layer_grad_mat(a, KC_P_mlp_down), kc_mat_of(b->g, T, f), dx, 1, threads);
    kc_gemm(dg, dx, kc_layer_mat_t(a, KC_P_mlp_down), 0, threads);
    kc_phases_end(&tmp->phases, KC_seconds_linear);
    (s->gated ? kc_gate_backward : kc_act_backward)(du, dg, s->silu ? KC_SILU : KC_GELU, threads);
    kc_layer_grad_bias(a, KC_P_mlp_up_bias, du, threads);
    kc_phases_end(&tmp->phases, KC_seconds_elementwise);
    kc_gemm_t(kc_layer_grad_mat(a, KC_P_mlp_up), kc_mat_of(b->a2, T, d), du, 1, threads);
    kc_gemm(da, du, kc_layer_mat_t(a, KC_P_mlp_up), 0, threads);
    kc_phases_end(&tmp->phases, KC_seconds_linear);
    kc_norm_backward(dx, da, kc_mat_of(b->x1, T, d), &norm, kc_layer_grad_vec(a, KC_P_ln2_gain),
                     kc_layer_grad_vec(a, KC_P_ln2_bias), threads);
    kc_phases_end(&tmp->phases, KC_seconds_elementwise);
}

static kc_moe moe_of(const kc_model *model, const kc_layer *a, kc_block_kept *kept,
                     kc_block_scratch *tmp, int threads)
{
    return (kc_moe){&model->shape, a, &kept->moe, &tmp->moe, &tmp->lane, &tmp->phases, threads};
}

/* next = x1 + experts(norm(x1)) */
static void experts_forward(const kc_model *model, const kc_layer *a, kc_block_kept *b,
                            kc_block_scratch *tmp, float *next, int threads)
{
    const kc_shape *s = &model->shape;
    kc_mat x1 = kc_mat_of(b->x1, s->T, s->d), a2 = kc_mat_of(b->a2, s->T, s->d),
           out = kc_mat_of(next, s->T, s->d);
    kc_norm norm = {kc_layer_vec(a, KC_P_ln2_gain), kc_layer_vec(a, KC_P_ln2_bias), b->mean2,
                    b->rstd2, s->rms};
    const kc_moe moe = moe_of(model, a, b, tmp, threads);
    kc_norm_forward(a2, x1, &norm, threads);
    kc_add_bias(out, x1, NULL, threads);
    kc_phases_end(&tmp->phases, KC_seconds_elementwise);
    kc_moe_forward(&moe, a2, out);
}

static void experts_backward(const kc_model *model, const kc_layer *a, kc_block_kept *b,
                             kc_block_scratch *tmp, kc_mat dx, int threads)
{
    const kc_shape *s = &model->shape;
    kc_mat da = kc_mat_of(tmp->da, s->T, s->d);
    kc_norm norm = {kc_layer_vec(a, KC_P_ln2_gain), NULL, b->mean2, b->rstd2, s->rms};
    const kc_moe moe = moe_of(model, a, b, tmp, threads);
    kc_moe_backward(&moe, kc_mat_of(b->a2, s->T, s->d), dx, da);
    kc_norm_backward(dx, da, kc_mat_of(b->x1, s->T, s->d), &norm,
                     kc_layer_grad_vec(a, KC_P_ln2_gain), kc_layer_grad_vec(a, KC_P_ln2_bias),
                     threads);
    kc_phases_end(&tmp->phases, KC_seconds_elementwise);
}

void kc_block_forward(const kc_model *model, const kc_weights *w, int64_t layer_index,
                      kc_block_kept *kept, kc_block_scratch *scratch, float *next, int threads)
{
    const kc_layer a = {w, layer_index, NULL};
    const int mlp = model->shape.f > 0;
    attention_forward(model, &a, kept, scratch, mlp ? kept->x1 : next, threads);
    if (model->shape.E)
        experts_forward(model, &a, kept, scratch, next, threads);
    else if (mlp)
        mlp_forward(&model->shape, &a, kept, scratch, next, threads);
}

void kc_block_backward(const kc_model *model, const kc_weights *w, int64_t layer_index,
                       kc_block_kept *kept, kc_block_scratch *scratch, float *dx, float *grad,
                       int threads)
{
    const kc_layer a = {w, layer_index, grad};
    kc_mat d = kc_mat_of(dx, model->shape.T, model->shape.d);
    if (model->shape.E)
        experts_backward(model, &a, kept, scratch, d, threads);
    else if (model->shape.f > 0)
        mlp_backward(&model->shape, &a, kept, scratch, d, threads);
    attention_backward(model, &a, kept, scratch, d, threads);
}

void kc_block_serve(const kc_model *model, const kc_weights *w, int64_t layer_index,
                    kc_block_kept *kept, kc_block_scratch *scratch, float *grad, int threads)
{
    const kc_layer a = {w, layer_index, grad};
    const kc_moe moe = moe_of(model, &a, kept, scratch, threads);
    const kc_mat none = {NULL, 0, model->shape.d, model->shape.d};
    scratch->lane.tokens = 0;
    if (grad)
        kc_moe_backward(&moe, none, none, none);
    else
        kc_moe_forward(&moe, none, none);
}
