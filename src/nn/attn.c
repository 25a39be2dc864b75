/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/attn.h"

#include <math.h>
#include <string.h>

#include "kcap/base/team.h"
#include "kcap/base/wide.h"
#include "kcap/math/gemm.h"
#include "kcap/math/ops.h"

/* Row block i: rows r0 ... r1-1, columns 0 ... r1-1, at `at` floats into the head's P. */
typedef struct block {
    int64_t r0, r1, at;
} block;

static block block_of(int64_t i, int64_t T)
{
    const int64_t R = KC_ATTN_ROWS, r0 = i * R, r1 = r0 + R < T ? r0 + R : T;
    return (block){r0, r1, R * R * (i * (i + 1) / 2)};
}

static int64_t blocks_of(int64_t T)
{
    return (T + KC_ATTN_ROWS - 1) / KC_ATTN_ROWS;
}

int64_t kc_attn_kept(int64_t T)
{
    block last = block_of(blocks_of(T) - 1, T);
    return (last.at + (last.r1 - last.r0) * last.r1 + 15) / 16 * 16;
}

int64_t kc_attn_scratch(const kc_shape *s)
{
    return 2 * s->hd * s->T + KC_ATTN_ROWS * s->T;
}

/* Softmax of each row over its past; what lies after the diagonal becomes 0. */
static void causal_softmax(kc_mat p, int64_t past, float scale)
{
    for (int64_t r = 0; r < p.rows; ++r) {
        float *row = p.p + r * p.ld;
        const int64_t seen = past + r + 1;
        const float inverse = 1 / kc_exp_row(row, row, seen, kc_max_row(row, seen), scale);
        kc_scale_row(row, seen, inverse);
        memset(row + seen, 0, (size_t)(p.cols - seen) * sizeof *row);
    }
}

/* The first n positions of a head's keys or values [n, hd] for the right of products, or transposed [hd, n]. */
static kc_mat lay(float *to, const float *head, int64_t n, int64_t hd, int transposed)
{
    const kc_mat rows = kc_mat_of(head, n, hd);
    if (!transposed && kc_gemm_rows_will_do())
        return rows;
    const kc_mat factor = transposed ? kc_gemm_factor(to, hd, n) : kc_gemm_factor(to, n, hd);
    kc_gemm_lay(factor, rows, transposed, 0, 1);
    return factor;
}

static void head_forward(const kc_shape *s, const kc_heads *heads, int64_t a, float *P, float *out,
                         float *scratch)
{
    const int64_t T = s->T, hd = s->hd, shared = a / (s->h / s->kv) * T * hd;
    const int64_t end = heads->end ? heads->end : T;
    const float scale = 1 / sqrtf((float)hd);
    const kc_mat kt = lay(scratch, heads->k + shared, end, hd, 1);
    const kc_mat v = lay(scratch + hd * T, heads->v + shared, end, hd, 0);
    for (int64_t i = heads->first / KC_ATTN_ROWS; i < blocks_of(end); ++i) {
        block b = block_of(i, end);
        b.r0 = b.r0 < heads->first ? heads->first : b.r0;
        const int64_t rows = b.r1 - b.r0;
        const kc_mat p = kc_mat_of(P + b.at, rows, b.r1);
        kc_gemm_causal(p, kc_mat_of(heads->q + (a * T + b.r0) * hd, rows, hd), 0,
                       (kc_mat){kt.p, hd, b.r1, kt.ld}, 0, KC_CAUSAL_C, b.r0);
        causal_softmax(p, b.r0, scale);
        const kc_mat o = {out + b.r0 * s->dh + a * hd, rows, hd, s->dh};
        kc_gemm_causal(o, p, 0, (kc_mat){v.p, b.r1, hd, v.ld}, 0, KC_CAUSAL_A, b.r0);
    }
}

