/* SPDX-License-Identifier: BSD-3-Clause */
#include "measure/head.h"

#include <math.h>
#include <string.h>

#include "kcap/math/ops.h"

static const float eps = 1e-5f, momentum = 0.1f;

void kc_head_take(kc_head *h, const kc_head_shape *shape, kc_arena *a)
{
    const int64_t n = shape->most, d = shape->d, one = shape->of_batch ? d : n;
    h->shape = *shape;
    h->running_mean = kc_arena_floats(a, d);
    h->running_var = kc_arena_floats(a, d);
    h->mean = kc_arena_floats(a, one);
    h->rstd = kc_arena_floats(a, one);
    h->y = kc_mat_take(a, n, d);
    h->dy = kc_mat_take(a, n, d);
    h->logits = kc_mat_take(a, n, shape->classes);
    for (int64_t j = 0; h->running_var && j < d; ++j)
        h->running_var[j] = 1;
}

static kc_norm layer_norm(const kc_head *h)
{
    return (kc_norm){h->gain.at, h->bias.at, h->mean, h->rstd, 0, 1e-5f};
}

/* The first n rows of what a call works on. */
static kc_mat first(kc_mat x, int64_t n)
{
    return (kc_mat){x.p, n, x.cols, x.ld};
}

/* Moments of each dimension over the states, and the running ones a tenth of the way to them. */
static void batch_moments(kc_head *h, kc_mat x)
{
    const float n = (float)x.rows;
    for (int64_t j = 0; j < x.cols; ++j) {
        float sum = 0, square = 0;
        for (int64_t i = 0; i < x.rows; ++i)
            sum += x.p[i * x.ld + j];
        const float mean = sum / n;
        for (int64_t i = 0; i < x.rows; ++i)
            square += (x.p[i * x.ld + j] - mean) * (x.p[i * x.ld + j] - mean);
        h->mean[j] = mean;
        h->rstd[j] = 1 / sqrtf(square / n + eps);
        h->running_mean[j] += momentum * (mean - h->running_mean[j]);
        h->running_var[j] += momentum * (square / (n - 1) - h->running_var[j]);
    }
}

/* y = (x - mean) rstd gain + bias by columns. */
static void batch_norm(const kc_head *h, kc_mat y, kc_mat x)
{
    for (int64_t i = 0; i < x.rows; ++i)
        for (int64_t j = 0; j < x.cols; ++j)
            y.p[i * y.ld + j] =
                (x.p[i * x.ld + j] - h->mean[j]) * h->rstd[j] * h->gain.at[j] + h->bias.at[j];
}

/* With xhat = (x - mean) rstd of a column: dgain = sum dy xhat, dbias = sum dy, and dx = rstd gain
 * (dy - (dbias + xhat dgain) / n). */
static void batch_norm_backward(kc_head *h, kc_mat dx, kc_mat dy, kc_mat x)
{
    const float n = (float)x.rows;
    for (int64_t j = 0; j < x.cols; ++j) {
        const float mean = h->mean[j], rstd = h->rstd[j];
        float sum = 0, dot = 0;
        for (int64_t i = 0; i < x.rows; ++i) {
            sum += dy.p[i * dy.ld + j];
            dot += dy.p[i * dy.ld + j] * (x.p[i * x.ld + j] - mean) * rstd;
        }
        h->gain.grad[j] += dot;
        h->bias.grad[j] += sum;
        for (int64_t i = 0; i < x.rows; ++i)
            dx.p[i * dx.ld + j] +=
                rstd * h->gain.at[j] *
                (dy.p[i * dy.ld + j] - (sum + (x.p[i * x.ld + j] - mean) * rstd * dot) / n);
    }
}

/* logits = y W + shift */
static void score(const kc_head *h, kc_mat y, kc_mat logits)
{
    const int64_t d = y.cols, C = logits.cols;
    for (int64_t i = 0; i < y.rows; ++i) {
        const float *restrict in = y.p + i * y.ld;
        float *restrict out = logits.p + i * logits.ld;
        memcpy(out, h->shift.at, (size_t)C * sizeof *out);
        for (int64_t j = 0; j < d; ++j)
            for (int64_t c = 0; c < C; ++c)
                out[c] += in[j] * h->W.at[j * C + c];
    }
}

/* The logits become the gradient by them; the loss is returned. */
static double softmax_loss(kc_mat logits, const int32_t *class)
{
    const int64_t C = logits.cols;
    double loss = 0;
    for (int64_t i = 0; i < logits.rows; ++i) {
        float *row = logits.p + i * logits.ld;
        const float max = kc_max_row(row, C), wanted = row[class[i]] - max;
        const float sum = kc_exp_row(row, row, C, max, 1);
        for (int64_t c = 0; c < C; ++c)
            row[c] /= sum;
        row[class[i]] -= 1;
        loss += (double)(logf(sum) - wanted);
    }
    return loss;
}

/* From the logits' gradient to those of W and shift, and dy. */
static void score_backward(kc_head *h, kc_mat dy, kc_mat y, kc_mat dlogits)
{
    const int64_t d = y.cols, C = dlogits.cols;
    for (int64_t i = 0; i < y.rows; ++i) {
        const float *restrict g = dlogits.p + i * dlogits.ld;
        for (int64_t c = 0; c < C; ++c)
            h->shift.grad[c] += g[c];
        for (int64_t j = 0; j < d; ++j) {
            const float *W = h->W.at + j * C, in = y.p[i * y.ld + j];
            float *restrict dW = h->W.grad + j * C;
            for (int64_t c = 0; c < C; ++c)
                dW[c] += in * g[c];
            dy.p[i * dy.ld + j] = kc_dot_row(W, g, C);
        }
    }
}

double kc_head_learn(kc_head *h, kc_mat x, const int32_t *class, kc_mat dx)
{
    const kc_norm norm = layer_norm(h);
    const kc_mat y = first(h->y, x.rows), dy = first(h->dy, x.rows);
    const kc_mat logits = first(h->logits, x.rows);
    if (h->shape.of_batch && x.rows < 2)
        return 0;
    if (h->shape.of_batch) {
        batch_moments(h, x);
        batch_norm(h, y, x);
    } else
        kc_norm_forward(y, x, &norm, 1);
    score(h, y, logits);
    const double loss = softmax_loss(logits, class);
    score_backward(h, dy, y, logits);
    if (h->shape.of_batch)
        batch_norm_backward(h, dx, dy, x);
    else
        kc_norm_backward(dx, dy, x, &norm, h->gain.grad, h->bias.grad, 1);
    return loss;
}

int32_t kc_head_guess(kc_head *h, kc_mat x)
{
    const kc_norm norm = layer_norm(h);
    const kc_mat y = first(h->y, 1), logits = first(h->logits, 1);
    int32_t best = 0;
    for (int64_t j = 0; h->shape.of_batch && j < x.cols; ++j) {
        h->mean[j] = h->running_mean[j];
        h->rstd[j] = 1 / sqrtf(h->running_var[j] + eps);
    }
    if (h->shape.of_batch)
        batch_norm(h, y, x);
    else
        kc_norm_forward(y, x, &norm, 1);
    score(h, y, logits);
    for (int32_t c = 1; c < logits.cols; ++c)
        best = logits.p[c] > logits.p[best] ? c : best;
    return best;
}
