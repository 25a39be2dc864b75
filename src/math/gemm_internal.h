/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MATH_GEMM_INTERNAL_H
#define KCAP_MATH_GEMM_INTERNAL_H

#include "kcap/math/gemm.h"
#include "math/small.h"

/* As kc_gemm_start: BLIS with a name's kernels, or with its own for `tiles` where they are given. */
int kc_blis_start(const char *kernel, const kc_tiles *tiles, char name[32], kc_error *e);

/* By BLIS on the calling thread alone, whose own kernels take no strips and leave nothing out. */
void kc_blis_product(const kc_product *product);

#endif
