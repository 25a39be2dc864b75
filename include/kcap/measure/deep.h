/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_DEEP_H
#define KCAP_MEASURE_DEEP_H

#include "kcap/measure/subject.h"

/* P-probing and Q-probing (arXiv 2309.14316): the network is frozen; trained are a low-rank update A B of
 * the embedding, x[t] = wte[token] + A[token] B, and for each position a LayerNorm with gain and bias and a
 * linear softmax classifier on the last block's output. Each task has an update of its own, shared by the
 * positions of the text (in the paper each position has one too); the control is trained the same on
 * shuffled labels. */
typedef enum kc_deep_kind {
    KC_DEEP_P, /* from the text, before each value */
    KC_DEEP_Q  /* from <eos> name <eos> alone      */
} kc_deep_kind;

typedef struct kc_deep_how {
    int64_t people, rank, steps, batch; /* of the update; AdamW steps; people of one */
    double rate, decay;                 /* falls to 0 linearly; of matrices          */
    uint64_t seed;
} kc_deep_how;

/* Accuracies on the people held out; NaN where nothing is asked (see measure/sample.h). */
typedef struct kc_deep_found {
    int64_t learners, held_out, positions, attributes;
    double *accuracy[2], *control[2]; /* [positions, attributes]: first token; whole value */
    double *chance[2];                /* [attributes]                                       */
} kc_deep_found;

/* Probe the subject. For models without experts.
 *   collective  on all ranks: tasks are spread over ranks and threads
 *   bits        do not depend on ranks or threads
 *   owns        release with kc_deep_free */
void kc_deep_probe(const kc_subject *x, kc_deep_kind kind, const kc_deep_how *how,
                   kc_deep_found *found);
void kc_deep_free(kc_deep_found *found);

#endif
