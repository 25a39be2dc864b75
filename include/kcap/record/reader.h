/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_READER_H
#define KCAP_RECORD_READER_H

#include "kcap/io/h5.h"
#include "kcap/types/schema.h"

/* DIR/run.h5 as it stands: finished, still written, or left by a kill. Nothing here is collective. */
typedef struct kc_reader {
    int there;            /* 0: no run.h5, and there is nothing to read           */
    int closed;           /* its writer closed it: the run ended in order         */
    char config_hash[17]; /* which experiment it is                               */
    char run_id[40];      /* and which run                                        */
    int64_t first_step;   /* of /steps: 1 unless the rows before it were given up */
    kc_h5 file;
} kc_reader;

/* Open it and hold its attributes against their seal.
 *   owns        release with kc_reader_close, after an error too
 *   errors      KC_EINPUT: there is a run.h5 but it cannot be read, or is damaged */
int kc_reader_open(kc_reader *r, const char *dir, kc_error *e);

/* The last row of a group, of the columns of a schema; what the file lacks is missing, and so is all of
 * the row where the group has none; but for the step of /steps where it is that before first_step.
 *   schema      its first column is the group's first; the others are those that the caller wants
 *   errors      KC_EINPUT, as kc_table_open and kc_table_read */
int kc_reader_last(kc_reader *r, const kc_schema *schema, void *row, kc_error *e);

/* The same of the rows whose first value, their step, is at most `upto`. */
int kc_reader_last_upto(kc_reader *r, const kc_schema *schema, int64_t upto, void *row,
                        kc_error *e);

/* The last step up to which all rows of all groups are there, in order and as they were written;
 * first_step - 1 where there is none.
 *   why         says what comes after it, where that is not the end
 *   errors      KC_EINPUT: a group cannot be read at all */
int kc_reader_reach(kc_reader *r, int64_t *step, kc_error *why, kc_error *e);

int kc_reader_close(kc_reader *r, kc_error *e);

#endif
