/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/verb.h"
#include "kcap/base/text.h"
#include "kcap/io/json.h"
#include "kcap/record/shelf.h"
#include "kcap/run/init.h"

typedef struct options {
    const char *input, *out;
    kc_sets sets;
    int json;
} options;

static int check(const void *given, kc_error *e)
{
    const options *o = given;
    return o->out ? KC_OK : kc_fail(e, KC_EINPUT, "init: --out is missing; see kcap init --help");
}

static void report(const options *o, int64_t n_params)
{
    char path[KC_PATH_MAX];
    kc_shelf_path(o->out, 0, ".h5", path, sizeof path);
    if (!o->json) {
        printf("%s: initial weights, %lld parameters\n", path, (long long)n_params);
        return;
    }
    cJSON *object = cJSON_CreateObject();
    kc_json_text(object, "status", "initialised");
    kc_json_text(object, "out", o->out);
    kc_json_text(object, "checkpoint", path);
    kc_json_number(object, "n_params", (double)n_params);
    kc_json_put(stdout, object);
}

static int init(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    const kc_init_request request = {o->input, o->sets.set, o->sets.n, o->out};
    int64_t n_params = 0;
    if (kc_run_init(g, &request, &n_params, e) == KC_OK && g->rank == 0)
        report(o, n_params);
    return e->code;
}

static const kc_option list[] = {
    {KC_OPTION("INPUT.yaml", KC_WORD, input)},
    {KC_OPTION("out", KC_STRING, out), .value = "DIR", .help = "the run's folder to write"},
    {KC_OPTION_SET},
    {KC_OPTION_JSON}};

const kc_verb kc_verb_init = {
    .name = "init",
    .summary = "the weights that training starts from",
    .about =
        "Write the weights that kcap train would start from as the checkpoint of step 0, in "
        "DIR/checkpoints: to measure what a model stores that has learnt nothing, to give another "
        "program the same start, or to fill in weights from elsewhere (analysis/hf.py).",
    KC_OPTIONS(list),
    .bytes = sizeof(options),
    .check = check,
    .run = init};
