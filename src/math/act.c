/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/math/act.h"

#include "kcap/base/team.h"
#include "math/exp.h"

static const float gelu_a = 0.7978845608f, gelu_b = 0.044715f;

/* act(x); `act` is a constant where this is used, so that the loops around it have no branch. */
static inline __attribute__((always_inline)) float act_of(float x, kc_act act, kc_exp_limits clamp)
{
    if (act == KC_SILU)
        return x / (1 + kc_exp_poly(-x, clamp));
    return x / (1 + kc_exp_poly(-2 * gelu_a * (x + gelu_b * x * x * x), clamp));
}

/* act'(x). With s = 1 / (1 + exp(-w)):  act' = s + x s (1 - s) dw/dx, w = x or 2 z. */
static inline __attribute__((always_inline)) float slope_of(float x, kc_act act,
                                                            kc_exp_limits clamp)
{
    if (act == KC_SILU) {
        const float s = 1 / (1 + kc_exp_poly(-x, clamp));
        return s + x * s * (1 - s);
    }
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

/* Row i of each matrix: one loop for each activation. */
#define FOR_ACT(row, ...) (act == KC_SILU ? row(__VA_ARGS__, KC_SILU) : row(__VA_ARGS__, KC_GELU))

void kc_act_forward(kc_mat g, kc_mat u, const float *bias, kc_act act, int threads)
{
    KC_EACH(threads, static, i, u.rows,
            FOR_ACT(act_row, g.p + i * g.ld, u.p + i * u.ld, bias, u.cols));
}

void kc_act_backward(kc_mat u, kc_mat dg, kc_act act, int threads)
{
    KC_EACH(threads, static, i, u.rows,
            FOR_ACT(act_back_row, u.p + i * u.ld, dg.p + i * dg.ld, u.cols));
}

void kc_gate_forward(kc_mat g, kc_mat u, const float *bias, kc_act act, int threads)
{
    KC_EACH(threads, static, i, u.rows,
            FOR_ACT(gate_row, g.p + i * g.ld, u.p + i * u.ld, bias, g.cols));
}

void kc_gate_backward(kc_mat u, kc_mat dg, kc_act act, int threads)
{
    KC_EACH(threads, static, i, u.rows,
            FOR_ACT(gate_back_row, u.p + i * u.ld, dg.p + i * dg.ld, dg.cols));
}
