/* SPDX-License-Identifier: BSD-3-Clause */
/* Products against double precision, kcap's own against the sums they promise, bits on any number of
 * threads, and the choice of kernels. */
#include <stdio.h>

#include "../nn/models.h"

#include "kcap/base/rng.h"
#include "kcap/math/gemm.h"

#include "math/cpu.h"
#include "math/small.h"

enum { MARGIN = 3, MAX_THREADS = 4 };

/* Those for AVX-512 in plain C, see emulated/immintrin.h. */
extern const kc_tiles kc_tiles_emulated;

/* One product: op(a) b, where a is stored transposed when `t` is set. */
typedef struct product {
    int64_t m, n, k;
    int t;
} product;

/* A matrix of noise whose rows lie `margin` floats further apart than they are long. */
static kc_mat matrix(uint64_t seed, int64_t rows, int64_t cols, int64_t margin)
{
    return (kc_mat){noise_of(seed, rows * (cols + margin)), rows, cols, cols + margin};
}

static void multiply(product p, kc_mat c, kc_mat a, kc_mat b, float beta, int threads)
{
    if (p.t)
        kc_gemm_t(c, a, b, beta, threads);
    else
        kc_gemm(c, a, b, beta, threads);
}

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

/* What kc_small_product promises of an element, in plain C. */
static float promised(product p, kc_mat a, kc_mat b, float beta, float before, int64_t i, int64_t j)
{
    const int64_t parts = (p.k + 383) / 384;
    for (int64_t n = 0; n < parts; ++n, beta = 1) {
        float x = 0;
        for (int64_t l = p.k * n / parts; l < p.k * (n + 1) / parts; ++l)
            x = fmaf(p.t ? a.p[l * a.ld + i] : a.p[i * a.ld + l], b.p[l * b.ld + j], x);
        before = beta != 0 ? fmaf(beta, before, x) : x;
    }
    return before;
}

/* A causal product against the whole one of the same matrices: row i sees columns up to i + past. */
static void check_causal(product p, kc_causal which, int64_t past, float beta,
                         const kc_tiles *tiles)
{
    kc_mat a = p.t ? matrix(1, p.k, p.m, 1) : matrix(1, p.m, p.k, 1), b = matrix(2, p.k, p.n, 2);
    kc_mat c = matrix(3, p.m, p.n, 3), want = matrix(3, p.m, p.n, 3);
    for (int64_t i = 0; which == KC_CAUSAL_A && i < a.rows; ++i)
        for (int64_t j = i + past + 1; j < a.cols; ++j)
            a.p[i * a.ld + j] = 0;
    multiply(p, want, a, b, beta, 1);
    if (tiles)
        kc_small_product(tiles, &(kc_product){c, a, b, beta, p.t, which, past});
    else
        kc_gemm_causal(c, a, p.t, b, beta, which, past);
    for (int64_t i = 0; i < p.m; ++i) {
        const int64_t n = which == KC_CAUSAL_C && i + past + 1 < p.n ? i + past + 1 : p.n;
        if (memcmp(c.p + i * c.ld, want.p + i * c.ld, (size_t)n * sizeof *c.p) != 0)
            fail_msg("[%lld,%lld,%lld] t %d causal %d past %lld: row %lld", (long long)p.m,
                     (long long)p.n, (long long)p.k, p.t, which, (long long)past, (long long)i);
    }
}

/* Blocks at the end of a window, some past what one call takes or one part of a sum. */
static void check_blocks(const kc_tiles *tiles)
{
    static const int64_t rows[] = {64, 1, 37, 64, 50, 64}, past[] = {0, 5, 70, 320, 400, 1216};
    for (int i = 0; i < 6; ++i) {
        const int64_t n = rows[i], all = past[i] + n;
        const float beta = (float)(i % 2);
        check_causal((product){n, all, 20, 0}, KC_CAUSAL_C, past[i], 0, tiles);
        check_causal((product){n, 24, all, 0}, KC_CAUSAL_A, past[i], beta, tiles);
        check_causal((product){all, 24, n, 1}, KC_CAUSAL_A, past[i], beta, tiles);
        check_causal((product){all, 7, n, 1}, KC_CAUSAL_A, past[i], 1 - beta, tiles);
    }
}

