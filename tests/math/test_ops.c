/* SPDX-License-Identifier: BSD-3-Clause */
/* What is no matrix product, against double precision; bits on any number of threads. */
#include "threads.h"

#include "kcap/math/ops.h"

KC_TEST(exp_keeps_its_bound)
{
    enum { ROW = 4096 };
    static float x[ROW], y[ROW];
    double worst = 0, step = 175.0 / 3e6;
    for (double from = -87; from < 88; from += step * ROW) {
        double sum = 0;
        for (int i = 0; i < ROW; ++i)
            x[i] = (float)fmin(from + step * i, 88);
        float total = kc_exp_row(y, x, ROW, 0, 1);
        for (int i = 0; i < ROW; ++i) {
            worst = fmax(worst, fabs(y[i] / exp((double)x[i]) - 1));
            sum += y[i];
        }
        assert_float_equal(total / sum, 1, 2e-5);
    }
    assert_true(worst < 3e-7);
}

KC_TEST(exp_at_the_edges)
{
    float x[] = {0, -0.0f, 88, 89, 1e30f, INFINITY, -87, -88, -1e30f, -INFINITY, NAN}, y[11];
    assert_true(isnan(kc_exp_row(y, x, 11, 0, 1)));
    assert_true(y[0] == 1 && y[1] == 1);
    for (int i = 3; i < 6; ++i)
        assert_true(y[i] == y[2] && isfinite(y[i]));
    for (int i = 7; i < 10; ++i)
        assert_true(y[i] == y[6] && y[i] > 0);
    assert_true(isnan(y[10]));
    float z[3] = {2, 5, 3};
    float sum = kc_exp_row(z, z, 3, 5, 0.5f);
    assert_float_equal(z[0], exp(-1.5), 1e-7);
    assert_true(z[1] == 1);
    assert_float_equal(z[2], exp(-1), 1e-7);
    assert_float_equal(sum, 1 + exp(-1.5) + exp(-1), 4e-7);
}

KC_TEST(a_nan_spoils_the_row)
{
    for (int64_t n = 1; n < 40; ++n)
        for (int64_t at = 0; at < n; ++at) {
            float x[40] = {0};
            x[at] = NAN;
            assert_true(isnan(kc_exp_row(x, x, n, kc_max_row(x, n), 1)));
        }
}

KC_TEST(the_largest_is_found)
{
    for (int64_t n = 1; n < 70; ++n)
        for (int64_t at = 0; at < n; ++at) {
            float x[70];
            for (int64_t i = 0; i < n; ++i)
                x[i] = -5 - (float)(i % 7);
            x[at] = -4;
            assert_true(kc_max_row(x, n) == -4);
        }
}

/* x y summed as ops.c says: eight lanes, what is left in the first. */
static float in_lanes(const float *x, const float *y, int64_t n)
{
    float lane[8] = {0}, sum = 0;
    for (int64_t i = 0; i < n; ++i)
        lane[i < n / 8 * 8 ? i % 8 : 0] += x[i] * y[i];
    for (int j = 0; j < 8; ++j)
        sum += lane[j];
    return sum;
}

KC_TEST(sums_have_one_order)
{
    enum { MOST = 200 };
    const float *x = noise_of(1, MOST), *y = noise_of(2, MOST);
    float e[MOST], ones[MOST];
    for (int64_t i = 0; i < MOST; ++i)
        ones[i] = 1;
    for (int64_t n = 1; n < MOST; ++n) {
        const float sum = kc_exp_row(e, x, n, 0.5f, 2);
        assert_true(sum == in_lanes(e, ones, n));
        assert_true(kc_dot_row(x, y, n) == in_lanes(x, y, n));
    }
}

/* An element has the same bits by itself as anywhere in a vector of any width. */
KC_TEST(elements_stand_alone)
{
    enum { MOST = 100 };
    const float *x = noise_of(3, MOST);
    float e[MOST], one;
    for (int64_t n = 1; n < MOST; ++n) {
        kc_exp_row(e, x, n, 0.5f, 2);
        for (int64_t i = 0; i < n; ++i) {
            kc_exp_row(&one, x + i, 1, 0.5f, 2);
            assert_true(one == e[i]);
        }
    }
}

/* Large, to be seen. */
static const float norm_eps = 0.5f;

/* Everything one norm works on: [n, d] with rows `ld` apart. */
typedef struct norm_bench {
    int64_t n, d, ld;
    int rms, biased;
    float *x, *y, *dy, *dx, *gain, *bias, *mean, *rstd, *dgain, *dbias;
} norm_bench;

