/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/cli/choose.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/io/json.h"
#include "kcap/data/text/facts.h"
#include "kcap/plan/plan.h"

enum { LAWS_MAX = 32, GRIDS = 3, LAYERS_MAX = 200, HEADS_MAX = 256 };
static const int grid_ranks[GRIDS] = {1, 16, 256};

/* What --bits does not say, as biographies have it: arXiv 2404.05405, appendix A: 3275 words; a
 * million people of 54.9 bits in 74 tokens each. */
enum { BIOS_VOCAB = 3275 };
static const double bios_bits_per_token = 0.74, bench_seconds = 3;

/* Bits a parameter that a model keeps after so many exposures. */
typedef struct law {
    char source[300];
    int n;
    double exposures[LAWS_MAX], bits_per_param[LAWS_MAX];
} law;

/* What is to be stored. */
typedef struct load {
    double value_bits, name_bits, exposure_tokens;
    int64_t n_vocab;
    kc_facts facts;
} load;

/* One answer. */
typedef struct choice {
    double exposures, bits_per_param, wanted, tokens, flops, core_hours;
    int64_t layers, heads, head_dim, n_params;
    double peak_bytes[GRIDS];
} choice;

static void paper_law(law *l)
{
    *l = (law){.source = "published: arXiv 2404.05405, results 1 and 4",
               .n = 2,
               .exposures = {100, 1000},
               .bits_per_param = {1, 2}};
}

static double member(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
    return cJSON_IsNumber(item) ? item->valuedouble : NAN;
}

