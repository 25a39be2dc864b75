/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/bench.h"

#include "cli/print/report.h"
#include "cli/verb.h"
#include "kcap/run/input.h"

typedef struct options {
    const char *input;
    kc_sets sets;
    double seconds;
    int json;
} options;

static int bench(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    kc_config cfg;
    kc_bench b;
    kc_signature sign = {.config = NULL};
    KC_TRY(kc_input_config(g, o->input, o->sets.set, o->sets.n, &cfg, e));
    KC_TRY(kc_bench_run(g, &cfg, o->seconds, &b, &sign, e));
    if (g->rank == 0)
        (o->json ? kc_report_bench_json : kc_report_bench)(stdout, o->input, &sign.stamp, &b);
out:
    kc_signature_free(&sign);
    return e->code;
}

static const options defaults = {.seconds = 5};
static const kc_option list[] = {
    {KC_OPTION("INPUT.yaml", KC_WORD, input), .optional = 1},
    {KC_OPTION_SET},
    {KC_OPTION("seconds", KC_NUMBER, seconds), .least = 0.1, .most = 86400, .value = "S",
     .help = "how long to train, a tenth of it as warm-up (default: 5)"},
    {KC_OPTION_JSON}};

const kc_verb kc_verb_bench = {
    .name = "bench",
    .summary = "how fast it trains here, phase by phase",
    .about =
        "Train on the input file's corpus (or with the default configuration) for a few seconds, "
        "measure nothing, keep nothing, and say how fast it went: tokens a second, and each phase "
        "of the step in milliseconds and as a share of the multiply-add rate of these cores, "
        "measured just before.",
    KC_OPTIONS(list),
    .bytes = sizeof(options),
    .defaults = &defaults,
    .run = bench};
