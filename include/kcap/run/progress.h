/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_PROGRESS_H
#define KCAP_RUN_PROGRESS_H

#include <stdio.h>

#include "kcap/measure/measure.h"

/* What a run ends with, whichever comes first. */
typedef struct kc_course {
    int64_t docs;  /* documents of the whole run             */
    int64_t steps; /* train.max_steps; 0: none               */
    double until;  /* clock of the time limit; 0: none       */
} kc_course;

/* Progress of a run on rank 0: one live line of less than 80 columns on a terminal, else a `key=value`
 * line every few seconds. What is not known yet is left out. Nothing here is collective. All zero
 * says nothing. */
typedef struct kc_progress {
    FILE *out;
    int live; /* out is a terminal                          */
    kc_course course;
    double bits;           /* bits a parameter last measured; NaN before */
    double shown, counted; /* clock of the last line; of the last renewal of the rates */
    int64_t last_step, last_tokens, last_docs;
    double weight, steps, tokens, docs; /* weighted rates a second and their weight, over minutes */
} kc_progress;

/* 1 when a person looks at `out` on a terminal, behind mpirun too. */
int kc_progress_is_live(FILE *out);

/* At the run's first step after `step`. */
void kc_progress_start(kc_progress *p, FILE *out, const kc_course *course, int64_t step,
                       int64_t tokens, int64_t docs, double now);

/* After each step; shows a line when it is time. */
void kc_progress_step(kc_progress *p, const kc_step_row *row, int64_t docs, double now);

/* While a measurement goes on, `share` of which is through; shows a line when it is time. */
void kc_progress_measuring(kc_progress *p, double share, double now);

/* After each measurement: always shows a line. */
void kc_progress_measure(kc_progress *p, const kc_measured *m);

/* Leave the live line. One more where the last loss of a whole run (NaN: it is not whole) is above that
 * of guessing one of n_vocab words. */
void kc_progress_end(kc_progress *p, double loss, int64_t n_vocab);

/* Seconds as hours and minutes, rounded up: `1:05 h`. Returns `text`; what is not finite is `?`. */
const char *kc_hours(double seconds, char text[32]);

#endif
