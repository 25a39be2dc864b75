/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_NN_EXPERTS_H
#define KCAP_TESTS_NN_EXPERTS_H

#include <stdio.h>

#include "models.h"

#define N(array) ((int)(sizeof(array) / sizeof *(array)))

enum { WORDS = 31 };

/* What most models start from; later sets win. */
#define BASE                                                                                       \
    "train.context=40", "train.batch=1", "train.lanes=1", "model.layers=2", "model.heads=2",       \
        "model.head_dim=10", "model.mlp_width=17", "model.rotary_fraction=0.4",                    \
        "model.capacity_factor=64", "model.capacity_factor_measure=64", "model.balance_loss=0"

/* A small model of experts with all that its windows need; what it is follows from `--set`s. */
typedef struct pool {
    kc_config cfg;
    kc_model model;
    kc_weights weights;
    float *w, *wt, *grad;
    int64_t windows;           /* of a lane */
    int32_t *tokens, *targets; /* [windows, T] */
    kc_arena arena;
    kc_work *work;
} pool;

static inline void pool_refresh(pool *m)
{
    kc_params_transpose(&m->model.layout, m->w, m->wt, 1);
}

/* Random tokens; of window b every (b + 2)-th target does not count. */
static inline void pool_text(pool *m, uint64_t seed)
{
    const kc_shape *s = &m->model.shape;
    for (int64_t i = 0; i < m->windows * s->T; ++i) {
        const uint64_t V = (uint64_t)s->V, at = (uint64_t)i;
        m->tokens[i] = (int32_t)kc_rand_below(seed, KC_STREAM_TEXT, at, 1, V);
        m->targets[i] = (int32_t)kc_rand_below(seed, KC_STREAM_TEXT, at, 2, V);
        if (i % s->T % (i / s->T + 2) == 1)
            m->targets[i] = KC_NO_TARGET;
    }
}

/* Move every weight by 0.15, gains and biases too, so that no gradient is zero for a trivial
 * reason. */
static inline void pool_perturb(pool *m, uint64_t seed)
{
    const kc_layout *layout = &m->model.layout;
    for (int k = 0; k < layout->n; ++k)
        for (int64_t r = 0; r < kc_tensor_pieces(layout, &layout->tensor[k]); ++r) {
            const kc_piece s = kc_tensor_piece(layout, &layout->tensor[k], r);
            for (int64_t i = 0; i < s.n; ++i)
                m->w[s.flat + i] +=
                    0.15f * noise(seed + 100, (uint64_t)k << 40 | (uint64_t)(s.global + i));
        }
    pool_refresh(m);
}

/* `sets`: `section.key=value`, as on the command line. Random weights and text. */
static inline void pool_create(pool *m, int64_t V, uint64_t seed, const char *const *sets,
                               int n_sets)
{
    kc_error e = {0};
    *m = (pool){.windows = 1};
    if (kc_config_parse("", 0, "none", sets, n_sets, &m->cfg, &e) != KC_OK)
        fail_msg("%s", e.text);
    test_kernels();
    assert_int_equal(kc_model_create(&m->model, &m->cfg, V, NULL, &(kc_error){0}), KC_OK);
    m->windows = m->cfg.train.batch / m->cfg.train.lanes;
    const int64_t n = m->model.layout.n_flat, T = m->model.shape.T;
    m->w = test_room(n, sizeof *m->w);
    m->wt = test_room(n, sizeof *m->wt);
    m->grad = test_room(n, sizeof *m->grad);
    m->tokens = test_room(m->windows * T, sizeof *m->tokens);
    m->targets = test_room(m->windows * T, sizeof *m->targets);
    m->weights = (kc_weights){&m->model.layout, m->w, m->wt};
    kc_params_init(&m->model.layout, seed, m->cfg.model.init_std, m->w);
    pool_perturb(m, seed);
    pool_text(m, seed);
    m->work = work_in(&m->model, &m->arena, (int)m->cfg.parallel.threads + 1);
}

static inline void pool_destroy(pool *m)
{
    kc_arena_destroy(&m->arena);
    kc_model_destroy(&m->model);
    free(m->w);
    free(m->wt);
    free(m->grad);
    free(m->tokens);
    free(m->targets);
}

/* Gradient of the lane into m->grad, from zero; returns the loss without the router's. */
static inline double pool_grad(pool *m)
{
    const int64_t T = m->model.shape.T;
    double loss = 0;
    memset(m->grad, 0, (size_t)m->model.layout.n_flat * sizeof *m->grad);
    kc_work_lane(m->work);
    for (int64_t b = 0; b < m->windows; ++b)
        loss += loss_and_grad(&m->model, &m->weights, m->tokens + b * T, m->targets + b * T,
                              m->work, m->grad);
    return loss;
}

/* The logits of all windows, each measured; the caller frees. */
static inline float *pool_logits(pool *m)
{
    const kc_shape *s = &m->model.shape;
    float *logits = test_room(m->windows * s->T * s->V, sizeof *logits);
    for (int64_t b = 0; b < m->windows; ++b)
        kc_model_logits(&m->model, &m->weights, m->tokens + b * s->T, m->work,
                        logits + b * s->T * s->V);
    return logits;
}

static inline double largest(const float *x, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; ++i)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

static inline double apart(const float *x, const float *y, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; ++i)
        most = isfinite(x[i]) ? fmax(most, fabs((double)x[i] - y[i])) : INFINITY;
    return most;
}

static inline int all_finite(const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; ++i)
        if (!isfinite(x[i]))
            return 0;
    return 1;
}

static inline float *tensor_of(const pool *m, float *flat, int index, int64_t layer, int64_t expert)
{
    return (float *)kc_at_expert(&m->model.layout, flat, index, layer, expert);
}

/* Values of one layer, of one expert. */
static inline int64_t values_of(const pool *m, int index)
{
    const kc_tensor *t = &m->model.layout.tensor[index];
    return t->layers ? t->rows * t->cols : 0;
}

#endif
