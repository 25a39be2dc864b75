/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/nn/ops.h"

#include <math.h>
#include <string.h>

#include "kcap/base/err.h"

enum { CHUNK = 64 };
static const float norm_eps = 1e-5f;

/* Where exp is clamped. The compiler must not see the values: it would split the loops into a
 * branch for each clamp (the result is a constant there) and compute all of them, four times as
 * slow. */
typedef struct limits {
    float least, most;
} limits;

static inline limits exp_limits(void)
{
    limits l = {-87.0f, 88.0f};
    __asm__("" : "+m"(l));
    return l;
}

/* exp by x = n ln 2 + r, |r| <= ln(2)/2, a polynomial in r and n added to the exponent. The
 * constant 1.5 * 2^23 rounds to nearest and leaves n in the low bits. A NaN passes through the
 * clamps. */
static inline float exp_poly(float x, limits clamp)
{
    const float log2e = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f,
                round = 12582912.0f;
    x = x < clamp.least ? clamp.least : x;
    x = x > clamp.most ? clamp.most : x;
    float t = x * log2e + round;
    float n = t - round;
    float r = x - n * ln2_high - n * ln2_low;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r * r + r + 1.0f;
    uint32_t bits;
    memcpy(&bits, &t, sizeof bits);
    bits = (bits << 23) + 0x3f800000u;
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

float kc_exp_row(float *y, const float *x, int64_t n, float shift, float scale)
{
    const limits clamp = exp_limits();
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; ++i) {
        float e = exp_poly(scale * (x[i] - shift), clamp);
        y[i] = e;
        sum += e;
    }
    return sum;
}

float kc_max_row(const float *x, int64_t n)
{
    float max = x[0];
#pragma omp simd reduction(max : max)
    for (int64_t i = 0; i < n; ++i)
        max = x[i] > max ? x[i] : max;
    return max;
}

/* Mean and 1 / sqrt(variance + eps) of a row. */
static void moments(const float *x, int64_t d, float *mean, float *rstd)
{
    float sum = 0, square = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < d; ++j)
        sum += x[j];
    float m = sum / (float)d;
#pragma omp simd reduction(+ : square)
    for (int64_t j = 0; j < d; ++j)
        square += (x[j] - m) * (x[j] - m);
    *mean = m;
    *rstd = 1 / sqrtf(square / (float)d + norm_eps);
}

void kc_norm_forward(kc_mat y, kc_mat x, const kc_norm *norm, int threads)
{
    const int64_t d = x.cols;
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
    for (int64_t i = 0; i < x.rows; ++i) {
        const float *restrict in = x.p + i * x.ld;
        float *restrict out = y.p + i * y.ld, mean, rstd;
        moments(in, d, &mean, &rstd);
        norm->mean[i] = mean;
        norm->rstd[i] = rstd;
        for (int64_t j = 0; j < d; ++j)
            out[j] = (in[j] - mean) * rstd * norm->gain[j] + norm->bias[j];
    }
}

/* With xhat = (x - mean) rstd and s = dy gain:  dx = rstd (s - mean(s) - xhat mean(s xhat)). */
static void norm_backward_row(float *restrict dx, const float *restrict dy, const float *restrict x,
                              const float *restrict gain, int64_t d, float mean, float rstd)
{
    float sum = 0, dot = 0;
#pragma omp simd reduction(+ : sum, dot)
    for (int64_t j = 0; j < d; ++j) {
        float s = dy[j] * gain[j];
        sum += s;
        dot += s * (x[j] - mean);
    }
    const float mean_s = sum / (float)d, mean_sx = dot * rstd / (float)d;
    for (int64_t j = 0; j < d; ++j)
        dx[j] += rstd * (dy[j] * gain[j] - mean_s - (x[j] - mean) * rstd * mean_sx);
}

void kc_norm_backward(kc_mat dx, kc_mat dy, kc_mat x, const kc_norm *norm, float *dgain,
                      float *dbias, int threads)
{
    const int64_t d = x.cols;
#pragma omp parallel num_threads(threads) if (threads > 1)
    {
#pragma omp for schedule(static) nowait
        for (int64_t i = 0; i < x.rows; ++i)
            norm_backward_row(dx.p + i * dx.ld, dy.p + i * dy.ld, x.p + i * x.ld, norm->gain, d,
                              norm->mean[i], norm->rstd[i]);
#pragma omp for schedule(static)
        for (int64_t j0 = 0; j0 < d; j0 += CHUNK) {
            const int64_t n = d - j0 < CHUNK ? d - j0 : CHUNK;
            float gain[CHUNK] = {0}, bias[CHUNK] = {0};
            for (int64_t i = 0; i < x.rows; ++i) {
                const float *restrict in = x.p + i * x.ld + j0, *restrict g = dy.p + i * dy.ld + j0;
                const float mean = norm->mean[i], rstd = norm->rstd[i];
                for (int64_t j = 0; j < n; ++j) {
                    gain[j] += g[j] * ((in[j] - mean) * rstd);
                    bias[j] += g[j];
                }
            }
            for (int64_t j = 0; j < n; ++j) {
                dgain[j0 + j] += gain[j];
                dbias[j0 + j] += bias[j];
            }
        }
    }
}

static const float gelu_a = 0.7978845608f, gelu_b = 0.044715f;

void kc_gelu_forward(kc_mat g, kc_mat u, const float *bias, int threads)
{
    const limits clamp = exp_limits();
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
    for (int64_t i = 0; i < u.rows; ++i) {
        float *restrict in = u.p + i * u.ld, *restrict out = g.p + i * g.ld;
#pragma omp simd
        for (int64_t j = 0; j < u.cols; ++j) {
            float x = in[j] + bias[j];
            in[j] = x;
            out[j] = x / (1 + exp_poly(-2 * gelu_a * (x + gelu_b * x * x * x), clamp));
        }
    }
}

/* With s = 1 / (1 + exp(-2 z)):  gelu' = s + x s (1 - s) 2 dz/dx. */
void kc_gelu_backward(kc_mat u, kc_mat dg, int threads)
{
    const limits clamp = exp_limits();
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
    for (int64_t i = 0; i < u.rows; ++i) {
        float *restrict x = u.p + i * u.ld;
        const float *restrict g = dg.p + i * dg.ld;
#pragma omp simd
        for (int64_t j = 0; j < u.cols; ++j) {
            float v = x[j], square = v * v;
            float s = 1 / (1 + exp_poly(-2 * gelu_a * v * (1 + gelu_b * square), clamp));
            x[j] = g[j] * (s + v * s * (1 - s) * 2 * gelu_a * (1 + 3 * gelu_b * square));
        }
    }
}

void kc_add_bias(kc_mat y, kc_mat x, const float *bias, int threads)
{
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
    for (int64_t i = 0; i < x.rows; ++i) {
        float *restrict out = y.p + i * y.ld;
        const float *restrict in = x.p + i * x.ld;
        for (int64_t j = 0; j < x.cols; ++j)
            out[j] = in[j] + bias[j];
    }
}

void kc_add_columns(float *sum, kc_mat x, int threads)
{
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
    for (int64_t j0 = 0; j0 < x.cols; j0 += CHUNK) {
        const int64_t n = x.cols - j0 < CHUNK ? x.cols - j0 : CHUNK;
        float part[CHUNK] = {0};
        for (int64_t i = 0; i < x.rows; ++i) {
            const float *restrict in = x.p + i * x.ld + j0;
            for (int64_t j = 0; j < n; ++j)
                part[j] += in[j];
        }
        for (int64_t j = 0; j < n; ++j)
            sum[j0 + j] += part[j];
    }
}
