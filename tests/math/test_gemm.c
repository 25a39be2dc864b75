/* SPDX-License-Identifier: BSD-3-Clause */
/* Products against double precision, bits on any number of threads, and the choice of kernels. */
#include <stdio.h>

#include "products.h"

#include "math/cpu.h"

enum { MARGIN = 3, MAX_THREADS = 4 };

/* Every element of c against before * beta + a b in double; what lies between the rows stays. */
static void compare(product p, kc_mat c, kc_mat a, kc_mat b, float beta, const float *before)
{
    for (int64_t i = 0; i < p.m; ++i)
        for (int64_t j = 0; j < p.n; ++j) {
            double sum = beta ? beta * (double)before[i * c.ld + j] : 0, size = fabs(sum);
            for (int64_t l = 0; l < p.k; ++l) {
                double x = p.t ? a.p[l * a.ld + i] : a.p[i * a.ld + l], y = b.p[l * b.ld + j];
                sum += x * y;
                size += fabs(x * y);
            }
            if (!(fabs(sum - c.p[i * c.ld + j]) <= (double)(p.k + 2) * 0x1p-24 * size))
                fail_msg("[%lld,%lld,%lld] t %d beta %g: element %lld, %lld is %.9g, not %.9g",
                         (long long)p.m, (long long)p.n, (long long)p.k, p.t, (double)beta,
                         (long long)i, (long long)j, (double)c.p[i * c.ld + j], sum);
        }
    for (int64_t i = 0; i < p.m; ++i)
        assert_memory_equal(c.p + i * c.ld + p.n, before + i * c.ld + p.n,
                            (size_t)(c.ld - p.n) * sizeof *before);
}

static void check_product(product p, int64_t margin, float beta)
{
    kc_mat a = p.t ? matrix(1, p.k, p.m, margin) : matrix(1, p.m, p.k, margin);
    kc_mat b = matrix(2, p.k, p.n, 2 * margin), c = matrix(3, p.m, p.n, 3 * margin);
    const size_t bytes = (size_t)(c.rows * c.ld) * sizeof(float);
    float *before = test_room(c.rows * c.ld, sizeof *before);
    if (beta == 0)
        for (int64_t i = 0; i < p.m; ++i)
            for (int64_t j = 0; j < p.n; ++j)
                c.p[i * c.ld + j] = NAN;
    memcpy(before, c.p, bytes);
    multiply(p, c, a, b, beta, 1);
    compare(p, c, a, b, beta, before);
}

KC_TEST(products_are_right)
{
    static const product odd[] = {{1, 1, 1, 0},     {5, 7, 3, 0},    {17, 33, 65, 0},
                                  {64, 10, 150, 0}, {31, 1, 64, 0},  {1, 129, 20, 0},
                                  {6, 16, 256, 0},  {13, 50, 301, 0}};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; ++i)
        for (int t = 0; t < 2; ++t)
            for (int64_t margin = 0; margin <= MARGIN; margin += MARGIN)
                for (int beta = 0; beta < 2; ++beta) {
                    product p = odd[i];
                    p.t = t;
                    check_product(p, margin, (float)beta);
                }
}

/* Sum over rows too long for one pass of a kernel. */
KC_TEST(long_sums)
{
    check_product((product){9, 11, 3000, 0}, 0, 0);
    check_product((product){9, 11, 3000, 1}, 0, 1);
}

/* More rows and columns than one call of the library takes. */
KC_TEST(many_tiles)
{
    for (int t = 0; t < 2; ++t) {
        check_product((product){300, 1100, 70, t}, MARGIN, 0);
        check_product((product){515, 20, 9, t}, 0, 1);
        check_product((product){256, 2049, 3, t}, MARGIN, 1);
    }
}

