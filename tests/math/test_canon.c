/* SPDX-License-Identifier: BSD-3-Clause */
/* Canon layers against double precision; bits on any number of threads. */
#include "threads.h"

#include "kcap/math/canon.h"

enum { ROWS = 50, COLS = 37, LD = 40 }; /* four strips and what is left */

static kc_mat rows_of(float *p, int64_t rows)
{
    return (kc_mat){p, rows, COLS, LD};
}

/* Rounded about ten times. */
static void near(double got, double want)
{
    assert_true(fabs(got - want) < 1e-6 * fmax(1, fabs(want)));
}

static void check_forward(int64_t rows, const float *bias)
{
    const float *w = noise_of(2, KC_CANON_TAPS * COLS);
    float *x = noise_of(1, ROWS * LD), *h = noise_of(1, ROWS * LD), *y = noise_of(5, ROWS * LD);
    const float *before = noise_of(5, ROWS * LD);
    kc_canon_forward(rows_of(y, rows), rows_of(h, rows), 0, bias, w, 1);
    for (int64_t i = 0; i < ROWS * LD; ++i) {
        const int64_t t = i / LD, j = i % LD;
        if (t >= rows || j >= COLS) { /* beside the matrix nothing changes */
            assert_true(h[i] == x[i] && y[i] == before[i]);
            continue;
        }
        assert_true(h[i] == (bias ? x[i] + bias[j] : x[i]));
        double want = h[i];
        for (int64_t k = 0; k < KC_CANON_TAPS && k <= t; ++k)
            want += (double)w[k * COLS + j] * h[i - k * LD];
        near(y[i], want);
    }
}

KC_TEST(forward_is_the_sum)
{
    for (int64_t rows = 1; rows <= 6; ++rows)
        check_forward(rows, NULL);
    check_forward(ROWS, NULL);
    check_forward(ROWS, noise_of(3, COLS));
}

static void check_backward(int64_t rows)
{
    const float *w = noise_of(2, KC_CANON_TAPS * COLS), *before = noise_of(4, KC_CANON_TAPS * COLS);
    float *h = noise_of(1, ROWS * LD), *dy = noise_of(3, ROWS * LD), *out = noise_of(3, ROWS * LD);
    float *dw = noise_of(4, KC_CANON_TAPS * COLS);
    kc_canon_backward(rows_of(out, rows), rows_of(h, rows), w, dw, 1);
    float *frozen = noise_of(3, ROWS * LD);
    kc_canon_backward(rows_of(frozen, rows), rows_of(h, rows), w, NULL, 1);
    assert_memory_equal(frozen, out, ROWS * LD * sizeof *out);
    for (int64_t t = 0; t < rows; ++t)
        for (int64_t j = 0; j < COLS; ++j) {
            double want = dy[t * LD + j];
            for (int64_t k = 0; k < KC_CANON_TAPS && t + k < rows; ++k)
                want += (double)w[k * COLS + j] * dy[(t + k) * LD + j];
            near(out[t * LD + j], want);
        }
    for (int64_t k = 0; k < KC_CANON_TAPS; ++k)
        for (int64_t j = 0; j < COLS; ++j) {
            double want = before[k * COLS + j];
            for (int64_t t = k; t < rows; ++t)
                want += (double)dy[t * LD + j] * h[(t - k) * LD + j];
            assert_true(fabs(dw[k * COLS + j] - want) < 1e-5);
        }
    for (int64_t i = 0; i < ROWS * LD; ++i)
        if (i / LD >= rows || i % LD >= COLS)
            assert_true(out[i] == dy[i]);
}

KC_TEST(backward_is_its_transpose)
{
    for (int64_t rows = 1; rows <= 6; ++rows)
        check_backward(rows);
    check_backward(ROWS);
}

typedef struct bench {
    float *out, *h, *w;
} bench;

static void forward_on(void *bench_, int threads)
{
    bench *b = bench_;
    kc_canon_forward(rows_of(b->out, ROWS), rows_of(b->h, ROWS), 0, NULL, b->w, threads);
}

/* The gradient by w behind dy. */
static void backward_on(void *bench_, int threads)
{
    bench *b = bench_;
    kc_canon_backward(rows_of(b->out, ROWS), rows_of(b->h, ROWS), b->w, b->out + ROWS * LD,
                      threads);
}

KC_TEST(bits_do_not_depend_on_the_threads)
{
    enum { N = ROWS * LD, M = N + KC_CANON_TAPS * COLS };
    bench b = {test_room(M, sizeof *b.out), noise_of(1, N), noise_of(2, KC_CANON_TAPS * COLS)};
    same_bits(forward_on, &b, b.out, N, noise_of(3, N), "forward");
    same_bits(backward_on, &b, b.out, M, noise_of(3, M), "backward");
}

KC_TEST_MAIN(NULL, NULL)
