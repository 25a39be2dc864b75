/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/nn/rope.h"

#include <math.h>
#include <string.h>

#include "kcap/nn/ops.h"

enum { ROWS = 64 };

void kc_rope_tables(const kc_shape *s, double base, float *cosines, float *sines)
{
    const int64_t half = s->rot / 2;
    for (int64_t t = 0; t < s->T; ++t)
        for (int64_t j = 0; j < half; ++j) {
            double angle = (double)t * pow(base, -2 * (double)j / (double)s->rot);
            cosines[t * half + j] = (float)cos(angle);
            sines[t * half + j] = (float)sin(angle);
        }
}

/* Turn the first 2 half dimensions of x by the angle (c, s). */
static void turn(float *restrict x, const float *restrict c, const float *restrict s, int64_t half)
{
    for (int64_t j = 0; j < half; ++j) {
        float a = x[j], b = x[j + half];
        x[j] = a * c[j] - b * s[j];
        x[j + half] = b * c[j] + a * s[j];
    }
}

static void turn_back(float *restrict x, const float *restrict c, const float *restrict s,
                      int64_t half)
{
    for (int64_t j = 0; j < half; ++j) {
        float a = x[j], b = x[j + half];
        x[j] = a * c[j] + b * s[j];
        x[j + half] = b * c[j] - a * s[j];
    }
}

static void add(float *restrict y, const float *restrict x, const float *restrict bias, int64_t n)
{
    for (int64_t j = 0; j < n; ++j)
        y[j] = x[j] + bias[j];
}

void kc_heads_split(const kc_shape *s, const kc_rope *rope, const float *qkv, const float *bias,
                    const kc_heads *heads, int threads)
{
    const int64_t T = s->T, hd = s->hd, d = s->d, half = rope->half;
#pragma omp parallel for collapse(2) num_threads(threads) if (threads > 1) schedule(static)
    for (int64_t a = 0; a < s->h; ++a)
        for (int64_t t0 = 0; t0 < T; t0 += ROWS) {
            const int64_t end = t0 + ROWS < T ? t0 + ROWS : T, at = (a * T + t0) * hd;
            for (int64_t t = t0; t < end; ++t) {
                const float *in = qkv + t * 3 * d + a * hd, *b = bias + a * hd;
                const float *c = rope->cos + t * half, *sn = rope->sin + t * half;
                float *q = heads->q + (a * T + t) * hd, *k = heads->k + (a * T + t) * hd;
                add(q, in, b, hd);
                add(k, in + d, b + d, hd);
                add(heads->v + (a * T + t) * hd, in + 2 * d, b + 2 * d, hd);
                turn(q, c, sn, half);
                turn(k, c, sn, half);
            }
            kc_transpose((kc_mat){heads->kt + a * hd * T + t0, hd, end - t0, T},
                         kc_mat_of(heads->k + at, end - t0, hd), 1);
        }
}

void kc_heads_merge(const kc_shape *s, const kc_rope *rope, const kc_heads *grads, float *dqkv,
                    int threads)
{
    const int64_t T = s->T, hd = s->hd, d = s->d, half = rope->half;
#pragma omp parallel for collapse(2) num_threads(threads) if (threads > 1) schedule(static)
    for (int64_t a = 0; a < s->h; ++a)
        for (int64_t t = 0; t < T; ++t) {
            float *out = dqkv + t * 3 * d + a * hd;
            const float *c = rope->cos + t * half, *sn = rope->sin + t * half;
            const int64_t at = (a * T + t) * hd;
            memcpy(out, grads->q + at, (size_t)hd * sizeof *out);
            memcpy(out + d, grads->k + at, (size_t)hd * sizeof *out);
            memcpy(out + 2 * d, grads->v + at, (size_t)hd * sizeof *out);
            turn_back(out, c, sn, half);
            turn_back(out + d, c, sn, half);
        }
}
