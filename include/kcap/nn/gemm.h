/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_GEMM_H
#define KCAP_NN_GEMM_H

#include "kcap/base/err.h"
#include "kcap/nn/shapes.h"

/* The only door to BLIS. Bits depend on the kernels (chosen once, by name) and the shapes, not on
 * the number of threads: tests/nn/test_gemm.c asserts it at the shapes that models use. */

/* Choose the kernels before any product: a name of parallel.kernel, or auto for BLIS's own choice
 * from the CPU model.
 *   name        [32] receives the kernels in use
 *   collective  no; the caller compares the names over ranks
 *   errors      KC_EINPUT: kernels that this CPU cannot run, or that BLIS does not have, or
 *               another choice after the first */
int kc_gemm_start(const char *kernel, char name[32], kc_error *e);

/* BLIS's version, one line. */
void kc_gemm_version(char *text, size_t size);

/* c[m,n] = a[m,k] b[k,n] + beta c, on `threads` threads. With beta = 0 what c held is not read. */
void kc_gemm(kc_mat c, kc_mat a, kc_mat b, float beta, int threads);

/* c[m,n] = a[k,m]^T b[k,n] + beta c. */
void kc_gemm_t(kc_mat c, kc_mat a, kc_mat b, float beta, int threads);

#endif
