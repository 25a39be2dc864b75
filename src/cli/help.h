/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_HELP_H
#define KCAP_CLI_HELP_H

#include <stdio.h>

#include "cli/verb.h"

/* What a person reads of a verb, or where it is NULL of kcap. */
void kc_help_print(FILE *out, const kc_verb *verb);

/* The manual page, in man's own macros. */
void kc_help_manual(FILE *out);

/* A script for bash that completes verbs and their options. */
void kc_help_completion(FILE *out);

#endif
