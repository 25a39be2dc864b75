/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/plan/size.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/print/size.h"
#include "cli/verb.h"
#include "kcap/io/json.h"
#include "kcap/plan/plan.h"
#include "kcap/run/input.h"
#include "kcap/run/progress.h"

/* What --bits does not say, as biographies have it: arXiv 2404.05405, appendix A: 3275 words; a
 * million people of 54.9 bits in 74 tokens each. */
enum { BIOS_VOCAB = 3275 };
static const double bios_bits_per_token = 0.74;

typedef struct options {
    const char *input;
    kc_sets sets;
    const char *facts, *law, *core_rate;
    double bits, params, universe, bits_per_token;
    int64_t vocab;
    int json;
} options;

static int check(const void *given, kc_error *e)
{
    const options *o = given;
    if (!o->input && !o->facts && o->bits == 0 && o->params == 0)
        return kc_fail(e, KC_EINPUT, "size: one of INPUT.yaml, --facts, --bits and --params");
    if (!o->input && o->sets.n)
        return kc_fail(e, KC_EINPUT, "size: --set goes with INPUT.yaml");
    if (o->bits > 0 && (o->facts || o->params > 0))
        return kc_fail(e, KC_EINPUT, "size: --bits or --%s, not both",
                       o->facts ? "facts" : "params");
    if (o->vocab > 0 && !o->facts && o->bits == 0)
        return kc_fail(e, KC_EINPUT, "size: --vocab goes with --bits or --facts");
    return KC_OK;
}

