/* SPDX-License-Identifier: BSD-3-Clause */
#include "measure/linear.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/base/team.h"
#include "kcap/math/cholesky.h"
#include "kcap/math/gemm.h"

/* Penalty of the weights, over the mean variance of the states' dimensions. */
static const double ridge = 1e-2;

enum { WINDOWS = 64 }; /* of a rank, between two questions whether to stop */

/* A reading: states of this rank's people, i = rank, rank + size, ... of the sample. */
typedef struct reading {
    const kc_grid *g;
    const kc_sample *s;
    const kc_states *states;
    const kc_stopper *stopper;
    int threads;
    int64_t cells, rounds, d; /* layers x positions; people of a rank, at most */
    float *mine;              /* [cells, rounds, d]                            */
    float *all;               /* [ranks, rounds, d] of one cell                */
    int *why;                 /* [ranks]                                       */
} reading;

/* What any rank wants it broken off for. */
static int agreed_to_stop(const reading *r)
{
    const kc_stopper *stopper = r->stopper;
    const int mine = stopper && stopper->stop ? stopper->stop(stopper->of) : 0;
    int why = 0;
    kc_allgather(r->g, &mine, r->why, sizeof mine);
    for (int i = 0; i < r->g->size; ++i)
        why = r->why[i] > why ? r->why[i] : why;
    return why;
}

static void read_person(const reading *r, int64_t round, kc_mat *hidden)
{
    const kc_sample *s = r->s;
    const int64_t i = round * r->g->size + r->g->rank;
    if (i >= s->n) {
        if (r->g->ep)
            r->states->read(r->states->of, 0, NULL, hidden);
        return;
    }
    r->states->read(r->states->of, omp_get_thread_num(), s->tokens + i * s->T, hidden);
    for (int64_t cell = 0; cell < r->cells; ++cell) {
        const int32_t at = s->at[i * s->positions + cell % s->positions];
        const kc_mat *h = &hidden[cell / s->positions];
        if (at >= 0)
            memcpy(r->mine + (cell * r->rounds + round) * r->d, h->p + at * h->ld,
                   (size_t)r->d * sizeof *h->p);
    }
}

static int read_people(const reading *r)
{
    const int at_once = r->states->threads;
    const int64_t layers = r->states->layers;
    kc_mat *hidden = kc_alloc(at_once * layers, sizeof *hidden, "layers");
    int why = 0;
    for (int64_t first = 0; first < r->rounds && !why; first += WINDOWS) {
        const int64_t end = first + WINDOWS < r->rounds ? first + WINDOWS : r->rounds;
        KC_EACH(at_once, dynamic, i, end - first,
                read_person(r, first + i, hidden + omp_get_thread_num() * layers));
        why = agreed_to_stop(r);
        if (r->stopper && r->stopper->seen)
            r->stopper->seen(r->stopper->of, (double)end / (double)r->rounds);
    }
    free(hidden);
    return why;
}

/* One regression: people whose text has the position, learners first. */
typedef struct fit {
    int64_t rows, learners, d, classes; /* classes of all tasks, and of their controls */
    int64_t *person;                    /* [rows]                              */
    kc_mat x;                           /* [rows, d]: less the learners' mean  */
    double *a, *b, *share;              /* [d, d]; [d, classes]; [classes]     */
    kc_mat w, score;                    /* [d, classes]; [rows - learners, classes] */
} fit;

/* Labels of a task, or of its control. */
static const int32_t *labels_of(const kc_sample *s, int task, int control)
{
    return (control ? s->shuffled : s->label) + task * s->n;
}

static float *state_of(const reading *r, int64_t person)
{
    const int64_t size = r->g->size;
    return r->all + (person % size * r->rounds + person / size) * r->d;
}

