/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>

#include "cli/print/report.h"
#include "cli/verb.h"
#include "kcap/measure/capacity.h"
#include "kcap/run/open.h"

typedef struct options {
    const char *input;
    int json;
} options;

static int measure(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    kc_opened opened = {.corpus = NULL};
    kc_measure_row *row = malloc(sizeof *row);
    KC_CHECK(row, "out of memory");
    KC_TRY(kc_open(&opened, g, o->input, e));
    kc_capacity_take(&opened.subject, row);
    const kc_about about = {&opened.cfg, opened.corpus, &opened.sign.stamp};
    const kc_outcome outcome = {.status = "measured",
                                .checkpoint = opened.head.path,
                                .steps = opened.state.step,
                                .tokens = opened.state.tokens,
                                .loss = NAN};
    if (g->rank == 0)
        (o->json ? kc_report_run_json : kc_report_run)(stdout, &about, row, &outcome);
out:
    free(row);
    kc_opened_close(&opened, g);
    return e->code;
}

static const kc_option list[] = {{KC_OPTION("RUN|CHECKPOINT.h5", KC_WORD, input)},
                                 {KC_OPTION_JSON}};

const kc_verb kc_verb_measure = {
    .name = "measure",
    .summary = "measure a checkpoint again",
    .about = "Measure what a checkpoint's model stores, from the checkpoint alone. A run's folder "
             "stands for its newest good checkpoint.",
    KC_OPTIONS(list),
    .bytes = sizeof(options),
    .run = measure};
