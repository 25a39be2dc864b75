/* SPDX-License-Identifier: BSD-3-Clause */
/* Factors, solutions and inverses, put together again. */
#include "../test.h"

#include <math.h>

#include "kcap/base/rng.h"
#include "kcap/math/cholesky.h"

/* Below, at and above the sizes that are worked on at a time. */
static const int64_t sizes[] = {1, 2, 7, 8, 9, 64, 71, 137};
enum { SIZES = sizeof sizes / sizeof *sizes, COLUMNS = 70 };

static double normal(uint64_t what, int64_t i)
{
    return kc_rand_normal(1, KC_STREAM_INIT, what << 32 | (uint64_t)i, 0);
}

/* x x^T of x [d, 2 d]. */
static double *positive(int64_t d)
{
    double *a = test_room(d * d, sizeof *a);
    for (int64_t i = 0; i < d; ++i)
        for (int64_t j = 0; j < d; ++j)
            for (int64_t k = 0; k < 2 * d; ++k)
                a[i * d + j] += normal(1, i * 2 * d + k) * normal(1, j * 2 * d + k);
    return a;
}

static double *noise(int64_t n)
{
    double *x = test_room(n, sizeof *x);
    for (int64_t i = 0; i < n; ++i)
        x[i] = normal(2, i);
    return x;
}

KC_TEST(systems_are_solved)
{
    for (int s = 0; s < SIZES; ++s) {
        const int64_t d = sizes[s], n = COLUMNS;
        double *a = positive(d), *u = positive(d), *b = noise(d * n), *x = noise(d * n);
        assert_true(kc_cholesky(u, d, 2));
        kc_cholesky_solve(u, d, x, n, 2);
        for (int64_t i = 0; i < d; ++i)
            for (int64_t j = 0; j < n; ++j) {
                double sum = 0;
                for (int64_t k = 0; k < d; ++k)
                    sum += a[i * d + k] * x[k * n + j];
                assert_float_equal(sum, b[i * n + j], 1e-10);
            }
    }
}

/* U^T U a = 1, U upper. */
KC_TEST(inverses_are_factored)
{
    for (int s = 0; s < SIZES; ++s) {
        const int64_t d = sizes[s];
        double *a = positive(d), *u = positive(d), *ua = test_room(d * d, sizeof *ua);
        assert_true(kc_cholesky_inverse(u, d, 2));
        for (int64_t i = 0; i < d * d; ++i) {
            assert_true(i / d <= i % d ? i / d < i % d || u[i] > 0 : u[i] == 0);
            for (int64_t k = 0; k < d; ++k)
                ua[i] += u[i / d * d + k] * a[k * d + i % d];
        }
        for (int64_t i = 0; i < d * d; ++i) {
            double sum = 0, want = i / d == i % d;
            for (int64_t k = 0; k < d; ++k)
                sum += u[k * d + i / d] * ua[k * d + i % d];
            assert_float_equal(sum, want, 1e-10);
        }
    }
}

KC_TEST(threads_do_not_matter)
{
    const int64_t d = 137;
    double *one = positive(d), *four = positive(d), *x = noise(d * d), *y = noise(d * d);
    const size_t bytes = (size_t)(d * d) * sizeof *one;
    assert_true(kc_cholesky(one, d, 1) && kc_cholesky(four, d, 4));
    assert_memory_equal(one, four, bytes);
    kc_cholesky_solve(one, d, x, d, 1);
    kc_cholesky_solve(four, d, y, d, 4);
    assert_memory_equal(x, y, bytes);
    one = positive(d);
    four = positive(d);
    assert_true(kc_cholesky_inverse(one, d, 1) && kc_cholesky_inverse(four, d, 4));
    assert_memory_equal(one, four, bytes);
}

KC_TEST(what_is_not_positive_definite_is_said)
{
    for (int s = 0; s < SIZES; ++s)
        for (int inverse = 0; inverse < 2; ++inverse) {
            const int64_t d = sizes[s], at = (d - 1) / (1 + inverse);
            double *a = positive(d);
            a[at * d + at] = s % 2 ? -1 : NAN;
            assert_false((inverse ? kc_cholesky_inverse : kc_cholesky)(a, d, 1));
        }
}

KC_TEST_MAIN(NULL, NULL)
