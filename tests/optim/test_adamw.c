/* SPDX-License-Identifier: BSD-3-Clause */
/* AdamW against double precision; clipping; the schedule. */
#include "../nn/models.h"

#include "kcap/base/sum.h"
#include "kcap/optim/adamw.h"
#include "kcap/optim/schedule.h"

/* A state of noise over the layout of a small model; padding is zero. */
typedef struct adam_bench {
    kc_layout layout;
    kc_state state;
    float *grad;
} adam_bench;

static float *on_layout(const kc_layout *layout, uint64_t seed)
{
    float *x = test_room(layout->n_flat, sizeof *x);
    perturb(layout, seed, x);
    return x;
}

static void bench_create(adam_bench *b)
{
    kc_config cfg;
    kc_config_defaults(&cfg);
    cfg.model.layers = 3;
    cfg.model.heads = 2;
    cfg.model.head_dim = 10;
    const kc_shape s = kc_shape_of(&cfg, 77);
    kc_layout_of(&s, &b->layout);
    b->state = (kc_state){.layout = &b->layout};
    b->state.params = on_layout(&b->layout, 1);
    b->state.m = on_layout(&b->layout, 2);
    b->state.v = on_layout(&b->layout, 3);
    b->grad = on_layout(&b->layout, 4);
    for (int64_t i = 0; i < b->layout.n_flat; ++i)
        b->state.v[i] *= b->state.v[i];
}

static const kc_adamw usual = {.lr = 3e-3,
                               .beta1 = 0.9,
                               .beta2 = 0.98,
                               .eps = 1e-6,
                               .weight_decay = 0.7,
                               .scale = 0.125,
                               .t = 3};

/* One element in double, algorithm 2 of arXiv 1711.05101 with the decay scaled by the rate. */
static void reference(const kc_adamw *a, double decay, double grad, double *p, double *m, double *v)
{
    const double g = grad * a->scale;
    *m = a->beta1 * *m + (1 - a->beta1) * g;
    *v = a->beta2 * *v + (1 - a->beta2) * g * g;
    const double m_hat = *m / (1 - pow(a->beta1, (double)a->t));
    const double v_hat = *v / (1 - pow(a->beta2, (double)a->t));
    *p = *p - a->lr * decay * *p - a->lr * m_hat / (sqrt(v_hat) + a->eps);
}

static void check_step(const kc_adamw *a)
{
    adam_bench b, old;
    bench_create(&b);
    bench_create(&old);
    kc_adamw_step(&b.layout, a, 0, b.layout.n_flat, &b.state, b.grad, 1);
    for (int64_t i = 0; i < b.layout.n_flat; ++i) {
        double p = old.state.params[i], m = old.state.m[i], v = old.state.v[i];
        int64_t layer;
        const kc_tensor *t = &b.layout.tensor[kc_params_find(&b.layout, i, &layer)];
        const int64_t within = i - t->offset - layer * t->stride;
        if (within >= t->rows * t->cols) {
            assert_true(b.state.params[i] == 0 && b.state.m[i] == 0 && b.state.v[i] == 0);
            continue;
        }
        reference(a, t->is_matrix ? a->weight_decay : 0, b.grad[i], &p, &m, &v);
        assert_float_equal(b.state.m[i], m, 1e-7 * (fabs(m) + 0.1));
        assert_float_equal(b.state.v[i], v, 1e-6 * v);
        assert_float_equal(b.state.params[i], p, 2e-7);
        assert_true(b.grad[i] == old.grad[i]);
    }
}

KC_TEST(steps_are_right)
{
    kc_adamw a = usual;
    check_step(&a);
    a.t = 100000;
    check_step(&a);
    a.t = 1;
    a.eps = 1e-2;
    a.beta1 = 0;
    check_step(&a);
}

/* A head beside a model: plain arrays, longer than a block. With half the squared distance to `goal`
 * as the loss it arrives there, and with the same bits on any number of threads. */
KC_TEST(plain_arrays_can_be_trained)
{
    enum { LONG = 3 * KC_BLOCK + 77, STEPS = 600 };
    float *goal = noise_of(1, LONG), *first = NULL;
    for (int threads = 1; threads <= 3; ++threads) {
        float *p = test_room(LONG, sizeof *p), *grad = test_room(LONG, sizeof *grad);
        float *m = test_room(LONG, sizeof *m), *v = test_room(LONG, sizeof *v);
        for (int64_t t = 1; t <= STEPS; ++t) {
            const kc_adamw a = {0.05 * (1 - (double)t / STEPS), 0.9, 0.99, 1e-8, 0, 0.5, t, 0};
            for (int64_t i = 0; i < LONG; ++i)
                grad[i] = 2 * (p[i] - goal[i]);
            kc_adamw_update(p, grad, m, v, LONG, &a, threads);
        }
        for (int64_t i = 0; i < LONG; ++i)
            assert_float_equal(p[i], goal[i], 1e-2); /* the longest step of the last fifth */
        if (first)
            assert_memory_equal(p, first, LONG * sizeof *p);
        first = p;
    }
}

