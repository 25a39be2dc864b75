/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TRAIN_STEP_H
#define KCAP_TRAIN_STEP_H

#include "kcap/comm/grid.h"
#include "kcap/data/corpus.h"
#include "kcap/nn/model.h"
#include "kcap/types/need.h"
#include "kcap/types/phase.h"
#include "kcap/types/record.h"

/* The training step over all ranks and threads. */
typedef struct kc_trainer kc_trainer;

/* What ranks tell each other once a step, beside their gradients. */
typedef struct kc_step_news {
    double seconds;            /* wall time of the step before; out: the slowest rank's   */
    double phase[KC_N_PHASES]; /* its phases' seconds; out: their mean over ranks         */
    int stop;                  /* in: why this rank is to stop, 0: it is not; out: any's   */
} kc_step_news;

/* Set up model, weights and room on every rank, at step 0.
 *   collective  on all ranks
 *   threads     of this rank: one lane a thread while lanes last, else threads inside a lane
 *   owns        release with kc_trainer_destroy (accepts NULL)
 *   g           with experts one that kc_grid_mesh has cut for parallel.ep; aborts on another
 *   errors      KC_EINPUT: the ranks do not divide train.lanes, or parallel.ep does not divide the
 *               ranks (the counts that do are named), or the longest document does not fit
 *               train.context */
int kc_trainer_create(const kc_config *cfg, const kc_grid *g, const kc_corpus *corpus, int threads,
                      kc_trainer **trainer, kc_error *e);
void kc_trainer_destroy(kc_trainer *trainer);

/* What kc_trainer_create would take from memory on such a grid, by purpose; takes nothing itself.
 * kc_trainer_create aborts when it has taken another sum.
 *   g           only its size matters: any grid can be asked about
 *   collective  no
 *   errors      as kc_trainer_create */
int kc_trainer_needs(const kc_config *cfg, const kc_grid *g, const kc_corpus *corpus, int threads,
                     kc_needs *needs, kc_error *e);

/* Borrowed: the model, the weights with their transposes, and all that a checkpoint holds. */
const kc_model *kc_trainer_model(const kc_trainer *trainer);
const kc_weights *kc_trainer_weights(const kc_trainer *trainer);
kc_state *kc_trainer_state(kc_trainer *trainer);

/* Where the last step's time went on this rank, but for what is not the trainer's (record). A phase
 * that several threads were in counts their mean.  Borrowed */
const kc_phases *kc_trainer_phases(const kc_trainer *trainer);

/* Documents shown so far and planned in all. */
int64_t kc_trainer_docs(const kc_trainer *trainer);
int64_t kc_trainer_planned(const kc_trainer *trainer);

/* 1 when every lane has shown all its documents.  Not collective; the same on all ranks */
int kc_trainer_done(const kc_trainer *trainer);

/* Call after weights were put in place of the initial ones: what is trained begins with them. */
void kc_trainer_begin(kc_trainer *trainer);

/* Call after the state was replaced (a checkpoint was read): renews what is derived from it. */
void kc_trainer_refresh(kc_trainer *trainer);

/* One optimiser step: row receives all columns but the times.
 *   collective  on all ranks
 *   errors      KC_ENUMERIC on all ranks when the loss or the gradient is not finite: names step
 *               and tensor; weights, moments and the step count are those from before the step
 *   bits        loss, weights and moments do not depend on ranks or threads when train.lanes is a
 *               power of two; else each rank count has its own, with experts each ep too */
int kc_trainer_step(kc_trainer *trainer, kc_step_news *news, kc_step_row *row, kc_error *e);

#endif
