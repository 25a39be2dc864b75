/* SPDX-License-Identifier: BSD-3-Clause */
/* P- and Q-probing: the gradient against differences; what a name tells is found, what it does not tell is not; the
 * same on any ranks and threads as alone, and from any row on. */
#include "../comm/grids.h"
#include "../nn/models.h"
#include "samples.h"

#include "kcap/measure/deep.h"
#include "kcap/optim/adamw.h"
#include "measure/learner.h"

enum { PEOPLE = 300 };

/* A random model, and people whom it has never seen. */
typedef struct stranger {
    tiny m;
    kc_corpus *corpus;
    kc_sample *s;
    kc_model model; /* for their texts */
} stranger;

static void meet(stranger *x, int64_t length, int64_t experts, kc_sampled what)
{
    kc_config cfg = strings_of(PEOPLE, 2, 5, length, 5);
    cfg.train.context = 32;
    cfg.model.layers = 2;
    cfg.model.heads = 2;
    cfg.model.head_dim = 8;
    cfg.model.experts = cfg.model.experts_topk = experts; /* all chosen: the loss is smooth */
    cfg.model.capacity_factor_measure = 8;
    x->corpus = shipped_corpus(&cfg);
    tiny_create_of(&x->m, &cfg, kc_corpus_about(x->corpus)->n_vocab, 3, 1);
    x->s = sample_of(x->corpus, 4, PEOPLE, what);
    x->model = kc_model_short(&x->m.model, x->s->T);
}

static void learner_end(void *l)
{
    kc_learner_destroy(l);
    free(l);
}

static kc_learner *learner_of(const stranger *x, const int32_t *label, int64_t classes,
                              int of_batch)
{
    const kc_lesson lesson = {&x->model, &x->m.weights, x->s, label, classes, 3, 20, of_batch, 9};
    kc_learner *l = kc_test_owns(kc_alloc(1, sizeof *l, "learners"), learner_end);
    kc_learner_create(l, &lesson);
    return l;
}

static double loss_at(kc_learner *l, const float *from, const float *direction, double step)
{
    static const int64_t people[] = {3, 5, 8, 13, 21, 34};
    for (int64_t i = 0; i < l->n; ++i)
        l->params[i] = from[i] + (float)step * direction[i];
    return kc_learner_gradient(l, people, l->lesson.of_batch ? 6 : 2);
}

/* Five points along directions, half of them along the gradient; `error` of its norm. */
static void differences_agree(int64_t experts, kc_sampled what, double error)
{
    enum { DIRECTIONS = 6 };
    const double h = 1e-2;
    stranger x;
    meet(&x, 1, experts, what);
    kc_learner *l = learner_of(&x, x.s->label, x.s->classes[0], what == KC_SAMPLE_NAME);
    float *from = noise_of(21, l->n), *grad = test_room(l->n, sizeof *grad);
    for (int64_t i = 0; i < l->n; ++i)
        from[i] = l->params[i] + 0.2f * from[i];
    loss_at(l, from, from, 0);
    memcpy(grad, l->grads, (size_t)l->n * sizeof *grad);
    double norm = 0;
    for (int64_t i = 0; i < l->n; ++i)
        norm += (double)grad[i] * grad[i];
    norm = sqrt(norm);
    assert_true(norm > 0.1);
    for (uint64_t k = 0; k < DIRECTIONS; ++k) {
        float *u = noise_of(30 + k, l->n);
        double slope = 0;
        for (int64_t i = 0; i < l->n; ++i) {
            u[i] = (float)(u[i] / sqrt((double)l->n) + grad[i] / norm * (k % 2 ? 0.5 : -0.5));
            slope += (double)grad[i] * u[i];
        }
        const double far = loss_at(l, from, u, 2 * h) - loss_at(l, from, u, -2 * h);
        const double near = loss_at(l, from, u, h) - loss_at(l, from, u, -h);
        assert_float_equal((8 * near - far) / (12 * h) / norm, slope / norm, error);
    }
}

KC_TEST(gradient_agrees_with_differences)
{
    differences_agree(0, KC_SAMPLE_TEXT, 1e-3);
    differences_agree(0, KC_SAMPLE_NAME, 1e-3);
    differences_agree(3, KC_SAMPLE_TEXT, 1e-3);
}

/* A kc_deep_keeper: rows come in turn. */
static int count(void *seen, const kc_deep *d, int64_t from, kc_error *e)
{
    assert_int_equal(from, *(int64_t *)seen);
    *(int64_t *)seen = d->done;
    return e->code;
}

static void found_end(void *d)
{
    kc_deep_free(d);
    free(d);
}

