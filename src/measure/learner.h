/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_LEARNER_H
#define KCAP_MEASURE_LEARNER_H

#include "kcap/nn/model.h"
#include "kcap/optim/adamw.h"
#include "measure/sample.h"

/* One probe that is trained: parameters in one array, matrices first (these decay). */
typedef struct kc_learner {
    const kc_model *model; /* for windows of the sample's T tokens */
    const kc_weights *weights;
    const kc_sample *s;
    const int32_t *label; /* [n] */
    int64_t rank, classes, n, n_matrices;
    float *params, *grads, *m, *v; /* [n]                                                  */
    float *A, *B;                  /* [V, rank], [rank, d]                                 */
    float *W;                      /* [positions, d, classes]                              */
    float *gain, *bias, *shift;    /* [positions, d] twice, [positions, classes]           */
    float *dx, *y, *dy, *logits;   /* [T, d]; [d] twice; [classes]                         */
    kc_mat *hidden;                /* [layers]                                             */
    kc_arena arena;
    kc_work *work;
} kc_learner;

/* Gain 1, A small and random by the seed, all others 0: the model as it is.
 *   owns        release with kc_learner_destroy */
void kc_learner_create(kc_learner *l, const kc_model *model, const kc_weights *weights,
                       const kc_sample *s, const int32_t *label, int64_t classes, int64_t rank,
                       uint64_t seed);
void kc_learner_destroy(kc_learner *l);

/* Loss of person i, summed over the positions of the text, in nats; its gradient is added to grads. A
 * label that is no class has none. */
double kc_learner_gradient(kc_learner *l, int64_t i);

/* Class that scores most, at each position; -1 where the text has none. */
void kc_learner_guess(kc_learner *l, int64_t i, int32_t *guess);

#endif
