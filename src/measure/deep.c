/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/measure/deep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/base/rng.h"
#include "kcap/optim/adamw.h"
#include "measure/learner.h"

enum { BATCHES = 16 }; /* keys of permutations from here on: who comes when */

/* Two jobs for each task that is trained: on its labels, then on shuffled ones. */
typedef struct work {
    const kc_subject *x;
    const kc_deep_how *how;
    const kc_model *model;
    kc_deep_kind kind;
    kc_sample s;
    int *same; /* [tasks]: the first task that tells people apart like this one; -1: not asked */
    int *task; /* [jobs / 2] */
    int jobs;
    double *share; /* [jobs, positions]: accuracies */
} work;

void kc_deep_how_schema(kc_schema *s)
{
    static const kc_column all[] = {KC_COLUMNS_DEEP_HOW(KC_COLUMN_ROW)};
    kc_schema_create(s, "/how", 1, all, sizeof all / sizeof *all);
}

void kc_deep_create(kc_deep *d, kc_deep_kind kind, const kc_corpus_info *info)
{
    const int attributes = info->n_attributes - 1;
    const int64_t positions = kind == KC_DEEP_P ? info->n_attributes : 1;
    const kc_column all[] = {KC_COLUMNS_DEEP(KC_COLUMN_ROW) KC_LISTS_DEEP(KC_COLUMN_LIST)};
    *d = (kc_deep){.kind = kind, .n = 2 * attributes};
    kc_schema_create(&d->schema, kind == KC_DEEP_P ? "/p" : "/q", 16, all,
                     sizeof all / sizeof *all);
    const char **labels = kc_schema_label(&d->schema, attributes);
    for (int a = 0; a < attributes; ++a)
        labels[a] = info->attribute[a + 1].name;
    d->rows = kc_alloc(d->n, kc_row_bytes(&d->schema), "rows");
}

void kc_deep_free(kc_deep *d)
{
    kc_schema_free(&d->schema);
    free(d->rows);
    *d = (kc_deep){.rows = NULL};
}

void *kc_deep_row(const kc_deep *d, int64_t i)
{
    return (char *)d->rows + (size_t)i * kc_row_bytes(&d->schema);
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
    const int64_t n = l->lesson.s->learners;
    int64_t *people = kc_alloc(how->batch, sizeof *people, "people"), seen = 0;
    for (int64_t t = 1; t <= how->steps; ++t) {
        for (int64_t k = 0; k < how->batch; ++k, ++seen)
            people[k] =
                (int64_t)kc_perm((uint64_t)how->seed, KC_STREAM_PROBE,
                                 (uint64_t)(BATCHES + seen / n), (uint64_t)(seen % n), (uint64_t)n);
        kc_learner_gradient(l, people, how->batch);
        update(l, how, t);
    }
    free(people);
}

/* Accuracies [positions] on who is held out. */
static void test(kc_learner *l, double *share)
{
    const kc_sample *s = l->lesson.s;
    const int32_t *label = l->lesson.label;
    int32_t *guess = kc_alloc(s->positions, sizeof *guess, "guesses");
    int64_t *right = kc_alloc(2 * s->positions, sizeof *right, "guesses");
    int64_t *all = right + s->positions;
    for (int64_t i = s->learners; i < s->n; ++i) {
        kc_learner_guess(l, i, guess);
        for (int p = 0; p < s->positions; ++p) {
            right[p] += guess[p] >= 0 && guess[p] == label[i];
            all[p] += guess[p] >= 0 && label[i] >= 0;
        }
    }
    for (int p = 0; p < s->positions; ++p)
        share[p] = all[p] > 0 ? (double)right[p] / (double)all[p] : NAN;
    free(guess);
    free(right);
}

static void do_job(const work *w, int job, double *share)
{
    const int task = w->task[job / 2];
    const kc_lesson lesson = {.model = w->model,
                              .weights = w->x->weights,
                              .s = &w->s,
                              .label = (job % 2 ? w->s.shuffled : w->s.label) + task * w->s.n,
                              .classes = w->s.classes[task],
                              .rank = w->kind == KC_DEEP_P ? w->how->rank : w->how->name_rank,
                              .batch = w->how->batch,
                              .of_batch = w->kind == KC_DEEP_Q,
                              .seed = (uint64_t)w->how->seed};
    kc_learner l;
    kc_learner_create(&l, &lesson);
    train(&l, w->how);
    test(&l, share);
    kc_learner_destroy(&l);
}

/* Jobs from `first` on, one a thread; all ranks learn what was found. */
static void do_round(const work *w, int first)
{
    const kc_grid *g = w->x->grid;
    const int threads = w->x->threads, begin = first + g->rank * threads;
    const int64_t each = (int64_t)threads * w->s.positions, n = each * g->size;
    const int64_t left = (w->jobs - first) * (int64_t)w->s.positions;
    double *all = kc_alloc(n + each, sizeof *all, "probes"), *mine = all + n;
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
    for (int t = 0; t < threads; ++t)
        if (begin + t < w->jobs)
            do_job(w, begin + t, mine + t * w->s.positions);
    kc_allgather(g, mine, all, (size_t)each * sizeof *all);
    memcpy(w->share + (int64_t)first * w->s.positions, all,
           (size_t)(n < left ? n : left) * sizeof *all);
    free(all);
}

