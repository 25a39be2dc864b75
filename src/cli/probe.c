/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/print/report_probe.h"
#include "cli/verb.h"
#include "kcap/io/json.h"
#include "kcap/base/memory.h"
#include "kcap/measure/deep.h"
#include "kcap/record/ledger.h"
#include "kcap/run/open.h"

typedef struct options {
    const char *input, *out, *only;
    kc_deep_how how;
    int json;
} options;

static const options defaults = {.how = {.people = 1000,
                                         .rank = 2,
                                         .name_rank = 16,
                                         .steps = 100,
                                         .batch = 50,
                                         .rate = 3e-3,
                                         .decay = 0.3}};

static const char *const names[KC_N_DEEP] = {"p", "q"};
static const char *const asked[2] = {"first", "value"};

/* What was found, as reports have it: of the first token, then of the whole value. */
typedef struct tables {
    int64_t positions, attributes, learners, held_out;
    double *accuracy[2], *control[2]; /* [positions, attributes] */
    double *chance[2];                /* [attributes]            */
} tables;

static int64_t number(const kc_deep *d, int64_t row, const char *name)
{
    return *(int64_t *)kc_row_at(&d->schema, kc_deep_row(d, row), name);
}

static const double *values(const kc_deep *d, int64_t row, const char *name)
{
    return kc_row_at(&d->schema, kc_deep_row(d, row), name);
}

static tables tables_of(const kc_deep *d)
{
    tables t = {.positions = d->schema.column[d->schema.n - 1].width,
                .attributes = d->n / 2,
                .learners = number(d, 0, "learners"),
                .held_out = number(d, 0, "held_out")};
    for (int k = 0; k < 2; ++k) {
        t.accuracy[k] = kc_alloc(t.positions * t.attributes, sizeof(double), "accuracies");
        t.control[k] = kc_alloc(t.positions * t.attributes, sizeof(double), "accuracies");
        t.chance[k] = kc_alloc(t.attributes, sizeof(double), "accuracies");
    }
    for (int64_t i = 0; i < d->n; ++i) {
        const int64_t whole = i / t.attributes, a = i % t.attributes;
        t.chance[whole][a] = *values(d, i, "chance");
        for (int64_t p = 0; p < t.positions; ++p) {
            t.accuracy[whole][p * t.attributes + a] = values(d, i, "accuracy")[p];
            t.control[whole][p * t.attributes + a] = values(d, i, "control")[p];
        }
    }
    return t;
}

static void free_tables(tables *t)
{
    for (int k = 0; k < 2; ++k) {
        free(t->accuracy[k]);
        free(t->control[k]);
        free(t->chance[k]);
    }
}

