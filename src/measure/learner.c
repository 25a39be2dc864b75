/* SPDX-License-Identifier: BSD-3-Clause */
#include "measure/learner.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/base/rng.h"
#include "kcap/math/ops.h"

static const double start = 0.1; /* of A's elements, standard deviation */

/* Parts of an array of the parameters. */
static void place(kc_learner *l, float *flat, float **parts)
{
    const int64_t d = l->model->shape.d, p = l->s->positions;
    const int64_t size[] = {
        l->model->shape.V * l->rank, l->rank * d, p * d * l->classes, p * d, p * d, p * l->classes};
    l->n = 0;
    for (int i = 0; i < 6; ++i) {
        parts[i] = flat ? flat + l->n : NULL;
        l->n += size[i];
        if (i == 2)
            l->n_matrices = l->n;
    }
}

static void take(kc_learner *l, kc_arena *a)
{
    const kc_shape *s = &l->model->shape;
    float *parts[6];
    place(l, NULL, parts);
    l->params = kc_arena_floats(a, l->n);
    l->grads = kc_arena_floats(a, l->n);
    l->m = kc_arena_floats(a, l->n);
    l->v = kc_arena_floats(a, l->n);
    l->dx = kc_arena_floats(a, s->T * s->d);
    l->y = kc_arena_floats(a, s->d);
    l->dy = kc_arena_floats(a, s->d);
    l->logits = kc_arena_floats(a, l->classes);
    l->hidden = kc_arena_take(a, s->l + 2, sizeof *l->hidden);
    l->work = kc_work_create(l->model, a, 1);
}

void kc_learner_create(kc_learner *l, const kc_model *model, const kc_weights *weights,
                       const kc_sample *s, const int32_t *label, int64_t classes, int64_t rank,
                       uint64_t seed)
{
    kc_arena arena = {0};
    float *parts[6];
    *l = (kc_learner){.model = model, .weights = weights, .s = s, .label = label};
    l->classes = classes;
    l->rank = rank;
    take(l, &arena);
    kc_arena_reserve(&arena);
    take(l, &arena);
    l->arena = arena;
    place(l, l->params, parts);
    l->A = parts[0], l->B = parts[1], l->W = parts[2];
    l->gain = parts[3], l->bias = parts[4], l->shift = parts[5];
    for (int64_t i = 0; i < model->shape.V * rank; ++i)
        l->A[i] = (float)(start * kc_rand_normal(seed, KC_STREAM_PROBE, (uint64_t)i, 1));
    for (int64_t i = 0; i < s->positions * model->shape.d; ++i)
        l->gain[i] = 1;
}

void kc_learner_destroy(kc_learner *l)
{
    kc_arena_destroy(&l->arena);
    *l = (kc_learner){0};
}

/* Forward with the update: x[t] = wte[token] + A[token] B; the last block's output. */
static kc_mat look(kc_learner *l, const int32_t *tokens)
{
    const kc_mat x = kc_model_embed(l->weights, tokens, l->work);
    for (int64_t t = 0; t < x.rows; ++t)
        for (int64_t k = 0; k < l->rank; ++k) {
            const float a = l->A[tokens[t] * l->rank + k];
            for (int64_t j = 0; j < x.cols; ++j)
                x.p[t * x.ld + j] += a * l->B[k * x.cols + j];
        }
    kc_model_hidden(l->model, l->weights, l->work, l->hidden);
    return l->hidden[l->model->shape.l];
}

static kc_norm norm_of(const kc_learner *l, int p, float *mean, float *rstd)
{
    const int64_t d = l->model->shape.d;
    return (kc_norm){l->gain + p * d, l->bias + p * d, mean, rstd, 0};
}

/* logits = norm(h) W + shift, of position p. */
static void classify(kc_learner *l, int p, kc_mat h, const kc_norm *norm)
{
    const int64_t d = h.cols, C = l->classes;
    const float *W = l->W + p * d * C;
    kc_norm_forward(kc_mat_of(l->y, 1, d), h, norm, 1);
    memcpy(l->logits, l->shift + p * C, (size_t)C * sizeof *l->logits);
    for (int64_t j = 0; j < d; ++j)
        for (int64_t c = 0; c < C; ++c)
            l->logits[c] += l->y[j] * W[j * C + c];
}

