/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MATH_GEMM_INTERNAL_H
#define KCAP_MATH_GEMM_INTERNAL_H

#include "kcap/math/gemm.h"

/* c = op(a) b + beta c on the calling thread alone; op transposes a when `transposed` is set. */
typedef void (*kc_gemm_serial)(kc_mat c, kc_mat a, int transposed, kc_mat b, float beta);

/* As kc_gemm_start, for the kernels of one library; *serial is set where they can run. */
int kc_gemm_blis(const char *kernel, char name[32], kc_gemm_serial *serial, kc_error *e);
int kc_gemm_onednn(const char *kernel, char name[32], kc_gemm_serial *serial, kc_error *e);

/* 1 when kcap was built with oneDNN; a line with the library's version. */
int kc_gemm_has_onednn(void);
void kc_gemm_onednn_version(char *text, size_t size);
void kc_gemm_blis_version(char *text, size_t size);

#endif
