/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_SIGNALS_H
#define KCAP_RUN_SIGNALS_H

/* Catch SIGUSR1 and SIGTERM from here on: they ask a run to stop. To be called before OpenMP starts
 * threads: they inherit that the signals are blocked, see signals.c. */
void kc_signals_catch(void);

/* 1 once one of them came to this rank. */
int kc_signals_ask_to_stop(void);

#endif
