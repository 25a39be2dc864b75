/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_OUTCOME_H
#define KCAP_RECORD_OUTCOME_H

#include "kcap/base/err.h"
#include "kcap/types/record.h"

/* What a run's folder holds, from run.h5 alone. */
typedef struct kc_outcome_file {
    int there;              /* 0: no run.h5, and nothing below is set        */
    int closed;             /* its writer closed it: the run ended in order  */
    char config_hash[17];   /* which experiment it is                        */
    int64_t n_params;       /*                                               */
    kc_step_row step;       /* the last; step 0: none                        */
    kc_measure_row measure; /* the last; step -1: none                      */
} kc_outcome_file;

/* Read it; also while it is written, and after a kill.
 *   loads       width of the experts' load, see kc_widths; 0: leave it out
 *   collective  no
 *   errors      KC_EINPUT: there is a run.h5 but it cannot be read */
int kc_outcome_read(const char *dir, int loads, kc_outcome_file *outcome, kc_error *e);

#endif