/* Does task b tell people apart like task a, whatever it calls their classes? */
static int is_same(const kc_sample *s, int a, int b)
{
    const int32_t *x = s->label + a * s->n, *y = s->label + b * s->n, classes = s->classes[a];
    int same = s->classes[b] == classes;
    int32_t *called = kc_alloc(classes + 2, sizeof *called, "classes");
    for (int32_t c = 0; c < classes + 2; ++c)
        called[c] = c == 0 || c == classes + 1 ? c : 0; /* no value, and one that no learner has */
    for (int64_t i = 0; same && i < s->n; ++i) {
        int32_t *name = &called[x[i] + 1];
        *name = *name == 0 && x[i] >= 0 ? y[i] + 1 : *name;
        same = *name == y[i] + 1 && (x[i] < 0) == (y[i] < 0);
    }
    free(called);
    return same;
}

/* What is to be trained, the first `done` rows being there. */
static void list_jobs(work *w, int64_t done)
{
    const kc_sample *s = &w->s;
    w->same = kc_alloc(s->tasks, sizeof *w->same, "tasks");
    w->task = kc_alloc(s->tasks, sizeof *w->task, "tasks");
    for (int task = 0; task < s->tasks; ++task) {
        int like = 0;
        while (like < task && !is_same(s, like, task))
            ++like;
        w->same[task] = s->classes[task] > 0 ? like : -1;
        if (w->same[task] == task && task >= done) {
            w->task[w->jobs / 2] = task;
            w->jobs += 2;
        }
    }
    w->share = kc_alloc((int64_t)w->jobs * s->positions, sizeof *w->share, "probes");
}

/* The row of the next task, which is the `trained`-th of those trained, or was not to be. */
static void put_row(const work *w, kc_deep *d, int trained)
{
    const kc_sample *s = &w->s;
    const int task = (int)d->done++, same = w->same[task];
    void *row = kc_deep_row(d, task);
    const size_t bytes = (size_t)s->positions * sizeof(double);
    struct {
        KC_COLUMNS_DEEP(KC_COLUMN_FIELD)
    } all = {.task = task,
             .attribute = task % s->attributes,
             .whole = task / s->attributes,
             .classes = s->classes[task],
             .learners = s->learners,
             .held_out = s->n - s->learners,
             .chance = s->chance[task]};
    double *accuracy = kc_row_at(&d->schema, row, "accuracy");
    double *control = kc_row_at(&d->schema, row, "control");
    kc_row_clear(&d->schema, row);
    memcpy(row, &all, sizeof all);
    if (same == task) {
        memcpy(accuracy, w->share + 2 * trained * (int64_t)s->positions, bytes);
        memcpy(control, w->share + (2 * trained + 1) * (int64_t)s->positions, bytes);
    } else if (same >= 0) {
        memcpy(accuracy, kc_row_at(&d->schema, kc_deep_row(d, same), "accuracy"), bytes);
        memcpy(control, kc_row_at(&d->schema, kc_deep_row(d, same), "control"), bytes);
    }
}

/* Round by round, each followed by the rows that it makes whole. */
static int do_all(const work *w, kc_deep *d, const kc_deep_keeper *keeper, kc_error *e)
{
    const int at_once = w->x->grid->size * w->x->threads;
    int trained = 0;
    for (int jobs = 0; d->done < d->n; jobs += at_once) {
        const int64_t from = d->done;
        if (jobs < w->jobs)
            do_round(w, jobs);
        while (d->done < d->n) {
            const int is_trained = w->same[d->done] == d->done;
            if (is_trained && 2 * trained + 2 > jobs + at_once)
                break;
            put_row(w, d, trained);
            trained += is_trained;
        }
        if (keeper && d->done > from)
            KC_TRY(keeper->keep(keeper->of, d, from, e));
    }
out:
    return e->code;
}

int kc_deep_probe(const kc_subject *x, const kc_deep_how *how, kc_deep *d,
                  const kc_deep_keeper *keeper, kc_error *e)
{
    work w = {.x = x, .how = how, .kind = d->kind};
    kc_sample_draw(&w.s, x->corpus, (uint64_t)how->seed, how->people,
                   d->kind == KC_DEEP_P ? KC_SAMPLE_TEXT : KC_SAMPLE_NAME);
    const kc_model model = kc_model_short(x->model, w.s.T);
    w.model = &model;
    list_jobs(&w, d->done);
    do_all(&w, d, keeper, e);
    free(w.same);
    free(w.task);
    free(w.share);
    kc_sample_free(&w.s);
    return e->code;
}
