/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_VERBS_H
#define KCAP_CLI_VERBS_H

#include "kcap/run/session.h"
#include "kcap/plan/plan.h"
#include "kcap/record/checkpoint.h"

/* Each verb: collective on all ranks; prints on rank 0; returns the exit code, with the error
 * agreed on. */
int kc_verb_train(kc_session *s, kc_error *e);
int kc_verb_init(kc_session *s, kc_error *e);
int kc_verb_measure(kc_session *s, kc_error *e);
int kc_verb_corpus(kc_session *s, kc_error *e);
int kc_verb_config(kc_session *s, kc_error *e);
int kc_verb_bench(kc_session *s, kc_error *e);
int kc_verb_plan(kc_session *s, kc_error *e);
int kc_verb_sweep(kc_session *s, kc_error *e);
int kc_verb_export(kc_session *s, kc_error *e);
int kc_verb_import(kc_session *s, kc_error *e);

/* Weights and cursors of a checkpoint, without moments; state->layout is given.
 *   collective  on all ranks
 *   owns        release with kc_weights_free, after an error too; accepts a zeroed state
 *   errors      as kc_checkpoint_read */
int kc_weights_read(kc_session *s, const kc_head *head, kc_state *state, kc_error *e);
void kc_weights_free(kc_state *state);

/* The plan of this run on these ranks. When it does not fit the table goes to stderr.
 *   collective  on all ranks
 *   errors      KC_EINPUT, agreed on: it does not fit, or as kc_plan_make */
int kc_session_plan(kc_session *s, kc_plan *plan, kc_error *e);

/* Measure the state's model now.   collective on all ranks; the row is the same on all */
void kc_measure_now(kc_session *s, const kc_model *model, const kc_weights *weights,
                    kc_measure_row *row);

/* The whole program: command line to exit code. */
int kc_main(int argc, char **argv);

#endif