static void check_bits(product p, float beta)
{
    kc_mat a = p.t ? matrix(1, p.k, p.m, 0) : matrix(1, p.m, p.k, 0);
    kc_mat b = matrix(2, p.k, p.n, 0), c = matrix(3, p.m, p.n, 0);
    const size_t bytes = (size_t)(p.m * p.n) * sizeof(float);
    float *before = test_room(p.m * p.n, sizeof(float)), *one = test_room(p.m * p.n, sizeof(float));
    memcpy(before, c.p, bytes);
    for (int threads = 1; threads <= MAX_THREADS; ++threads) {
        memcpy(c.p, before, bytes);
        multiply(p, c, a, b, beta, threads);
        if (threads == 1)
            memcpy(one, c.p, bytes);
        else if (memcmp(one, c.p, bytes) != 0)
            fail_msg("[%lld,%lld,%lld] t %d beta %g: other bits on %d threads than on one",
                     (long long)p.m, (long long)p.n, (long long)p.k, p.t, (double)beta, threads);
    }
}

/* A linear layer [T, in] -> [T, out], forward and backward. */
static void check_linear(int64_t T, int64_t in, int64_t out)
{
    check_bits((product){T, out, in, 0}, 0);
    check_bits((product){T, out, in, 0}, 1);
    check_bits((product){T, in, out, 0}, 0);
    check_bits((product){in, out, T, 1}, 1);
}

static void check_model(int64_t T, int64_t d, int64_t V, int64_t hd)
{
    enum { ROWS = 64, HEAD = 128 };
    check_linear(T, d, 3 * d);
    check_linear(T, d, d);
    check_linear(T, d, 4 * d);
    check_linear(T, 4 * d, d);
    check_bits((product){HEAD, V, d, 0}, 0);
    check_bits((product){HEAD, d, V, 0}, 0);
    check_bits((product){V, d, HEAD, 1}, 1);
    for (int64_t seen = ROWS; seen <= T; seen += ROWS) {
        check_bits((product){ROWS, seen, hd, 0}, 0);
        check_bits((product){ROWS, hd, seen, 0}, 0);
        check_bits((product){seen, hd, ROWS, 1}, 1);
    }
}

KC_TEST(threads_leave_bits)
{
    check_model(256, 32, 279, 32);
    check_model(512, 64, 700, 64);
    check_model(512, 128, 3000, 64);
    check_model(96, 60, 101, 20);
}

/* kcap's and BLIS's kernels may take turns; BLIS keeps its first ones. */
KC_TEST(kernels_are_chosen_once)
{
    char first[32] = "", blis[32] = "", again[32] = "", text[200];
    kc_error e = {0};
    assert_int_equal(kc_gemm_start(NULL, first, &e), KC_OK);
    assert_int_equal(kc_gemm_start("blis", blis, &e), KC_OK);
    assert_string_not_equal(blis, "kcap");
#if defined(__x86_64__)
    kc_error wrong = {0};
    if (kc_cpu_has_avx(0)) {
        assert_string_equal(first, "kcap");
        assert_int_equal(kc_gemm_start("kcap", again, &e), KC_OK);
        assert_string_equal(again, "kcap");
    }
    if (!kc_cpu_has_avx(1)) {
        kc_error refused = {0};
        assert_int_equal(kc_gemm_start("skx", again, &refused), KC_EINPUT);
        assert_string_equal(refused.text,
                            "parallel.kernel: this CPU cannot run the skx kernels; use auto");
    }
    const char *other = strcmp(blis, "zen") == 0 ? "haswell" : "zen";
    assert_int_equal(kc_gemm_start(other, again, &wrong), KC_EINPUT);
    snprintf(text, sizeof text, "parallel.kernel: asked for %s, BLIS runs %s", other, blis);
    assert_string_equal(wrong.text, text);
    assert_string_equal(again, blis);
#endif
    kc_error unknown = {0};
    assert_int_equal(kc_gemm_start("abacus", again, &unknown), KC_EINPUT);
    kc_gemm_version(text, sizeof text);
    assert_memory_equal(text, "BLIS ", 5);
}

KC_TEST_MAIN(on_kernels, NULL)
