/* SPDX-License-Identifier: BSD-3-Clause */
#include "transform/gptq_solve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/math/cholesky.h"

/* Columns that are worked on at a time, by one thread of one rank. */
enum { COLUMNS = 32 };

void kc_gptq_round(const kc_packing *p, const kc_matrices *m, float *values)
{
    float *scales = kc_alloc(kc_packing_room(p, m), sizeof *scales, "scales");
    kc_packing_round(p, m, values, scales);
    free(scales);
}

/* A matrix that is being quantised. */
typedef struct task {
    kc_packing packing;
    kc_mat w;           /* [n, m] as it was                              */
    float *to, *scales; /* [n, m] quantised; its scales                  */
    const double *H;    /* [n, n] as it was measured                     */
    double *U;          /* [n, n] of the inputs in the order of `order`  */
    int64_t *order;     /* [n]                                           */
} task;

static float nearest(const task *t, int64_t row, int64_t col, double value)
{
    const kc_matrices m = {1, t->w.rows, t->w.cols};
    return kc_packing_nearest(&t->packing, &m, t->scales, row * t->w.cols + col, value);
}

/* Of equal diagonals the first input comes first. */
typedef struct place {
    double diagonal;
    int64_t at;
} place;

static int by_diagonal(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->diagonal != y->diagonal)
        return x->diagonal < y->diagonal ? 1 : -1;
    return x->at < y->at ? -1 : 1;
}

static void choose_order(const task *t, int act_order)
{
    const int64_t n = t->w.rows;
    place *places = kc_alloc(n, sizeof *places, "order of inputs");
    for (int64_t i = 0; i < n; ++i)
        places[i] = (place){t->H[i * n + i], i};
    if (act_order)
        qsort(places, (size_t)n, sizeof *places, by_diagonal);
    for (int64_t i = 0; i < n; ++i)
        t->order[i] = places[i].at;
    free(places);
}

/* H in this order, damped: U^T U is its inverse. An input that is never anything but 0 has a diagonal of its
 * own, and no say in the others. */
static int invert(const task *t, double damping, int threads)
{
    const int64_t n = t->w.rows;
    double mean = 0;
    for (int64_t i = 0; i < n; ++i)
        mean += t->H[i * n + i] / (double)n;
    for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = 0; j < n; ++j)
            t->U[i * n + j] = t->H[t->order[i] * n + t->order[j]];
        double *diagonal = &t->U[i * n + i];
        *diagonal = (*diagonal > 0 ? *diagonal : mean) + damping * mean;
    }
    return kc_cholesky_inverse(t->U, n, threads);
}

/* left [n, count] -= U's row i, from i on, times e [count]. */
static void spread(const double *row, int64_t n, int64_t i, const double *e, double *left)
{
    for (int64_t j = i + 1; j < n; ++j)
        for (int64_t c = 0; c < COLUMNS; ++c)
            left[j * COLUMNS + c] -= row[j] * e[c];
}

/* Columns first ... first + COLUMNS - 1: each weight to its nearest code, its error spread over those that
 * come after it. left [n, COLUMNS]: scratch. */
static void solve_columns(const task *t, int64_t first, double *left)
{
    const int64_t n = t->w.rows, m = t->w.cols;
    const int64_t count = m - first < COLUMNS ? m - first : COLUMNS;
    memset(left, 0, (size_t)(n * COLUMNS) * sizeof *left);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t c = 0; c < count; ++c)
            left[i * COLUMNS + c] = (double)t->w.p[t->order[i] * t->w.ld + first + c];
    for (int64_t i = 0; i < n; ++i) {
        double e[COLUMNS] = {0};
        for (int64_t c = 0; c < count; ++c) {
            const double value = left[i * COLUMNS + c];
            const float chosen = nearest(t, t->order[i], first + c, value);
            t->to[t->order[i] * m + first + c] = chosen;
            e[c] = (value - (double)chosen) / t->U[i * n + i];
        }
        spread(t->U + i * n, n, i, e, left);
    }
}

/* d^T H d over the columns, of d [n, COLUMNS]. */
static double form(const double *H, int64_t n, const double *d)
{
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) {
        double row[COLUMNS] = {0};
        for (int64_t j = 0; j < n; ++j)
            for (int64_t c = 0; c < COLUMNS; ++c)
                row[c] += H[i * n + j] * d[j * COLUMNS + c];
        for (int64_t c = 0; c < COLUMNS; ++c)
            sum += row[c] * d[i * COLUMNS + c];
    }
    return sum;
}

/* What of columns first ... enters the sums: the outputs, or what quantised ones lack of them. */
typedef enum part { GPTQ, ROUNDED, WHOLE } part;

