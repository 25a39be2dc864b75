/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/nn/moe.h"

#include <math.h>
#include <string.h>

#include "kcap/base/sum.h"
#include "kcap/comm/tokens.h"
#include "kcap/math/gemm.h"
#include "nn/route.h"

int64_t kc_moe_arrivals(const kc_shape *s, int ep, int64_t capacity)
{
    const int64_t sent = s->T * s->k, each = capacity < s->T ? capacity : s->T;
    const int64_t all = ep * sent, room = s->E * each;
    return ep == 1 || all < room ? all : room;
}

kc_moe_kept kc_moe_kept_take(const kc_shape *s, int64_t arrivals, kc_arena *a)
{
    const int64_t T = s->T, E = s->E, k = s->k;
    kc_moe_kept b = {.p = kc_arena_floats(a, T * E), .lse = kc_arena_floats(a, T)};
    b.entropy = kc_arena_floats(a, T);
    b.choice = kc_arena_take(a, T * k, sizeof *b.choice);
    b.row = kc_arena_take(a, T * k, sizeof *b.row);
    b.gate = kc_arena_floats(a, T * k);
    b.chosen = kc_arena_take(a, E, sizeof *b.chosen);
    b.sent = kc_arena_take(a, E, sizeof *b.sent);
    b.got = kc_arena_take(a, E, sizeof *b.got); /* [ep, E / ep] */
    b.xs = kc_arena_floats(a, arrivals * s->d);
    b.u = kc_arena_floats(a, arrivals * s->m);
    b.g = kc_arena_floats(a, arrivals * s->f);
    b.ys = kc_arena_floats(a, T * k * s->d);
    return b;
}

/* Without an exchange what is sent is what arrives. */
kc_moe_scratch kc_moe_scratch_take(const kc_shape *s, int ep, int64_t arrivals, int64_t sums,
                                   kc_arena *a)
{
    const int64_t T = s->T, E = s->E, S = T * s->k;
    kc_moe_scratch b = {.rows = kc_arena_floats(a, S * s->d), .back = kc_arena_floats(a, S * s->d)};
    b.dg = kc_arena_floats(a, arrivals * s->f);
    b.dp = kc_arena_floats(a, T * E);
    b.dgate = kc_arena_floats(a, S);
    b.start = kc_arena_take(a, E + 1, sizeof *b.start);
    b.to = kc_arena_take(a, ep, sizeof *b.to);
    b.from = kc_arena_take(a, ep, sizeof *b.from);
    b.in = ep > 1 ? kc_arena_floats(a, arrivals * s->d) : b.rows;
    b.reply = ep > 1 ? kc_arena_floats(a, arrivals * s->d) : b.back;
    b.sums = sums ? kc_arena_floats(a, sums) : NULL;
    return b;
}

static int64_t here_of(const kc_moe *m)
{
    return m->layer->w->layout->here;
}

/* Expert `e` of this rank: a vector, a matrix or its transposed copy. */
static const float *expert(const kc_moe *m, const float *flat, int index, int64_t e)
{
    const kc_layer *a = m->layer;
    return kc_layer_has(a, index) ? kc_at_expert(a->w->layout, flat, index, a->l, e) : NULL;
}

static kc_mat expert_mat(const kc_moe *m, int index, int64_t e)
{
    const kc_tensor *t = &m->layer->w->layout->tensor[index];
    return kc_mat_of(expert(m, m->layer->w->w, index, e), t->rows, t->cols);
}

static kc_mat expert_mat_t(const kc_moe *m, int index, int64_t e)
{
    const kc_tensor *t = &m->layer->w->layout->tensor[index];
    return kc_mat_of(expert(m, m->layer->w->wt, index, e), t->cols, t->rows);
}

/* Item i = source x here + expert: the rows a source sent to one expert, at start[i]. */
static kc_mat rows_of(const kc_moe *m, const float *p, int64_t i, int64_t width)
{
    return kc_mat_of(p + m->scratch->start[i] * width, m->kept->got[i], width);
}

