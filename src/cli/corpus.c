/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/print/report.h"
#include "cli/verb.h"
#include "kcap/run/input.h"

typedef struct options {
    const char *input;
    kc_sets sets;
    int64_t show;
    int measure, json;
} options;

static int corpus(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    kc_input in;
    if (kc_input_read(g, o->input, o->sets.set, o->sets.n, &in, e) == KC_OK && g->rank == 0)
        (o->json ? kc_report_corpus_json : kc_report_corpus)(stdout, in.corpus, o->show,
                                                             o->measure ? KC_MEASURE : 0);
    kc_input_free(&in);
    return e->code;
}

static const kc_option list[] = {
    {KC_OPTION("INPUT.yaml", KC_WORD, input)},
    {KC_OPTION("show", KC_COUNT, show), .least = 0, .most = 1000000, .value = "N",
     .help = "print N documents with the spans of their attributes marked"},
    {KC_OPTION("measure", KC_FLAG, measure), .with = "--show",
     .help = "of them those that measurement reads, not those of the first exposure"},
    {KC_OPTION_SET},
    {KC_OPTION_JSON}};

const kc_verb kc_verb_corpus = {
    .name = "corpus",
    .summary = "what the corpus holds, and sample documents",
    .about = "Say what the corpus holds: people, vocabulary, tokens, bits by item and the maximum.",
    KC_OPTIONS(list),
    .bytes = sizeof(options),
    .run = corpus};