/* The state of a position, one row. */
static kc_mat row_of(kc_mat x, int32_t at)
{
    return (kc_mat){x.p + at * x.ld, 1, x.cols, x.ld};
}

/* From the logits' gradient to those of W, shift and norm, and dx. */
static void push(kc_learner *l, int p, kc_mat h, kc_mat dx, const kc_norm *norm)
{
    const int64_t d = h.cols, C = l->classes;
    const float *W = l->W + p * d * C, *restrict g = l->logits;
    float *dW = l->grads + (l->W - l->params) + p * d * C;
    float *dshift = l->grads + (l->shift - l->params) + p * C;
    for (int64_t c = 0; c < C; ++c)
        dshift[c] += g[c];
    for (int64_t j = 0; j < d; ++j) {
        float sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int64_t c = 0; c < C; ++c)
            sum += W[j * C + c] * g[c];
        for (int64_t c = 0; c < C; ++c)
            dW[j * C + c] += l->y[j] * g[c];
        l->dy[j] = sum;
    }
    kc_norm_backward(dx, kc_mat_of(l->dy, 1, d), h, norm, l->grads + (l->gain - l->params) + p * d,
                     l->grads + (l->bias - l->params) + p * d, 1);
}

/* dx of one position +=; returns its loss. */
static double learn_position(kc_learner *l, int p, int32_t class, kc_mat h, kc_mat dx)
{
    float mean, rstd;
    const kc_norm norm = norm_of(l, p, &mean, &rstd);
    const int64_t C = l->classes;
    classify(l, p, h, &norm);
    const float max = kc_max_row(l->logits, C), wanted = l->logits[class] - max;
    const float sum = kc_exp_row(l->logits, l->logits, C, max, 1);
    for (int64_t c = 0; c < C; ++c)
        l->logits[c] /= sum;
    l->logits[class] -= 1;
    push(l, p, h, dx, &norm);
    return (double)(logf(sum) - wanted);
}

/* dA, dB += from the gradient at the embedding. */
static void update_gradient(kc_learner *l, const int32_t *tokens, kc_mat dx)
{
    float *dA = l->grads + (l->A - l->params), *dB = l->grads + (l->B - l->params);
    for (int64_t t = 0; t < dx.rows; ++t)
        for (int64_t k = 0; k < l->rank; ++k) {
            const float *B = l->B + k * dx.cols, *g = dx.p + t * dx.ld;
            const float a = l->A[tokens[t] * l->rank + k];
            float sum = 0;
#pragma omp simd reduction(+ : sum)
            for (int64_t j = 0; j < dx.cols; ++j)
                sum += g[j] * B[j];
            for (int64_t j = 0; j < dx.cols; ++j)
                dB[k * dx.cols + j] += a * g[j];
            dA[tokens[t] * l->rank + k] += sum;
        }
}

double kc_learner_gradient(kc_learner *l, int64_t i)
{
    const kc_sample *s = l->s;
    const int32_t *tokens = s->tokens + i * s->T, class = l->label[i];
    const kc_mat dx = kc_mat_of(l->dx, l->model->shape.T, l->model->shape.d);
    double loss = 0;
    if (class < 0 || class >= l->classes)
        return 0;
    const kc_mat h = look(l, tokens);
    memset(l->dx, 0, (size_t)(dx.rows * dx.cols) * sizeof *l->dx);
    for (int p = 0; p < s->positions; ++p) {
        const int32_t at = s->at[i * s->positions + p];
        if (at >= 0)
            loss += learn_position(l, p, class, row_of(h, at), row_of(dx, at));
    }
    kc_model_pull(l->model, l->weights, l->work, dx);
    update_gradient(l, tokens, dx);
    return loss;
}

void kc_learner_guess(kc_learner *l, int64_t i, int32_t *guess)
{
    const kc_sample *s = l->s;
    const kc_mat h = look(l, s->tokens + i * s->T);
    for (int p = 0; p < s->positions; ++p) {
        const int32_t at = s->at[i * s->positions + p];
        float mean, rstd;
        const kc_norm norm = norm_of(l, p, &mean, &rstd);
        guess[p] = at < 0 ? -1 : 0;
        if (at < 0)
            continue;
        classify(l, p, row_of(h, at), &norm);
        for (int32_t c = 1; c < l->classes; ++c)
            guess[p] = l->logits[c] > l->logits[guess[p]] ? c : guess[p];
    }
}
