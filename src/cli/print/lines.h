/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_PRINT_LINES_H
#define KCAP_CLI_PRINT_LINES_H

#include <stdio.h>

#include "kcap/data/corpus.h"

/* What the reports of runs and of corpora have in common. */

/* 12345678 as 12,345,678, into `text`, which is returned; the same of a number that may be larger than
 * whole numbers are. */
const char *kc_grouped(char text[32], int64_t n);
const char *kc_grouped_real(char text[32], double n);

/* `corpus`, and below it `random, N = 3,000 strings`, without an end of line. */
void kc_report_head(FILE *out, const kc_corpus_info *info);

/* A line: bits, and what share of so many they are; most 0: of none. */
void kc_report_item(FILE *out, const char *name, double bits, double most);

#endif
