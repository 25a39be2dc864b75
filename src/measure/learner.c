/* SPDX-License-Identifier: BSD-3-Clause */
#include "measure/learner.h"

#include <string.h>

#include "kcap/base/rng.h"
#include "kcap/math/ops.h"

static const double start = 0.1; /* of A's elements, standard deviation */

/* The next n floats of the parameters; without an arena's memory they are only counted. */
static kc_head_part part(kc_learner *l, int64_t n)
{
    const kc_head_part p = {l->params ? l->params + l->n : NULL, l->grads ? l->grads + l->n : NULL};
    l->n += n;
    return p;
}

/* Where everything lies in the arrays of parameters and gradients. */
static void place(kc_learner *l)
{
    const kc_lesson *x = &l->lesson;
    const int64_t d = x->model->shape.d;
    const int positions = x->s->positions;
    l->n = 0;
    l->A = part(l, x->model->shape.V * x->rank);
    l->B = part(l, x->rank * d);
    for (int p = 0; p < positions; ++p) {
        const kc_head_part W = part(l, d * x->classes);
        if (l->head)
            l->head[p].W = W;
    }
    l->n_matrices = l->n;
    for (int p = 0; p < positions; ++p) {
        const kc_head_part gain = part(l, d), bias = part(l, d), shift = part(l, x->classes);
        if (l->head)
            l->head[p].gain = gain, l->head[p].bias = bias, l->head[p].shift = shift;
    }
}

static void take(kc_learner *l, kc_arena *a)
{
    const kc_lesson *x = &l->lesson;
    const kc_shape *s = &x->model->shape;
    const int64_t batch = x->of_batch ? x->batch : 0;
    const kc_head_shape head = {s->d, x->classes, x->of_batch ? batch : 1, x->of_batch};
    kc_head counted;
    place(l);
    l->params = kc_arena_floats(a, l->n);
    l->grads = kc_arena_floats(a, l->n);
    l->m = kc_arena_floats(a, l->n);
    l->v = kc_arena_floats(a, l->n);
    l->head = kc_arena_take(a, x->s->positions, sizeof *l->head);
    for (int p = 0; p < x->s->positions; ++p)
        kc_head_take(l->head ? &l->head[p] : &counted, &head, a);
    l->dx = kc_mat_take(a, s->T, s->d);
    l->states = kc_mat_take(a, batch, s->d);
    l->dstates = kc_mat_take(a, batch, s->d);
    l->who = kc_arena_take(a, batch, sizeof *l->who);
    l->class = kc_arena_take(a, batch, sizeof *l->class);
    l->hidden = kc_arena_take(a, s->l + 2, sizeof *l->hidden);
    l->work = kc_work_create(x->model, a, 1);
}

void kc_learner_create(kc_learner *l, const kc_lesson *x)
{
    kc_arena arena = {0};
    *l = (kc_learner){.lesson = *x};
    KC_CHECK(!x->of_batch || x->s->positions == 1, "%d positions", x->s->positions);
    take(l, &arena);
    kc_arena_reserve(&arena);
    take(l, &arena);
    place(l);
    l->arena = arena;
    for (int64_t i = 0; i < x->model->shape.V * x->rank; ++i)
        l->A.at[i] = (float)(start * kc_rand_normal(x->seed, KC_STREAM_PROBE, (uint64_t)i, 1));
    for (int p = 0; p < x->s->positions; ++p)
        for (int64_t j = 0; j < x->model->shape.d; ++j)
            l->head[p].gain.at[j] = 1;
}

void kc_learner_destroy(kc_learner *l)
{
    kc_arena_destroy(&l->arena);
    *l = (kc_learner){.n = 0};
}

static const int32_t *tokens_of(const kc_learner *l, int64_t i)
{
    return l->lesson.s->tokens + i * l->lesson.s->T;
}

/* Forward with the update: x[t] = wte[token] + A[token] B; the last block's output. */
static kc_mat look(kc_learner *l, int64_t i)
{
    const kc_lesson *lesson = &l->lesson;
    const int32_t *tokens = tokens_of(l, i);
    const kc_mat x = kc_model_embed(lesson->weights, tokens, l->work);
    for (int64_t t = 0; t < x.rows; ++t)
        for (int64_t k = 0; k < lesson->rank; ++k) {
            const float a = l->A.at[tokens[t] * lesson->rank + k];
            for (int64_t j = 0; j < x.cols; ++j)
                x.p[t * x.ld + j] += a * l->B.at[k * x.cols + j];
        }
    kc_model_hidden(lesson->model, lesson->weights, l->work, l->hidden);
    return l->hidden[lesson->model->shape.l];
}

