/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_ORIGIN_H
#define KCAP_RUN_ORIGIN_H

#include "kcap/run/run.h"

/* Where the weights of a new run come from: run.from. The corpus of such a run is the one of the
 * checkpoint, shown in other shares and for another time: its people, values and words are the same,
 * and so is what a token means. */

/* Find the checkpoint that a run begins with into run->origin, whose path stays empty where there is
 * none, and see that model and corpus are this input's. A run that goes on has its weights already.
 *   collective  on all ranks
 *   errors      agreed on, as kc_checkpoint_find; KC_EINPUT naming the key that differs */
int kc_origin_find(kc_run *run, kc_error *e);

/* Its weights into the trainer's state, at step 0; does nothing without it.
 *   collective  on all ranks
 *   errors      agreed on, as kc_checkpoint_read */
int kc_origin_read(kc_run *run, kc_error *e);

/* Say in run->sign where the weights came from, of a run that goes on as its checkpoint does. */
void kc_origin_sign(kc_run *run);

#endif
