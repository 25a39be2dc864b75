/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/measure/deep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/base/rng.h"
#include "measure/learner.h"

enum { BATCHES = 16 }; /* keys of permutations from here on: who comes when */

/* The tasks of a sample, each with its control behind it. */
typedef struct work {
    const kc_subject *x;
    const kc_deep_how *how;
    const kc_model *model;
    kc_sample s;
    double *share; /* [2 tasks, positions]: accuracies */
} work;

static const int32_t *labels_of(const kc_sample *s, int job)
{
    return (job % 2 ? s->shuffled : s->label) + job / 2 * s->n;
}

/* AdamW step `t`, from 1, on the gradients of a batch. */
static void update(kc_learner *l, const kc_deep_how *how, int64_t t)
{
    kc_adamw a = {.lr = how->rate * (1 - (double)(t - 1) / (double)how->steps),
                  .beta1 = 0.9,
                  .beta2 = 0.999,
                  .eps = 1e-6,
                  .weight_decay = how->decay,
                  .scale = 1 / (double)how->batch,
                  .t = t};
    kc_adamw_update(l->params, l->grads, l->m, l->v, l->n_matrices, &a, 1);
    const int64_t at = l->n_matrices;
    a.weight_decay = 0;
    kc_adamw_update(l->params + at, l->grads + at, l->m + at, l->v + at, l->n - at, &a, 1);
    memset(l->grads, 0, (size_t)l->n * sizeof *l->grads);
}

static void train(kc_learner *l, const kc_deep_how *how)
{
    const int64_t n = l->s->learners;
    for (int64_t t = 1, seen = 0; t <= how->steps; ++t) {
        for (int64_t k = 0; k < how->batch; ++k, ++seen)
            kc_learner_gradient(l, (int64_t)kc_perm(how->seed, KC_STREAM_PROBE,
                                                    (uint64_t)(BATCHES + seen / n),
                                                    (uint64_t)(seen % n), (uint64_t)n));
        update(l, how, t);
    }
}

/* Accuracies [positions] on who is held out. */
static void test(kc_learner *l, double *share)
{
    const kc_sample *s = l->s;
    int32_t *guess = kc_alloc(s->positions, sizeof *guess, "guesses");
    int64_t *right = kc_alloc(2 * s->positions, sizeof *right, "guesses");
    int64_t *all = right + s->positions;
    for (int64_t i = s->learners; i < s->n; ++i) {
        kc_learner_guess(l, i, guess);
        for (int p = 0; p < s->positions; ++p) {
            right[p] += guess[p] >= 0 && guess[p] == l->label[i];
            all[p] += guess[p] >= 0 && l->label[i] >= 0;
        }
    }
    for (int p = 0; p < s->positions; ++p)
        share[p] = all[p] > 0 ? (double)right[p] / (double)all[p] : NAN;
    free(guess);
    free(right);
}

static void do_job(const work *w, int job)
{
    const int32_t classes = w->s.classes[job / 2];
    kc_learner l;
    if (classes == 0)
        return;
    kc_learner_create(&l, w->model, w->x->weights, &w->s, labels_of(&w->s, job), classes,
                      w->how->rank, w->how->seed);
    train(&l, w->how);
    test(&l, w->share + job * w->s.positions);
    kc_learner_destroy(&l);
}

/* Each job's accuracies from the rank that did it. */
static void share_jobs(const work *w, int jobs)
{
    const kc_grid *g = w->x->grid;
    const int64_t n = (int64_t)jobs * w->s.positions;
    double *all = kc_alloc(n * g->size, sizeof *all, "probes");
    kc_allgather(g, w->share, all, (size_t)n * sizeof *all);
    for (int64_t i = 0; i < n; ++i)
        w->share[i] = all[i / w->s.positions % g->size * n + i];
    free(all);
}

static void report(const work *w, kc_deep_found *f)
{
    const kc_sample *s = &w->s;
    const int64_t cells = (int64_t)s->positions * s->attributes;
    *f = (kc_deep_found){.learners = s->learners,
                         .held_out = s->n - s->learners,
                         .positions = s->positions,
                         .attributes = s->attributes};
    for (int kind = 0; kind < 2; ++kind) {
        f->accuracy[kind] = kc_alloc(cells, sizeof(double), "accuracies");
        f->control[kind] = kc_alloc(cells, sizeof(double), "accuracies");
        f->chance[kind] = kc_alloc(s->attributes, sizeof(double), "accuracies");
        for (int64_t i = 0; i < cells; ++i) {
            const int64_t task = kind * s->attributes + i % s->attributes, p = i / s->attributes;
            f->accuracy[kind][i] = w->share[2 * task * s->positions + p];
            f->control[kind][i] = w->share[(2 * task + 1) * s->positions + p];
        }
        memcpy(f->chance[kind], s->chance + kind * s->attributes,
               (size_t)s->attributes * sizeof(double));
    }
}

void kc_deep_probe(const kc_subject *x, kc_deep_kind kind, const kc_deep_how *how,
                   kc_deep_found *found)
{
    work w = {.x = x, .how = how};
    kc_sample_draw(&w.s, x->corpus, how->seed, how->people,
                   kind == KC_DEEP_P ? KC_SAMPLE_TEXT : KC_SAMPLE_NAME);
    const kc_model model = kc_model_short(x->model, w.s.T);
    const int jobs = 2 * w.s.tasks, size = x->grid->size;
    w.model = &model;
    w.share = kc_alloc((int64_t)jobs * w.s.positions, sizeof *w.share, "probes");
    for (int64_t i = 0; i < (int64_t)jobs * w.s.positions; ++i)
        w.share[i] = NAN;
#pragma omp parallel for num_threads(x->threads) if (x->threads > 1) schedule(dynamic)
    for (int job = x->grid->rank; job < jobs; job += size)
        do_job(&w, job);
    share_jobs(&w, jobs);
    report(&w, found);
    free(w.share);
    kc_sample_free(&w.s);
}

void kc_deep_free(kc_deep_found *f)
{
    for (int kind = 0; kind < 2; ++kind) {
        free(f->accuracy[kind]);
        free(f->control[kind]);
        free(f->chance[kind]);
    }
    *f = (kc_deep_found){0};
}
