/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_RESUME_H
#define KCAP_RUN_RESUME_H

#include "kcap/run/run.h"

/* Find what the run goes on from into run->from, whose path stays empty for a fresh start, and the first
 * step of its rows; see that it is this experiment, that the rows up to it are there, and that the
 * folder may be written: free, or this run's own. Of a folder the newest checkpoint whose rows are
 * there is taken. Nothing is written.
 *   collective  on all ranks
 *   errors      agreed on: KC_EINPUT, KC_EIO */
int kc_resume_find(kc_run *run, kc_error *e);

/* Threads of this rank and the checkpoint's kernels, since others give other bits.
 *   collective  on all ranks
 *   errors      agreed on, as kc_host_start */
int kc_resume_host(kc_run *run, kc_error *e);

/* Folder of the run that the checkpoint belongs to: DIR/checkpoints/x.h5 -> DIR. 0: the rows of its
 * run.h5 are not to be taken. */
int kc_resume_history(const kc_run *run, char folder[KC_PATH_MAX]);

/* Rename the run.h5 of the run's folder, so that one without its rows can be made; no error where there
 * is none.  Not collective; KC_EIO */
int kc_resume_set_aside(const kc_run *run, kc_error *e);

/* The last measurements of the run.h5 in the folder `history` up to the step that the run stands at, into run->measured:
 * what comes after them is due. What cannot be read is none.
 *   collective  on all ranks */
void kc_resume_measured(kc_run *run, const char *history);

/* A run at its end whose record is whole has nothing left to do: 1, the same on all ranks. One killed
 * after its last checkpoint and before its run.h5 was measured and closed has: that. A measurement of
 * the end that is there already is taken into run->measured, not made again.
 *   collective  on all ranks */
int kc_resume_record_is_whole(kc_run *run);

#endif
