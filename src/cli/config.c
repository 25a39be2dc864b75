/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/print/report.h"
#include "cli/verb.h"
#include "kcap/run/input.h"

typedef struct options {
    const char *input;
    kc_sets sets;
    int defaults, print, json;
} options;

static int check(const void *given, kc_error *e)
{
    const options *o = given;
    if (o->defaults && o->input)
        return kc_fail(e, KC_EINPUT, "config --defaults: takes no input file, %s given", o->input);
    if (o->print && !o->input)
        return kc_fail(e, KC_EINPUT,
                       "config: what to read is missing: INPUT.yaml; see kcap config --help");
    return KC_OK;
}

static int config(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    kc_config cfg;
    KC_TRY(kc_input_config(g, o->input, o->sets.set, o->sets.n, &cfg, e));
    if (g->rank != 0)
        return KC_OK;
    if (o->json)
        kc_report_config_json(stdout, &cfg);
    else
        kc_config_print(&cfg, o->defaults, stdout);
out:
    return e->code;
}

static void keys(FILE *out)
{
    fputs("\nThe keys:\n", out);
    kc_config_help(out);
}

static const kc_option list[] = {
    {KC_OPTION("defaults", KC_FLAG, defaults), .one_of = 1,
     .help = "every key with its default, unit, range and meaning, as an input file"},
    {KC_OPTION("print", KC_FLAG, print), .one_of = 1,
     .help = "the input file's effective configuration"},
    {KC_OPTION("INPUT.yaml", KC_WORD, input), .optional = 1},
    {KC_OPTION_SET},
    {KC_OPTION_JSON}};

const kc_verb kc_verb_config = {.name = "config",
                                .summary = "the keys of an input file",
                                .about = "The keys of an input file, or what one file says.",
                                KC_OPTIONS(list),
                                .bytes = sizeof(options),
                                .more = keys,
                                .check = check,
                                .run = config};
