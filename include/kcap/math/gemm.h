/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MATH_GEMM_H
#define KCAP_MATH_GEMM_H

#include "kcap/base/err.h"
#include "kcap/math/mat.h"

/* The only door to BLIS, which multiplies matrices by kernels of kcap's own where the CPU has AVX2 or
 * AVX-512, else or by name by its own. Products are cut into tiles of a fixed size, one serial call
 * each, so bits depend on the kernels (chosen once, by name) and the shapes, not on the number of
 * threads. */

/* Choose the kernels before any product: a name of parallel.kernel, or NULL for "kcap" where the CPU can
 * run them (the same bits on all that can) and else "blis", BLIS's own choice from the CPU model.
 *   name        [32] receives the kernels in use
 *   collective  no; the caller compares the names over ranks
 *   errors      KC_EINPUT: kernels that this CPU cannot run, or that BLIS does not have, or others
 *               of BLIS's after the first choice */
int kc_gemm_start(const char *kernel, char name[32], kc_error *e);

/* BLIS's version, one line. */
void kc_gemm_version(char *text, size_t size);

/* 1: a row of a product has the same bits whatever rows there are beside it, as kcap's own kernels have it; 0:
 * BLIS's choose by the shape. */
int kc_gemm_rows_stand_alone(void);

/* c[m,n] = a[m,k] b[k,n] + beta c, on `threads` threads. With beta = 0 what c held is not read. */
void kc_gemm(kc_mat c, kc_mat a, kc_mat b, float beta, int threads);

/* c[m,n] = a[k,m]^T b[k,n] + beta c. */
void kc_gemm_t(kc_mat c, kc_mat a, kc_mat b, float beta, int threads);

/* Where query i sees the keys up to i + past alone, as a (of a transposed one its rows are the queries) or c: what
 * lies right of that is zeros in a, and need not be read; in c it is not wanted, and may be written or not. */
typedef enum kc_causal { KC_CAUSAL_NOT, KC_CAUSAL_A, KC_CAUSAL_C } kc_causal;

/* kc_gemm or kc_gemm_t on the calling thread, in less time. */
void kc_gemm_causal(kc_mat c, kc_mat a, int transposed, kc_mat b, float beta, kc_causal which,
                    int64_t past);

/* What several products have on their right, laid out once as the kernels read it best: [height, width] in
 * height * width floats at p, in strips for kcap's own and by rows for BLIS's, so after kc_gemm_start. A
 * view, for kc_gemm and kc_gemm_t as their b alone; with fewer rows it is the first of them, with fewer
 * columns, a multiple of KC_STRIP, likewise. */
kc_mat kc_gemm_factor(const float *p, int64_t height, int64_t width);

/* 1: few products read a matrix of few columns on their right by rows as fast as laid out. */
int kc_gemm_rows_will_do(void);

/* Fills it: to = from, or from^T; the `part`-th of `parts` equal parts, on the calling thread. */
void kc_gemm_lay(kc_mat to, kc_mat from, int transposed, int part, int parts);

#endif
