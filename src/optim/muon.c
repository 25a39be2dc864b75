/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/optim/muon.h"

#include <math.h>
#include <string.h>

#include "kcap/base/sum.h"
#include "kcap/math/gemm.h"
#include "kcap/math/ops.h"
#include "kcap/nn/params.h"

enum { ITERATIONS = 5, MOST_PARTS = 3 };

/* Widths of the matrices that lie side by side in a tensor; returns how many. */
static int widths_of(const kc_layout *layout, int k, int64_t width[MOST_PARTS])
{
    const kc_tensor *t = &layout->tensor[k];
    int n = 0;
    if (k == KC_P_attn_qkv) {
        width[0] = layout->tensor[KC_P_attn_out].rows;
        width[1] = width[2] = (t->cols - width[0]) / 2;
        return 3;
    }
    const int down = k == KC_P_mlp_up ? KC_P_mlp_down : KC_P_exp_down;
    const int64_t each = k == KC_P_mlp_up || k == KC_P_exp_up ? layout->tensor[down].rows : t->cols;
    for (int64_t at = 0; at < t->cols; at += each)
        width[n++] = each;
    return n;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

kc_muon_room kc_muon_room_take(const kc_layout *layout, kc_arena *a)
{
    int64_t width[MOST_PARTS], values = 0, side = 0;
    for (int k = 0; k < layout->n; ++k) {
        const kc_tensor *t = &layout->tensor[k];
        for (int i = t->layers && kc_muon_takes(t) ? widths_of(layout, k, width) - 1 : -1; i >= 0;
             --i) {
            values = most(values, t->rows * width[i]);
            side = most(side, least(t->rows, width[i]));
        }
    }
    kc_muon_room room = {.x = kc_arena_floats(a, values)};
    room.xt = kc_arena_floats(a, values);
    room.y = kc_arena_floats(a, values);
    room.a = kc_arena_floats(a, side * side);
    room.b = kc_arena_floats(a, side * side);
    return room;
}

/* y = (b XX^T + c (XX^T)^2) X + a X of x [n, m]. */
static void iterate(kc_mat y, kc_mat x, const kc_muon_room *room, int threads)
{
    static const float a = 3.4445f, b = -4.7750f, c = 2.0315f;
    const kc_mat xt = kc_mat_of(room->xt, x.cols, x.rows);
    const kc_mat square = kc_mat_of(room->a, x.rows, x.rows);
    const kc_mat sum = kc_mat_of(room->b, x.rows, x.rows);
    kc_transpose(xt, x, threads);
    kc_gemm(square, x, xt, 0, threads);
    kc_gemm(sum, square, square, 0, threads);
    for (int64_t i = 0; i < x.rows * x.rows; ++i)
        sum.p[i] = b * square.p[i] + c * sum.p[i];
    memcpy(y.p, x.p, (size_t)(x.rows * x.cols) * sizeof *y.p);
    kc_gemm(y, sum, x, a, threads);
}

/* The shorter side gives the square matrices: a tall one is worked on transposed. */
void kc_muon_orthogonal(float *x, int64_t rows, int64_t cols, const kc_muon_room *room, int threads)
{
    const int64_t n = rows * cols;
    const int tall = rows > cols;
    const float scale = (float)(1 / (sqrt(kc_sum_squares(x, n)) + 1e-7));
    kc_mat given = kc_mat_of(x, rows, cols);
    kc_mat now = tall ? kc_mat_of(room->y, cols, rows) : given;
    kc_mat next = kc_mat_of(tall ? x : room->y, now.rows, now.cols);
    if (tall)
        kc_transpose(now, given, threads);
    for (int64_t i = 0; i < n; ++i)
        now.p[i] *= scale;
    for (int i = 0; i < ITERATIONS; ++i) {
        iterate(next, now, room, threads);
        const kc_mat other = now;
        now = next;
        next = other;
    }
    /* After an odd number of them the last is where the first was not. */
    if (tall) {
        memcpy(room->xt, now.p, (size_t)n * sizeof *x);
        kc_transpose(given, kc_mat_of(room->xt, cols, rows), threads);
    } else
        memcpy(x, now.p, (size_t)n * sizeof *x);
}

void kc_muon_momentum(const kc_layout *layout, const kc_muon *muon, int64_t lo, int64_t hi,
                      const kc_state *state, float *grad)
{
    const float mu = (float)muon->momentum, scale = (float)muon->scale;
    float *m = state->m + (lo >= layout->n_dense ? state->dense_here : 0);
    for (int k = 0; k < layout->n; ++k) {
        const kc_tensor *t = &layout->tensor[k];
        for (int64_t r = kc_muon_takes(t) ? kc_tensor_pieces(layout, t) - 1 : -1; r >= 0; --r) {
            const kc_piece p = kc_tensor_piece(layout, t, r);
            const int64_t end = least(p.flat + p.n, hi);
            for (int64_t i = most(p.flat, lo); i < end; ++i) {
                const float g = grad[i] * scale;
                m[i - lo] = mu * m[i - lo] + g;
                grad[i] = mu * m[i - lo] + g;
            }
        }
    }
}

/* Columns first ... first + width - 1 of a matrix of `cols` columns that lies at element `flat`. */
typedef struct part {
    int64_t flat, rows, cols, first, width;
} part;

static void step_part(const kc_muon *muon, part p, int64_t lo, int64_t hi, float *params,
                      const float *update, const kc_muon_room *room, int threads)
{
    const double rate = 0.2 * sqrt((double)most(p.rows, p.width)) * muon->lr;
    const float keep = (float)(1 - muon->lr * muon->weight_decay), by = (float)rate;
    for (int64_t r = 0; r < p.rows; ++r)
        memcpy(room->x + r * p.width, update + p.flat + r * p.cols + p.first,
               (size_t)p.width * sizeof *room->x);
    kc_muon_orthogonal(room->x, p.rows, p.width, room, threads);
    for (int64_t r = 0; r < p.rows; ++r) {
        const int64_t at = p.flat + r * p.cols + p.first;
        const float *x = room->x + r * p.width;
        for (int64_t j = most(0, lo - at); j < least(p.width, hi - at); ++j)
            params[at + j] = keep * params[at + j] - by * x[j];
    }
}

void kc_muon_step(const kc_layout *layout, const kc_muon *muon, int64_t lo, int64_t hi,
                  float *params, const float *update, const kc_muon_room *room, int threads)
{
    int64_t width[MOST_PARTS];
    for (int k = 0; k < layout->n; ++k) {
        const kc_tensor *t = &layout->tensor[k];
        for (int64_t r = kc_muon_takes(t) ? kc_tensor_pieces(layout, t) - 1 : -1; r >= 0; --r) {
            const kc_piece p = kc_tensor_piece(layout, t, r);
            if (p.flat >= hi || p.flat + p.n <= lo)
                continue;
            const int n = widths_of(layout, k, width);
            for (int64_t i = 0, first = 0; i < n; first += width[i++])
                step_part(muon, (part){p.flat, t->rows, t->cols, first, width[i]}, lo, hi, params,
                          update, room, threads);
        }
    }
}
