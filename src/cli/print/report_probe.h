/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_PRINT_REPORT_PROBE_H
#define KCAP_CLI_PRINT_REPORT_PROBE_H

#include "cli/print/report.h"

/* Accuracies of probes by position (columns) and attribute (rows), in percent. */
typedef struct kc_matrix {
    int64_t positions, attributes;
    const double *accuracy; /* [positions, attributes] */
    const double *control;  /* the same, or NULL       */
    const double *chance;   /* [attributes]            */
} kc_matrix;

/* title: one line above; rows in which nothing is asked are left out. */
void kc_report_matrix(FILE *out, const kc_corpus_info *info, const char *title, const kc_matrix *m);

/* A printer of report.c: the last block's probes. */
void kc_report_probe(FILE *out, const kc_about *about, const kc_measured *m, int64_t steps);

#endif