static norm_bench norm_create(int64_t n, int64_t d, int rms, int biased)
{
    const int64_t ld = d + 3;
    norm_bench b = {n,
                    d,
                    ld,
                    rms,
                    biased,
                    noise_of(1, n * ld),
                    test_room(n * ld, 4),
                    noise_of(2, n * ld),
                    noise_of(3, n * ld),
                    noise_of(4, d),
                    noise_of(5, d),
                    test_room(n, 4),
                    test_room(n, 4),
                    noise_of(6, d),
                    noise_of(7, d)};
    for (int64_t i = 0; i < n * ld; ++i)
        b.x[i] = 3 * b.x[i] + 5;
    return b;
}

static void norm_run(norm_bench *b, int threads)
{
    const kc_norm norm = {b->gain, b->biased ? b->bias : NULL, b->mean, b->rstd, b->rms, norm_eps};
    kc_mat x = {b->x, b->n, b->d, b->ld}, y = {b->y, b->n, b->d, b->ld};
    kc_mat dy = {b->dy, b->n, b->d, b->ld}, dx = {b->dx, b->n, b->d, b->ld};
    kc_norm_forward(y, x, &norm, threads);
    kc_norm_backward(dx, dy, x, &norm, b->dgain, b->biased ? b->dbias : NULL, threads);
}

/* A row of the norm in double: checks y and dx, adds to dgain and dbias. */
static void check_norm_row(const norm_bench *b, int64_t i, const float *dx0, double *dgain,
                           double *dbias)
{
    const float *x = b->x + i * b->ld, *dy = b->dy + i * b->ld;
    const double d = (double)b->d;
    double mean = 0, square = 0, s = 0, sx = 0;
    for (int64_t j = 0; j < b->d; ++j)
        mean += b->rms ? 0 : x[j] / d;
    for (int64_t j = 0; j < b->d; ++j)
        square += (x[j] - mean) * (x[j] - mean) / d;
    const double rstd = 1 / sqrt(square + norm_eps);
    assert_float_equal(b->mean[i], mean, 2e-6);
    assert_float_equal(b->rstd[i] / rstd, 1, 2e-6);
    for (int64_t j = 0; j < b->d; ++j) {
        const double hat = (x[j] - mean) * rstd;
        s += b->rms ? 0 : dy[j] * (double)b->gain[j] / d;
        sx += dy[j] * (double)b->gain[j] * hat / d;
        dgain[j] += dy[j] * hat;
        dbias[j] += b->biased ? dy[j] : 0;
        assert_float_equal(b->y[i * b->ld + j], hat * b->gain[j] + (b->biased ? b->bias[j] : 0),
                           1e-5);
    }
    for (int64_t j = 0; j < b->d; ++j)
        assert_float_equal(b->dx[i * b->ld + j],
                           dx0[i * b->ld + j] +
                               rstd * (dy[j] * (double)b->gain[j] - s - (x[j] - mean) * rstd * sx),
                           1e-5);
}

static void check_norm(int rms, int biased)
{
    enum { N = 37, D = 150 };
    norm_bench b = norm_create(N, D, rms, biased);
    double dgain[D], dbias[D];
    float *dx0 = test_room(N * b.ld, sizeof *dx0);
    for (int j = 0; j < D; ++j) {
        dgain[j] = b.dgain[j];
        dbias[j] = b.dbias[j];
    }
    memcpy(dx0, b.dx, (size_t)(N * b.ld) * sizeof *dx0);
    norm_run(&b, 1);
    for (int64_t i = 0; i < N; ++i) {
        check_norm_row(&b, i, dx0, dgain, dbias);
        for (int64_t j = D; j < b.ld; ++j)
            assert_true(b.y[i * b.ld + j] == 0 && b.dx[i * b.ld + j] == dx0[i * b.ld + j]);
    }
    for (int j = 0; j < D; ++j) {
        assert_float_equal(b.dgain[j], dgain[j], 2e-5);
        assert_float_equal(b.dbias[j], dbias[j], 2e-5);
    }
}

KC_TEST(layernorm_is_right)
{
    check_norm(0, 1);
    check_norm(0, 0);
}

/* Zhang and Sennrich, equation 4: no mean is taken off. */
KC_TEST(rmsnorm_is_right)
{
    check_norm(1, 0);
    check_norm(1, 1);
}

