/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>

#include "cli/print/report_probe.h"
#include "cli/verb.h"
#include "kcap/io/json.h"
#include "kcap/measure/deep.h"
#include "kcap/run/open.h"

typedef struct options {
    const char *input;
    int64_t people, rank, name_rank, steps, batch;
    double rate, decay;
    int json;
} options;

static const options defaults = {.people = 1000,
                                 .rank = 2,
                                 .name_rank = 16,
                                 .steps = 300,
                                 .batch = 50,
                                 .rate = 3e-3,
                                 .decay = 0.3};

static const char *const names[2] = {"p", "q"};
static const char *const asked[2] = {"first", "value"};

static void print(const kc_corpus_info *info, int kind, const kc_deep_found *f)
{
    static const char *const kinds[2] = {"P-probing: from the text, before each value",
                                         "Q-probing: from the name alone"};
    static const char *const titles[2] = {"first token of the value", "whole value"};
    printf("%s, %% of %lld people held out of %lld\n", kinds[kind], (long long)f->held_out,
           (long long)(f->held_out + f->learners));
    for (int k = 0; k < 2; ++k) {
        const kc_matrix m = {f->positions, f->attributes, f->accuracy[k], f->control[k],
                             f->chance[k]};
        kc_report_matrix(stdout, info, titles[k], &m);
    }
}

/* [positions, attributes], or [attributes] where there is one row. */
static void put_numbers(cJSON *to, const char *name, const double *x, int64_t n)
{
    cJSON *array = cJSON_AddArrayToObject(to, name);
    for (int64_t i = 0; i < n; ++i)
        cJSON_AddItemToArray(array, kc_json_exact(x[i]));
}

static void put(cJSON *all, const kc_corpus_info *info, int kind, const kc_deep_found *f)
{
    cJSON *to = cJSON_AddObjectToObject(all, names[kind]);
    cJSON *attributes = cJSON_AddArrayToObject(to, "attributes");
    const int64_t cells = f->positions * f->attributes;
    for (int64_t a = 1; a <= f->attributes; ++a)
        cJSON_AddItemToArray(attributes, cJSON_CreateString(info->attribute[a].name));
    kc_json_number(to, "positions", (double)f->positions);
    kc_json_number(to, "learners", (double)f->learners);
    kc_json_number(to, "held_out", (double)f->held_out);
    for (int k = 0; k < 2; ++k) {
        char name[32];
        put_numbers(to, asked[k], f->accuracy[k], cells);
        snprintf(name, sizeof name, "control_%s", asked[k]);
        put_numbers(to, name, f->control[k], cells);
        snprintf(name, sizeof name, "chance_%s", asked[k]);
        put_numbers(to, name, f->chance[k], f->attributes);
    }
}

static int can_be_probed(const kc_opened *o, kc_error *e)
{
    if (o->model.shape.E > 0)
        return kc_fail(e, KC_EINPUT,
                       "%s: a mixture of %lld experts; kcap probe takes models without, "
                       "measure.probe_every any",
                       o->info.path, (long long)o->model.shape.E);
    if (kc_corpus_about(o->subject.corpus)->n_attributes < 2)
        return kc_fail(e, KC_EINPUT, "%s: %s have no attributes to probe", o->info.path,
                       kc_corpus_about(o->subject.corpus)->many);
    return KC_OK;
}

static int probe(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    kc_opened opened = {.part = KC_PART_PEOPLE};
    cJSON *all = NULL;
    KC_TRY(kc_open(&opened, g, o->input, e));
    KC_TRY(can_be_probed(&opened, e));
    const kc_corpus_info *info = kc_corpus_about(opened.subject.corpus);
    if (o->json && g->rank == 0)
        all = cJSON_CreateObject();
    for (int kind = 0; kind < 2; ++kind) {
        const kc_deep_how how = {.people = o->people,
                                 .rank = kind == KC_DEEP_P ? o->rank : o->name_rank,
                                 .steps = o->steps,
                                 .batch = o->batch,
                                 .rate = o->rate,
                                 .decay = o->decay,
                                 .seed = (uint64_t)opened.cfg.run.seed};
        kc_deep_found found;
        kc_deep_probe(&opened.subject, (kc_deep_kind)kind, &how, &found);
        if (all)
            put(all, info, kind, &found);
        else if (g->rank == 0)
            print(info, kind, &found);
        kc_deep_free(&found);
    }
    if (all)
        kc_json_put(stdout, all);
out:
    kc_opened_close(&opened, g);
    return e->code;
}

static const kc_option list[] = {
    {KC_OPTION("RUN|CHECKPOINT.h5", KC_WORD, input)},
    {KC_OPTION("people", KC_COUNT, people), .least = 8, .most = 1e6, .value = "N",
     .help = "read so many, by a keyed draw, a quarter of them held out; 1000"},
    {KC_OPTION("rank", KC_COUNT, rank), .least = 1, .most = 1024, .value = "R",
     .help = "of P-probing's update of the embedding; 2"},
    {KC_OPTION("name-rank", KC_COUNT, name_rank), .least = 1, .most = 1024, .value = "R",
     .help = "of Q-probing's; 16"},
    {KC_OPTION("steps", KC_COUNT, steps), .least = 1, .most = 1e7, .value = "N",
     .help = "AdamW steps of each probe; 300, in the paper 30000"},
    {KC_OPTION("batch", KC_COUNT, batch), .least = 1, .most = 1e5, .value = "N",
     .help = "people of a step; 50, in the paper 50 and 200"},
    {KC_OPTION("rate", KC_NUMBER, rate), .least = 0, .most = 10, .value = "LR",
     .help = "first learning rate, falling to 0; 0.003, in the paper 0.001"},
    {KC_OPTION("decay", KC_NUMBER, decay), .least = 0, .most = 10, .value = "WD",
     .help = "weight decay of matrices; 0.3"},
    {KC_OPTION_JSON}};

const kc_verb kc_verb_probe = {
    .name = "probe",
    .summary = "train probes on a checkpoint: what is known where",
    .about =
        "P- and Q-probing (arXiv 2309.14316): with the model frozen, can an attribute be read off "
        "before each value of a person's text, and from the name alone? People are held out, and "
        "the "
        "same probes on shuffled labels must read chance. Short enough to begin again when it is "
        "interrupted: nothing is kept.",
    KC_OPTIONS(list),
    .bytes = sizeof(options),
    .defaults = &defaults,
    .run = probe};
