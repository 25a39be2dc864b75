/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_MAIN_H
#define KCAP_CLI_MAIN_H

/* The whole program: command line to exit code. */
int kc_main(int argc, char **argv);

#endif