/* RMSNorm does not see a factor; LayerNorm neither that nor what is added to all. */
KC_TEST(norms_do_not_see_the_scale)
{
    enum { D = 40 };
    float *x = noise_of(1, D), gain[D], left[D], right[D], mean, rstd;
    for (int rms = 0; rms < 2; ++rms) {
        const kc_norm norm = {gain, NULL, &mean, &rstd, rms, 1e-5f};
        for (int j = 0; j < D; ++j) {
            gain[j] = 1;
            right[j] = 8 * x[j] + (rms ? 0 : 3);
        }
        kc_norm_forward(kc_mat_of(left, 1, D), kc_mat_of(x, 1, D), &norm, 1);
        kc_norm_forward(kc_mat_of(right, 1, D), kc_mat_of(right, 1, D), &norm, 1);
        for (int j = 0; j < D; ++j)
            assert_float_equal(left[j], right[j], 3e-5); /* eps against a variance of 1 */
    }
}

/* A row of equal numbers has variance 0: only eps keeps it finite. */
KC_TEST(a_flat_row_becomes_its_bias)
{
    float x[20], y[20], gain[20], bias[20], mean, rstd;
    for (int i = 0; i < 20; ++i) {
        x[i] = 4;
        gain[i] = 2;
        bias[i] = (float)i;
    }
    kc_norm_forward(kc_mat_of(y, 1, 20), kc_mat_of(x, 1, 20),
                    &(kc_norm){gain, bias, &mean, &rstd, 0, 1e-5f}, 1);
    assert_float_equal(rstd, 1 / sqrt(1e-5), 1e-4);
    for (int i = 0; i < 20; ++i)
        assert_true(y[i] == bias[i]);
}

KC_TEST(columns_and_biases_add)
{
    enum { N = 50, D = 131, LD = 140 };
    float *x = noise_of(1, N * LD), *y = test_room(N * LD, sizeof *y), *sum = noise_of(2, D);
    float *bias = noise_of(3, D), *before = noise_of(2, D);
    kc_add_columns(sum, (kc_mat){x, N, D, LD}, 2);
    kc_add_bias((kc_mat){y, N, D, LD}, (kc_mat){x, N, D, LD}, bias, 2);
    for (int64_t j = 0; j < D; ++j) {
        double all = before[j];
        for (int64_t i = 0; i < N; ++i) {
            all += x[i * LD + j];
            assert_true(y[i * LD + j] == x[i * LD + j] + bias[j]);
        }
        assert_float_equal(sum[j], all, 1e-5);
    }
    assert_true(y[D] == 0);
    kc_add_bias((kc_mat){y, N, D, LD}, (kc_mat){x, N, D, LD}, NULL, 2);
    for (int64_t i = 0; i < N * LD; ++i)
        assert_true(y[i] == (i % LD < D ? x[i] : 0));
}

static void norm_op(void *bench, int threads)
{
    norm_run(bench, threads);
}

static void columns_op(void *bench, int threads)
{
    norm_bench *b = bench;
    kc_mat x = {b->x, b->n, b->d, b->ld}, y = {b->y, b->n, b->d, b->ld};
    kc_add_bias(y, x, b->bias, threads);
    kc_add_columns(b->dgain, y, threads);
}

KC_TEST(threads_leave_bits)
{
    for (int rms = 0; rms < 2; ++rms) {
        norm_bench b = norm_create(101, 200, rms, !rms);
        const int64_t n = b.n * b.ld;
        float *start = noise_of(9, n);
        same_bits(norm_op, &b, b.dx, n, start, "norm, dx");
        same_bits(norm_op, &b, b.y, n, start, "norm, y");
        same_bits(norm_op, &b, b.dgain, b.d, start, "norm, dgain");
        if (b.biased)
            same_bits(norm_op, &b, b.dbias, b.d, start, "norm, dbias");
        same_bits(columns_op, &b, b.dgain, b.d, start, "columns");
    }
}

/* Odd sizes, rows apart from each other; what lies around stays. */
KC_TEST(transposes)
{
    static const int64_t sizes[][2] = {{1, 1},    {8, 8},   {7, 9}, {64, 64},
                                       {65, 130}, {200, 3}, {3, 77}};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; ++k)
        for (int threads = 1; threads <= 3; threads += 2) {
            const int64_t m = sizes[k][0], n = sizes[k][1], ld_from = n + 3, ld_to = m + 5;
            float *from = noise_of(5, m * ld_from), *to = noise_of(6, n * ld_to);
            float *before = noise_of(6, n * ld_to);
            kc_transpose((kc_mat){to, n, m, ld_to}, (kc_mat){from, m, n, ld_from}, threads);
            for (int64_t j = 0; j < n; ++j)
                for (int64_t i = 0; i < ld_to; ++i)
                    assert_float_equal(to[j * ld_to + i],
                                       i < m ? from[i * ld_from + j] : before[j * ld_to + i], 0);
        }
}

KC_TEST_MAIN(NULL, NULL)