void kc_attn_forward(const kc_shape *s, const kc_heads *heads, float *P, float *out, float *scratch,
                     int threads)
{
    const int64_t kept = kc_attn_kept(s->T), room = kc_attn_scratch(s);
    KC_EACH(threads, dynamic, a, s->h,
            head_forward(s, heads, a, P + a * kept, out, scratch + a * room));
}

/* P is of the forward pass, and what the CPU fetches by itself ends with each page. */
static void fetch_row(kc_mat p, int64_t row)
{
    for (int64_t c = 0; c < p.cols && row < p.rows; c += KC_STRIP)
        __builtin_prefetch(p.p + row * p.ld + c);
}

/* dS = P (dP - rowsum(dP P)) scale, in place of dP. */
KC_WIDE static void softmax_backward(kc_mat ds, kc_mat P, int64_t past, float scale)
{
    enum { AHEAD = 6 };
    for (int64_t r = 0; r < ds.rows; ++r) {
        const int64_t seen = past + r + 1;
        float *restrict g = ds.p + r * ds.ld;
        const float *restrict p = P.p + r * P.ld;
        fetch_row(P, r + AHEAD);
        const float dot = kc_dot_row(g, p, seen);
        for (int64_t c = 0; c < seen; ++c)
            g[c] = p[c] * (g[c] - dot) * scale;
        memset(g + seen, 0, (size_t)(ds.cols - seen) * sizeof *g);
    }
}

static void head_backward(const kc_shape *s, const kc_heads *heads, int64_t a, const float *P,
                          const float *dout, const kc_heads *grads, float *scratch)
{
    const int64_t T = s->T, hd = s->hd, at = a * T * hd, n = blocks_of(T);
    const int64_t shared = a / (s->h / s->kv) * T * hd;
    const float scale = 1 / sqrtf((float)hd);
    float *dS = scratch + 2 * hd * T;
    const kc_mat vt = lay(scratch, heads->v + shared, T, hd, 1);
    const kc_mat k = lay(scratch + hd * T, heads->k + shared, T, hd, 0);
    /* The last block reaches every column, so it can overwrite what the others add to. */
    for (int64_t i = n - 1; i >= 0; --i) {
        const block b = block_of(i, T);
        const int64_t rows = b.r1 - b.r0;
        const float beta = i == n - 1 ? 0 : 1;
        const kc_mat p = kc_mat_of(P + b.at, rows, b.r1), ds = kc_mat_of(dS, rows, b.r1);
        const kc_mat o = {(float *)dout + b.r0 * s->dh + a * hd, rows, hd, s->dh};
        const kc_mat q = kc_mat_of(heads->q + at + b.r0 * hd, rows, hd);
        const kc_mat dq = kc_mat_of(grads->q + at + b.r0 * hd, rows, hd);
        kc_gemm_causal(ds, o, 0, (kc_mat){vt.p, hd, b.r1, vt.ld}, 0, KC_CAUSAL_C, b.r0);
        /* Before the products that read P by columns: by rows it is fetched ahead. */
        softmax_backward(ds, p, b.r0, scale);
        kc_gemm_causal(kc_mat_of(grads->v + at, b.r1, hd), p, 1, o, beta, KC_CAUSAL_A, b.r0);
        kc_gemm_causal(dq, ds, 0, (kc_mat){k.p, b.r1, hd, k.ld}, 0, KC_CAUSAL_A, b.r0);
        kc_gemm_causal(kc_mat_of(grads->k + at, b.r1, hd), ds, 1, q, beta, KC_CAUSAL_A, b.r0);
    }
}

void kc_attn_backward(const kc_shape *s, const kc_heads *heads, const float *P, const float *dout,
                      const kc_heads *grads, float *scratch, int threads)
{
    const int64_t kept = kc_attn_kept(s->T), room = kc_attn_scratch(s);
    KC_EACH(threads, dynamic, a, s->h,
            head_backward(s, heads, a, P + a * kept, dout, grads, scratch + a * room));
}
