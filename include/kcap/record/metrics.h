/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_METRICS_H
#define KCAP_RECORD_METRICS_H

#include "kcap/comm/grid.h"
#include "kcap/types/record.h"

/* OUT/run.h5: one writer, rank 0, serial HDF5 in SWMR mode, readable while the run goes on and
 * after a kill at any moment. On the other ranks a kc_metrics does nothing but agree on errors. */
typedef struct kc_metrics kc_metrics;

/* Start a fresh file under a temporary name in `dir`, copy the history, switch to SWMR, rename over
 * dir/run.h5.
 *   collective  on all ranks
 *   events      [n] schemas of what is measured, one group each, beside that of the steps; borrowed
 *   history     folder of an older run.h5 to copy rows from (finished, or left by a kill), or NULL;
 *               rows up to and including step `upto` are copied, the others dropped; groups and
 *               columns that it lacks are missing
 *   owns        release with kc_metrics_close; *m is NULL on error
 *   errors      KC_EIO; KC_EINPUT for a history that cannot be read, is of other attributes, or
 *               lacks rows */
int kc_metrics_create(const kc_grid *g, const char *dir, const kc_stamp *stamp,
                      const kc_schema *const *events, int n, const char *history, int64_t upto,
                      kc_metrics **m, kc_error *e);

/* Append a row of a step, or of the i-th schema. Rows of steps are held in memory and written about
 * once a second, before a row of an event, or by a flush.
 *   collective  no (does nothing but on rank 0); KC_EIO on rank 0, to be agreed on by the caller */
int kc_metrics_step(kc_metrics *m, const kc_step_row *row, kc_error *e);
int kc_metrics_event(kc_metrics *m, int i, const void *row, kc_error *e);

/* Write what is held, flush HDF5 and fsync. Not collective, as above; KC_EIO also where run.h5 was
 * removed or replaced meanwhile, here as in all that writes. */
int kc_metrics_flush(kc_metrics *m, kc_error *e);

/* Flush, close and free; accepts NULL. Not collective, as above. After it any reader opens
 * run.h5 plainly. */
int kc_metrics_close(kc_metrics *m, kc_error *e);

#endif
