/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_LOOP_H
#define KCAP_RUN_LOOP_H

#include "kcap/run/progress.h"
#include "kcap/run/session.h"
#include "kcap/plan/plan.h"
#include "kcap/record/metrics.h"
#include "kcap/train/step.h"

/* A training run between its set-up and its end. */
typedef struct kc_run {
    kc_session *session;
    kc_plan plan;
    kc_trainer *trainer;
    kc_metrics *metrics;
    const char *out;
    kc_progress progress;
    kc_error record_error;   /* of rank 0's metrics, not agreed on yet            */
    double begun, row_begun; /* clock at the start; at the start of the open row  */
    double in_step;          /* seconds of the open row's time that were the trainer's */
    int row_open;
    int64_t tokens_before;   /* those before the open row's step                  */
    kc_step_row row;         /* the last step's; open until its time is known     */
    kc_measure_row measured; /* the last measurement; its step is -1 before one   */
    int64_t checkpoint_step; /* of the newest checkpoint; -1 before one           */
    int stopped;             /* by a signal or the time limit                     */
    kc_watch watch;          /* called on rank 0 after each complete row; or NULL */
    void *watcher;
} kc_run;

/* The loop: step, measure when due, record, checkpoint when due, until the corpus is shown,
 * train.max_steps is reached, or a signal or the time limit stops it; then the last measurement
 * (not when stopped) and the last checkpoint.
 *   collective  on all ranks
 *   errors      agreed on: KC_ENUMERIC, KC_EIO */
int kc_run_loop(kc_run *run, kc_error *e);

/* The steps of the loop alone, with the measurements and checkpoints due between them, from where
 * the run stands until it is complete or stopped.   collective, errors: as above */
int kc_run_steps(kc_run *run, kc_error *e);

/* 1 when nothing is left to do: the corpus is shown, or train.max_steps reached.  The same on all
 * ranks */
int kc_run_complete(const kc_run *run);

/* Measure the model as it is into run->measured.   collective on all ranks */
void kc_run_measure(kc_run *run);

/* Catch SIGUSR1 and SIGTERM from here on: they ask the loop to stop. To be called before OpenMP
 * starts threads: they inherit that the signals are blocked, see loop.c. */
void kc_run_catch_signals(void);

/* 1 once one of them came to this rank. */
int kc_run_asked_to_stop(void);

#endif
