/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_PROGRESS_H
#define KCAP_RUN_PROGRESS_H

#include <stdio.h>

#include "kcap/measure/measure.h"

/* Progress of a run on rank 0: one live line on a terminal, else a `key=value` line every few
 * seconds. All zero says nothing. */
typedef struct kc_progress {
    FILE *out;
    int live;                                  /* out is a terminal           */
    int64_t planned;                           /* documents of the whole run  */
    double bits;                               /* bits a parameter last measured; NaN before */
    double shown;                              /* clock when a line was last shown           */
    double tokens_per_second, docs_per_second; /* smoothed over lines */
    int64_t last_tokens, last_docs;
} kc_progress;

/* 1 when a person looks at `out` on a terminal, behind mpirun too. */
int kc_progress_is_live(FILE *out);

void kc_progress_start(kc_progress *p, FILE *out, int64_t planned, int64_t docs, int64_t tokens);

/* After each step; shows a line when it is time. */
void kc_progress_step(kc_progress *p, const kc_step_row *row, int64_t docs);

/* After each measurement: always shows a line. */
void kc_progress_measure(kc_progress *p, const kc_measured *m);

/* Leave the live line. */
void kc_progress_end(kc_progress *p);

#endif
