/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/moe.h"

#include <string.h>

#include "kcap/base/team.h"
#include "kcap/comm/tokens.h"
#include "kcap/math/gemm.h"
#include "kcap/math/ops.h"

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
    b.first = kc_arena_take(a, E, sizeof *b.first);
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
    b.scores = kc_arena_floats(a, T * E);
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

static void end(const kc_moe *m, kc_phase phase)
{
    kc_phases_end(m->phases, phase);
}

/* First rows of all items (see kc_expert_forward), and how many rows go between ranks. Not kept: from the
 * counts. */
static void count_rows(const kc_moe *m)
{
    const int64_t here = here_of(m), E = m->shape->E;
    kc_moe_scratch *tmp = m->scratch;
    tmp->start[0] = 0;
    for (int64_t r = 0; r < E / here; ++r)
        tmp->to[r] = tmp->from[r] = 0;
    for (int64_t i = 0; i < E; ++i) {
        tmp->start[i + 1] = tmp->start[i] + m->kept->got[i];
        tmp->to[i / here] += m->kept->sent[i];
        tmp->from[i / here] += m->kept->got[i];
    }
}

/* Rows leave for the ranks of their experts, or back. Without other ranks what is sent is what arrives. */
static void send_rows(const kc_moe *m, const float *sent, const int64_t *to, float *arrived,
                      const int64_t *from)
{
    if (!m->lane->ep)
        return;
    kc_tokens_start(m->lane->ep, sent, to, arrived, from, m->shape->d);
    end(m, KC_seconds_exchange);
}

/* Wait for what travels. */
static void await_rows(const kc_moe *m)
{
    if (!m->lane->ep)
        return;
    kc_tokens_finish(m->lane->ep);
    end(m, KC_seconds_exchange);
}

static void serve_one(const kc_moe *m, int64_t i, int answers, const float *dout, float *out)
{
    if (!answers)
        return;
    if (dout)
        kc_expert_backward(m, i, dout, out);
    else
        kc_expert_forward(m, i, out);
}

/* The experts here answer this rank's own rows, or those of all others: kept->xs, or backward dout. */
enum { OWN, OTHERS };
static void serve(const kc_moe *m, int whose, const float *dout, float *out)
{
    const int64_t here = here_of(m), n = m->shape->E, rank = m->lane->ep ? m->lane->ep->rank : 0;
    if (whose == OTHERS && !m->lane->ep)
        return;
    KC_EACH(m->threads, dynamic, i, n, serve_one(m, i, (i / here != rank) == whose, dout, out));
    end(m, KC_seconds_linear);
}

static void gather_token(const kc_moe *m, kc_mat x, float *rows, int64_t t)
{
    const int64_t k = m->shape->k, d = x.cols;
    for (int64_t j = 0; j < k; ++j)
        if (m->kept->row[t * k + j] >= 0)
            memcpy(rows + m->kept->row[t * k + j] * d, x.p + t * x.ld, (size_t)d * sizeof *rows);
}

/* rows[row] = x[t] for each pair that was taken. */
static void gather(const kc_moe *m, kc_mat x, float *rows)
{
    KC_EACH(m->threads, static, t, m->lane->tokens, gather_token(m, x, rows, t));
}

static void combine_token(const kc_moe *m, const float *rows, const float *gate, kc_mat out,
                          int64_t t)
{
    const int64_t k = m->shape->k, d = out.cols;
    for (int64_t j = 0; j < k; ++j) {
        const int32_t row = m->kept->row[t * k + j];
        const float scale = gate ? gate[t * k + j] : 1;
        const float *restrict from = rows + (row < 0 ? 0 : row) * d;
        float *restrict to = out.p + t * out.ld;
        for (int64_t i = 0; row >= 0 && i < d; ++i)
            to[i] += scale * from[i];
    }
}

/* out[t] += gate rows[row] over t's pairs in their order; without gates where gate is NULL. */
static void combine(const kc_moe *m, const float *rows, const float *gate, kc_mat out)
{
    KC_EACH(m->threads, static, t, m->lane->tokens, combine_token(m, rows, gate, out, t));
}

/* Scores, choices and gates of this rank's tokens, and how many go to each expert: these counts travel
 * while the rows are gathered. */
