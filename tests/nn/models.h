/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_NN_MODELS_H
#define KCAP_TESTS_NN_MODELS_H

#include "../test.h"

#include <math.h>

#include "kcap/base/rng.h"
#include "kcap/math/gemm.h"
#include "kcap/nn/model.h"

/* The kernels of all products of a test: KCAP_TEST_KERNEL, or those a run would choose. */
static inline void test_kernels(void)
{
    const char *kernel = getenv("KCAP_TEST_KERNEL");
    char name[32];
    kc_error e = {0};
    if (kc_gemm_start(kernel, name, &e) != KC_OK)
        fail_msg("%s", e.text);
}

/* A room for windows in an arena of its own, which it fills. */
static inline kc_work *work_for(const kc_model *model, int threads)
{
    kc_arena *arena = test_arena();
    kc_work_create(model, arena, threads);
    kc_arena_reserve(arena);
    kc_work *work = kc_work_create(model, arena, threads);
    assert_int_equal(arena->used, arena->bytes);
    return work;
}

static inline double loss_and_grad(const kc_model *model, const kc_weights *w,
                                   const int32_t *tokens, const int32_t *targets, kc_work *work,
                                   float *grad)
{
    const double loss = kc_model_forward(model, w, tokens, targets, work, grad);
    kc_model_backward(model, w, tokens, work, grad);
    return loss;
}

/* A small model with all that the windows of a lane need. */
typedef struct tiny {
    kc_config cfg;
    kc_model model;
    kc_weights weights;
    float *w, *wt, *grad;
    int64_t windows;
    int32_t *tokens, *targets; /* [windows, T] */
    kc_work *work;
} tiny;

/* What a test chooses of a model. */
typedef struct tiny_size {
    int64_t T, layers, heads, head_dim, V;
    double rotary;
} tiny_size;

static inline float noise(uint64_t seed, uint64_t i)
{
    return (float)kc_rand_normal(seed, KC_STREAM_TEXT, i, 0);
}

static inline float *noise_of(uint64_t seed, int64_t n)
{
    float *x = test_room(n, sizeof *x);
    for (int64_t i = 0; i < n; ++i)
        x[i] = noise(seed, (uint64_t)i);
    return x;
}

/* Move every weight, gains and biases too, so that no gradient is zero for a trivial reason. */
static inline void perturb(const kc_layout *layout, uint64_t seed, float *w)
{
    for (int k = 0; k < layout->n; ++k)
        for (int64_t r = 0; r < kc_tensor_pieces(layout, &layout->tensor[k]); ++r) {
            const kc_piece s = kc_tensor_piece(layout, &layout->tensor[k], r);
            for (int64_t i = 0; i < s.n; ++i)
                w[s.flat + i] += 0.15f * noise(seed + 100, (uint64_t)layout->tensor[k].id << 40 |
                                                               (uint64_t)(s.global + i));
        }
}

static inline void tiny_refresh(tiny *m)
{
    kc_params_transpose(&m->model.layout, m->w, m->wt, 1);
}

/* Random tokens; of window b every (b + 5)-th target does not count. */
static inline void tiny_text(tiny *m, uint64_t seed)
{
    const kc_shape *s = &m->model.shape;
    for (int64_t i = 0; i < m->windows * s->T; ++i) {
        const uint64_t V = (uint64_t)s->V, at = (uint64_t)i;
        m->tokens[i] = (int32_t)kc_rand_below(seed, KC_STREAM_TEXT, at, 1, V);
        m->targets[i] = (int32_t)kc_rand_below(seed, KC_STREAM_TEXT, at, 2, V);
        if (i % s->T % (i / s->T + 5) == 3)
            m->targets[i] = KC_NO_TARGET;
    }
}

/* Of `section.key=value`, as on the command line; presets act. */
static inline kc_config config_with(const char *const *sets, int n)
{
    kc_config cfg;
    kc_error e = {0};
    if (kc_config_parse("", 0, "test", sets, n, &cfg, &e) != KC_OK)
        fail_msg("%s", e.text);
    return cfg;
}

/* The same of one text, divided by spaces: `model.arch=llama model.heads=3`. */
static inline kc_config tiny_config(const char *settings)
{
    enum { MOST = 32 };
    const char *sets[MOST];
    char *copy = test_room((int64_t)strlen(settings) + 1, 1), *rest = strcpy(copy, settings), *set;
    int n = 0;
    while ((set = strsep(&rest, " ")) != NULL)
        if (*set && n < MOST)
            sets[n++] = set;
    return config_with(sets, n);
}

static inline void model_end(void *model)
{
    kc_model_destroy(model);
    free(model);
}

/* The model of a configuration over V words, with random weights and text. */
static inline void tiny_create_windows(tiny *m, const kc_config *cfg, int64_t V, uint64_t seed,
                                       int64_t windows, int threads)
{
    *m = (tiny){.cfg = *cfg, .windows = windows};
    test_kernels();
    assert_int_equal(kc_model_create(&m->model, cfg, V, NULL, &(kc_error){0}), KC_OK);
    kc_model *owned = kc_test_owns(kc_alloc(1, sizeof *owned, "models"), model_end);
    *owned = m->model;
    const int64_t n = m->model.layout.n_flat, T = m->model.shape.T;
    m->w = test_room(n, sizeof *m->w);
    m->wt = test_room(n, sizeof *m->wt);
    m->grad = test_room(n, sizeof *m->grad);
    m->tokens = test_room(windows * T, sizeof *m->tokens);
    m->targets = test_room(windows * T, sizeof *m->targets);
    m->weights = (kc_weights){&m->model.layout, m->w, m->wt};
    kc_params_init(&m->model.layout, seed, cfg->model.init_std, m->w);
    perturb(&m->model.layout, seed, m->w);
    tiny_refresh(m);
    tiny_text(m, seed);
    m->work = work_for(&m->model, threads);
}

static inline void tiny_create_of(tiny *m, const kc_config *cfg, int64_t V, uint64_t seed,
                                  int threads)
{
    tiny_create_windows(m, cfg, V, seed, 1, threads);
}

static inline void tiny_create(tiny *m, tiny_size size, uint64_t seed, int threads)
{
    kc_config cfg;
    kc_config_defaults(&cfg);
    cfg.train.context = size.T;
    cfg.model.layers = size.layers;
    cfg.model.heads = size.heads;
    cfg.model.head_dim = size.head_dim;
    cfg.model.rotary_fraction = size.rotary;
    tiny_create_of(m, &cfg, size.V, seed, threads);
}

/* Gradient of the lane into m->grad, from zero; returns the loss without the router's. */
static inline double tiny_grad(tiny *m)
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

/* The logits of all windows, each measured. */
static inline float *tiny_logits(tiny *m)
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

/* Summed loss of the window, forward only. */
static inline double tiny_loss(tiny *m)
{
    const int64_t T = m->model.shape.T;
    float *nats = test_room(T, sizeof *nats);
    uint8_t *hit = test_room(T, 1);
    double loss = 0;
    kc_model_score(&m->model, &m->weights, m->tokens, m->targets, m->work, nats, hit);
    for (int64_t t = 0; t < T; ++t)
        loss += nats[t];
    return loss;
}

#endif
