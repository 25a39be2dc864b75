/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_MATH_PRODUCTS_H
#define KCAP_TESTS_MATH_PRODUCTS_H

#include "../nn/models.h"

#include "kcap/math/gemm.h"

/* One product: op(a) b, where a is stored transposed when `t` is set. */
typedef struct product {
    int64_t m, n, k;
    int t;
} product;

/* A matrix of noise whose rows lie `margin` floats further apart than they are long. */
static inline kc_mat matrix(uint64_t seed, int64_t rows, int64_t cols, int64_t margin)
{
    return (kc_mat){noise_of(seed, rows * (cols + margin)), rows, cols, cols + margin};
}

static inline void multiply(product p, kc_mat c, kc_mat a, kc_mat b, float beta, int threads)
{
    if (p.t)
        kc_gemm_t(c, a, b, beta, threads);
    else
        kc_gemm(c, a, b, beta, threads);
}

/* A group set-up: the kernels that KCAP_TEST_KERNEL names. */
static inline int on_kernels(void **state)
{
    (void)state;
    test_kernels();
    return 0;
}

#endif
