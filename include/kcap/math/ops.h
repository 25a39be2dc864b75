/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MATH_OPS_H
#define KCAP_MATH_OPS_H

#include "kcap/math/mat.h"

/* Everything of a layer that is not a matrix product. Rows are split over `threads` threads, sums
 * over rows are split by columns and run in row order, so the bits do not depend on the threads.
 * No scalar libm: exp is a polynomial that the compiler vectorises. */

/* y[i] = exp(scale (x[i] - shift)), returns their sum, in kc_dot_row's order. y may be x. Relative error of
 * each below 3e-7 where |argument| < 87; clamped outside (tests/math/test_ops.c). */
float kc_exp_row(float *y, const float *x, int64_t n, float shift, float scale);

/* The sum of x[i] y[i] over n floats each, on the calling thread: eight lanes take every eighth element, the
 * first one what is left of whole eights too, and are added up in turn. So the bits are the same with AVX2
 * and with AVX-512. */
float kc_dot_row(const float *x, const float *y, int64_t n);

/* x[i] *= by, n floats, on the calling thread. */
void kc_scale_row(float *x, int64_t n, float by);

/* Largest of n floats; NaN if the first is, and a NaN further on still spoils kc_exp_row's sum. */
float kc_max_row(const float *x, int64_t n);

/* y = (x - mean) rstd gain + bias by rows of d, rstd = 1 / sqrt(variance + eps); mean and rstd [n]
 * are kept for backward. RMSNorm (Zhang and Sennrich, arXiv 1910.07467): mean is 0. */
typedef struct kc_norm {
    const float *gain, *bias; /* [d]; bias NULL: none        */
    float *mean, *rstd;       /* [n]                         */
    int rms;                  /* RMSNorm in place of LayerNorm */
    float eps;
} kc_norm;
void kc_norm_forward(kc_mat y, kc_mat x, const kc_norm *norm, int threads);

/* dx += d loss / d x, dgain += (NULL: neither), dbias += (NULL: none). */
void kc_norm_backward(kc_mat dx, kc_mat dy, kc_mat x, const kc_norm *norm, float *dgain,
                      float *dbias, int threads);

/* to[n,m] = from[m,n]^T; they do not overlap. */
void kc_transpose(kc_mat to, kc_mat from, int threads);

/* y = x + bias by rows (NULL: y = x). */
void kc_add_bias(kc_mat y, kc_mat x, const float *bias, int threads);

/* sum[j] += x[0][j] + x[1][j] + ... in row order. */
void kc_add_columns(float *sum, kc_mat x, int threads);

#endif