/* Rows; the first `there` are those of `before`. */
static kc_deep *probe(const kc_grid *g, const stranger *x, kc_deep_kind kind, int threads,
                      int64_t there, const kc_deep *before)
{
    const kc_deep_how how = {PEOPLE, 2, 3, 40, 10, 1e-2, 0.1, 4, 0};
    const kc_subject subject = {.grid = g,
                                .corpus = x->corpus,
                                .model = &x->m.model,
                                .weights = &x->m.weights,
                                .threads = threads};
    kc_deep *d = kc_test_owns(kc_alloc(1, sizeof *d, "probes"), found_end);
    kc_error e = {0};
    kc_deep_create(d, kind, kc_corpus_about(x->corpus));
    d->done = there;
    if (there)
        memcpy(d->rows, before->rows, (size_t)there * kc_row_bytes(&d->schema));
    assert_int_equal(kc_deep_probe(&subject, &how, d, &(kc_deep_keeper){count, &there}, &e), KC_OK);
    assert_int_equal(there, d->n);
    return d;
}

static void assert_same(const kc_deep *a, const kc_deep *b)
{
    assert_memory_equal(a->rows, b->rows, (size_t)a->n * kc_row_bytes(&a->schema));
}

KC_TEST(ranks_and_threads_change_no_bit_nor_does_going_on)
{
    alone self;
    stranger x;
    alone_create(&self, *state);
    meet(&x, 2, 0, KC_SAMPLE_TEXT);
    for (int kind = 0; kind < KC_N_DEEP; ++kind) {
        const kc_deep *one = probe(&self.grid, &x, (kc_deep_kind)kind, 1, 0, NULL);
        assert_same(probe(*state, &x, (kc_deep_kind)kind, 2, 0, NULL), one);
        assert_same(probe(*state, &x, (kc_deep_kind)kind, 1, 3, one), one);
    }
}

/* Pair by pair. */
static int tell_alike(const kc_sample *s, int a, int b)
{
    const int32_t *x = s->label + a * s->n, *y = s->label + b * s->n;
    for (int64_t i = 0; i < s->n; ++i)
        for (int64_t j = 0; j < i; ++j)
            if ((x[i] == x[j]) != (y[i] == y[j]))
                return 0;
    return 1;
}

/* First tokens of strings of one token are the strings; of two out of five some begin alike. */
KC_TEST(tasks_that_tell_people_apart_alike_are_one)
{
    alone self;
    alone_create(&self, *state);
    for (int64_t length = 1; length < 3; ++length) {
        stranger x;
        meet(&x, length, 0, KC_SAMPLE_TEXT);
        const kc_deep *d = probe(&self.grid, &x, KC_DEEP_P, 1, 0, NULL);
        const size_t bytes = (size_t)x.s->positions * sizeof(double);
        for (int a = 0; a < x.s->attributes; ++a) {
            const int alike = tell_alike(x.s, a, a + x.s->attributes);
            const void *first = kc_deep_row(d, a), *whole = kc_deep_row(d, a + x.s->attributes);
            assert_true(alike || length == 2);
            assert_int_equal(memcmp(kc_row_at(&d->schema, first, "accuracy"),
                                    kc_row_at(&d->schema, whole, "accuracy"), bytes) == 0,
                             alike);
        }
        assert_int_equal(tell_alike(x.s, 0, 2), length == 1);
    }
}

/* Share of the held out guessed from the name, after 150 steps on these labels. */
static double guessed(const stranger *x, const int32_t *label, int of_batch)
{
    kc_learner *l = learner_of(x, label, 8, of_batch);
    int64_t people[20];
    int32_t guess;
    double right = 0;
    for (int64_t t = 1; t <= 150; ++t) {
        const kc_adamw a = {5e-3, 0.9, 0.999, 1e-6, 0.1, 1.0 / 20, t, 0};
        memset(l->grads, 0, (size_t)l->n * sizeof *l->grads);
        for (int64_t k = 0; k < 20; ++k)
            people[k] = (t * 20 + k) % x->s->learners;
        kc_learner_gradient(l, people, 20);
        kc_adamw_update(l->params, l->grads, l->m, l->v, l->n, &a, 1);
    }
    for (int64_t i = x->s->learners; i < x->s->n; ++i) {
        kc_learner_guess(l, i, &guess);
        right += guess == label[i];
    }
    return right / (double)(x->s->n - x->s->learners);
}

KC_TEST(what_a_name_tells_is_found_and_what_it_does_not_is_not)
{
    stranger x;
    meet(&x, 1, 0, KC_SAMPLE_NAME);
    int32_t *planted = test_room(x.s->n, sizeof *planted),
            *random = test_room(x.s->n, sizeof *random);
    for (int64_t i = 0; i < x.s->n; ++i) {
        planted[i] = x.s->tokens[i * x.s->T + 2] % 8; /* the middle name, of nine tokens in a row */
        random[i] = (int32_t)kc_rand_below(6, KC_STREAM_TEXT, (uint64_t)i, 0, 8);
    }
    for (int of_batch = 0; of_batch < 2; ++of_batch) {
        assert_true(guessed(&x, planted, of_batch) > 0.9);
        assert_true(guessed(&x, random, of_batch) < 0.125 + 4 * sqrt(0.125 * 0.875 / 75));
    }
}

KC_TEST_MAIN(all_ranks, all_ranks_stop)
