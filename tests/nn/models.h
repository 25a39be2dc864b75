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

/* A room for windows in an arena of its own. */
static inline kc_work *work_in(const kc_model *model, kc_arena *arena, int threads)
{
    *arena = (kc_arena){0};
    kc_work_create(model, arena, threads);
    kc_arena_reserve(arena);
    return kc_work_create(model, arena, threads);
}

static inline double loss_and_grad(const kc_model *model, const kc_weights *w,
                                   const int32_t *tokens, const int32_t *targets, kc_work *work,
                                   float *grad)
{
    const double loss = kc_model_forward(model, w, tokens, targets, work, grad);
    kc_model_backward(model, w, tokens, work, grad);
    return loss;
}

/* A small model with all that one window needs. */
typedef struct tiny {
    kc_model model;
    kc_weights weights;
    float *w, *wt, *grad;
    int32_t *tokens, *targets;
    kc_arena arena;
    kc_work *work;
} tiny;

/* What a test chooses of a model. */
typedef struct tiny_size {
    int64_t T, layers, heads, head_dim, V;
    double rotary;
} tiny_size;

static inline void *test_room(int64_t n, size_t size)
{
    void *room = calloc((size_t)n + 1, size);
    if (!room)
        abort();
    return room;
}

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
    for (int k = 0; k < layout->n; ++k) {
        const kc_tensor *t = &layout->tensor[k];
        const int64_t each = t->rows * t->cols;
        for (int64_t i = 0; i < t->layers * each; ++i)
            w[t->offset + i / each * t->stride + i % each] +=
                0.15f * noise(seed + 100, (uint64_t)k << 40 | (uint64_t)i);
    }
}

static inline void tiny_refresh(tiny *m)
{
    kc_params_transpose(&m->model.layout, m->w, m->wt, 1);
}

/* Random tokens; every fifth target does not count. */
static inline void tiny_text(tiny *m, uint64_t seed)
{
    const kc_shape *s = &m->model.shape;
    for (int64_t t = 0; t < s->T; ++t) {
        m->tokens[t] = (int32_t)kc_rand_below(seed, KC_STREAM_TEXT, (uint64_t)t, 1, (uint64_t)s->V);
        m->targets[t] =
            (int32_t)kc_rand_below(seed, KC_STREAM_TEXT, (uint64_t)t, 2, (uint64_t)s->V);
        if (t % 5 == 3)
            m->targets[t] = KC_NO_TARGET;
    }
}

/* The configuration of settings as --set takes them, divided by spaces: `model.arch=llama
 * model.heads=3`. Presets act. */
static inline kc_config tiny_config(const char *settings)
{
    enum { MOST = 32 };
    const char *sets[MOST];
    char *copy = test_room((int64_t)strlen(settings), 1), *rest = strcpy(copy, settings), *set;
    int n = 0;
    kc_config cfg;
    kc_error e = {0};
    while ((set = strsep(&rest, " ")) != NULL)
        if (*set && n < MOST)
            sets[n++] = set;
    if (kc_config_parse("", 0, "test", sets, n, &cfg, &e) != KC_OK)
        fail_msg("%s", e.text);
    free(copy);
    return cfg;
}

/* The model of a configuration over V words. */
static inline void tiny_create_of(tiny *m, const kc_config *cfg, int64_t V, uint64_t seed,
                                  int threads)
{
    const int64_t T = cfg->train.context;
    test_kernels();
    assert_int_equal(kc_model_create(&m->model, cfg, V, NULL, &(kc_error){0}), KC_OK);
    const int64_t n = m->model.layout.n_flat;
    m->w = test_room(n, sizeof *m->w);
    m->wt = test_room(n, sizeof *m->wt);
    m->grad = test_room(n, sizeof *m->grad);
    m->tokens = test_room(T, sizeof *m->tokens);
    m->targets = test_room(T, sizeof *m->targets);
    m->weights = (kc_weights){&m->model.layout, m->w, m->wt};
    kc_params_init(&m->model.layout, seed, cfg->model.init_std, m->w);
    perturb(&m->model.layout, seed, m->w);
    tiny_refresh(m);
    tiny_text(m, seed);
    m->work = work_in(&m->model, &m->arena, threads);
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

static inline void tiny_destroy(tiny *m)
{
    kc_arena_destroy(&m->arena);
    kc_model_destroy(&m->model);
    free(m->w);
    free(m->wt);
    free(m->grad);
    free(m->tokens);
    free(m->targets);
}

/* Gradient of the model's window into m->grad, from zero; returns the loss. */
static inline double tiny_grad(tiny *m)
{
    memset(m->grad, 0, (size_t)m->model.layout.n_flat * sizeof *m->grad);
    return loss_and_grad(&m->model, &m->weights, m->tokens, m->targets, m->work, m->grad);
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
    free(nats);
    free(hit);
    return loss;
}

#endif