/* From zero moments the first step is lr in size, whatever the gradient's. */
KC_TEST(the_first_step_is_the_rate)
{
    adam_bench b;
    bench_create(&b);
    float *before = test_room(b.layout.n_flat, sizeof *before);
    kc_adamw a = usual;
    a.t = 1;
    a.weight_decay = 0;
    a.eps = 1e-12;
    memset(b.state.m, 0, (size_t)b.layout.n_flat * sizeof(float));
    memset(b.state.v, 0, (size_t)b.layout.n_flat * sizeof(float));
    memcpy(before, b.state.params, (size_t)b.layout.n_flat * sizeof(float));
    kc_adamw_step(&b.layout, &a, 0, b.layout.n_flat, &b.state, b.grad, 2);
    for (int64_t i = 0; i < b.layout.n_flat; ++i)
        if (b.grad[i] != 0)
            assert_float_equal(b.state.params[i] - before[i], b.grad[i] > 0 ? -a.lr : a.lr, 1e-6);
}

/* The same update in pieces cut anywhere, on several threads. */
KC_TEST(pieces_have_the_bits_of_the_whole)
{
    for (int64_t pieces = 2; pieces < 30; pieces += 9) {
        adam_bench whole, cut;
        bench_create(&whole);
        bench_create(&cut);
        const int64_t n = whole.layout.n_flat;
        kc_adamw_step(&whole.layout, &usual, 0, n, &whole.state, whole.grad, 1);
        for (int64_t k = 0; k < pieces; ++k) {
            const int64_t lo = n * k / pieces, hi = n * (k + 1) / pieces;
            kc_state slice = cut.state;
            slice.m += lo;
            slice.v += lo;
            kc_adamw_step(&cut.layout, &usual, lo, hi, &slice, cut.grad + lo, 1 + (int)(k % 3));
        }
        assert_memory_equal(cut.state.params, whole.state.params, (size_t)n * sizeof(float));
        assert_memory_equal(cut.state.m, whole.state.m, (size_t)n * sizeof(float));
        assert_memory_equal(cut.state.v, whole.state.v, (size_t)n * sizeof(float));
    }
}

KC_TEST(long_gradients_are_clipped)
{
    assert_float_equal(kc_clip_factor(2, 1), 1 / (2 + 1e-6), 1e-15);
    assert_float_equal(kc_clip_factor(10, 0.5), 0.5 / (10 + 1e-6), 1e-15);
    assert_true(kc_clip_factor(0.5, 1) == 1);
    assert_true(kc_clip_factor(0, 1) == 1);
    assert_true(kc_clip_factor(1e30, 0) == 1);
}

KC_TEST(the_rate_rises_then_falls)
{
    kc_config cfg;
    kc_config_defaults(&cfg);
    cfg.train.lr = 2e-3;
    cfg.train.lr_final = 0.1;
    cfg.train.warmup_steps = 100;
    /* Warm-up counts steps; where no document is done yet the cosine is 1. */
    assert_float_equal(kc_schedule(&cfg, 0, 0, 1000), 2e-5, 1e-12);
    assert_float_equal(kc_schedule(&cfg, 49, 0, 1000), 1e-3, 1e-12);
    assert_float_equal(kc_schedule(&cfg, 99, 0, 1000), 2e-3, 1e-12);
    assert_float_equal(kc_schedule(&cfg, 100, 0, 1000), 2e-3, 1e-12);
    /* The cosine counts documents. */
    assert_float_equal(kc_schedule(&cfg, 500, 500, 1000), 2e-3 * 0.55, 1e-12);
    assert_float_equal(kc_schedule(&cfg, 900, 1000, 1000), 2e-4, 1e-12);
    assert_float_equal(kc_schedule(&cfg, 7, 500, 1000), 0.08 * 2e-3 * 0.55, 1e-12);
    const double quarter = 0.1 + 0.9 * (1 + cos(M_PI / 4)) / 2;
    assert_float_equal(kc_schedule(&cfg, 300, 250, 1000), 2e-3 * quarter, 1e-12);
    /* A bound on the steps changes no rate. */
    const double rate = kc_schedule(&cfg, 300, 250, 1000);
    cfg.train.max_steps = 301;
    assert_true(kc_schedule(&cfg, 300, 250, 1000) == rate);
    cfg.train.warmup_steps = 0;
    assert_float_equal(kc_schedule(&cfg, 0, 0, 1000), 2e-3, 1e-12);
    cfg.train.lr_final = 1;
    assert_float_equal(kc_schedule(&cfg, 5, 777, 1000), 2e-3, 1e-12);
}

KC_TEST_MAIN(NULL, NULL)