static void route(const kc_moe *m, kc_mat x)
{
    const kc_linear router = kc_layer_linear(m->layer, KC_P_router, KC_NO_TENSOR);
    const size_t counts = (size_t)m->shape->E * sizeof *m->kept->sent;
    if (m->lane->tokens) {
        kc_gemm(kc_mat_of(m->scratch->scores, x.rows, m->shape->E), x, router.w, 0, m->threads);
        end(m, KC_seconds_linear);
        kc_route(m);
        end(m, KC_seconds_elementwise);
    } else
        memset(m->kept->sent, 0, counts);
    if (m->lane->ep)
        kc_tokens_counts(m->lane->ep, m->kept->sent, m->kept->got, (int)here_of(m));
    else
        memcpy(m->kept->got, m->kept->sent, counts);
}

void kc_moe_forward(const kc_moe *m, kc_mat x, kc_mat out)
{
    kc_moe_kept *kept = m->kept;
    kc_moe_scratch *tmp = m->scratch;
    float *sent = m->lane->ep ? tmp->rows : kept->xs, *reply = m->lane->ep ? tmp->reply : kept->ys;
    route(m, x);
    gather(m, x, sent);
    end(m, KC_seconds_elementwise);
    await_rows(m);
    count_rows(m);
    send_rows(m, sent, tmp->to, kept->xs, tmp->from);
    serve(m, OWN, NULL, reply);
    await_rows(m);
    serve(m, OTHERS, NULL, reply);
    send_rows(m, reply, tmp->from, kept->ys, tmp->to);
    await_rows(m);
    combine(m, kept->ys, kept->gate, out);
    end(m, KC_seconds_elementwise);
}

const float *kc_moe_input(const kc_shape *s, const kc_moe_kept *kept, int down, int64_t expert,
                          int64_t token)
{
    for (int64_t i = token * s->k; i < (token + 1) * s->k; ++i)
        if (kept->choice[i] == expert && kept->row[i] >= 0)
            return down ? kept->g + kept->row[i] * s->f : kept->xs + kept->row[i] * s->d;
    return NULL;
}

static void scatter_token(const kc_moe *m, kc_mat dout, float *rows, int64_t t)
{
    const int64_t k = m->shape->k, d = dout.cols;
    for (int64_t j = 0; j < k; ++j) {
        const int32_t row = m->kept->row[t * k + j];
        const float gate = m->kept->gate[t * k + j], *restrict from = dout.p + t * dout.ld;
        const float *restrict y = m->kept->ys + (row < 0 ? 0 : row) * d;
        float *restrict to = rows + (row < 0 ? 0 : row) * d;
        const int64_t n = row < 0 ? 0 : d;
        for (int64_t i = 0; i < n; ++i)
            to[i] = gate * from[i];
        m->scratch->dgate[t * k + j] = kc_dot_row(from, y, n);
    }
}

/* rows[row] = gate dout[t], and dgate[t,j] = dout[t] . ys[row]. */
static void scatter_gradient(const kc_moe *m, kc_mat dout, float *rows)
{
    KC_EACH(m->threads, static, t, m->lane->tokens, scatter_token(m, dout, rows, t));
}

void kc_moe_backward(const kc_moe *m, kc_mat x, kc_mat dout, kc_mat dx)
{
    const kc_linear router = kc_layer_linear(m->layer, KC_P_router, KC_NO_TENSOR);
    const kc_layout *layout = m->layer->w->layout;
    kc_moe_scratch *tmp = m->scratch;
    count_rows(m);
    if (tmp->sums)
        memset(tmp->sums, 0, (size_t)(layout->experts * layout->one) * sizeof *tmp->sums);
    scatter_gradient(m, dout, tmp->rows);
    end(m, KC_seconds_elementwise);
    send_rows(m, tmp->rows, tmp->to, tmp->in, tmp->from);
    serve(m, OWN, tmp->in, tmp->reply);
    await_rows(m);
    serve(m, OTHERS, tmp->in, tmp->reply);
    send_rows(m, tmp->reply, tmp->from, tmp->back, tmp->to);
    if (m->lane->tokens)
        kc_route_backward(m);
    end(m, KC_seconds_elementwise);
    await_rows(m);
    if (tmp->sums)
        kc_expert_add_sources(m);
    end(m, KC_seconds_reduce);
    if (!m->lane->tokens)
        return;
    kc_linear_backward(&router, dx, kc_mat_of(tmp->scores, x.rows, m->shape->E), x, m->threads,
                       m->phases);
    combine(m, tmp->back, NULL, dx);
    end(m, KC_seconds_elementwise);
}
