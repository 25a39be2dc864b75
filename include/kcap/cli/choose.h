/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_CHOOSE_H
#define KCAP_CLI_CHOOSE_H

#include "kcap/run/session.h"

/* kcap plan --facts | --bits: for each exposure count of the law the parameters that hold these
 * bits, a model of that size, and what it takes to train it.
 *   collective  on all ranks; prints on rank 0
 *   errors      agreed on: KC_EINPUT as kc_facts_read, or a law.json that cannot be used */
int kc_choose(kc_session *s, kc_error *e);

/* Floating-point operations a second that a core of these ranks reaches in training a model of
 * medium size, by doing so for `seconds`.
 *   collective  on all ranks; the same on all */
int kc_bench_core_rate(const kc_session *s, double seconds, double *rate, kc_error *e);

#endif
