/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_AGAIN_H
#define KCAP_CLI_AGAIN_H

/* The line that this process was started with, as a shell takes it, so that it goes on where it stopped:
 * of kcap train with --resume auto.
 *   collective  no
 *   owns        the caller frees it; NULL where the system does not tell */
char *kc_again(void);

/* What stopped a run (kc_run.stopped), in a word. */
const char *kc_stopped_by(int stopped);

#endif