static void print(const kc_corpus_info *info, int kind, const tables *t)
{
    static const char *const kinds[KC_N_DEEP] = {"P-probing: from the text, before each value",
                                                 "Q-probing: from the name alone"};
    static const char *const titles[2] = {"first token of the value", "whole value"};
    printf("%s, %% of %lld people held out of %lld\n", kinds[kind], (long long)t->held_out,
           (long long)(t->held_out + t->learners));
    for (int k = 0; k < 2; ++k) {
        const kc_matrix m = {t->positions, t->attributes, t->accuracy[k], t->control[k],
                             t->chance[k]};
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

static void put(cJSON *all, const kc_corpus_info *info, int kind, const tables *t)
{
    cJSON *to = cJSON_AddObjectToObject(all, names[kind]);
    cJSON *attributes = cJSON_AddArrayToObject(to, "attributes");
    const int64_t cells = t->positions * t->attributes;
    for (int64_t a = 1; a <= t->attributes; ++a)
        cJSON_AddItemToArray(attributes, cJSON_CreateString(info->attribute[a].name));
    kc_json_number(to, "positions", (double)t->positions);
    kc_json_number(to, "learners", (double)t->learners);
    kc_json_number(to, "held_out", (double)t->held_out);
    for (int k = 0; k < 2; ++k) {
        char name[32];
        put_numbers(to, asked[k], t->accuracy[k], cells);
        snprintf(name, sizeof name, "control_%s", asked[k]);
        put_numbers(to, name, t->control[k], cells);
        snprintf(name, sizeof name, "chance_%s", asked[k]);
        put_numbers(to, name, t->chance[k], t->attributes);
    }
}

static int is_wanted(const options *o, int kind)
{
    return !o->only || strcmp(o->only, names[kind]) == 0;
}

static void report(const kc_corpus_info *info, const kc_deep *found, const options *o)
{
    cJSON *all = o->json ? cJSON_CreateObject() : NULL;
    for (int kind = 0; kind < KC_N_DEEP; ++kind) {
        if (!is_wanted(o, kind))
            continue;
        tables t = tables_of(&found[kind]);
        if (all)
            put(all, info, kind, &t);
        else
            print(info, kind, &t);
        free_tables(&t);
    }
    if (all)
        kc_json_put(stdout, all);
}

/* A kc_deep_keeper of a ledger whose i-th table has the rows of the i-th kind. */
static int keep(void *ledger, const kc_deep *d, int64_t from, kc_error *e)
{
    return kc_ledger_add(ledger, d->kind, kc_deep_row(d, from), d->done - from, e);
}

static int check(const void *given, kc_error *e)
{
    const options *o = given;
    if (o->only && !is_wanted(o, KC_DEEP_P) && !is_wanted(o, KC_DEEP_Q))
        return kc_fail(e, KC_EINPUT,
                       "probe: --only %s: there are p, from the text, and q, from the name",
                       o->only);
    return KC_OK;
}

static int open_ledger(const kc_opened *o, const char *path, const kc_schema *terms,
                       const kc_deep_how *how, kc_deep *found, kc_ledger **ledger, kc_error *e)
{
    kc_ledger_table table[KC_N_DEEP];
    for (int k = 0; k < KC_N_DEEP; ++k)
        table[k] = (kc_ledger_table){
            .schema = &found[k].schema, .rows = found[k].rows, .most = found[k].n};
    const kc_ledger_plan plan = {path, &o->sign.stamp, terms, how, KC_N_DEEP, table};
    kc_ledger_open(o->subject.grid, &plan, ledger, e);
    for (int k = 0; k < KC_N_DEEP; ++k)
        found[k].done = table[k].done;
    return e->code;
}

static int probe(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    kc_opened opened = {.part = KC_PART_PEOPLE, .whole = 1};
    kc_deep found[KC_N_DEEP] = {{.n = 0}};
    kc_schema terms;
    kc_ledger *ledger = NULL;
    kc_deep_how_schema(&terms);
    KC_TRY(kc_open(&opened, g, o->input, e));
    const kc_corpus_info *info = kc_corpus_about(opened.subject.corpus);
    if (info->n_attributes < 2)
        KC_TRY(kc_fail(e, KC_EINPUT, "%s: %s have no attributes to probe", opened.info.path,
                       info->many));
    kc_deep_how how = o->how;
    how.seed = opened.cfg.run.seed;
    how.checkpoint = (int64_t)opened.info.hash;
    for (int k = 0; k < KC_N_DEEP; ++k)
        kc_deep_create(&found[k], (kc_deep_kind)k, info);
    if (o->out)
        KC_TRY(open_ledger(&opened, o->out, &terms, &how, found, &ledger, e));
    const kc_deep_keeper keeper = {keep, ledger};
    for (int k = 0; k < KC_N_DEEP; ++k)
        if (is_wanted(o, k))
            KC_TRY(kc_deep_probe(&opened.subject, &how, &found[k], ledger ? &keeper : NULL, e));
    if (g->rank == 0)
        report(info, found, o);
out:
    kc_ledger_close(ledger, e);
    kc_schema_free(&terms);
    for (int k = 0; k < KC_N_DEEP; ++k)
        kc_deep_free(&found[k]);
    kc_opened_close(&opened, g);
    return e->code;
}

static const kc_option list[] = {
    {KC_OPTION("RUN|CHECKPOINT.h5", KC_WORD, input)},
    {KC_OPTION("out", KC_STRING, out), .value = "FILE.h5",
     .help = "keep each probe as it is trained; of the same checkpoint and options, and "
             "interrupted, it goes on there, with the same bits"},
    {KC_OPTION("only", KC_STRING, only), .value = "p|q",
     .help = "P-probing or Q-probing alone; both"},
    {KC_OPTION("people", KC_COUNT, how.people), .least = 8, .most = 1e6, .value = "N",
     .help = "read so many, by a keyed draw, a quarter of them held out; 1000"},
    {KC_OPTION("rank", KC_COUNT, how.rank), .least = 1, .most = 1024, .value = "R",
     .help = "of P-probing's update of the embedding; 2"},
    {KC_OPTION("name-rank", KC_COUNT, how.name_rank), .least = 1, .most = 1024, .value = "R",
     .help = "of Q-probing's; 16"},
    {KC_OPTION("steps", KC_COUNT, how.steps), .least = 1, .most = 1e7, .value = "N",
     .help = "AdamW steps of each probe; 100, in the paper 30000"},
    {KC_OPTION("batch", KC_COUNT, how.batch), .least = 2, .most = 1e5, .value = "N",
     .help = "people of a step; 50, in the paper 50 and 200"},
    {KC_OPTION("rate", KC_NUMBER, how.rate), .least = 0, .most = 10, .value = "LR",
     .help = "first learning rate, falling to 0; 0.003, in the paper 0.001"},
    {KC_OPTION("decay", KC_NUMBER, how.decay), .least = 0, .most = 10, .value = "WD",
     .help = "weight decay of matrices; 0.3"},
    {KC_OPTION_JSON}};

const kc_verb kc_verb_probe = {
    .name = "probe",
    .summary = "train probes on a checkpoint: what is known where",
    .about =
        "P- and Q-probing (arXiv 2309.14316): with the model frozen, can an attribute be read off "
        "before each value of a person's text, and from the name alone? People are held out, and "
        "the same probes on shuffled labels must read chance.",
    KC_OPTIONS(list),
    .bytes = sizeof(options),
    .defaults = &defaults,
    .check = check,
    .run = probe};
