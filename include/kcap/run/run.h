/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_RUN_H
#define KCAP_RUN_RUN_H

#include "kcap/io/lock.h"
#include "kcap/measure/measure.h"
#include "kcap/plan/plan.h"
#include "kcap/record/checkpoint.h"
#include "kcap/record/metrics.h"
#include "kcap/run/progress.h"
#include "kcap/run/signature.h"
#include "kcap/run/guard.h"
#include "kcap/train/step.h"

/* Looks at a run on its rank 0 while it goes on. */
struct kc_run;
typedef void (*kc_watch)(void *watcher, const struct kc_run *run);

/* What a run is asked for. Texts are borrowed. */
typedef struct kc_run_request {
    const char *input;       /* its input file                              */
    const char *const *sets; /* [n_sets] overrides, section.key=value       */
    int n_sets;
    const char *out;     /* folder to write; NULL: run.out, or runs/<run.name> */
    const char *resume;  /* auto, never, or a checkpoint or run folder         */
    int without_history; /* go on from a checkpoint whose rows are lost, where there is no other */
    double max_seconds;  /* stop in time; 0: no limit                          */
    double patience;     /* silent for longer it ends, see guard.h; 0: nobody watches */
    int others_go_on;    /* other runs share the job, see guard.h              */
    int look;            /* prepare only: the folder is not taken              */
    FILE *talk;          /* progress; NULL: one run of many, no progress and no warnings */
    kc_watch watch;      /* called on rank 0 after each complete row and at the end; or NULL */
    void *watcher;
} kc_run_request;

/* What a run was stopped by, if not by a signal, whose number it is then. */
enum { KC_STOP_TIME = 1000, KC_STOP_ERROR };

/* A training run, from its set-up to its end. All zero is empty. */
typedef struct kc_run {
    const kc_run_request *request;
    kc_grid *grid;
    kc_config cfg;
    char out[KC_PATH_MAX];
    kc_lock *lock;             /* of out, on rank 0; NULL: not taken                 */
    kc_guard *guard;           /* NULL: nobody watches                               */
    kc_checkpoint_info from;   /* the checkpoint it goes on from; path empty: none */
    kc_checkpoint_info origin; /* whose weights a new run begins with; path empty: none */
    char origin_hash[17];      /* of that file */
    int64_t first_step;        /* that run.h5 has a row of                         */
    int without_history;       /* the rows before it are lost                      */
    kc_files files;
    kc_corpus *corpus;
    kc_host host;
    kc_plan plan; /* machine.ranks 0: not made yet                    */
    kc_trainer *trainer;
    kc_signature sign;
    kc_metrics *metrics;
    kc_progress progress;
    kc_error record_error;   /* of rank 0's metrics, not agreed on yet             */
    double begun, row_begun; /* clock at the start; at the start of the open row   */
    double in_step;          /* seconds of the open row's time that were the trainer's */
    int row_open;
    int64_t tokens_before;    /* those before the open row's step                   */
    kc_step_row row;          /* the last step's; open until its time is known      */
    kc_measurements measured; /* the last of each                                  */
    int64_t checkpoint_step;  /* of the newest checkpoint; -1 before one            */
    double checkpoint_seconds, step_seconds; /* what the last one took; 0 before one       */
    int stopped; /* 0, or by what: a signal's number, or of the enum above   */
} kc_run;

/* All that comes before a step, and writes nothing but the lock of its folder, which it takes: input, the
 * checkpoint to go on from, corpus, threads and kernels, and whether a node can hold it.
 *   collective  on all ranks
 *   owns        request is borrowed; release with kc_run_close, after an error too
 *   errors      agreed on: KC_EINPUT for the input, a folder that is not free or in use, a checkpoint of another
 *               experiment or without moments, kernels that this machine has not, too little memory
 *               (run->plan is made then) */
int kc_run_prepare(kc_run *run, kc_grid *g, const kc_run_request *request, kc_error *e);

/* Train to the end: steps, with measurements and checkpoints when due, the last measurement (not when
 * stopped) and the last checkpoint. A run that is finished already is measured and no more.
 *   collective  on all ranks
 *   errors      agreed on: KC_ENUMERIC, KC_EIO; KC_EINPUT as kc_trainer_create and kc_metrics_create
 *   returns     e->code, or KC_STOPPED when it was stopped before its end */
int kc_run_train(kc_run *run, kc_error *e);

/* 1 when nothing is left to do: the corpus is shown, or train.max_steps reached, and the model measured.
 * The same on all ranks */
int kc_run_complete(const kc_run *run);

/* collective on all ranks */
void kc_run_close(kc_run *run);

#endif
