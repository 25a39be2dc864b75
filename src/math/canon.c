/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/math/canon.h"

#include <string.h>

#include "kcap/base/team.h"

/* A strip of columns goes down the rows with the last taps in registers: each value is read once. */
enum { STRIP = 8, TAPS = KC_CANON_TAPS };
typedef float strip __attribute__((vector_size(STRIP * sizeof(float))));

/* The first n columns of a strip, n being a constant in all but the last of a row. */
static inline __attribute__((always_inline)) void load(strip *x, const float *p, int64_t n)
{
    *x = (strip){0};
    memcpy(x, p, (size_t)n * sizeof *p);
}

static inline __attribute__((always_inline)) void store(float *p, const strip *x, int64_t n)
{
    memcpy(p, x, (size_t)n * sizeof *p);
}

/* y = x[0] + sum w[k] x[k] */
static inline __attribute__((always_inline)) void convolve(strip *y, const strip w[TAPS],
                                                           const strip x[TAPS])
{
    *y = x[0];
    for (int k = 0; k < TAPS; ++k)
        *y += w[k] * x[k];
}

static inline __attribute__((always_inline)) void
forward(kc_mat y, kc_mat h, int64_t before, const float *bias, const float *w, int64_t j, int64_t n)
{
    strip tap[TAPS], past[TAPS] = {{0}}, shift = {0}, out;
    for (int64_t k = 0; k < TAPS - 1 && k < before; ++k)
        load(&past[k], h.p - (k + 1) * h.ld + j, n);
    for (int k = 0; k < TAPS; ++k)
        load(&tap[k], w + k * h.cols + j, n);
    if (bias)
        load(&shift, bias + j, n);
    for (int64_t t = 0; t < h.rows; ++t) {
        for (int k = TAPS - 1; k > 0; --k)
            past[k] = past[k - 1];
        load(&past[0], h.p + t * h.ld + j, n);
        past[0] += shift;
        if (bias)
            store(h.p + t * h.ld + j, &past[0], n);
        convolve(&out, tap, past);
        store(y.p + t * y.ld + j, &out, n);
    }
}

/* dh[t] = dy[t] + sum w[k] dy[t + k], dw[k] = sum over t of dy[t] h[t - k]. */
static inline __attribute__((always_inline)) void backward(kc_mat dy, kc_mat h, const float *w,
                                                           float *dw, int64_t j, int64_t n)
{
    strip tap[TAPS], past[TAPS] = {{0}}, next[TAPS] = {{0}}, sum[TAPS] = {{0}}, out;
    for (int k = 0; k < TAPS; ++k)
        load(&tap[k], w + k * h.cols + j, n);
    for (int64_t t = 0; t < TAPS - 1 && t < h.rows; ++t)
        load(&next[t + 1], dy.p + t * dy.ld + j, n);
    for (int64_t t = 0; t < h.rows; ++t) {
        for (int k = TAPS - 1; k > 0; --k) {
            past[k] = past[k - 1];
            next[TAPS - 1 - k] = next[TAPS - k];
        }
        load(&past[0], h.p + t * h.ld + j, n);
        next[TAPS - 1] = (strip){0};
        if (t + TAPS - 1 < h.rows)
            load(&next[TAPS - 1], dy.p + (t + TAPS - 1) * dy.ld + j, n);
        for (int k = 0; k < TAPS; ++k)
            sum[k] += next[0] * past[k];
        convolve(&out, tap, next);
        store(dy.p + t * dy.ld + j, &out, n);
    }
    for (int k = 0; dw && k < TAPS; ++k) {
        load(&out, dw + k * h.cols + j, n);
        sum[k] += out;
        store(dw + k * h.cols + j, &sum[k], n);
    }
}

void kc_canon_forward(kc_mat y, kc_mat h, int64_t past, const float *bias, const float *w,
                      int threads)
{
    const int64_t whole = h.cols / STRIP;
    KC_EACH(threads, static, i, whole, forward(y, h, past, bias, w, i * STRIP, STRIP));
    if (h.cols > whole * STRIP)
        forward(y, h, past, bias, w, whole * STRIP, h.cols - whole * STRIP);
}

void kc_canon_backward(kc_mat dy, kc_mat h, const float *w, float *dw, int threads)
{
    const int64_t whole = h.cols / STRIP;
    KC_EACH(threads, static, i, whole, backward(dy, h, w, dw, i * STRIP, STRIP));
    if (h.cols > whole * STRIP)
        backward(dy, h, w, dw, whole * STRIP, h.cols - whole * STRIP);
}
