/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_PRINT_REPORT_H
#define KCAP_CLI_PRINT_REPORT_H

#include <stdio.h>

#include "kcap/data/corpus.h"
#include "kcap/measure/ask.h"
#include "kcap/measure/measure.h"
#include "kcap/plan/plan.h"
#include "kcap/run/bench.h"

/* What people and programs read of a verb: a table, or one JSON object with the names of the HDF5
 * columns and attributes. Nothing here is collective: call on one rank. All is borrowed. */

/* What a run's report is about. */
typedef struct kc_about {
    const kc_config *cfg;
    const kc_corpus *corpus;
    const kc_stamp *stamp;
} kc_about;

/* How a run went. */
typedef struct kc_outcome {
    const char *status;     /* done, stopped, measured                 */
    const char *out;        /* the run's folder, or NULL               */
    const char *checkpoint; /* measured or left, or NULL               */
    int64_t steps, tokens;
    double stored_bits;   /* of a parameter in the file, in the mean; 0: as in memory */
    double loss, seconds; /* NaN, 0: not known                       */
    /* Of a run that was stopped, else NULL: what by, and the line to go on with. */
    const char *stopped_by, *again;
    int64_t planned_steps; /* expected, where documents vary in length */
    double share;          /* of its training that is behind it       */
} kc_outcome;

/* Model, corpus, what was measured last (nothing before that), where the files are. In the JSON object
 * the columns of the first measure are members, and each other measure is an object of its own. */
void kc_report_run(FILE *out, const kc_about *about, const kc_measurements *measured,
                   const kc_outcome *outcome);
void kc_report_run_json(FILE *out, const kc_about *about, const kc_measurements *measured,
                        const kc_outcome *outcome);

/* Of /recall: what is recalled alone in a window, the ranks of the true values, and questions never asked. */
void kc_report_recall(FILE *out, const kc_about *about, const kc_measured *m, int64_t steps);

/* An answer in two lines; one fact of a person in one; as one line of JSON. Why there is none. */
void kc_report_answer(FILE *out, const kc_answer *a);
void kc_report_fact(FILE *out, const kc_answer *a);
void kc_report_answer_json(FILE *out, const kc_answer *a);
void kc_report_unanswered(FILE *out, const char *why, int json);

/* What a corpus holds: `show` documents of an exposure (or KC_MEASURE) with their spans marked, then the
 * counts. */
void kc_report_corpus(FILE *out, const kc_corpus *corpus, int64_t show, int64_t exposure);
void kc_report_corpus_json(FILE *out, const kc_corpus *corpus, int64_t show, int64_t exposure);

/* input: of the bench, or NULL. */
void kc_report_bench(FILE *out, const char *input, const kc_stamp *stamp, const kc_bench *b);
void kc_report_bench_json(FILE *out, const char *input, const kc_stamp *stamp, const kc_bench *b);

/* What a plan's report is about. */
typedef struct kc_plan_about {
    const char *input;
    const kc_config *cfg;
    const kc_corpus_info *info;
    double rate; /* tokens a second of all ranks; 0: not stated */
} kc_plan_about;

/* What a run takes: memory of a rank by purpose, tokens, operations, traffic. */
void kc_report_plan(FILE *out, const kc_plan_about *about, const kc_plan *p);
void kc_report_plan_json(FILE *out, const kc_plan_about *about, const kc_plan *p);

/* The effective configuration as JSON: an object of sections. */
void kc_report_config_json(FILE *out, const kc_config *cfg);

#endif
