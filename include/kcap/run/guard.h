/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_GUARD_H
#define KCAP_RUN_GUARD_H

#include "kcap/comm/grid.h"

/* A thread on each rank that ends the job with KC_EPEER when nothing moves: a rank that was stopped or
 * hangs is noticed by nobody else, since the others wait for it inside MPI. It looks once a second.
 *
 * What counts as silence is `patience` seconds without a mark, or what a step is expected to take, or 20
 * times the longest pause between two marks so far, whichever is longest; four times that while the run
 * starts or writes a checkpoint. A tenth of the time limit (5 to 60 s) after it, when a run has ended by
 * itself, silence is that tenth, or 5 times the longest pause, except in a checkpoint.
 * Each rank that still lives says so with a file in the run's folder; who did not come is named 5 s later
 * by the first of those that did. Where it moves again by then nothing is said and nothing ends. Where other
 * runs share the job it goes on until its time limit is over: only the name is said, once for each silence,
 * and after `patience` alone, which is when the farm gives up. */
typedef struct kc_guard kc_guard;

typedef struct kc_guard_request {
    const kc_grid *grid;
    const char *folder; /* of the run                           */
    double patience;    /* seconds                              */
    double expected;    /* of a step, rather too many; 0: not known */
    double begun, most; /* clock at the start, time limit; 0: none */
    int others_go_on;   /* other runs share the job             */
} kc_guard_request;

/* Seconds that take until the name is said, at most. */
enum { KC_GUARD_ROLL = 12 };

/* Seconds that all have to end by themselves after a time limit of so many: a tenth of it, 5 to 60. */
double kc_guard_grace(double most);

/* What the main thread is at. */
typedef enum kc_guard_mark {
    KC_MARK_START,
    KC_MARK_STEP,
    KC_MARK_MEASURE,
    KC_MARK_CHECKPOINT
} kc_guard_mark;

/* Start to watch. Texts and grid are borrowed.
 *   collective  on all ranks, though each starts alone
 *   owns        end with kc_guard_end */
kc_guard *kc_guard_start(const kc_guard_request *q);

/* It moves. From any thread, in some nanoseconds; w NULL: nobody watches. */
void kc_guard_moves(kc_guard *w, kc_guard_mark what, int64_t step);

/* Seconds that a step may take, rather too many. Before the first step; accepts NULL. */
void kc_guard_expects(kc_guard *w, double seconds);

/* At once, also while ranks say that they are there. Accepts NULL. */
void kc_guard_end(kc_guard *w);

#endif