static void answer(const kc_moe *m, int64_t i, float *out)
{
    const kc_shape *s = m->shape;
    const int64_t e = i % here_of(m);
    kc_mat x = rows_of(m, m->kept->xs, i, s->d), u = rows_of(m, m->kept->u, i, s->m),
           g = rows_of(m, m->kept->g, i, s->f), y = rows_of(m, out, i, s->d);
    const float *bias = expert(m, m->layer->w->w, KC_P_exp_down_bias, e);
    if (!x.rows)
        return;
    kc_gemm(u, x, expert_mat(m, KC_P_exp_up, e), 0, 1);
    (s->gated ? kc_gate_forward : kc_act_forward)(
        g, u, expert(m, m->layer->w->w, KC_P_exp_up_bias, e), s->silu ? KC_SILU : KC_GELU, 1);
    for (int64_t r = 0; bias && r < y.rows; ++r)
        memcpy(y.p + r * y.ld, bias, (size_t)y.cols * sizeof *bias);
    kc_gemm(y, g, expert_mat(m, KC_P_exp_down, e), bias ? 1 : 0, 1);
}

/* Where item i's part of a tensor's gradient is added up; NULL where the model lacks the tensor. */
static float *expert_grad(const kc_moe *m, int index, int64_t i)
{
    const kc_layout *at = m->layer->w->layout;
    const kc_tensor *t = &at->tensor[index];
    if (!m->scratch->sums || !t->layers)
        return (float *)expert(m, m->layer->grad, index, i);
    return m->scratch->sums + i * at->one + (t->offset - at->n_dense) / t->layers;
}

/* The sources' parts of this block into the gradient of the experts here. */
static void add_sources(const kc_moe *m)
{
    const kc_layout *at = m->layer->w->layout;
    kc_add_pairwise(m->scratch->sums, at->experts / at->here, at->here * at->one, m->threads);
    for (int k = 0; k < at->n; ++k)
        for (int64_t e = 0; at->tensor[k].of_expert && at->tensor[k].layers && e < at->here; ++e)
            kc_add((float *)expert(m, m->layer->grad, k, e), expert_grad(m, k, e),
                   at->tensor[k].stride, m->threads);
    kc_phases_end(m->phases, KC_seconds_reduce);
}

static void add_bias_gradient(const kc_moe *m, int index, int64_t i, kc_mat dy)
{
    float *sum = expert_grad(m, index, i);
    if (sum)
        kc_add_columns(sum, dy, 1);
}

/* Gradients of source `i / here` for one expert; dx of its rows. */
static void answer_backward(const kc_moe *m, int64_t i, const float *dout, float *dx_rows)
{
    const kc_shape *s = m->shape;
    const int64_t e = i % here_of(m);
    kc_mat x = rows_of(m, m->kept->xs, i, s->d), u = rows_of(m, m->kept->u, i, s->m),
           g = rows_of(m, m->kept->g, i, s->f), dy = rows_of(m, dout, i, s->d),
           dg = rows_of(m, m->scratch->dg, i, s->f), dx = rows_of(m, dx_rows, i, s->d);
    if (!x.rows)
        return;
    add_bias_gradient(m, KC_P_exp_down_bias, i, dy);
    kc_gemm_t(kc_mat_of(expert_grad(m, KC_P_exp_down, i), s->f, s->d), g, dy, 1, 1);
    kc_gemm(dg, dy, expert_mat_t(m, KC_P_exp_down, e), 0, 1);
    (s->gated ? kc_gate_backward : kc_act_backward)(u, dg, s->silu ? KC_SILU : KC_GELU, 1);
    add_bias_gradient(m, KC_P_exp_up_bias, i, u);
    kc_gemm_t(kc_mat_of(expert_grad(m, KC_P_exp_up, i), s->d, s->m), x, u, 1, 1);
    kc_gemm(dx, u, expert_mat_t(m, KC_P_exp_up, e), 0, 1);
}

/* Items of one source, or of all others. */
static void serve(const kc_moe *m, int64_t source, int others, const float *dout, float *out)
{
    const int64_t here = here_of(m), n = m->shape->E;
#pragma omp parallel for num_threads(m->threads) if (m->threads > 1) schedule(dynamic)
    for (int64_t i = 0; i < n; ++i)
        if ((i / here == source) == !others) {
            if (dout)
                answer_backward(m, i, dout, out);
            else
                answer(m, i, out);
        }
}

