/* SPDX-License-Identifier: BSD-3-Clause */
/* What products have on their right, laid out for the kernels in use, against the matrix it is made from. */
#include "../nn/models.h"

#include "kcap/math/gemm.h"

enum { ROWS = 9, PARTS = 3 };

static kc_mat matrix(uint64_t seed, int64_t rows, int64_t cols)
{
    return kc_mat_of(noise_of(seed, rows * cols), rows, cols);
}

/* want, but for rounding: BLIS's own kernels sum as the distance of rows has it. */
static void check_product(kc_mat want, kc_mat a, kc_mat factor)
{
    kc_mat c = matrix(1, want.rows, want.cols);
    kc_gemm(c, a, factor, 0, 1);
    for (int64_t i = 0; i < want.rows * want.cols; ++i)
        if (kc_gemm_rows_stand_alone())
            assert_true(c.p[i] == want.p[i]);
        else
            assert_float_equal(c.p[i], want.p[i], 1e-4);
}

/* b [k, n] and from its transpose, by parts; of the first rows too, and of the first columns. */
static void check_factor(int64_t k, int64_t n)
{
    const int64_t few = (k + 1) / 2, cols = n > KC_STRIP ? KC_STRIP : n;
    kc_mat a = matrix(2, ROWS, k), b = matrix(3, k, n), turned = matrix(4, n, k);
    kc_mat all = matrix(5, ROWS, n), first = matrix(6, ROWS, n), left = matrix(7, ROWS, cols);
    const kc_mat factor = kc_gemm_factor(noise_of(8, k * n), k, n);
    kc_mat half = {a.p, ROWS, few, k};
    for (int64_t i = 0; i < k * n; ++i)
        turned.p[i % n * k + i / n] = b.p[i];
    kc_gemm(all, a, b, 0, 1);
    kc_gemm(first, half, kc_mat_rows(b, 0, few), 0, 1);
    kc_gemm(left, a, (kc_mat){b.p, k, cols, n}, 0, 1);
    for (int t = 0; t < 2; ++t) {
        memset(factor.p, 255, (size_t)(k * n) * sizeof *factor.p);
        for (int part = 0; part < PARTS; ++part)
            kc_gemm_lay(factor, t ? turned : b, t, part, PARTS);
        check_product(all, a, factor);
        check_product(first, half, (kc_mat){factor.p, few, n, factor.ld});
        check_product(left, a, (kc_mat){factor.p, k, cols, factor.ld});
    }
}

KC_TEST(factors_multiply_as_what_they_are_made_from)
{
    check_factor(1, 1);
    check_factor(30, 7);
    check_factor(400, 75);
    check_factor(64, 64);
    check_factor(20, 1100);
    check_factor(770, 33);
}

KC_TEST(only_kernels_of_kcap_take_strips)
{
    const int64_t ld = kc_gemm_factor(NULL, 3, 40).ld;
    assert_int_equal(ld, kc_gemm_rows_stand_alone() ? -3 * KC_STRIP : 40);
}

static int on_kernels(void **state)
{
    (void)state;
    test_kernels();
    return 0;
}

KC_TEST_MAIN(on_kernels, NULL)
