/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RUN_SIGNALS_H
#define KCAP_RUN_SIGNALS_H

/* Catch from here on what asks a run to stop: SIGUSR1, SIGTERM, SIGXCPU, what a terminal sends (SIGINT,
 * SIGHUP, which stay ignored where they are, as in the background of a script and by nohup), and
 * SIGPIPE, for nobody reads what it prints any more. A second SIGINT ends the process at once, and so does
 * the first before kc_signals_stake: a table of a minute's reading is nothing to wait for.
 *   speaks      this process says so on stderr then */
void kc_signals_catch(int speaks);

/* From now on there are steps to lose that no checkpoint has. */
void kc_signals_stake(void);

/* The number of the first of them that came to this rank; 0: none. From any thread. */
int kc_signals_asked(void);

#endif
