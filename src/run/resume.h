/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_RESUME_H
#define KCAP_RUN_RESUME_H

#include "kcap/run/run.h"

/* Find what the run goes on from into run->from, whose path stays empty for a fresh start, and see that
 * its folder may be written: free, or this run's own. Nothing is written.
 *   collective  on all ranks
 *   errors      agreed on: KC_EINPUT, KC_EIO */
int kc_resume_find(kc_run *run, kc_error *e);

/* Can run->cfg go on from run->from? KC_EINPUT, agreed on: another experiment, or no moments. */
int kc_resume_check(const kc_run *run, kc_error *e);

/* Threads of this rank and the checkpoint's kernels, since others give other bits.
 *   collective  on all ranks
 *   errors      agreed on, as kc_host_start */
int kc_resume_host(kc_run *run, kc_error *e);

/* run.h5 of the run that the checkpoint belongs to: DIR/checkpoints/x.h5 -> DIR/run.h5. */
void kc_resume_history(const kc_run *run, char path[KC_PATH_MAX]);

/* The last measurements of the run.h5 `history` up to the step that the run stands at, into run->measured:
 * what comes after them is due. What cannot be read is none.
 *   collective  on all ranks */
void kc_resume_measured(kc_run *run, const char *history);

/* A run at its end whose record is whole has nothing left to do: 1, the same on all ranks. One killed
 * after its last checkpoint and before its run.h5 was measured and closed has: that. A measurement of
 * the end that is there already is taken into run->measured, not made again.
 *   collective  on all ranks */
int kc_resume_record_is_whole(kc_run *run);

#endif
