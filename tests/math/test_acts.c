/* SPDX-License-Identifier: BSD-3-Clause */
/* Activations, plain and gated, against double precision; bits on any number of threads. */
#include "threads.h"

#include "kcap/math/act.h"
#include "kcap/math/ops.h"

enum { ROWS = 80, COLS = 1001, LD = COLS + 5, WIDE = 2 * COLS + 3 };

static double gelu(double x)
{
    return 0.5 * x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

static double gelu_slope(double x)
{
    const double a = sqrt(2 / M_PI), z = tanh(a * (x + 0.044715 * x * x * x));
    return 0.5 * (1 + z) + 0.5 * x * (1 - z * z) * a * (1 + 3 * 0.044715 * x * x);
}

static double silu(double x)
{
    return x / (1 + exp(-x));
}

static double silu_slope(double x)
{
    const double e = exp(-x);
    return (1 + e + x * e) / ((1 + e) * (1 + e));
}

static double gelu_erf(double x)
{
    return 0.5 * x * erfc(-x / sqrt(2));
}

static double gelu_erf_slope(double x)
{
    return 0.5 * erfc(-x / sqrt(2)) + x * exp(-0.5 * x * x) / sqrt(2 * M_PI);
}

/* Errors allowed: of the value over |x| or 1, and of the slope; gated: rounded once more. */
static const struct activation {
    kc_act act;
    double (*value)(double), (*slope)(double), error, slope_error;
    const char *name;
} activations[] = {
    /* Measured 1.2e-7, and 2.0e-6 at 5, where 1 - s has lost its low bits. */
    {KC_GELU, gelu, gelu_slope, 4e-7, 3e-6, "gelu"},
    /* Measured 1.1e-7 and 1.0e-6. */
    {KC_SILU, silu, silu_slope, 4e-7, 2e-6, "silu"},
    {KC_GELU_ERF, gelu_erf, gelu_erf_slope, 4e-7, 2e-6, "gelu_erf"},
};

static kc_mat rows_of(float *p, int64_t cols, int64_t ld)
{
    return (kc_mat){p, ROWS, cols, ld};
}

/* From -20 to 20, evenly; `cols` of each row of `ld`. */
static float *inputs_of(int64_t ld)
{
    float *x = test_room(ROWS * ld, sizeof *x);
    for (int64_t i = 0; i < ROWS * ld; ++i)
        x[i] = (float)(40.0 * (double)i / (double)(ROWS * ld) - 20);
    return x;
}

static float *biases_of(int64_t n)
{
    float *bias = test_room(n, sizeof *bias);
    for (int64_t i = 0; i < n; ++i)
        bias[i] = (float)(i % 3 - 1);
    return bias;
}

static void check_activation(const struct activation *a, const float *bias)
{
    float *u = inputs_of(LD), *x = inputs_of(LD), *g = test_room(ROWS * LD, sizeof *g);
    float *dg = noise_of(1, ROWS * LD);
    kc_act_forward(rows_of(g, COLS, LD), rows_of(u, COLS, LD), bias, a->act, 1);
    for (int i = 0; i < ROWS * LD; ++i) {
        if (i % LD >= COLS) { /* between the rows nothing changes */
            assert_true(u[i] == x[i] && g[i] == 0);
            continue;
        }
        assert_true(u[i] == (bias ? x[i] + bias[i % LD] : x[i]));
        x[i] = u[i];
        assert_true(fabs(g[i] - a->value(u[i])) < a->error * fmax(1, fabs((double)u[i])));
    }
    kc_act_backward(rows_of(u, COLS, LD), rows_of(dg, COLS, LD), a->act, 1);
    for (int i = 0; i < ROWS * LD; ++i)
        if (i % LD < COLS)
            assert_true(fabs(u[i] - dg[i] * a->slope(x[i])) < a->slope_error * fabs((double)dg[i]));
        else
            assert_true(u[i] == x[i]);
}

KC_TEST(activations_are_right)
{
    float *bias = biases_of(COLS);
    for (size_t k = 0; k < sizeof activations / sizeof *activations; ++k) {
        check_activation(&activations[k], bias);
        check_activation(&activations[k], NULL);
    }
}

/* A row of the gated form; `before`: u as it was. */
static void check_gated_forward(const struct activation *a, const float *u, const float *before,
                                const float *bias, const float *g)
{
    for (int64_t j = 0; j < 2 * COLS; ++j)
        assert_true(u[j] == (bias ? before[j] + bias[j] : before[j]));
    for (int64_t j = 0; j < COLS; ++j) {
        const double up = u[COLS + j];
        assert_true(fabs(g[j] - a->value(u[j]) * up) <=
                    1.5 * a->error * fmax(1, fabs((double)u[j])) * fabs(up));
    }
    for (int64_t j = 2 * COLS; j < WIDE; ++j)
        assert_true(u[j] == before[j]);
}

static void check_gated_backward(const struct activation *a, const float *du, const float *u,
                                 const float *dg)
{
    for (int64_t j = 0; j < COLS; ++j) {
        const double up = u[COLS + j], scale = fabs((double)dg[j]);
        assert_true(fabs(du[j] - dg[j] * up * a->slope(u[j])) <=
                    1.5 * a->slope_error * scale * fabs(up));
        assert_true(fabs(du[COLS + j] - dg[j] * a->value(u[j])) <=
                    1.5 * a->error * fmax(1, fabs((double)u[j])) * scale);
    }
    for (int64_t j = 2 * COLS; j < WIDE; ++j)
        assert_true(du[j] == u[j]);
}

static void check_gate(const struct activation *a, const float *bias)
{
    float *u = inputs_of(WIDE), *x = inputs_of(WIDE), *g = test_room(ROWS * LD, sizeof *g);
    float *dg = noise_of(1, ROWS * LD), *up = noise_of(2, ROWS * WIDE);
    for (int64_t i = 0; i < ROWS * WIDE; ++i)
        if (i % WIDE >= COLS)
            u[i] = x[i] = up[i];
    kc_gate_forward(rows_of(g, COLS, LD), rows_of(u, 2 * COLS, WIDE), bias, a->act, 1);
    for (int64_t i = 0; i < ROWS; ++i) {
        check_gated_forward(a, u + i * WIDE, x + i * WIDE, bias, g + i * LD);
        for (int64_t j = COLS; j < LD; ++j)
            assert_true(g[i * LD + j] == 0);
    }
    memcpy(x, u, (size_t)(ROWS * WIDE) * sizeof *x);
    kc_gate_backward(rows_of(u, 2 * COLS, WIDE), rows_of(dg, COLS, LD), a->act, 1);
    for (int64_t i = 0; i < ROWS; ++i)
        check_gated_backward(a, u + i * WIDE, x + i * WIDE, dg + i * LD);
}

KC_TEST(gates_are_right)
{
    float *bias = biases_of(2 * COLS);
    for (size_t k = 0; k < sizeof activations / sizeof *activations; ++k) {
        check_gate(&activations[k], bias);
        check_gate(&activations[k], NULL);
    }
}

/* Far out an activation is x or 0, its slope 1 or 0; a NaN stays one. */
KC_TEST(activations_at_the_edges)
{
    for (size_t k = 0; k < sizeof activations / sizeof *activations; ++k) {
        const kc_act act = activations[k].act;
        float u[] = {0, 100, -100, 1000, -1000, NAN}, g[6], one[] = {1, 1, 1, 1, 1, 1};
        kc_mat in = kc_mat_of(u, 1, 6), out = kc_mat_of(g, 1, 6);
        kc_act_forward(out, in, NULL, act, 1);
        assert_true(g[0] == 0 && g[1] == 100 && g[3] == 1000);
        assert_true(fabsf(g[2]) < 1e-30f && fabsf(g[4]) < 1e-30f);
        assert_true(isnan(g[5]));
        kc_act_backward(in, kc_mat_of(one, 1, 6), act, 1);
        assert_true(u[0] == 0.5f && u[1] == 1 && u[3] == 1 && isnan(u[5]));
        assert_true(fabsf(u[2]) < 1e-28f && fabsf(u[4]) < 1e-28f);
        float gated[] = {NAN, 1, 1, NAN}, both[2];
        kc_gate_forward(kc_mat_of(both, 1, 2), kc_mat_of(gated, 1, 4), NULL, act, 1);
        assert_true(isnan(both[0]) && isnan(both[1]));
    }
}

typedef struct act_bench {
    float *u, *g, *bias;
    const float *start; /* of u */
    kc_act act;
} act_bench;

static void act_op(void *bench, int threads)
{
    act_bench *b = bench;
    memcpy(b->u, b->start, ROWS * WIDE * sizeof *b->u);
    kc_act_forward(rows_of(b->g, COLS, LD), rows_of(b->u, COLS, WIDE), b->bias, b->act, threads);
    kc_act_backward(rows_of(b->u, COLS, WIDE), rows_of(b->g, COLS, LD), b->act, threads);
}

static void gate_op(void *bench, int threads)
{
    act_bench *b = bench;
    memcpy(b->u, b->start, ROWS * WIDE * sizeof *b->u);
    kc_gate_forward(rows_of(b->g, COLS, LD), rows_of(b->u, 2 * COLS, WIDE), b->bias, b->act,
                    threads);
    kc_gate_backward(rows_of(b->u, 2 * COLS, WIDE), rows_of(b->g, COLS, LD), b->act, threads);
}

KC_TEST(threads_leave_bits)
{
    float *start = noise_of(1, ROWS * WIDE), *bias = noise_of(2, 2 * COLS);
    for (size_t k = 0; k < sizeof activations / sizeof *activations; ++k)
        for (int biased = 0; biased < 2; ++biased) {
            act_bench b = {test_room(ROWS * WIDE, 4), test_room(ROWS * LD, 4), biased ? bias : NULL,
                           start, activations[k].act};
            same_bits(act_op, &b, b.u, ROWS * WIDE, start, activations[k].name);
            same_bits(gate_op, &b, b.u, ROWS * WIDE, start, "gated");
            same_bits(gate_op, &b, b.g, ROWS * LD, start, "gated, forward");
        }
}

KC_TEST_MAIN(NULL, NULL)
