/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/block.h"

#include <string.h>

#include "kcap/math/canon.h"
#include "kcap/math/gemm.h"
#include "kcap/math/ops.h"
#include "nn/attn.h"
#include "nn/qk.h"

/* The norm before attention, 0, or before the MLP, 1; and the Canon layer behind it. */
static const struct {
    int gain, bias, canon;
} norms[2] = {{KC_P_ln1_gain, KC_P_ln1_bias, KC_P_canon_a},
              {KC_P_ln2_gain, KC_P_ln2_bias, KC_P_canon_c}};

static int has(const kc_model *model, int index)
{
    return model->layout.tensor[index].layers > 0;
}

kc_block_kept kc_block_kept_take(const kc_model *model, kc_arena *a)
{
    const kc_shape *s = &model->shape;
    const int64_t T = s->T, d = s->d, kvd = s->kv * s->hd, mlp = s->f > 0, one = mlp && !s->E;
    kc_block_kept b = {.x = kc_mat_take(a, T, d), .a1 = kc_mat_take(a, T, d)};
    for (int i = 0; i < 2; ++i)
        b.n[i] = kc_mat_take(a, has(model, norms[i].canon) * T, d);
    b.z = kc_mat_take(a, has(model, KC_P_canon_b) * T, s->qkv);
    b.r = kc_mat_take(a, s->qk_normed * T, s->qkv);
    b.qk_mean = kc_arena_floats(a, s->qk_normed * T * (s->h + s->kv));
    b.qk_rstd = kc_arena_floats(a, s->qk_normed * T * (s->h + s->kv));
    b.q = kc_arena_floats(a, T * s->dh);
    b.k = kc_arena_floats(a, T * kvd);
    b.v = kc_arena_floats(a, T * kvd);
    b.P = kc_arena_floats(a, s->h * kc_attn_kept(T));
    b.o = kc_mat_take(a, T, s->dh);
    b.x1 = kc_mat_take(a, mlp * T, d);
    b.a2 = kc_mat_take(a, mlp * T, d);
    for (int i = 0; i < 1 + mlp; ++i) {
        b.mean[i] = kc_arena_floats(a, T);
        b.rstd[i] = kc_arena_floats(a, T);
    }
    b.u = kc_mat_take(a, one * T, s->m);
    b.g = kc_mat_take(a, one * T, s->f);
    b.c = kc_mat_take(a, has(model, KC_P_canon_d) * T, s->m);
    if (s->E)
        b.moe = kc_moe_kept_take(s, model->arrivals, a);
    return b;
}

kc_block_scratch kc_block_scratch_take(const kc_model *model, kc_arena *a)
{
    const kc_shape *s = &model->shape;
    const int64_t T = s->T, d = s->d, n = s->l * s->E;
    kc_block_scratch b = {.qkv = kc_mat_take(a, T, s->qkv)};
    b.dq = kc_arena_floats(a, T * s->dh);
    b.dk = kc_arena_floats(a, T * s->dh);
    b.dv = kc_arena_floats(a, T * s->dh);
    b.da = kc_mat_take(a, T, d);
    b.dout = s->dh == d ? b.da : kc_mat_take(a, T, s->dh);
    b.dy = kc_mat_take(a, s->parallel * T, d);
    b.dg = kc_mat_take(a, s->E ? 0 : T, s->f);
    b.attn = kc_arena_floats(a, s->h * kc_attn_scratch(s));
    b.lane = (kc_moe_lane){.ep = model->ep,
                           .balance_weight = model->balance_weight,
                           .z_weight = model->z_weight,
                           .used = kc_arena_take(a, n, sizeof *b.lane.used),
                           .load = kc_arena_take(a, n, sizeof *b.lane.load)};
    if (s->E)
        b.moe = kc_moe_scratch_take(s, model->ep_size, model->arrivals,
                                    model->add_sources ? s->E * model->layout.one : 0, a);
    return b;
}

/* The rows of a window's matrix that a forward is about. */
static kc_mat on(const kc_block *b, kc_mat x)
{
    return x.rows ? kc_mat_rows(x, b->first, b->first + b->part.T) : x;
}

static void end(const kc_block *b, kc_phase phase)
{
    kc_phases_end(&b->scratch->phases, phase);
}

static kc_norm norm_of(const kc_block *b, int which)
{
    return (kc_norm){kc_layer_vec(&b->layer, norms[which].gain),
                     kc_layer_vec(&b->layer, norms[which].bias),
                     b->kept->mean[which] + b->first,
                     b->kept->rstd[which] + b->first,
                     b->model->shape.rms,
                     b->model->shape.norm_eps};
}