static void fit_create(fit *f, const reading *r, int64_t cell)
{
    const kc_sample *s = r->s;
    *f = (fit){.d = r->d, .person = kc_alloc(s->n, sizeof *f->person, "people")};
    for (int64_t i = 0; i < s->n; ++i)
        if (s->at[i * s->positions + cell % s->positions] >= 0) {
            f->person[f->rows++] = i;
            f->learners += i < s->learners;
        }
    for (int task = 0; task < s->tasks; ++task)
        f->classes += 2 * s->classes[task];
    f->x = kc_mat_of(kc_alloc(f->rows * f->d, sizeof(float), "states"), f->rows, f->d);
    f->w = kc_mat_of(kc_alloc(f->d * f->classes, sizeof(float), "probes"), f->d, f->classes);
    f->score = kc_mat_of(kc_alloc((f->rows - f->learners) * f->classes, sizeof(float), "scores"),
                         f->rows - f->learners, f->classes);
    f->a = kc_alloc(f->d * f->d, sizeof *f->a, "probes");
    f->b = kc_alloc(f->d * f->classes, sizeof *f->b, "probes");
    f->share = kc_alloc(f->classes, sizeof *f->share, "probes");
}

static void fit_free(fit *f)
{
    free(f->person);
    free(f->x.p);
    free(f->w.p);
    free(f->score.p);
    free(f->a);
    free(f->b);
    free(f->share);
}

static void centre(const reading *r, fit *f)
{
    double *mean = kc_alloc(f->d, sizeof *mean, "states");
    for (int64_t i = 0; i < f->learners; ++i)
        for (int64_t j = 0; j < f->d; ++j)
            mean[j] += (double)state_of(r, f->person[i])[j] / (double)f->learners;
    for (int64_t i = 0; i < f->rows; ++i)
        for (int64_t j = 0; j < f->d; ++j)
            f->x.p[i * f->d + j] = (float)(state_of(r, f->person[i])[j] - mean[j]);
    free(mean);
}

/* a = X^T X + penalty: positive definite, whatever the states. */
static void gram(fit *f, int threads)
{
    const kc_mat x = {f->x.p, f->learners, f->d, f->d};
    float *g = kc_alloc(f->d * f->d, sizeof *g, "probes");
    double trace = 0;
    kc_gemm_t(kc_mat_of(g, f->d, f->d), x, x, 0, threads);
    for (int64_t i = 0; i < f->d; ++i)
        trace += g[i * f->d + i];
    for (int64_t i = 0; i < f->d * f->d; ++i)
        f->a[i] = g[i];
    for (int64_t i = 0; i < f->d; ++i)
        f->a[i * f->d + i] += trace > 0 ? ridge * trace / (double)f->d : 1;
    free(g);
}

/* b = X^T Y of these columns, Y one-hot: sums of the rows of each class. */
static void add_class(fit *f, const int32_t *label, int64_t first, int32_t classes)
{
    for (int64_t i = 0; i < f->learners; ++i) {
        const int32_t c = label[f->person[i]];
        if (c < 0 || c >= classes)
            continue;
        f->share[first + c] += 1 / (double)f->learners;
        for (int64_t j = 0; j < f->d; ++j)
            f->b[j * f->classes + first + c] += f->x.p[i * f->d + j];
    }
}

static void add_classes(fit *f, const kc_sample *s)
{
    int64_t first = 0;
    for (int task = 0; task < s->tasks; ++task)
        for (int control = 0; control < 2; ++control, first += s->classes[task])
            add_class(f, labels_of(s, task, control), first, s->classes[task]);
}

/* Share of the held out whose class scores most; of equal ones the first. */
static double accuracy(const fit *f, const int32_t *label, int64_t first, int32_t classes)
{
    int64_t right = 0, all = 0;
    for (int64_t i = 0; i < f->score.rows; ++i) {
        const float *score = f->score.p + i * f->classes + first;
        const int32_t truth = label[f->person[f->learners + i]];
        int32_t best = 0;
        for (int32_t c = 1; c < classes; ++c)
            if (score[c] + f->share[first + c] > score[best] + f->share[first + best])
                best = c;
        right += best == truth;
        all += truth >= 0;
    }
    return all > 0 && classes > 0 ? (double)right / (double)all : NAN;
}

