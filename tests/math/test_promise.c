/* SPDX-License-Identifier: BSD-3-Clause */
/* kcap's own kernels against the sums that they promise, bit for bit: with b by rows and in strips, and of
 * causal products. */
#include "products.h"

#include "kcap/base/rng.h"

#include "math/cpu.h"
#include "math/small.h"

/* Those for AVX-512 in plain C, see emulated/immintrin.h. */
extern const kc_tiles kc_tiles_emulated;

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

/* By the way that a model takes, where BLIS's kernels were chosen before. */
KC_TEST(products_keep_the_promise)
{
#if defined(__x86_64__)
    char name[32] = "";
    kc_error e = {0};
    if (!kc_cpu_has_avx(0))
        return;
    assert_int_equal(kc_gemm_start("blis", name, &e), KC_OK);
    assert_int_equal(kc_gemm_start("kcap", name, &e), KC_OK);
    assert_string_equal(name, "kcap");
    check_promises(NULL);
#endif
}

KC_TEST_MAIN(on_kernels, NULL)