static void norm_forward(const kc_block *b, int which, kc_mat y, kc_mat x)
{
    const kc_norm norm = norm_of(b, which);
    const kc_canon canon = kc_layer_canon(&b->layer, norms[which].canon);
    const kc_mat normed = on(b, canon.w ? b->kept->n[which] : y);
    kc_norm_forward(normed, on(b, x), &norm, b->threads);
    if (canon.w)
        kc_canon_forward(on(b, y), normed, b->first, NULL, canon.w, b->threads);
    end(b, KC_seconds_elementwise);
}

static void norm_backward(const kc_block *b, int which, kc_mat dx, kc_mat dy, kc_mat x)
{
    const kc_norm norm = norm_of(b, which);
    const kc_canon canon = kc_layer_canon(&b->layer, norms[which].canon);
    if (canon.w)
        kc_canon_backward(dy, b->kept->n[which], canon.w, canon.dw, b->threads);
    kc_norm_backward(dx, dy, x, &norm, kc_layer_grad(&b->layer, norms[which].gain),
                     kc_layer_grad(&b->layer, norms[which].bias), b->threads);
    end(b, KC_seconds_elementwise);
}

/* out = x + bias (NULL: none): what the product that follows is added to. */
static void residual(const kc_block *b, kc_mat out, kc_mat x, const float *bias)
{
    kc_add_bias(on(b, out), on(b, x), bias, b->threads);
    end(b, KC_seconds_elementwise);
}

static kc_qk qk_of(const kc_block *b)
{
    return (kc_qk){
        .s = &b->model->shape,
        .gain = {kc_layer_vec(&b->layer, KC_P_q_gain), kc_layer_vec(&b->layer, KC_P_k_gain)},
        .dgain = {kc_layer_grad(&b->layer, KC_P_q_gain), kc_layer_grad(&b->layer, KC_P_k_gain)},
        .mean = b->kept->qk_mean,
        .rstd = b->kept->qk_rstd,
        .first = b->first,
        .threads = b->threads};
}

/* out = x + attention(norm(x)) Wo + bo */
static void attention_forward(const kc_block *b, kc_mat out)
{
    const kc_shape *s = &b->model->shape;
    const kc_linear qkv = kc_layer_linear(&b->layer, KC_P_attn_qkv, KC_P_attn_qkv_bias);
    const kc_linear wo = kc_layer_linear(&b->layer, KC_P_attn_out, KC_P_attn_out_bias);
    kc_block_kept *kept = b->kept;
    const kc_canon canon = kc_layer_canon(&b->layer, KC_P_canon_b);
    const kc_heads heads = {kept->q, kept->k, kept->v, b->first, b->first + b->part.T};
    norm_forward(b, 0, kept->a1, kept->x);
    kc_gemm(on(b, canon.w ? kept->z : b->scratch->qkv), on(b, kept->a1), qkv.w, 0, b->threads);
    end(b, KC_seconds_linear);
    if (canon.w)
        kc_canon_forward(on(b, b->scratch->qkv), on(b, kept->z), b->first, qkv.bias, canon.w,
                         b->threads);
    const float *bias = canon.w ? NULL : qkv.bias;
    if (s->qk_normed) {
        const kc_qk qk = qk_of(b);
        kc_add_bias(on(b, kept->r), on(b, b->scratch->qkv), bias, b->threads);
        kc_qk_forward(&qk, on(b, b->scratch->qkv), on(b, kept->r));
        bias = NULL;
    }
    kc_heads_split(s, &b->model->rope, b->scratch->qkv.p, bias, &heads, b->threads);
    end(b, KC_seconds_elementwise);
    kc_attn_forward(s, &heads, kept->P, kept->o.p, b->scratch->attn, b->threads);
    end(b, KC_seconds_attention);
    residual(b, out, kept->x, wo.bias);
    kc_gemm(on(b, out), on(b, kept->o), wo.w, 1, b->threads);
    end(b, KC_seconds_linear);
}

