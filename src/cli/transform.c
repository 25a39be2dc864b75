/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/transform/transform.h"

#include "cli/verb.h"
#include "kcap/io/file.h"
#include "kcap/io/json.h"

typedef struct options {
    const char *name, *input, *out;
    int json;
} options;

static int check(const void *given, kc_error *e)
{
    const options *o = given;
    return o->out ? KC_OK
                  : kc_fail(e, KC_EINPUT, "transform: --out is missing; see kcap transform --help");
}

static void report(const options *o, const char *from)
{
    const int64_t bytes = kc_file_size(o->out), before = kc_file_size(from);
    if (!o->json) {
        printf("%s: %lld bytes, of %lld of %s\n", o->out, (long long)bytes, (long long)before,
               from);
        return;
    }
    cJSON *object = cJSON_CreateObject();
    kc_json_text(object, "status", "transformed");
    kc_json_text(object, "checkpoint", o->out);
    kc_json_number(object, "bytes", (double)bytes);
    kc_json_number(object, "source_bytes", (double)before);
    kc_json_put(stdout, object);
}

static int transform(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    char from[KC_PATH_MAX];
    if (kc_transform_run(g, o->name, o->input, o->out, from, e) == KC_OK && g->rank == 0)
        report(o, from);
    return e->code;
}

static void names(FILE *out)
{
    fputs("\nThe transformations:\n", out);
    for (int i = 0; i < kc_n_transforms; ++i)
        fprintf(out, "  %-7s %s\n", kc_transforms[i]->name, kc_transforms[i]->help);
}

static const kc_option list[] = {
    {KC_OPTION("NAME", KC_WORD, name)},
    {KC_OPTION("RUN|CHECKPOINT.h5", KC_WORD, input)},
    {KC_OPTION("out", KC_STRING, out), .value = "FILE.h5", .help = "the checkpoint to write"},
    {KC_OPTION_JSON}};

const kc_verb kc_verb_transform = {
    .name = "transform",
    .summary = "make another checkpoint of one",
    .about =
        "Write a checkpoint with other weights, or the same in fewer bytes; what kcap quantize "
        "packed stays packed. kcap measure reads it; its attribute transformed_by says what was "
        "done to it, in order.",
    KC_OPTIONS(list),
    .bytes = sizeof(options),
    .more = names,
    .check = check,
    .run = transform};
