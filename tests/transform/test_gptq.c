/* SPDX-License-Identifier: BSD-3-Clause */
/* Packing, and GPTQ of one matrix, where the answer is known. tests/transform/solve.py has a slow direct
 * reference of it. */
#include "../comm/grids.h"

#include <math.h>

#include "kcap/base/rng.h"
#include "kcap/math/gemm.h"
#include "transform/gptq_solve.h"

enum { N = 70, M = 45 };

static float normal(uint64_t what, int64_t i)
{
    return (float)kc_rand_normal(1, KC_STREAM_INIT, what << 32 | (uint64_t)i, 0);
}

static kc_mat weights(void)
{
    const kc_mat w = kc_mat_of(test_room(N * M, sizeof(float)), N, M);
    for (int64_t i = 0; i < N * M; ++i)
        w.p[i] = normal(1, i);
    return w;
}

/* x^T x of 200 rows whose columns depend on each other. */
static double *hessian(void)
{
    double *H = test_room(N * N, sizeof *H), x[N];
    for (int64_t t = 0; t < 200; ++t) {
        for (int64_t i = 0; i < N; ++i)
            x[i] = (double)normal(2, t * N + i) + (i ? 0.7 * x[i - 1] : 0);
        for (int64_t i = 0; i < N * N; ++i)
            H[i] += x[i / N] * x[i % N];
    }
    return H;
}

/* Every number of bits, from each of the first eight values on, groups that the inputs do not divide, channels
 * that are rows and that are columns: what is read is the nearest of all codes times the scale. */
KC_TEST(what_is_packed_is_the_nearest_code)
{
    (void)state;
    const kc_matrices m = {2, 5, 9};
    float values[90], back[90];
    for (int i = 0; i < 90; ++i)
        values[i] = i % 9 == 4 ? 0 : normal(3, i);
    for (int k = 0; k < 2 * 2 * 15 * 3; ++k) {
        const kc_packing p = {KC_BITS_LEAST + k % 15, k / 15 % 2, k / 30 % 3 * 2, k / 90};
        const int64_t n_scales = kc_packing_scales(&p, &m);
        float *scales = test_room(kc_packing_room(&p, &m), sizeof *scales);
        uint8_t *bytes = test_room(kc_packing_bytes(&p, 90), 1);
        kc_packing_fit(&p, &m, values, scales);
        kc_pack(&p, &m, scales, 0, 90, values, bytes);
        for (int first = 0; first < 8; ++first) {
            kc_unpack(&p, &m, scales, first, 90 - first, bytes + first * p.bits / 8, back + first);
            for (int i = first; i < 90; ++i) {
                const int64_t at = kc_packing_scale(&p, &m, i);
                const double scale = (double)scales[at], steps = ldexp(1, p.bits);
                const double zero = p.asymmetric ? (double)scales[n_scales + at] : steps / 2;
                const double code = zero + (scale > 0 ? (double)back[i] / scale : 0);
                assert_true(code == rint(code) && code >= 0 && code < steps);
                /* a zero point is rounded: what lies beyond the last code is nearer than a step */
                assert_true(fabs((double)back[i] - (double)values[i]) <=
                            scale / (p.asymmetric ? 1 : 2) * (1 + 1e-6));
            }
        }
    }
}

/* Inputs that know nothing of each other: no error can be made up for. */
KC_TEST(identity_hessian_gives_rounding)
{
    const kc_grid *g = *state;
    for (int k = 0; k < 8; ++k) {
        const kc_quantize q = {.bits = 2 + k % 4,
                               .group = 16 * (k % 2),
                               .asymmetric = k / 4,
                               .damping = 0.01,
                               .act_order = k / 2 % 2};
        const kc_packing p = kc_gptq_packing(&q);
        const kc_matrices m = {1, N, M};
        const kc_mat w = weights(), rounded = weights();
        double *H = test_room(N * N, sizeof *H);
        kc_gptq_sums sums = {0};
        kc_error e = {0};
        for (int64_t i = 0; i < N; ++i)
            H[i * N + i] = 3;
        kc_gptq_round(&p, &m, rounded.p);
        assert_int_equal(kc_gptq_solve(g, &q, w, H, 2, &sums, &e), KC_OK);
        assert_memory_equal(w.p, rounded.p, N * M * sizeof *w.p);
        assert_true(sums.error == sums.rounding && sums.output > sums.error);
    }
}

/* Less error than rounding's, as the outputs themselves say; the same bits on any ranks and threads. */
KC_TEST(errors_are_made_up_for)
{
    const kc_grid *g = *state;
    alone self;
    alone_create(&self, g);
    for (int bits = 2; bits <= 8; ++bits) {
        const kc_quantize q = {.bits = bits,
                               .group = 32,
                               .asymmetric = bits / 2 % 2,
                               .damping = 0.01,
                               .act_order = bits % 2};
        const kc_mat was = weights(), w = weights(), one = weights();
        double *H = hessian(), sum = 0;
        kc_gptq_sums sums = {0}, own = {0};
        kc_error e = {0};
        assert_int_equal(kc_gptq_solve(g, &q, w, H, 2, &sums, &e), KC_OK);
        assert_int_equal(kc_gptq_solve(&self.grid, &q, one, H, 1, &own, &e), KC_OK);
        assert_memory_equal(w.p, one.p, N * M * sizeof *w.p);
        assert_memory_equal(&sums, &own, sizeof sums);
        assert_same_on_all(g, w.p, N * M * sizeof *w.p);
        for (int64_t i = 0; i < N * N; ++i)
            for (int64_t c = 0; c < M; ++c)
                sum += H[i] * (double)(was.p[i / N * M + c] - w.p[i / N * M + c]) *
                       (double)(was.p[i % N * M + c] - w.p[i % N * M + c]);
        assert_true(fabs(sum / sums.error - 1) < 1e-4); /* differences of floats */
        assert_true(sums.error < 0.8 * sums.rounding);
    }
}

/* An input that is never anything but 0 is rounded, and the others are as they would be without it; no input
 * at all is an error. */
KC_TEST(inputs_that_say_nothing)
{
    const kc_grid *g = *state;
    const kc_quantize q = {.bits = 3, .damping = 0.01};
    const kc_packing p = {.bits = 3};
    const kc_matrices m = {1, N, M};
    const kc_mat w = weights(), rounded = weights();
    double *H = hessian();
    kc_gptq_sums sums = {0};
    kc_error e = {0};
    for (int64_t i = 0; i < N; ++i)
        H[7 * N + i] = H[i * N + 7] = 0;
    kc_gptq_round(&p, &m, rounded.p);
    assert_int_equal(kc_gptq_solve(g, &q, w, H, 2, &sums, &e), KC_OK);
    assert_memory_equal(w.p + 7 * M, rounded.p + 7 * M, M * sizeof *w.p);
    memset(H, 0, N * N * sizeof *H);
    assert_int_equal(kc_gptq_solve(g, &q, w, H, 2, &sums, &e), KC_ENUMERIC);
    assert_non_null(strstr(e.text, "of 70 inputs is not positive definite: more --documents"));
    e = (kc_error){0};
    H[0] = INFINITY;
    assert_int_equal(kc_gptq_solve(g, &q, w, H, 2, &sums, &e), KC_ENUMERIC);
    assert_non_null(strstr(e.text, "of 70 inputs is too large for single precision"));
}

KC_TEST_MAIN(all_ranks, all_ranks_stop)
