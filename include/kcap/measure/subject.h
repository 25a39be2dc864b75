/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_SUBJECT_H
#define KCAP_MEASURE_SUBJECT_H

#include "kcap/comm/grid.h"
#include "kcap/data/corpus.h"
#include "kcap/measure/spans.h"
#include "kcap/nn/model.h"

/* What is measured: a model at a moment of its training, and the corpus that it was shown. Made by a
 * run between two steps, or opened from a checkpoint (kcap/run/open.h). All borrowed. */
typedef struct kc_subject {
    const kc_grid *grid;
    const kc_config *cfg;
    const kc_corpus *corpus;
    const kc_model *model;
    const kc_weights *weights;
    int part; /* of the corpus, from 0: that which `corpus` is */
    int threads;
    int64_t step, tokens;           /* done, trained on                            */
    double exposures[KC_PARTS_MAX]; /* documents shown over people, by part of the corpus */
    kc_stopper stopper;             /* of a measurement that takes long            */
} kc_subject;

/* Do the weights, finite each, give finite logits of the corpus's first document?
 *   collective  on all ranks
 *   errors      KC_ENUMERIC, the same on all ranks */
int kc_subject_check(const kc_subject *x, kc_error *e);

#endif
