/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_LOOP_H
#define KCAP_RUN_LOOP_H

#include "kcap/run/run.h"

/* Model and weights of a prepared run, at step 0 or as its checkpoint has them, and what explains its
 * files.
 *   collective  on all ranks
 *   errors      agreed on, as kc_trainer_create and kc_checkpoint_read */
int kc_run_start(kc_run *run, kc_error *e);

/* Make the run's folder and open its run.h5 there, with the rows of an older one (`history`, or NULL) up
 * to the step that the run stands at.
 *   collective  on all ranks
 *   errors      agreed on, as kc_metrics_create */
int kc_run_open_record(kc_run *run, const char *history, kc_error *e);

/* 1 when nothing is left to be trained: the corpus is shown, or train.max_steps reached.  The same on all
 * ranks */
int kc_run_is_trained(const kc_run *run);

/* From where the run stands until it is complete or stopped: step, measure when due, record, checkpoint
 * when due.
 *   collective  on all ranks
 *   errors      agreed on: KC_ENUMERIC, KC_EIO */
int kc_run_steps(kc_run *run, kc_error *e);

/* The steps, then the last measurement (not when stopped) and the last checkpoint. As above. */
int kc_run_loop(kc_run *run, kc_error *e);

/* Take the i-th measurement of the model as it is, unless it is there already or the run is stopped,
 * which also breaks it off; show and record it.
 *   collective  on all ranks */
void kc_run_measure(kc_run *run, int i);

#endif
