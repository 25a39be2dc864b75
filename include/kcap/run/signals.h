/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_SIGNALS_H
#define KCAP_RUN_SIGNALS_H

/* Catch SIGUSR1, SIGTERM and SIGINT from here on: they ask a run to stop. A second SIGINT ends the
 * process at once; one that is ignored, as in the background of a script, stays so. */
void kc_signals_catch(void);

/* The number of the first of them that came to this rank; 0: none. From any thread. */
int kc_signals_asked(void);

#endif