static double square(const task *t, int64_t first, part of, double *d)
{
    const int64_t n = t->w.rows, m = t->w.cols;
    memset(d, 0, (size_t)(n * COLUMNS) * sizeof *d);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t c = first; c < m && c < first + COLUMNS; ++c) {
            const double value = (double)t->w.p[i * t->w.ld + c];
            const double less = of == WHOLE     ? 0
                                : of == ROUNDED ? (double)nearest(t, i, c, value)
                                                : (double)t->to[i * m + c];
            d[i * COLUMNS + c - first] = value - less;
        }
    return form(t->H, n, d);
}

/* What a rank tells of its columns. */
typedef struct strip {
    kc_gptq_sums sums;
    float values[]; /* [n, COLUMNS] */
} strip;

static void work_on(const task *t, int64_t first, strip *s)
{
    const int64_t n = t->w.rows, m = t->w.cols;
    double *room = kc_alloc(n * COLUMNS, sizeof *room, "columns");
    solve_columns(t, first, room);
    s->sums = (kc_gptq_sums){square(t, first, GPTQ, room), square(t, first, ROUNDED, room),
                             square(t, first, WHOLE, room)};
    for (int64_t i = 0; i < n; ++i)
        for (int64_t c = first; c < m && c < first + COLUMNS; ++c)
            s->values[i * COLUMNS + c - first] = t->to[i * m + c];
    free(room);
}

static void take_strip(const task *t, int64_t first, const strip *s, kc_gptq_sums *sums)
{
    const int64_t m = t->w.cols;
    for (int64_t i = 0; i < t->w.rows; ++i)
        for (int64_t c = first; c < m && c < first + COLUMNS; ++c)
            t->w.p[i * t->w.ld + c] = s->values[i * COLUMNS + c - first];
    sums->error += s->sums.error;
    sums->rounding += s->sums.rounding;
    sums->output += s->sums.output;
}

/* Strips by turns: `threads` of each rank at a time. */
static void solve_all(const kc_grid *g, const task *t, int threads, kc_gptq_sums *sums)
{
    const size_t bytes =
        (sizeof(strip) + (size_t)(t->w.rows * COLUMNS) * sizeof(float) + 7) / 8 * 8;
    const int64_t round = (int64_t)g->size * threads * COLUMNS;
    char *mine = kc_alloc(threads, (int64_t)bytes, "columns");
    char *all = kc_alloc((int64_t)g->size * threads, (int64_t)bytes, "columns of all ranks");
    for (int64_t from = 0; from < t->w.cols; from += round) {
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
        for (int i = 0; i < threads; ++i) {
            const int64_t first = from + (g->rank * threads + i) * (int64_t)COLUMNS;
            if (first < t->w.cols)
                work_on(t, first, (strip *)(mine + (size_t)i * bytes));
        }
        kc_allgather(g, mine, all, (size_t)threads * bytes);
        for (int64_t i = 0, first; (first = from + i * COLUMNS) < t->w.cols && first < from + round;
             ++i)
            take_strip(t, first, (const strip *)(all + (size_t)i * bytes), sums);
    }
    free(all);
    free(mine);
}

int kc_gptq_solve(const kc_grid *g, const kc_quantize *q, kc_mat w, double *H, int threads,
                  kc_gptq_sums *sums, kc_error *e)
{
    const int64_t n = w.rows;
    const kc_matrices m = {1, n, w.cols};
    task t = {.packing = kc_gptq_packing(q), .w = w, .H = H};
    t.to = kc_alloc(n * w.cols, sizeof *t.to, "quantised weights");
    t.scales = kc_alloc(kc_packing_room(&t.packing, &m), sizeof *t.scales, "scales");
    t.U = kc_alloc(n * n, sizeof *t.U, "inverse of a Hessian");
    t.order = kc_alloc(n, sizeof *t.order, "order of inputs");
    for (int64_t i = 0; i < n; ++i)
        if (!isfinite(H[i * n + i]))
            kc_fail(
                e, KC_ENUMERIC,
                "gptq: what comes into a matrix of %lld inputs is too large for single precision, "
                "so nothing can be calibrated: --method rtn takes such weights",
                (long long)n);
    KC_TRY(kc_agree(g, e));
    kc_packing_fit(&t.packing, &m, w.p, t.scales);
    choose_order(&t, q->act_order);
    if (!invert(&t, q->damping, threads))
        kc_fail(e, KC_ENUMERIC,
                "gptq: the Hessian of a matrix of %lld inputs is not positive definite: more "
                "--documents, or a larger --damping than %g",
                (long long)n, q->damping);
    KC_TRY(kc_agree(g, e));
    solve_all(g, &t, threads, sums);
out:
    free(t.to);
    free(t.scales);
    free(t.U);
    free(t.order);
    return e->code;
}