/* to [tasks, 2] */
static void solve(fit *f, const reading *r, double *to)
{
    const kc_sample *s = r->s;
    const kc_mat x = {f->x.p + f->learners * f->d, f->rows - f->learners, f->d, f->d};
    int64_t first = 0;
    centre(r, f);
    gram(f, r->threads);
    add_classes(f, s);
    if (!kc_cholesky(f->a, f->d, r->threads))
        return; /* states that are not finite: nothing is known */
    kc_cholesky_solve(f->a, f->d, f->b, f->classes, r->threads);
    for (int64_t i = 0; i < f->d * f->classes; ++i)
        f->w.p[i] = (float)f->b[i];
    kc_gemm(f->score, x, f->w, 0, r->threads);
    for (int task = 0; task < s->tasks; ++task)
        for (int control = 0; control < 2; ++control, first += s->classes[task])
            to[2 * task + control] =
                accuracy(f, labels_of(s, task, control), first, s->classes[task]);
}

/* Cells in turn; each rank solves its own, results [cells, tasks, 2] of this rank. */
static int solve_cells(const reading *r, double *results)
{
    int why = 0;
    for (int64_t cell = 0; cell < r->cells && !why; ++cell) {
        fit f;
        kc_allgather(r->g, r->mine + cell * r->rounds * r->d, r->all,
                     (size_t)(r->rounds * r->d) * sizeof *r->all);
        if (cell % r->g->size == r->g->rank) {
            fit_create(&f, r, cell);
            if (f.classes > 0 && f.learners > 0 && f.rows > f.learners)
                solve(&f, r, results + cell * 2 * r->s->tasks);
            fit_free(&f);
        }
        why = agreed_to_stop(r);
    }
    return why;
}

/* Each cell from the rank that solved it. */
static void share_results(const reading *r, const double *mine, const kc_probed *out)
{
    const int64_t of_cell = 2 * r->s->tasks, n = r->cells * of_cell;
    double *all = kc_alloc(n * r->g->size, sizeof *all, "probes");
    kc_allgather(r->g, mine, all, (size_t)n * sizeof *all);
    for (int64_t cell = 0; cell < r->cells; ++cell)
        for (int64_t task = 0; task < r->s->tasks; ++task) {
            const double *from = all + cell % r->g->size * n + cell * of_cell + 2 * task;
            out->accuracy[task * r->cells + cell] = from[0];
            out->control[task * r->cells + cell] = from[1];
        }
    free(all);
}

int kc_linear_probe(const kc_grid *g, const kc_sample *s, const kc_states *states, int threads,
                    const kc_stopper *stopper, const kc_probed *out)
{
    reading r = {g, s, states, stopper, threads, .cells = states->layers * s->positions};
    r.rounds = (s->n + g->size - 1) / g->size;
    r.d = states->width;
    r.mine = kc_alloc(r.cells * r.rounds * r.d, sizeof *r.mine, "states");
    r.all = kc_alloc(g->size * r.rounds * r.d, sizeof *r.all, "states");
    r.why = kc_alloc(g->size, sizeof *r.why, "ranks");
    const int64_t n = r.cells * 2 * s->tasks;
    double *results = kc_alloc(n, sizeof *results, "probes");
    for (int64_t i = 0; i < n; ++i)
        results[i] = NAN;
    int why = read_people(&r);
    if (!why)
        why = solve_cells(&r, results);
    if (!why)
        share_results(&r, results, out);
    free(results);
    free(r.mine);
    free(r.all);
    free(r.why);
    return why;
}

size_t kc_linear_bytes(const kc_corpus_info *info, int64_t people, int64_t layers, int64_t width,
                       int ranks)
{
    const double n = (double)(people < info->n_people ? people : info->n_people);
    const double d = (double)width, a = info->n_attributes, classes = n * (a - 1);
    const double states = (n / ranks + 1) * (double)layers * a * d + 2 * (n + ranks) * d;
    return (size_t)(4 * states + 12 * d * d + classes * (12 * d + 8 + n));
}