/* The state of a position, one row. */
static kc_mat row_of(kc_mat x, int64_t at)
{
    return (kc_mat){x.p + at * x.ld, 1, x.cols, x.ld};
}

/* dA, dB += from the gradient at the embedding. */
static void update_gradient(kc_learner *l, const int32_t *tokens)
{
    const int64_t rank = l->lesson.rank;
    const kc_mat dx = l->dx;
    for (int64_t t = 0; t < dx.rows; ++t)
        for (int64_t k = 0; k < rank; ++k) {
            const float *B = l->B.at + k * dx.cols, *g = dx.p + t * dx.ld;
            const float a = l->A.at[tokens[t] * rank + k];
            float *dB = l->B.grad + k * dx.cols;
            const float sum = kc_dot_row(g, B, dx.cols);
            for (int64_t j = 0; j < dx.cols; ++j)
                dB[j] += a * g[j];
            l->A.grad[tokens[t] * rank + k] += sum;
        }
}

static void clear(kc_mat x)
{
    memset(x.p, 0, (size_t)(x.rows * x.cols) * sizeof *x.p);
}

/* From l->dx at the last block's output of the person just looked at to the update's gradient. */
static void pull(kc_learner *l, int64_t i)
{
    kc_model_pull(l->lesson.model, l->lesson.weights, l->work, l->dx);
    update_gradient(l, tokens_of(l, i));
}

static int has_class(const kc_lesson *x, int64_t i)
{
    return x->label[i] >= 0 && x->label[i] < x->classes;
}

/* Each position's head learns of one person. */
static double learn_person(kc_learner *l, int64_t i)
{
    const kc_sample *s = l->lesson.s;
    const kc_mat x = look(l, i);
    double loss = 0;
    clear(l->dx);
    for (int p = 0; p < s->positions; ++p) {
        const int32_t at = s->at[i * s->positions + p];
        if (at >= 0)
            loss +=
                kc_head_learn(&l->head[p], row_of(x, at), &l->lesson.label[i], row_of(l->dx, at));
    }
    pull(l, i);
    return loss;
}

/* The one head learns of all at once. A second forward gives back what backward needs: so one
 * person's activations are room enough. */
static double learn_batch(kc_learner *l, const int64_t *people, int64_t n)
{
    const kc_lesson *lesson = &l->lesson;
    int64_t kept = 0;
    for (int64_t k = 0; k < n; ++k) {
        const int64_t i = people[k];
        if (!has_class(lesson, i) || lesson->s->at[i] < 0)
            continue;
        const kc_mat x = row_of(look(l, i), lesson->s->at[i]);
        memcpy(row_of(l->states, kept).p, x.p, (size_t)x.cols * sizeof *x.p);
        l->class[kept] = lesson->label[i];
        l->who[kept++] = i;
    }
    const kc_mat states = {l->states.p, kept, l->states.cols, l->states.ld};
    const kc_mat dstates = {l->dstates.p, kept, l->dstates.cols, l->dstates.ld};
    clear(dstates);
    const double loss = kc_head_learn(l->head, states, l->class, dstates);
    for (int64_t k = 0; k < kept; ++k) {
        const kc_mat d = row_of(dstates, k);
        look(l, l->who[k]);
        clear(l->dx);
        memcpy(row_of(l->dx, lesson->s->at[l->who[k]]).p, d.p, (size_t)d.cols * sizeof *d.p);
        pull(l, l->who[k]);
    }
    return loss;
}

double kc_learner_gradient(kc_learner *l, const int64_t *people, int64_t n)
{
    double loss = 0;
    if (l->lesson.of_batch)
        return learn_batch(l, people, n);
    for (int64_t k = 0; k < n; ++k)
        if (has_class(&l->lesson, people[k]))
            loss += learn_person(l, people[k]);
    return loss;
}

void kc_learner_guess(kc_learner *l, int64_t i, int32_t *guess)
{
    const kc_sample *s = l->lesson.s;
    const kc_mat x = look(l, i);
    for (int p = 0; p < s->positions; ++p) {
        const int32_t at = s->at[i * s->positions + p];
        guess[p] = at < 0 ? -1 : kc_head_guess(&l->head[p], row_of(x, at));
    }
}
