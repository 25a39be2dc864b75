/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_SIGNALS_H
#define KCAP_RUN_SIGNALS_H

/* Catch from here on what asks a run to stop: SIGUSR1, SIGTERM, SIGXCPU, what a terminal sends (SIGINT,
 * SIGHUP, which stay ignored where they are, as in the background of a script and by nohup), and
 * SIGPIPE, for nobody reads what it prints any more. A second SIGINT ends the process at once. */
void kc_signals_catch(void);

/* The number of the first of them that came to this rank; 0: none. From any thread. */
int kc_signals_asked(void);

#endif
