/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/nn/rope.h"

#include <math.h>
#include <string.h>

#include "kcap/base/team.h"

enum { ROWS = 64 };

/* What Llama 3 makes of a rate (RoPE scaling of arXiv 2407.21783, as its released code has it): what turns often in
 * the context of before stays, what turns seldom is `factor` times slower, and between the two it is mixed. */
static double llama3(const kc_model_keys *keys, double rate)
{
    const double turns = rate * (double)keys->rotary_context / (2 * M_PI);
    const double kept = (turns - keys->rotary_low) / (keys->rotary_high - keys->rotary_low);
    const double share = kept < 0 ? 0 : kept > 1 ? 1 : kept;
    return share * rate + (1 - share) * rate / keys->rotary_factor;
}

/* Radians a position that pair j turns. */
static double rate_of(const kc_shape *s, const kc_model_keys *keys, int64_t j)
{
    const double rate = pow(keys->rotary_base, -2 * (double)j / (double)s->rot);
    switch (keys->rotary_scaling) {
    case KC_model_rotary_scaling_linear:
        return rate / keys->rotary_factor;
    case KC_model_rotary_scaling_llama3:
        return llama3(keys, rate);
    default:
        return rate;
    }
}

void kc_rope_tables(const kc_shape *s, const kc_model_keys *keys, float *cosines, float *sines)
{
    const int64_t half = s->rot / 2;
    for (int64_t t = 0; t < s->T; ++t)
        for (int64_t j = 0; j < half; ++j) {
            double angle = (double)t * rate_of(s, keys, j);
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
    if (bias)
        for (int64_t j = 0; j < n; ++j)
            y[j] = x[j] + bias[j];
    else
        memcpy(y, x, (size_t)n * sizeof *y);
}

/* Query head a, or for a >= h key head a - h or value head a - h - kv: where it lies packed. */
static float *packed(const kc_shape *s, const kc_heads *heads, int64_t a)
{
    const int64_t each = s->T * s->hd;
    return a < s->h           ? heads->q + a * each
           : a < s->h + s->kv ? heads->k + (a - s->h) * each
                              : heads->v + (a - s->h - s->kv) * each;
}

/* ROWS positions of head a from t0 on. */
static void split(const kc_shape *s, const kc_rope *rope, const float *qkv, const float *bias,
                  const kc_heads *heads, int64_t a, int64_t t0)
{
    const int64_t hd = s->hd, half = rope->half, turned = s->h + s->kv;
    const int64_t most = heads->end ? heads->end : s->T, end = t0 + ROWS < most ? t0 + ROWS : most;
    float *to = packed(s, heads, a);
    for (int64_t t = t0; t < end; ++t) {
        add(to + t * hd, qkv + t * s->qkv + a * hd, bias ? bias + a * hd : NULL, hd);
        if (a < turned)
            turn(to + t * hd, rope->cos + t * half, rope->sin + t * half, half);
    }
}

void kc_heads_split(const kc_shape *s, const kc_rope *rope, const float *qkv, const float *bias,
                    const kc_heads *heads, int threads)
{
    const int64_t first = heads->first, end = heads->end ? heads->end : s->T;
    const int64_t parts = (end - first + ROWS - 1) / ROWS;
    KC_EACH(threads, static, i, (s->h + 2 * s->kv) * parts,
            split(s, rope, qkv, bias, heads, i / parts, first + i % parts * ROWS));
}

/* The gradients of key or value head b, summed over the query heads that share it. */
static const float *shared(const kc_shape *s, float *grads, int64_t b)
{
    const int64_t each = s->T * s->hd, n = s->h / s->kv;
    float *restrict sum = grads + b * n * each;
    for (int64_t a = 1; a < n; ++a)
        for (int64_t i = 0; i < each; ++i)
            sum[i] += sum[a * each + i];
    return sum;
}

static void merge(const kc_shape *s, const kc_rope *rope, const kc_heads *grads, float *dqkv,
                  int64_t a)
{
    const int64_t T = s->T, hd = s->hd, half = rope->half, turned = s->h + s->kv;
    const float *from = a < s->h     ? grads->q + a * T * hd
                        : a < turned ? shared(s, grads->k, a - s->h)
                                     : shared(s, grads->v, a - turned);
    for (int64_t t = 0; t < T; ++t) {
        float *out = dqkv + t * s->qkv + a * hd;
        memcpy(out, from + t * hd, (size_t)hd * sizeof *out);
        if (a < turned)
            turn_back(out, rope->cos + t * half, rope->sin + t * half, half);
    }
}

void kc_heads_merge(const kc_shape *s, const kc_rope *rope, const kc_heads *grads, float *dqkv,
                    int threads)
{
    KC_EACH(threads, static, a, s->h + 2 * s->kv, merge(s, rope, grads, dqkv, a));
}
