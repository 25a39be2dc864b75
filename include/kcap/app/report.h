/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_APP_REPORT_H
#define KCAP_APP_REPORT_H

#include <stdio.h>

#include "kcap/app/session.h"

/* How a run went, for the table and the JSON object. */
typedef struct kc_outcome {
    const char *status;     /* done, stopped, measured                 */
    const char *out;        /* the run's folder, or NULL               */
    const char *checkpoint; /* the checkpoint measured, or NULL        */
    int64_t steps, tokens;
    double loss, seconds; /* NaN, 0: not known                       */
} kc_outcome;

/* The table a person reads: model, corpus, what was stored, recall, where the files are. A row of
 * NULL leaves out what was stored.   not collective: call on one rank */
void kc_report_table(FILE *out, const kc_session *s, const kc_measure_row *row,
                     const kc_outcome *outcome);

/* The same as one JSON object with the names of the HDF5 columns and attributes. */
void kc_report_json(FILE *out, const kc_session *s, const kc_measure_row *row,
                    const kc_outcome *outcome);

/* What a corpus holds: `show` documents with their spans marked, then the counts; as text or
 * JSON. */
void kc_report_corpus(FILE *out, const kc_session *s, int64_t show);
void kc_report_corpus_json(FILE *out, const kc_session *s, int64_t show);

/* The effective configuration as JSON: an object of sections. */
void kc_report_config_json(FILE *out, const kc_config *cfg);

#endif
