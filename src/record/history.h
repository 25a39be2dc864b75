/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_HISTORY_H
#define KCAP_RECORD_HISTORY_H

#include "record/table.h"

/* Copy the rows of an older run's DIR/run.h5, finished or left by a kill, up to and including step
 * `upto` into the tables of a fresh one. Later rows are dropped; what the older file lacks is
 * missing.
 *   tables      [n] of the fresh file; the first is that of /steps, whose first column counts them
 *   collective  no
 *   errors      KC_EINPUT: missing, unreadable or damaged, other attributes, or steps up to `upto` not
 *               there once each, in order; KC_EIO: the fresh file cannot be written */
int kc_history_copy(const char *dir, int64_t upto, kc_table *tables, int n, kc_error *e);

#endif
