/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_ROUNDS_H
#define KCAP_MEASURE_ROUNDS_H

#include "kcap/measure/spans.h"

/* Do one(of, i) for i = 0 ... here - 1 on each rank, `at_once` threads at a time. After about every second
 * ranks ask each other whether one wants to break it off; then all do.
 *   here        the same on all ranks
 *   stopper     NULL: it is never broken off
 *   collective  on all ranks of g
 *   returns     0, or what it was broken off for, the same on all ranks */
int kc_rounds(const kc_grid *g, int64_t here, int at_once, const kc_stopper *stopper,
              void (*one)(void *of, int64_t i), void *of);

/* Has this rank, or one that shares experts with it, a window left? Asked before each window; where
 * others alone have one, this rank serves its experts.
 *   ep          NULL: no experts are shared
 *   collective  on all ranks of ep */
int kc_goes_on(const kc_grid *ep, int mine);

/* What this rank wants it broken off for, or 0. */
int kc_wants_to_stop(const kc_stopper *stopper);

#endif