static int me(const kc_moe *m)
{
    return m->lane->ep ? m->lane->ep->rank : 0;
}

/* First rows of all items, and how many rows go between ranks. Not kept: from the counts. */
static void settle(const kc_moe *m)
{
    const int64_t here = here_of(m), E = m->shape->E;
    kc_moe_scratch *b = m->scratch;
    b->start[0] = 0;
    for (int64_t r = 0; r < E / here; ++r)
        b->to[r] = b->from[r] = 0;
    for (int64_t i = 0; i < E; ++i) {
        b->start[i + 1] = b->start[i] + m->kept->got[i];
        b->to[i / here] += m->kept->sent[i];
        b->from[i / here] += m->kept->got[i];
    }
}

/* This rank's own rows from the sent side's places to the arrived side's, or back. */
static void keep_own(const kc_moe *m, float *arrived, float *sent, int outward)
{
    const int64_t d = m->shape->d, own = me(m) * here_of(m);
    int64_t before = 0;
    for (int r = 0; r < me(m); ++r)
        before += m->scratch->to[r];
    float *a = arrived + m->scratch->start[own] * d, *b = sent + before * d;
    memcpy(outward ? a : b, outward ? b : a, (size_t)(m->scratch->to[me(m)] * d) * sizeof *a);
}

/* Rows [sent side] -> experts -> rows [sent side]. While rows travel, this rank's own are served
 * first; `meanwhile` is done while the answers travel. */
static void ask(const kc_moe *m, float *sent, float *arrived, float *reply, float *back,
                const float *dout, void (*meanwhile)(const kc_moe *))
{
    const kc_grid *ep = m->lane->ep;
    const int64_t d = m->shape->d;
    if (!ep) {
        serve(m, 0, 0, dout, reply);
        kc_phases_end(m->phases, KC_seconds_linear);
        if (meanwhile)
            meanwhile(m);
        return;
    }
    keep_own(m, arrived, sent, 1);
    kc_tokens_start(ep, sent, m->scratch->to, arrived, m->scratch->from, d);
    kc_phases_end(m->phases, KC_seconds_exchange);
    serve(m, ep->rank, 0, dout, reply);
    kc_phases_end(m->phases, KC_seconds_linear);
    kc_tokens_finish(ep);
    kc_phases_end(m->phases, KC_seconds_exchange);
    serve(m, ep->rank, 1, dout, reply);
    kc_phases_end(m->phases, KC_seconds_linear);
    kc_tokens_start(ep, reply, m->scratch->from, back, m->scratch->to, d);
    keep_own(m, reply, back, 0);
    kc_phases_end(m->phases, KC_seconds_exchange);
    if (meanwhile)
        meanwhile(m);
    kc_tokens_finish(ep);
    kc_phases_end(m->phases, KC_seconds_exchange);
}

/* rows[row] = x[t] for each pair that was taken. */
static void gather(const kc_moe *m, kc_mat x, float *rows)
{
    const int64_t k = m->shape->k, d = x.cols, T = m->lane->tokens;
#pragma omp parallel for num_threads(m->threads) if (m->threads > 1) schedule(static)
    for (int64_t t = 0; t < T; ++t)
        for (int64_t j = 0; j < k; ++j)
            if (m->kept->row[t * k + j] >= 0)
                memcpy(rows + m->kept->row[t * k + j] * d, x.p + t * x.ld,
                       (size_t)d * sizeof *rows);
}

/* out[t] += gate rows[row] over t's pairs in their order; without gates where gate is NULL. */
static void combine(const kc_moe *m, const float *rows, const float *gate, kc_mat out)
{
    const int64_t k = m->shape->k, d = out.cols, T = m->lane->tokens;
#pragma omp parallel for num_threads(m->threads) if (m->threads > 1) schedule(static)
    for (int64_t t = 0; t < T; ++t)
        for (int64_t j = 0; j < k; ++j) {
            const int32_t row = m->kept->row[t * k + j];
            const float scale = gate ? gate[t * k + j] : 1;
            const float *restrict from = rows + (row < 0 ? 0 : row) * d;
            float *restrict to = out.p + t * out.ld;
            for (int64_t i = 0; row >= 0 && i < d; ++i)
                to[i] += scale * from[i];
        }
}

