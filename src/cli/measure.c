/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "cli/print/report.h"
#include "cli/verb.h"
#include "kcap/config/place.h"
#include "kcap/measure/each.h"
#include "kcap/measure/measure.h"
#include "kcap/run/open.h"

typedef struct options {
    const char *input, *per_fact;
    int64_t part, recall;
    int json;
} options;

static int measure(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    kc_opened opened = {.part = (int)o->part - 1};
    kc_measurements all = {.n = 0};
    kc_each *each = NULL;
    KC_TRY(kc_open(&opened, g, o->input, e));
    if (o->recall) {
        opened.cfg.measure.recall_every = 0;
        opened.cfg.measure.recall_people = o->recall;
    }
    const kc_config cfg = kc_config_of_part(&opened.cfg, opened.part);
    kc_measurements_create(&all, &cfg, kc_corpus_about(opened.subject.corpus), &opened.model.shape);
    if (o->per_fact)
        KC_TRY(kc_each_begin(&opened.subject, o->per_fact, &each, e));
    for (int i = 0; i < all.n; ++i)
        kc_measured_take(&all.of[i], &opened.subject);
    if (o->per_fact)
        KC_TRY(kc_each_write(each, e));
    const kc_about about = {&opened.cfg, opened.subject.corpus, &opened.sign.stamp};
    const kc_outcome outcome = {.status = "measured",
                                .checkpoint = opened.info.path,
                                .steps = opened.state.step,
                                .tokens = opened.state.tokens,
                                .stored_bits = opened.info.stored_bits,
                                .loss = NAN};
    if (g->rank == 0)
        (o->json ? kc_report_run_json : kc_report_run)(stdout, &about, &all, &outcome);
out:
    kc_each_end(each, e);
    kc_measurements_free(&all);
    kc_opened_close(&opened, g);
    return e->code;
}

static const kc_option list[] = {
    {KC_OPTION("RUN|CHECKPOINT.h5", KC_WORD, input)},
    {KC_OPTION("per-fact", KC_STRING, per_fact), .value = "FILE.csv",
     .help = "write which facts were kept: name, attribute, value, "
             "probability, bits, recalled"},
    {KC_OPTION("recall", KC_COUNT, recall), .least = 1, .most = 1e9, .value = "PEOPLE",
     .help =
         "of so many people, by a keyed draw, also the rank of each true value among all that its "
         "attribute can have, and whether questions never asked are answered"},
    {KC_OPTION("part", KC_COUNT, part), .least = 1, .most = KC_PARTS_MAX, .value = "N",
     .help = "of a corpus of several parts the N-th; the first that has tokens, "
             "unless said"},
    {KC_OPTION_JSON}};

const kc_verb kc_verb_measure = {
    .name = "measure",
    .summary = "measure a checkpoint again",
    .about = "Measure what a checkpoint's model stores, from the checkpoint alone. A run's folder "
             "stands for its newest good checkpoint.",
    KC_OPTIONS(list),
    .bytes = sizeof(options),
    .run = measure};
