/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_FUZZ_H
#define KCAP_TESTS_FUZZ_H

/* What a reader makes of damaged input. A program tests/fuzz/fuzz_<reader>.c has good texts, words
 * that its reader knows, and a function that reads; main is here:
 *
 *     fuzz_<reader> SECONDS [SEED [CASE]]
 *
 * Case 0, 1, ... are texts spliced, cut and sprinkled with bytes and words: functions of (SEED,
 * CASE), so that what fails can be seen again from its numbers. The sanitizers say what fails, and
 * so does the function: by KC_CHECK. */

#include <stddef.h>

#include "kcap/base/err.h"

typedef struct kc_fuzz {
    const char *const *texts; /* good input; ends with NULL                            */
    const char *const *words; /* of the reader's language; ends with NULL              */

    /* Read `bytes` bytes, a zero byte behind them, as a user's file; returns e->code. */
    int (*read)(const char *text, size_t bytes, kc_error *e);
} kc_fuzz;

extern const kc_fuzz kc_fuzz_target; /* of each program */

/* A file that holds these bytes, for readers that take a path; the same name each time, and the
 * text of the last call. */
const char *kc_fuzz_file(const char *text, size_t bytes);

#endif
