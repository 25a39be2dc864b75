/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_COMMAND_H
#define KCAP_CLI_COMMAND_H

#include "cli/verb.h"

/* A command line, taken apart. Texts are borrowed from argv. */
typedef struct kc_command {
    const kc_verb *verb; /* NULL: none named                   */
    int help, version;   /* asked for in place of anything else */
    void *options;       /* the verb's, malloc'ed              */
} kc_command;

/* Take argv apart by the verb's own list of options.
 *   collective  no
 *   owns        the caller frees command->options, after an error too
 *   errors      KC_EINPUT: no verb or an unknown one, an unknown option or one of another verb, a
 *               value that is missing or not allowed, a word too many or missing, options that do
 *               not go together */
int kc_command_parse(int argc, char **argv, kc_command *command, kc_error *e);

#endif
