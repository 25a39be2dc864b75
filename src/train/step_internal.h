/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TRAIN_STEP_INTERNAL_H
#define KCAP_TRAIN_STEP_INTERNAL_H

/* What the modules of src/train share; nobody else includes it. */

#include "kcap/data/batch.h"
#include "kcap/optim/adamw.h"
#include "kcap/optim/masters.h"
#include "kcap/optim/muon.h"
#include "kcap/optim/reduce.h"
#include "kcap/train/step.h"

/* What a lane reports to all ranks once a step. */
typedef struct kc_lane_report {
    double loss;
    int64_t counted;
    kc_routing routing; /* of experts  */
    kc_step_news news;  /* of its rank */
} kc_lane_report;

/* What one lane works in. */
typedef struct kc_lane_room {
    kc_work *work;
    kc_batch batch;
    kc_doc doc;
    float *grad; /* a buffer of the tree */
} kc_lane_room;

struct kc_trainer {
    const kc_config *cfg;
    const kc_grid *grid;
    kc_grid dp; /* the ranks with the same experts; of a grid only asked about, its size alone */
    const kc_corpus *corpus;
    kc_model model;
    kc_weights weights;
    kc_state state;
    const kc_method *method; /* NULL: a step acts on the weights themselves */
    kc_adapters adapters;    /* state.adapters, where there are any */
    float *adapter_grad, *method_room;
    int threads, at_once; /* lanes of this rank that are worked on at a time */
    int64_t lanes_here, first_lane, docs;
    kc_arena arena;
    kc_tree tree;
    kc_reducer reducer, expert_reducer;
    double *squares; /* [ep, blocks of this rank's experts] */
    kc_muon_room muon;
    float *wt;
    kc_lane_room *room;          /* [at_once]    */
    kc_cursor *mine_next, *next; /* [lanes_here, n_parts], [n_lanes, n_parts]: after the step */
    kc_lane_report *mine;        /* [lanes_here] */
    kc_lane_report *reports;     /* [n_lanes]    */
    kc_phases phases;            /* of the last step */
};

/* This rank's part of the gradient: of the dense tensors, and of its experts (NULL: none). Borrowed from
 * the tree. */
typedef struct kc_own_grads {
    const float *dense, *experts;
    float *whole; /* both lie in it, where the flat layout has them */
} kc_own_grads;

/* The sum over all lanes, of which each rank has its part; *norm is the whole sum's.
 *   total       this rank's, of kc_tree_total: overwritten
 *   collective  on all ranks
 *   bits        do not depend on dp, ep or threads, as those of kc_trainer_step */
kc_own_grads kc_trainer_reduce(kc_trainer *t, float *total, double *norm);

/* Where adapters are trained: their gradient from the model's, of which `total` holds this rank's part;
 * *norm becomes theirs.
 *   collective  on all ranks
 *   bits        the same on every rank and any number of them */
void kc_trainer_adapt(kc_trainer *t, float *total, double *norm);

/* AdamW, and Muon (NULL: none), on this rank's part of what is trained, then all of that which this rank
 * holds.
 *   own         overwritten with Muon
 *   collective  on all ranks */
void kc_trainer_update(kc_trainer *t, const kc_adamw *adam, const kc_muon *muon, kc_own_grads own);

/* KC_ENUMERIC on all ranks, naming the first element of the gradient that is not finite.
 *   loss        of the step, for the message
 *   collective  on all ranks */
int kc_trainer_not_finite(const kc_trainer *t, kc_own_grads own, double loss, kc_error *e);

#endif
