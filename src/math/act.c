/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/math/act.h"

#include "kcap/base/team.h"
#include "kcap/base/wide.h"
#include "math/exp.h"

static const float gelu_a = 0.7978845608f, gelu_b = 0.044715f;

/* exp(-x^2 / 2). */
static inline float bell(float x, kc_exp_limits clamp)
{
    return kc_exp_poly(-0.5f * x * x, clamp);
}

/* Phi(x), of which the smaller tail is exp(-x^2 / 2) times a polynomial without a constant in t = 1 / (1 + 0.28 |x|),
 * the form of Abramowitz and Stegun 7.1.26, fitted here: 1/2 at 0, elsewhere within 1.1e-8 before it is rounded. */
static inline float normal(float x, kc_exp_limits clamp)
{
    const float z = x < 0 ? -x : x, t = 1 / (1 + 0.28f * z);
    float p = -0.10552319f;
    p = p * t + 0.3887141f;
    p = p * t - 0.23511714f;
    p = p * t + 0.26740226f;
    p = p * t + 0.06809865f;
    p = p * t + 0.11642534f;
    const float tail = p * t * bell(x, clamp);
    return x < 0 ? tail : 1 - tail;
}

/* act(x); `act` is a constant where this is used, so that the loops around it have no branch. */
static inline __attribute__((always_inline)) float act_of(float x, kc_act act, kc_exp_limits clamp)
{
    if (act == KC_SILU)
        return x / (1 + kc_exp_poly(-x, clamp));
    if (act == KC_GELU_ERF)
        return x * normal(x, clamp);
    return x / (1 + kc_exp_poly(-2 * gelu_a * (x + gelu_b * x * x * x), clamp));
}

/* act'(x). With s = 1 / (1 + exp(-w)):  act' = s + x s (1 - s) dw/dx, w = x or 2 z; of gelu_erf
 * Phi(x) + x Phi'(x). */
static inline __attribute__((always_inline)) float slope_of(float x, kc_act act,
                                                            kc_exp_limits clamp)
{
    if (act == KC_SILU) {
        const float s = 1 / (1 + kc_exp_poly(-x, clamp));
        return s + x * s * (1 - s);
    }
    if (act == KC_GELU_ERF)
        return normal(x, clamp) + 0.39894228f * x * bell(x, clamp);
    const float square = x * x;
    const float s = 1 / (1 + kc_exp_poly(-2 * gelu_a * x * (1 + gelu_b * square), clamp));
    return s + x * s * (1 - s) * 2 * gelu_a * (1 + 3 * gelu_b * square);
}

static inline __attribute__((always_inline)) void act_row(float *restrict g, float *restrict u,
                                                          const float *bias, int64_t n, kc_act act)
{
    const kc_exp_limits clamp = kc_exp_clamp();
    if (bias) {
#pragma omp simd
        for (int64_t j = 0; j < n; ++j) {
            const float x = u[j] + bias[j];
            u[j] = x;
            g[j] = act_of(x, act, clamp);
        }
        return;
    }
#pragma omp simd
    for (int64_t j = 0; j < n; ++j)
        g[j] = act_of(u[j], act, clamp);
}

static inline __attribute__((always_inline)) void
act_back_row(float *restrict u, const float *restrict dg, int64_t n, kc_act act)
{
    const kc_exp_limits clamp = kc_exp_clamp();
#pragma omp simd
    for (int64_t j = 0; j < n; ++j)
        u[j] = dg[j] * slope_of(u[j], act, clamp);
}

static inline __attribute__((always_inline)) void gate_row(float *restrict g, float *restrict u,
                                                           const float *bias, int64_t n, kc_act act)
{
    const kc_exp_limits clamp = kc_exp_clamp();
    if (bias)
        for (int64_t j = 0; j < 2 * n; ++j)
            u[j] += bias[j];
#pragma omp simd
    for (int64_t j = 0; j < n; ++j)
        g[j] = act_of(u[j], act, clamp) * u[n + j];
}

static inline __attribute__((always_inline)) void
gate_back_row(float *restrict u, const float *restrict dg, int64_t n, kc_act act)
{
    const kc_exp_limits clamp = kc_exp_clamp();
#pragma omp simd
    for (int64_t j = 0; j < n; ++j) {
        const float gate = u[j], up = u[n + j];
        u[j] = dg[j] * up * slope_of(gate, act, clamp);
        u[n + j] = dg[j] * act_of(gate, act, clamp);
    }
}

/* One loop for each activation. */
#define FOR_ACT(row, ...)                                                                          \
    (act == KC_SILU   ? row(__VA_ARGS__, KC_SILU)                                                  \
     : act == KC_GELU ? row(__VA_ARGS__, KC_GELU)                                                  \
                      : row(__VA_ARGS__, KC_GELU_ERF))

KC_WIDE static void act_any(float *g, float *u, const float *bias, int64_t n, kc_act act)
{
    FOR_ACT(act_row, g, u, bias, n);
}

KC_WIDE static void act_back_any(float *u, const float *dg, int64_t n, kc_act act)
{
    FOR_ACT(act_back_row, u, dg, n);
}

KC_WIDE static void gate_any(float *g, float *u, const float *bias, int64_t n, kc_act act)
{
    FOR_ACT(gate_row, g, u, bias, n);
}

KC_WIDE static void gate_back_any(float *u, const float *dg, int64_t n, kc_act act)
{
    FOR_ACT(gate_back_row, u, dg, n);
}

void kc_act_forward(kc_mat g, kc_mat u, const float *bias, kc_act act, int threads)
{
    KC_EACH(threads, static, i, u.rows, act_any(g.p + i * g.ld, u.p + i * u.ld, bias, u.cols, act));
}

void kc_act_backward(kc_mat u, kc_mat dg, kc_act act, int threads)
{
    KC_EACH(threads, static, i, u.rows,
            act_back_any(u.p + i * u.ld, dg.p + i * dg.ld, u.cols, act));
}

void kc_gate_forward(kc_mat g, kc_mat u, const float *bias, kc_act act, int threads)
{
    KC_EACH(threads, static, i, u.rows,
            gate_any(g.p + i * g.ld, u.p + i * u.ld, bias, g.cols, act));
}

void kc_gate_backward(kc_mat u, kc_mat dg, kc_act act, int threads)
{
    KC_EACH(threads, static, i, u.rows,
            gate_back_any(u.p + i * u.ld, dg.p + i * dg.ld, dg.cols, act));
}
