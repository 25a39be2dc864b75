/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_PRINT_REPORT_H
#define KCAP_CLI_PRINT_REPORT_H

#include <stdio.h>

#include "kcap/run/session.h"
#include "kcap/plan/plan.h"
#include "kcap/types/phase.h"

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

/* What a bench timed. */
typedef struct kc_bench {
    int64_t last_step;         /* the last step done, and                                  */
    double loss;               /* its loss, in nats a token                                */
    int64_t steps;             /* after the warm-up                                         */
    double seconds;            /* of a step: mean of the middle half                        */
    double phase[KC_N_PHASES]; /* of it                                                     */
    double flops[KC_N_PHASES]; /* a step's products in the phase; 0: none                   */
    double tokens;             /* of the step of median duration                            */
    double tokens_per_second;  /* the same                                                  */
    double flop_per_token;     /* F of kc_flops_of                                          */
    double peak;               /* flop/s of all ranks and threads, see kc_peak_flops; 0: unknown */
} kc_bench;

void kc_report_bench(FILE *out, const kc_session *s, const kc_bench *b);
void kc_report_bench_json(FILE *out, const kc_session *s, const kc_bench *b);

/* What a run takes: memory of a rank by purpose, tokens, operations, traffic. */
void kc_report_plan(FILE *out, const kc_session *s, const kc_plan *p);
void kc_report_plan_json(FILE *out, const kc_session *s, const kc_plan *p);

/* The effective configuration as JSON: an object of sections. */
void kc_report_config_json(FILE *out, const kc_config *cfg);

#endif
