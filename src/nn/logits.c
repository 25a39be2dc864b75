/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/logits.h"

#include <math.h>
#include <string.h>

#include "kcap/base/err.h"
#include "kcap/base/team.h"
#include "kcap/math/gemm.h"
#include "kcap/math/ops.h"

int64_t kc_logits_scratch(const kc_shape *s)
{
    return (s->T < KC_LOGITS_ROWS ? s->T : KC_LOGITS_ROWS) * s->V;
}

static kc_mat rows_of(kc_mat x, int64_t from)
{
    int64_t left = x.rows - from, n = left < KC_LOGITS_ROWS ? left : KC_LOGITS_ROWS;
    return (kc_mat){x.p + from * x.ld, n, x.cols, x.ld};
}

/* The matrix W [V, d] of the head, its own or that of the embedding, which is tied to it. */
static kc_linear head_of(const kc_weights *w, float *grad)
{
    const kc_layer whole = {.w = w, .grad = grad};
    const int untied = w->layout->tensor[KC_P_head].layers > 0;
    return kc_layer_linear(&whole, untied ? KC_P_head : KC_P_wte, KC_NO_TENSOR);
}

/* A row of logits becomes d(loss)/d(logits) = softmax - onehot; returns the loss. */
static float row_gradient(float *row, int64_t V, int32_t target)
{
    if (target == KC_NO_TARGET) {
        memset(row, 0, (size_t)V * sizeof *row);
        return 0;
    }
    const float max = kc_max_row(row, V), wanted = row[target] - max;
    const float sum = kc_exp_row(row, row, V, max, 1), inverse = 1 / sum;
    kc_scale_row(row, V, inverse);
    row[target] -= 1;
    return logf(sum) - wanted;
}

double kc_logits_grad(const kc_weights *w, kc_mat x, const int32_t *targets, kc_mat dx, float *grad,
                      float *scratch, int threads)
{
    const kc_linear head = head_of(w, grad);
    const int64_t V = head.w.rows;
    double loss = 0;
    for (int64_t from = 0; from < x.rows; from += KC_LOGITS_ROWS) {
        kc_mat in = rows_of(x, from), logits = kc_mat_of(scratch, in.rows, V);
        float row_loss[KC_LOGITS_ROWS];
        kc_gemm(logits, in, head.wt, 0, threads);
        KC_EACH(threads, static, i, in.rows,
                row_loss[i] = row_gradient(scratch + i * V, V, targets[from + i]));
        for (int64_t i = 0; i < in.rows; ++i)
            loss += row_loss[i];
        kc_gemm(rows_of(dx, from), logits, head.w, 0, threads);
        kc_gemm_t(head.dw, logits, in, 1, threads);
    }
    return loss;
}

/* Loss of one row of logits, which it overwrites, and is its target the likeliest? */
static float row_score(float *row, int64_t V, int32_t target, uint8_t *hit)
{
    *hit = 0;
    if (target == KC_NO_TARGET)
        return 0;
    const float max = kc_max_row(row, V), wanted = row[target];
    int64_t best = 0;
    while (best < V - 1 && row[best] != max)
        ++best;
    *hit = best == target;
    return logf(kc_exp_row(row, row, V, max, 1)) - (wanted - max);
}

void kc_logits_score(const kc_weights *w, kc_mat x, const int32_t *targets, float *nats,
                     uint8_t *hit, float *scratch, int threads)
{
    const kc_linear head = head_of(w, NULL);
    const int64_t V = head.w.rows;
    for (int64_t from = 0; from < x.rows; from += KC_LOGITS_ROWS) {
        kc_mat in = rows_of(x, from);
        kc_gemm(kc_mat_of(scratch, in.rows, V), in, head.wt, 0, threads);
        KC_EACH(threads, static, i, in.rows,
                nats[from + i] = row_score(scratch + i * V, V, targets[from + i], &hit[from + i]));
    }
}

void kc_logits_all(const kc_weights *w, kc_mat x, kc_mat logits, int threads)
{
    kc_gemm(logits, x, head_of(w, NULL).wt, 0, threads);
}
