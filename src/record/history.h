/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_HISTORY_H
#define KCAP_RECORD_HISTORY_H

#include "record/table.h"

/* Copy the rows of an older run.h5, finished or left by a kill, up to and including step `upto`
 * into the tables of a fresh one. Later rows are dropped.
 *   names       [widths.attributes], must be those of the older file
 *   collective  no
 *   errors      KC_EINPUT: unreadable, other attributes, or steps 1 ... upto not there once
 *               each, in order; KC_EIO: the fresh file cannot be written */
int kc_history_copy(const char *path, int64_t upto, const char *const *names, kc_widths widths,
                    kc_table *steps, kc_table *measure, kc_error *e);

#endif
