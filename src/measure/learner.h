/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_LEARNER_H
#define KCAP_MEASURE_LEARNER_H

#include "kcap/nn/model.h"
#include "measure/head.h"
#include "measure/sample.h"

/* What a probe is and what it is trained on; all borrowed. */
typedef struct kc_lesson {
    const kc_model *model; /* for windows of the sample's T tokens; all of its experts are here */
    const kc_weights *weights;
    const kc_sample *s;
    const int32_t *label;         /* [n] */
    int64_t classes, rank, batch; /* people of a gradient, at most              */
    int of_batch;                 /* heads with BatchNorm: samples of one position alone */
    uint64_t seed;
} kc_lesson;

/* One probe that is trained: parameters in one array, matrices first (these decay). */
typedef struct kc_learner {
    kc_lesson lesson;
    int64_t n, n_matrices;
    float *params, *grads, *m, *v; /* [n]                                          */
    kc_head_part A, B;             /* [V, rank], [rank, d]: of the embedding       */
    kc_head *head;                 /* [positions]                                  */
    kc_mat dx;                     /* [T, d]                                       */
    kc_mat states, dstates;        /* [batch, d], where heads take a batch         */
    int64_t *who;                  /* [batch]: of whom they are; and their classes */
    int32_t *class;
    kc_mat *hidden; /* [layers] */
    kc_arena arena;
    kc_work *work;
} kc_learner;

/* Gain 1, A small and random by the seed, all others 0: the model as it is.
 *   owns        release with kc_learner_destroy */
void kc_learner_create(kc_learner *l, const kc_lesson *lesson);
void kc_learner_destroy(kc_learner *l);

/* Loss of n people, summed over them and the positions of their texts, in nats; its gradient is added
 * to grads. A label that is no class has none. */
double kc_learner_gradient(kc_learner *l, const int64_t *people, int64_t n);

/* Class that scores most for person i, at each position; -1 where the text has none. */
void kc_learner_guess(kc_learner *l, int64_t i, int32_t *guess);

#endif