static double member(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

/* The object of a JSON file; NULL: it is none.   collective; the caller deletes it */
static cJSON *read_json(const kc_grid *g, const char *path, kc_error *e)
{
    char *text = NULL;
    size_t bytes = 0;
    cJSON *object = NULL;
    if (kc_input_text(g, path, &text, &bytes, e) == KC_OK)
        object = cJSON_ParseWithLength(text, bytes);
    free(text);
    return object;
}

/* The peaks of a law.json of analysis/law.py. */
static int read_law(const kc_grid *g, const char *path, kc_law *l, kc_error *e)
{
    const cJSON *peak = NULL;
    cJSON *object = read_json(g, path, e);
    *l = (kc_law){.n = 0};
    snprintf(l->source, sizeof l->source, "measured: %.280s", path);
    cJSON_ArrayForEach(peak, cJSON_GetObjectItemCaseSensitive(object, "peaks"))
    {
        const double E = member(peak, "exposures"), R = member(peak, "bits_per_param");
        if (E > 0 && R > 0 && l->n < KC_LAWS_MAX) {
            l->exposures[l->n] = E;
            l->bits_per_param[l->n++] = R;
        }
    }
    cJSON_Delete(object);
    if (l->n == 0)
        kc_fail(e, KC_EINPUT,
                "%s: no peaks in it; a law.json of analysis/law.py has a list `peaks` of objects "
                "with exposures and bits_per_param",
                path);
    return kc_agree(g, e);
}

/* Operations a second of a core: a number, or those of a file that kcap bench --json printed. */
static int read_rate(const kc_grid *g, const char *text, double *rate, kc_error *e)
{
    char *end;
    kc_error why = {0};
    *rate = strtod(text, &end);
    if (*end == 0 && *rate >= 1 && *rate <= 1e18)
        return KC_OK;
    if (*end == 0)
        return kc_fail(e, KC_EINPUT, "--core-rate %s: a number from 1 to 1e18", text);
    cJSON *bench = read_json(g, text, &why);
    if (why.code)
        kc_fail(e, why.code, "--core-rate: no number, and no file that can be read: %s", why.text);
    *rate = member(bench, "flop_per_second") / (member(bench, "ranks") * member(bench, "threads"));
    cJSON_Delete(bench);
    if (!(*rate >= 1 && *rate <= 1e18))
        kc_fail(e, KC_EINPUT,
                "--core-rate %s: neither a number from 1 to 1e18 nor what kcap bench --json prints",
                text);
    return kc_agree(g, e);
}

/* What a corpus of the table holds. */
static int read_facts(const options *o, const kc_law *law, kc_corpus_info *info, kc_error *e)
{
    kc_config cfg;
    kc_files files = {0};
    kc_corpus *corpus = NULL;
    kc_teller teller = kc_teller_start(kc_progress_is_live(stderr) ? stderr : NULL);
    kc_config_defaults(&cfg);
    cfg.corpus.kind = KC_corpus_kind_facts;
    cfg.corpus.universe = o->universe;
    cfg.vocab.kind = KC_vocab_kind_bpe;
    if (o->vocab)
        cfg.vocab.size = o->vocab;
    if (strlen(o->facts) >= sizeof cfg.corpus.file)
        return kc_fail(e, KC_EINPUT, "--facts: a path of more than %zu bytes",
                       sizeof cfg.corpus.file - 1);
    strcpy(cfg.corpus.file, o->facts);
    KC_TRY(kc_files_load(&cfg, &teller, &files, e));
    KC_TRY(kc_corpus_create(&cfg, &files, &corpus, e));
    *info = *kc_corpus_about(corpus);
    const int64_t suits = kc_size_vocab(info->max_bits, law);
    if (!o->vocab && suits < cfg.vocab.size) {
        kc_corpus_destroy(corpus);
        corpus = NULL;
        cfg.vocab.size = suits;
        KC_TRY(kc_files_learn(&cfg, &files, e));
        KC_TRY(kc_corpus_create(&cfg, &files, &corpus, e));
        *info = *kc_corpus_about(corpus);
    }
out:
    kc_corpus_destroy(corpus);
    kc_files_free(&files);
    return e->code;
}

/* A corpus that is there. */
static int count_load(const kc_input *in, kc_size_question *q, kc_error *e)
{
    const kc_machine machine = {.ranks = 1, .threads = 1, .ranks_per_node = 1};
    kc_config cfg = in->cfg;
    kc_plan plan;
    cfg.parallel.ep = 1;
    KC_TRY(kc_plan_make(&cfg, in->corpus, &machine, &plan, e));
    q->info = *kc_corpus_about(in->corpus);
    q->load = (kc_load){q->info.max_bits, plan.tokens_per_exposure, plan.n_vocab, in->corpus};
    if (!(q->load.bits > 0))
        kc_fail(e, KC_EINPUT, "%s: its corpus holds no bits", q->of);
out:
    return e->code;
}

static int read_load(const options *o, const kc_input *in, kc_size_question *q, kc_error *e)
{
    const double per_token = o->bits_per_token > 0 ? o->bits_per_token : bios_bits_per_token;
    q->of = o->facts ? o->facts : in->corpus ? o->input : NULL;
    if (in->corpus)
        return count_load(in, q, e);
    if (!o->facts) {
        q->load = (kc_load){o->bits, o->bits / per_token, o->vocab ? o->vocab : BIOS_VOCAB, NULL};
        return KC_OK;
    }
    KC_TRY(read_facts(o, q->law, &q->info, e));
    const kc_corpus_info *info = &q->info;
    q->load = (kc_load){info->max_bits, info->mean_doc_tokens * (double)info->n_people,
                        info->n_vocab, NULL};
out:
    return e->code;
}

static int answer(const options *o, const kc_input *in, kc_size_question *q, kc_error *e)
{
    kc_size sizes[KC_LAWS_MAX];
    KC_TRY(read_load(o, in, q, e));
    for (int i = 0; i < q->law->n && q->params == 0; ++i)
        KC_TRY(kc_size_choose(&q->load, &in->cfg, q->law, i, &sizes[i], e));
    if (q->params > 0)
        (o->json ? kc_report_holds_json : kc_report_holds)(stdout, q);
    else
        (o->json ? kc_report_size_json : kc_report_size)(stdout, q, sizes);
out:
    return e->code;
}

/* The keys of the input, and its corpus where that is what is asked about. */
static int read_input(const kc_grid *g, const options *o, kc_input *in, kc_error *e)
{
    kc_config_defaults(&in->cfg);
    if (!o->input)
        return KC_OK;
    if (!o->facts && o->bits == 0)
        return kc_input_read(g, o->input, o->sets.set, o->sets.n, in, e);
    return kc_input_config(g, o->input, o->sets.set, o->sets.n, &in->cfg, e);
}

static int size(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    kc_input in = {.corpus = NULL};
    kc_law law;
    kc_size_question q = {.input = o->input, .params = o->params, .law = &law};
    kc_law_published(&law);
    if (o->law && strcmp(o->law, "paper") != 0)
        KC_TRY(read_law(g, o->law, &law, e));
    if (o->core_rate)
        KC_TRY(read_rate(g, o->core_rate, &q.rate, e));
    KC_TRY(read_input(g, o, &in, e));
    KC_TRY_ROOT(g, answer(o, &in, &q, e));
out:
    kc_input_free(&in);
    return e->code;
}

static const kc_option list[] = {
    {KC_OPTION("INPUT.yaml", KC_WORD, input), .optional = 1,
     .help = "plan with its model, and of its corpus unless --facts or --bits say otherwise"},
    {KC_OPTION_SET},
    {KC_OPTION("facts", KC_STRING, facts), .value = "FILE",
     .help = "a table, TSV or CSV, with columns name, attribute, value; -: standard input"},
    {KC_OPTION("bits", KC_NUMBER, bits), .least = 1, .most = 1e18, .value = "B",
     .help = "or so many bits"},
    {KC_OPTION("params", KC_NUMBER, params), .least = 1, .most = 1e15, .value = "P",
     .help = "the other way: how many bits, and of the facts how many, a model of P parameters "
             "holds"},
    {KC_OPTION("universe", KC_NUMBER, universe), .least = 1, .most = 1e300, .value = "N",
     .with = "--facts",
     .help = "names that could have been (default: names are counted by their tokens)"},
    {KC_OPTION("law", KC_STRING, law), .value = "paper|LAW.json",
     .help = "bits a parameter by exposures: 2 after 1000 and 1 after 100 (default), or as "
             "analysis/law.py measured them"},
    {KC_OPTION("vocab", KC_COUNT, vocab), .least = 3, .most = 1000000, .value = "V",
     .help = "words of the vocabulary (default: 3275); of --facts byte-pair tokens (default: 512 "
             "to 2048, by its bits)"},
    {KC_OPTION("bits-per-token", KC_NUMBER, bits_per_token), .least = 1e-6, .most = 1e3,
     .value = "X", .with = "--bits", .help = "what a token of text brings (default: 0.74)"},
    {KC_OPTION("core-rate", KC_STRING, core_rate), .value = "FLOPS|BENCH.json",
     .help = "operations a second of one core in training, for core-hours: a number, or what kcap "
             "bench --json printed"},
    {KC_OPTION_JSON}};

const kc_verb kc_verb_size = {
    .name = "size",
    .summary = "how large a model do my facts need, and what does a model hold",
    .about =
        "How large a model do my facts need? By the bits they hold and a capacity law: for each "
        "exposure count of the law parameters, a model of that size, tokens, operations, and "
        "memory of a rank on 1, 16 and 256 ranks. The model is GPT-2, or as the input has it, "
        "all but layers, heads and head_dim. With --params the other way round.",
    KC_OPTIONS(list),
    .bytes = sizeof(options),
    .check = check,
    .run = size};
