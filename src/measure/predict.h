/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_PREDICT_H
#define KCAP_MEASURE_PREDICT_H

#include "kcap/base/arena.h"
#include "kcap/nn/model.h"

/* What predicts: logits [n, V] of what follows each of tokens first ... first+n-1 of a text that begins
 * with <eos>. Called from several threads at a time, `thread` below their number. A model is one
 * (kc_predictor_predict); tests put oracles in its place. Where experts are spread over ranks it is called
 * on all of them in step, by one thread, with tokens of NULL where this rank has none. */
typedef void (*kc_predict)(void *context, int thread, const int32_t *tokens, int64_t first,
                           int64_t n, float *logits);

/* A model as a predictor of texts of up to T tokens: one room a thread. What a text has in common with the
 * room's last one, from its beginning, is not computed again: the logits have the same bits as if it were. */
typedef struct kc_predictor {
    kc_model model; /* for windows of T tokens */
    const kc_weights *weights;
    int threads; /* texts at a time; 1 where experts are spread, with the threads inside */
    kc_arena arena;
    kc_work **work;   /* [threads] */
    int32_t **window; /* [threads]: T tokens, the last text */
    int64_t *length;  /* [threads]: of it; 0: none */
} kc_predictor;

/* Bytes that kc_predictor_create takes. */
size_t kc_predictor_bytes(const kc_model *model, int64_t T, int threads);

/* T: at most the model's context is taken. Model and weights are borrowed and stay as they are; release with
 * kc_predictor_destroy. */
void kc_predictor_create(kc_predictor *p, const kc_model *model, const kc_weights *weights,
                         int64_t T, int threads);
void kc_predictor_destroy(kc_predictor *p);
void kc_predictor_predict(void *predictor, int thread, const int32_t *tokens, int64_t first,
                          int64_t n, float *logits);

/* ln of the sum of the exponentials of a row of logits; -ln Pr[token] is this less its logit.
 *   scratch     [V] */
double kc_log_sum(const float *logits, int64_t V, float *scratch);

#endif
