/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_PLAN_PLAN_H
#define KCAP_PLAN_PLAN_H

#include "kcap/data/corpus.h"
#include "kcap/nn/params.h"
#include "kcap/types/need.h"

/* A grid that need not be there. */
typedef struct kc_machine {
    int ranks, threads; /* threads of a rank                                   */
    int ranks_per_node;
    int64_t node_bytes; /* memory a node can give; 0: not known                */
} kc_machine;

/* What a run takes, before it is started. */
typedef struct kc_plan {
    kc_machine machine;
    kc_needs needs;      /* of a rank, exact; measurement comes and goes                  */
    int64_t arena_bytes; /* their sum without measurement: what training holds throughout */
    int64_t base_bytes;  /* estimate: program, MPI, HDF5, a share of a node's tables   */
    int64_t peak_bytes;  /* arena, measurement and base                                   */
    int64_t node_needs;  /* peak_bytes of all ranks of a node                             */
    kc_layout layout;    /* of a rank with the first part of the experts                     */
    int64_t n_params, n_params_used, n_vocab;
    int ep; /* ranks that share the experts                                    */
    double tokens_per_exposure, tokens; /* expected, where lengths vary                    */
    int64_t tokens_per_step, steps;     /* steps: expected likewise                        */
    kc_flops flop_per_token;
    double flops;
    double sent_bytes;       /* a rank, a step                                             */
    double checkpoint_bytes; /* weights and moments of all ranks                           */
} kc_plan;

/* Count everything; takes no memory that grows with the model or the ranks.
 *   collective  no
 *   errors      KC_EINPUT as kc_trainer_create: lanes, ranks and ep, context and documents */
int kc_plan_make(const kc_config *cfg, const kc_corpus *corpus, const kc_machine *machine,
                 kc_plan *plan, kc_error *e);

/* KC_EINPUT with advice when a node cannot hold its ranks; KC_OK when it can or is not known. */
int kc_plan_fits(const kc_plan *plan, kc_error *e);

#endif