/* dx += the part of dy, the gradient of the output, which may be dx. */
static void attention_backward(const kc_block *b, kc_mat dx, kc_mat dy)
{
    const kc_shape *s = &b->model->shape;
    const kc_linear qkv = kc_layer_linear(&b->layer, KC_P_attn_qkv, KC_P_attn_qkv_bias);
    const kc_linear wo = kc_layer_linear(&b->layer, KC_P_attn_out, KC_P_attn_out_bias);
    kc_block_kept *kept = b->kept;
    kc_block_scratch *tmp = b->scratch;
    const kc_canon canon = kc_layer_canon(&b->layer, KC_P_canon_b);
    const kc_heads heads = {.q = kept->q, .k = kept->k, .v = kept->v},
                   grads = {.q = tmp->dq, .k = tmp->dk, .v = tmp->dv};
    kc_linear_backward(&wo, tmp->dout, dy, kept->o, b->threads, &tmp->phases);
    kc_attn_backward(s, &heads, kept->P, tmp->dout.p, &grads, tmp->attn, b->threads);
    end(b, KC_seconds_attention);
    kc_heads_merge(s, &b->model->rope, &grads, tmp->qkv.p, b->threads);
    if (s->qk_normed) {
        const kc_qk qk = qk_of(b);
        kc_qk_backward(&qk, tmp->qkv, kept->r, tmp->attn);
    }
    if (canon.w)
        kc_canon_backward(tmp->qkv, kept->z, canon.w, canon.dw, b->threads);
    kc_linear_backward(&qkv, tmp->da, tmp->qkv, kept->a1, b->threads, &tmp->phases);
    norm_backward(b, 0, dx, tmp->da, kept->x);
}

static kc_mlp mlp_of(const kc_block *b)
{
    const kc_shape *s = &b->model->shape;
    return (kc_mlp){.up = kc_layer_linear(&b->layer, KC_P_mlp_up, KC_P_mlp_up_bias),
                    .down = kc_layer_linear(&b->layer, KC_P_mlp_down, KC_P_mlp_down_bias),
                    .canon = kc_layer_canon(&b->layer, KC_P_canon_d),
                    .gated = s->gated,
                    .act = s->act,
                    .past = b->first,
                    .u = on(b, b->kept->u),
                    .g = on(b, b->kept->g),
                    .c = on(b, b->kept->c),
                    .dg = b->scratch->dg,
                    .threads = b->threads,
                    .phases = &b->scratch->phases};
}

static kc_moe moe_of(const kc_block *b)
{
    return (kc_moe){&b->part,          &b->layer,           &b->kept->moe, &b->scratch->moe,
                    &b->scratch->lane, &b->scratch->phases, b->threads};
}

/* What the MLP's norm reads. */
static kc_mat mlp_input(const kc_block *b)
{
    return b->model->shape.parallel ? b->kept->x : b->kept->x1;
}

/* next = x1 + MLP(norm(x1)), or x1 + experts(norm(x1)); parallel (as GPT-J and GPT-NeoX have it, arXiv 2204.06745,
 * section 2.1) of norm(x) */
static void mlp_forward(const kc_block *b, kc_mat next)
{
    const kc_mlp mlp = mlp_of(b);
    const kc_moe moe = moe_of(b);
    norm_forward(b, 1, b->kept->a2, mlp_input(b));
    residual(b, next, b->kept->x1, mlp.down.bias);
    if (b->model->shape.E)
        kc_moe_forward(&moe, on(b, b->kept->a2), on(b, next));
    else
        kc_mlp_forward(&mlp, on(b, b->kept->a2), on(b, next), 1);
}

static void mlp_backward(const kc_block *b, kc_mat dx)
{
    const kc_mlp mlp = mlp_of(b);
    const kc_moe moe = moe_of(b);
    if (b->model->shape.E)
        kc_moe_backward(&moe, b->kept->a2, dx, b->scratch->da);
    else
        kc_mlp_backward(&mlp, b->kept->a2, dx, b->scratch->da);
    norm_backward(b, 1, dx, b->scratch->da, mlp_input(b));
}

void kc_block_forward(const kc_block *b, kc_mat next)
{
    const int mlp = b->model->shape.f > 0;
    attention_forward(b, mlp ? b->kept->x1 : next);
    if (mlp)
        mlp_forward(b, next);
}

void kc_block_backward(const kc_block *b, kc_mat dx)
{
    const kc_shape *s = &b->model->shape;
    const kc_mat dy = s->parallel ? b->scratch->dy : dx;
    if (s->parallel)
        memcpy(dy.p, dx.p, (size_t)(s->T * s->d) * sizeof *dy.p);
    if (s->f > 0)
        mlp_backward(b, dx);
    attention_backward(b, dx, dy);
}

void kc_block_serve(const kc_block *b)
{
    const kc_moe moe = moe_of(b);
    const kc_mat none = kc_mat_of(NULL, 0, b->model->shape.d);
    b->scratch->lane.tokens = 0;
    if (b->layer.grad)
        kc_moe_backward(&moe, none, none, none);
    else
        kc_moe_forward(&moe, none, none);
}