KC_TEST(causal_products_are_the_whole_ones)
{
    check_blocks(NULL);
#if defined(__x86_64__)
    if (kc_gemm_rows_stand_alone())
        check_blocks(&kc_tiles_emulated);
#endif
}

/* b as a factor, made in two parts: the first of more rows, and of more columns where strips are whole. */
static kc_mat in_strips(kc_mat b)
{
    const int64_t rows = b.rows + 3, cols = b.cols + (b.cols % KC_STRIP ? 0 : 5);
    kc_mat whole = matrix(4, rows, cols, 1), strips = matrix(5, rows, cols, 0);
    for (int64_t i = 0; i < b.rows; ++i)
        memcpy(whole.p + i * whole.ld, b.p + i * b.ld, (size_t)b.cols * sizeof *b.p);
    strips.ld = -rows * KC_STRIP;
    for (int part = 0; part < 2; ++part)
        kc_gemm_lay(strips, whole, 0, part, 2);
    return (kc_mat){strips.p, b.rows, b.cols, strips.ld};
}

/* With b by rows, and in strips. */
static void check_promise(const kc_tiles *tiles, product p, int64_t margin, float beta)
{
    kc_mat a = p.t ? matrix(1, p.k, p.m, margin) : matrix(1, p.m, p.k, margin);
    kc_mat b = matrix(2, p.k, p.n, 2 * margin), c = matrix(3, p.m, p.n, 3 * margin);
    const size_t bytes = (size_t)(c.rows * c.ld) * sizeof(float);
    float *want = test_room(c.rows * c.ld, sizeof *want), *before = test_room(c.rows * c.ld, 4);
    const kc_mat as[2] = {b, in_strips(b)};
    memcpy(before, c.p, bytes);
    memcpy(want, c.p, bytes);
    for (int64_t i = 0; i < p.m; ++i)
        for (int64_t j = 0; j < p.n; ++j)
            want[i * c.ld + j] = promised(p, a, b, beta, want[i * c.ld + j], i, j);
    for (int strips = 0; strips < 2; ++strips) {
        memcpy(c.p, before, bytes);
        if (tiles)
            kc_small_product(
                tiles,
                &(kc_product){.c = c, .a = a, .b = as[strips], .beta = beta, .transposed = p.t});
        else
            multiply(p, c, a, as[strips], beta, 1);
        if (memcmp(want, c.p, bytes) != 0)
            fail_msg("[%lld,%lld,%lld] t %d margin %lld beta %g strips %d: not the sums promised",
                     (long long)p.m, (long long)p.n, (long long)p.k, p.t, (long long)margin,
                     (double)beta, strips);
    }
}

static int64_t size(uint64_t shape, uint32_t which, uint64_t most)
{
    return 1 + (int64_t)kc_rand_below(1, KC_STREAM_RANDOM, shape, which, most);
}

/* 300 shapes by chance, rows of b a page apart, which are packed, and more rows of a transposed a than
 * are packed at a time. */
static void check_promises(const kc_tiles *tiles)
{
    for (uint64_t i = 0; i < 300; ++i) {
        const product p = {size(i, 0, 70), size(i, 1, 200), size(i, 2, i % 8 ? 100 : 1000), i % 2};
        check_promise(tiles, p, size(i, 3, 4) - 1, (float)(i % 3) * 0.5f);
    }
    check_promise(tiles, (product){13, 1024, 31, 0}, 0, 1);
    check_promise(tiles, (product){13, 1000, 31, 1}, 12, 0);
    check_promise(tiles, (product){520, 70, 400, 1}, 3, 1);
}

KC_TEST(own_kernels_keep_their_promise)
{
#if defined(__x86_64__)
    if (kc_cpu_has_avx(0))
        check_promises(&kc_tiles_avx2);
    if (kc_cpu_has_avx(1))
        check_promises(&kc_tiles_avx512);
    check_promises(&kc_tiles_emulated);
#endif
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

static int on_kernels(void **state)
{
    (void)state;
    test_kernels();
    return 0;
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
        check_promises(NULL);
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