void kc_moe_forward(const kc_moe *m, kc_mat x, kc_mat out)
{
    const kc_grid *ep = m->lane->ep;
    kc_moe_kept *kept = m->kept;
    memset(kept->sent, 0, (size_t)m->shape->E * sizeof *kept->sent);
    if (m->lane->tokens) {
        float *scores = m->scratch->dp;
        kc_gemm(kc_mat_of(scores, x.rows, m->shape->E), x, kc_layer_mat(m->layer, KC_P_router), 0,
                m->threads);
        kc_phases_end(m->phases, KC_seconds_linear);
        kc_route(m->shape, m->layer->l, scores, kept, m->lane, m->threads);
        kc_phases_end(m->phases, KC_seconds_elementwise);
    }
    if (ep)
        kc_tokens_counts(ep, kept->sent, kept->got, (int)here_of(m));
    else
        memcpy(kept->got, kept->sent, (size_t)m->shape->E * sizeof *kept->got);
    float *sent = ep ? m->scratch->rows : kept->xs, *reply = ep ? m->scratch->reply : kept->ys;
    gather(m, x, sent);
    kc_phases_end(m->phases, KC_seconds_elementwise);
    if (ep)
        kc_tokens_finish(ep);
    settle(m);
    ask(m, sent, kept->xs, reply, kept->ys, NULL, NULL);
    combine(m, kept->ys, kept->gate, out);
    kc_phases_end(m->phases, KC_seconds_elementwise);
}

/* rows[row] = gate dout[t], and dgate[t,j] = dout[t] . ys[row]. */
static void scatter_gradient(const kc_moe *m, kc_mat dout, float *rows)
{
    const int64_t k = m->shape->k, d = dout.cols, T = m->lane->tokens;
#pragma omp parallel for num_threads(m->threads) if (m->threads > 1) schedule(static)
    for (int64_t t = 0; t < T; ++t)
        for (int64_t j = 0; j < k; ++j) {
            const int32_t row = m->kept->row[t * k + j];
            const float gate = m->kept->gate[t * k + j], *restrict from = dout.p + t * dout.ld;
            const float *restrict y = m->kept->ys + (row < 0 ? 0 : row) * d;
            float *restrict to = rows + (row < 0 ? 0 : row) * d, dot = 0;
#pragma omp simd reduction(+ : dot)
            for (int64_t i = 0; i < (row < 0 ? 0 : d); ++i) {
                to[i] = gate * from[i];
                dot += from[i] * y[i];
            }
            m->scratch->dgate[t * k + j] = dot;
        }
}

/* The router's scores' gradient, into scratch->dp. */
static void route_gradient(const kc_moe *m)
{
    if (m->lane->tokens)
        kc_route_backward(m->shape, m->kept, m->lane, m->scratch->dgate, m->scratch->dp,
                          m->threads);
    kc_phases_end(m->phases, KC_seconds_elementwise);
}

void kc_moe_backward(const kc_moe *m, kc_mat x, kc_mat dout, kc_mat dx)
{
    kc_moe_scratch *b = m->scratch;
    const kc_layout *at = m->layer->w->layout;
    settle(m);
    if (b->sums)
        memset(b->sums, 0, (size_t)(at->experts * at->one) * sizeof *b->sums);
    scatter_gradient(m, dout, b->rows);
    kc_phases_end(m->phases, KC_seconds_elementwise);
    ask(m, b->rows, b->in, b->reply, b->back, b->in, route_gradient);
    if (b->sums)
        add_sources(m);
    if (!m->lane->tokens)
        return;
    kc_mat dscores = kc_mat_of(b->dp, x.rows, m->shape->E);
    kc_gemm_t(kc_layer_grad_mat(m->layer, KC_P_router), x, dscores, 1, m->threads);
    kc_gemm(dx, dscores, kc_layer_mat_t(m->layer, KC_P_router), 0, m->threads);
    kc_phases_end(m->phases, KC_seconds_linear);
    combine(m, b->back, NULL, dx);
    kc_phases_end(m->phases, KC_seconds_elementwise);
}
