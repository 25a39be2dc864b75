/* SPDX-License-Identifier: BSD-3-Clause */
/* P- and Q-probing: the gradient against differences; what a name tells is found, what it does not tell is not; the
 * same on any ranks and threads as alone. */
#include "../comm/grids.h"
#include "../data/corpora.h"
#include "../nn/models.h"

#include "kcap/measure/deep.h"
#include "measure/learner.h"

enum { PEOPLE = 300 };

/* A random model, and people whom it has never seen. */
typedef struct stranger {
    tiny m;
    kc_corpus *corpus;
    kc_sample s;
} stranger;

static void free_sample(void *s)
{
    kc_sample_free(s);
    free(s);
}

static void meet(stranger *x, kc_sampled what)
{
    kc_config cfg = config_of(KC_corpus_kind_biod, PEOPLE);
    cfg.corpus.attributes = 2;
    cfg.corpus.chunks = 1;
    cfg.corpus.diversity = 5;
    cfg.corpus.length = 1;
    cfg.corpus.alphabet = 5;
    cfg.corpus.first_names = cfg.corpus.middle_names = cfg.corpus.last_names = 8;
    cfg.train.context = 32;
    cfg.model.layers = 2;
    cfg.model.heads = 2;
    cfg.model.head_dim = 8;
    x->corpus = shipped_corpus(&cfg);
    tiny_create_of(&x->m, &cfg, kc_corpus_about(x->corpus)->n_vocab, 3, 1);
    kc_sample *s = kc_alloc(1, sizeof *s, "samples");
    kc_sample_draw(s, x->corpus, 4, PEOPLE, what);
    kc_test_owns(s, free_sample);
    x->s = *s;
}

static double loss_at(kc_learner *l, const float *from, const float *direction, double step)
{
    for (int64_t i = 0; i < l->n; ++i)
        l->params[i] = from[i] + (float)step * direction[i];
    return kc_learner_gradient(l, 3) + kc_learner_gradient(l, 5);
}

static void learner_end(void *l)
{
    kc_learner_destroy(l);
    free(l);
}

/* Five points along directions, half of them along the gradient. Measured: 2e-4 of its norm. */
KC_TEST(gradient_agrees_with_differences)
{
    enum { DIRECTIONS = 6 };
    const double h = 1e-2;
    stranger x;
    meet(&x, KC_SAMPLE_TEXT);
    const kc_model model = kc_model_short(&x.m.model, x.s.T);
    kc_learner *l = kc_test_owns(kc_alloc(1, sizeof *l, "learners"), learner_end);
    kc_learner_create(l, &model, &x.m.weights, &x.s, x.s.label, x.s.classes[0], 3, 9);
    float *from = noise_of(21, l->n), *grad = test_room(l->n, sizeof *grad);
    for (int64_t i = 0; i < l->n; ++i)
        from[i] = l->params[i] + 0.2f * from[i];
    loss_at(l, from, from, 0);
    memcpy(grad, l->grads, (size_t)l->n * sizeof *grad);
    double norm = 0;
    for (int64_t i = 0; i < l->n; ++i)
        norm += (double)grad[i] * grad[i];
    norm = sqrt(norm);
    for (uint64_t k = 0; k < DIRECTIONS; ++k) {
        float *u = noise_of(30 + k, l->n);
        double slope = 0;
        for (int64_t i = 0; i < l->n; ++i) {
            u[i] = (float)(u[i] / sqrt((double)l->n) + grad[i] / norm * (k % 2 ? 0.5 : -0.5));
            slope += (double)grad[i] * u[i];
        }
        const double far = loss_at(l, from, u, 2 * h) - loss_at(l, from, u, -2 * h);
        const double near = loss_at(l, from, u, h) - loss_at(l, from, u, -h);
        assert_float_equal((8 * near - far) / (12 * h) / norm, slope / norm, 1e-3);
    }
}

static kc_deep_found probe(const kc_grid *g, const stranger *x, int threads)
{
    const kc_deep_how how = {PEOPLE, 2, 40, 10, 1e-2, 0.1, 4};
    kc_deep_found f;
    const kc_subject subject = {.grid = g,
                                .corpus = x->corpus,
                                .model = &x->m.model,
                                .weights = &x->m.weights,
                                .threads = threads};
    kc_deep_probe(&subject, KC_DEEP_P, &how, &f);
    return f;
}

KC_TEST(ranks_and_threads_change_no_bit)
{
    alone self;
    stranger x;
    alone_create(&self, *state);
    meet(&x, KC_SAMPLE_TEXT);
    kc_deep_found all = probe(*state, &x, 2), one = probe(&self.grid, &x, 1);
    const size_t bytes = (size_t)(all.positions * all.attributes) * sizeof(double);
    for (int k = 0; k < 2; ++k) {
        assert_memory_equal(all.accuracy[k], one.accuracy[k], bytes);
        assert_memory_equal(all.control[k], one.control[k], bytes);
    }
    kc_deep_free(&all);
    kc_deep_free(&one);
}

/* Share of the held out guessed from the name, after 150 steps on these labels. */
static double guessed(const stranger *x, const kc_model *model, const int32_t *label)
{
    kc_learner *l = kc_test_owns(kc_alloc(1, sizeof *l, "learners"), learner_end);
    int32_t guess;
    double right = 0;
    kc_learner_create(l, model, &x->m.weights, &x->s, label, 8, 4, 9);
    for (int64_t t = 1; t <= 150; ++t) {
        const kc_adamw a = {5e-3, 0.9, 0.999, 1e-6, 0.1, 1.0 / 20, t, 0};
        memset(l->grads, 0, (size_t)l->n * sizeof *l->grads);
        for (int64_t k = 0; k < 20; ++k)
            kc_learner_gradient(l, (t * 20 + k) % x->s.learners);
        kc_adamw_update(l->params, l->grads, l->m, l->v, l->n, &a, 1);
    }
    for (int64_t i = x->s.learners; i < x->s.n; ++i) {
        kc_learner_guess(l, i, &guess);
        right += guess == label[i];
    }
    return right / (double)(x->s.n - x->s.learners);
}

KC_TEST(what_a_name_tells_is_found_and_what_it_does_not_is_not)
{
    stranger x;
    meet(&x, KC_SAMPLE_NAME);
    const kc_model model = kc_model_short(&x.m.model, x.s.T);
    int32_t *planted = test_room(x.s.n, sizeof *planted),
            *random = test_room(x.s.n, sizeof *random);
    for (int64_t i = 0; i < x.s.n; ++i) {
        planted[i] = x.s.tokens[i * x.s.T + 2] % 8; /* the middle name, of eight tokens in a row */
        random[i] = (int32_t)kc_rand_below(6, KC_STREAM_TEXT, (uint64_t)i, 0, 8);
    }
    assert_true(guessed(&x, &model, planted) > 0.9);
    assert_true(guessed(&x, &model, random) < 0.125 + 4 * sqrt(0.125 * 0.875 / 75));
}

KC_TEST_MAIN(all_ranks, all_ranks_stop)