/* The peaks of a law.json of analysis/law.py. */
static int read_law(kc_session *s, const char *path, law *l, kc_error *e)
{
    char *text = NULL;
    size_t bytes = 0;
    *l = (law){.n = 0};
    KC_TRY(kc_session_text(s, path, &text, &bytes, e));
    snprintf(l->source, sizeof l->source, "measured: %.280s", path);
    cJSON *object = cJSON_ParseWithLength(text, bytes);
    const cJSON *peak = NULL;
    cJSON_ArrayForEach(peak, cJSON_GetObjectItemCaseSensitive(object, "peaks"))
    {
        const double E = member(peak, "exposures"), R = member(peak, "bits_per_param");
        if (E > 0 && R > 0 && l->n < LAWS_MAX) {
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
out:
    free(text);
    return kc_agree(&s->grid, e);
}

static int read_load(const kc_options *o, load *d, kc_error *e)
{
    if (!o->facts) {
        const double per_token = o->bits_per_token > 0 ? o->bits_per_token : bios_bits_per_token;
        *d = (load){.value_bits = o->bits,
                    .exposure_tokens = o->bits / per_token,
                    .n_vocab = o->vocab ? o->vocab : BIOS_VOCAB};
        return KC_OK;
    }
    *d = (load){.value_bits = 0};
    if (kc_facts_read(o->facts, &d->facts, e) != KC_OK)
        return e->code;
    d->value_bits = d->facts.value_bits;
    d->exposure_tokens = d->facts.exposure_tokens;
    d->n_vocab = d->facts.n_words;
    if (o->universe > 0 && o->universe < (double)d->facts.n_names)
        return kc_fail(e, KC_EINPUT, "--universe %g: fewer than the %lld names of %s", o->universe,
                       (long long)d->facts.n_names, o->facts);
    if (o->universe > 0)
        d->name_bits = (double)d->facts.n_names * log2(o->universe / (double)d->facts.n_names);
    return KC_OK;
}

/* P of arXiv 2404.05405, appendix A: blocks, tied embedding, last norm. */
static double params_of(int64_t layers, int64_t d, int64_t n_vocab)
{
    const double w = (double)d;
    return (double)layers * (12 * w * w + 13 * w) + (double)n_vocab * w + 2 * w;
}

/* A small model among those that are large enough, about as many layers as heads: a factor of e
 * between them counts as much as a twentieth of the size. At least 2 layers; heads of 64 floats, and
 * narrower ones where those are too coarse. */
static int choose_shape(double wanted, int64_t n_vocab, choice *c)
{
    for (int64_t hd = 64; hd >= 8; hd /= 2) {
        double best = INFINITY;
        for (int64_t h = 1; h <= HEADS_MAX; ++h)
            for (int64_t l = 2; l <= LAYERS_MAX; ++l) {
                const double P = params_of(l, h * hd, n_vocab);
                const double price = P / wanted - 1 + 0.05 * fabs(log((double)l / (double)h));
                if (P < wanted || price >= best)
                    continue;
                best = price;
                c->layers = l;
                c->heads = h;
                c->head_dim = hd;
            }
        if (best < 0.25 || hd == 8)
            return isfinite(best);
    }
    return 0;
}

/* Memory and operations, by the same forecast as any run's. */
static int forecast(const load *d, choice *c, kc_error *e)
{
    kc_session s = {.quiet = 1};
    kc_config_defaults(&s.cfg);
    s.cfg.corpus.kind = KC_corpus_kind_random;
    s.cfg.corpus.vocab = d->n_vocab - 1;
    s.cfg.model.layers = c->layers;
    s.cfg.model.heads = c->heads;
    s.cfg.model.head_dim = c->head_dim;
    s.cfg.train.lanes = s.cfg.train.batch = grid_ranks[GRIDS - 1];
    KC_TRY(kc_corpus_create(&s.cfg, &s.files, &s.corpus, e));
    for (int i = 0; i < GRIDS; ++i) {
        const kc_machine machine = {.ranks = grid_ranks[i], .threads = 1, .ranks_per_node = 1};
        kc_plan plan;
        KC_TRY(kc_plan_make(&s.cfg, s.corpus, &machine, &plan, e));
        c->peak_bytes[i] = (double)plan.peak_bytes;
        c->n_params = plan.n_params;
        c->flops = c->tokens * plan.flop_per_token.all;
    }
out:
    kc_session_end(&s);
    return e->code;
}

static int make_choice(const load *d, const law *l, int i, double rate, choice *c, kc_error *e)
{
    const double bits = d->value_bits + d->name_bits;
    if (!(bits > 0))
        return kc_fail(e, KC_EINPUT,
                       "nothing is to be stored: each attribute of the facts has one value; "
                       "--universe counts the names' bits too");
    *c = (choice){.exposures = l->exposures[i],
                  .bits_per_param = l->bits_per_param[i],
                  .wanted = bits / l->bits_per_param[i],
                  .tokens = d->exposure_tokens * l->exposures[i]};
    if (!choose_shape(c->wanted, d->n_vocab, c))
        return kc_fail(e, KC_EINPUT, "%.4g parameters are needed: more than %d layers of %d heads",
                       c->wanted, LAYERS_MAX, HEADS_MAX);
    if (forecast(d, c, e) == KC_OK)
        c->core_hours = c->flops / rate / 3600;
    return e->code;
}

static void print(FILE *out, const kc_options *o, const load *d, const law *l, double rate,
                  const choice *choices)
{
    const double bits = d->value_bits + d->name_bits, gib = 1024.0 * 1024 * 1024;
    if (o->facts)
        fprintf(out,
                "%s: %lld facts of %lld names, %lld attributes, %lld words%s\n"
                "  values %.6g bits, names %s%.6g bits\n",
                o->facts, (long long)d->facts.n_rows, (long long)d->facts.n_names,
                (long long)d->facts.n_attributes, (long long)d->facts.n_words,
                d->facts.n_duplicates ? ", rows that stand twice counted once" : "", d->value_bits,
                o->universe > 0 ? "" : "(no --universe) ", d->name_bits);
    fprintf(out, "%.6g bits, %.4g tokens an exposure, V = %lld\nlaw %s\n", bits, d->exposure_tokens,
            (long long)d->n_vocab, l->source);
    fprintf(out, "%.4g FLOP/s a core, %s\n\n", rate,
            o->core_rate > 0 ? "as stated" : "measured here just now on a small model");
    fprintf(out,
            "  exposures  bits/P      needed  layers heads x dim   parameters     tokens       "
            "FLOP  core-hours  GiB a rank at 1, 16, 256 ranks\n");
    for (int i = 0; i < l->n; ++i) {
        const choice *c = &choices[i];
        fprintf(out,
                "  %9g  %6.3f  %10.4g  %6lld %5lld x %-3lld  %12lld  %9.3g  %9.3g  %10.3g  %.3g, "
                "%.3g, %.3g\n",
                c->exposures, c->bits_per_param, c->wanted, (long long)c->layers,
                (long long)c->heads, (long long)c->head_dim, (long long)c->n_params, c->tokens,
                c->flops, c->core_hours, c->peak_bytes[0] / gib, c->peak_bytes[1] / gib,
                c->peak_bytes[2] / gib);
    }
    fprintf(out, "\nA model of the size needed is full: it keeps about as many bits as there are, "
                 "not each one. To\nkeep nearly all take 1.1 times as many parameters (published: "
                 "up to 1.8 bits a parameter nearly all is kept).\n");
}

static void print_json(FILE *out, const kc_options *o, const load *d, const law *l, double rate,
                       const choice *choices)
{
    cJSON *object = cJSON_CreateObject();
    if (o->facts) {
        kc_json_text(object, "facts", o->facts);
        kc_json_number(object, "n_facts", (double)d->facts.n_rows);
        kc_json_number(object, "n_duplicates", (double)d->facts.n_duplicates);
        kc_json_number(object, "n_names", (double)d->facts.n_names);
        kc_json_number(object, "n_attributes", (double)d->facts.n_attributes);
    }
    kc_json_number(object, "value_bits", d->value_bits);
    kc_json_number(object, "name_bits", d->name_bits);
    kc_json_number(object, "bits", d->value_bits + d->name_bits);
    kc_json_number(object, "tokens_per_exposure", d->exposure_tokens);
    kc_json_number(object, "n_vocab", (double)d->n_vocab);
    kc_json_text(object, "law", l->source);
    kc_json_number(object, "core_flop_per_second", rate);
    cJSON *list = cJSON_AddArrayToObject(object, "choices");
    for (int i = 0; i < l->n; ++i) {
        const choice *c = &choices[i];
        cJSON *one = cJSON_CreateObject();
        const struct {
            const char *name;
            double value;
        } values[] = {{"exposures", c->exposures},
                      {"bits_per_param", c->bits_per_param},
                      {"parameters_needed", c->wanted},
                      {"layers", (double)c->layers},
                      {"heads", (double)c->heads},
                      {"head_dim", (double)c->head_dim},
                      {"n_params", (double)c->n_params},
                      {"tokens", c->tokens},
                      {"flops", c->flops},
                      {"core_hours", c->core_hours},
                      {"peak_bytes_dp1", c->peak_bytes[0]},
                      {"peak_bytes_dp16", c->peak_bytes[1]},
                      {"peak_bytes_dp256", c->peak_bytes[2]}};
        for (size_t k = 0; k < sizeof values / sizeof *values; ++k)
            kc_json_number(one, values[k].name, values[k].value);
        cJSON_AddItemToArray(list, one);
    }
    kc_json_put(out, object);
}

int kc_choose(kc_session *s, kc_error *e)
{
    const kc_options *o = s->options;
    law l;
    load d;
    choice choices[LAWS_MAX];
    double rate = o->core_rate;
    paper_law(&l);
    if (o->law && strcmp(o->law, "paper") != 0)
        KC_TRY(read_law(s, o->law, &l, e));
    if (s->grid.rank == 0)
        read_load(o, &d, e);
    KC_TRY(kc_agree(&s->grid, e));
    if (rate <= 0)
        KC_TRY(kc_bench_core_rate(s, bench_seconds, &rate, e));
    for (int i = 0; s->grid.rank == 0 && i < l.n && e->code == KC_OK; ++i)
        make_choice(&d, &l, i, rate, &choices[i], e);
    if (s->grid.rank == 0 && e->code == KC_OK)
        (o->json ? print_json : print)(stdout, o, &d, &l, rate, choices);
out:
    return kc_agree(&s->grid, e);
}
