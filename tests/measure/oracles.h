/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_MEASURE_ORACLES_H
#define KCAP_TESTS_MEASURE_ORACLES_H

#include <math.h>

#include "../comm/grids.h"
#include "../data/corpora.h"

#include "kcap/measure/capacity.h"

/* Texts that a predictor holds equally likely. */
typedef struct list {
    int64_t n;
    char **text;
} list;

/* Who knows the corpus, but of each attribute only that its value is one of `belief`; NULL: perfect
 * memory. */
typedef struct oracle {
    const kc_corpus *corpus;
    kc_corpus_keys keys;
    list pool[KC_ATTRIBUTES_MAX]; /* all values, by kc_corpus_value for biographies */
    list people;                  /* the names in use                               */
    const list *belief[KC_ATTRIBUTES_MAX];
} oracle;

static inline void list_add(list *l, const char *text)
{
    if ((l->n & (l->n - 1)) == 0) {
        char **more = test_room(2 * l->n + 1, sizeof *more);
        l->text = l->n ? memcpy(more, l->text, (size_t)l->n * sizeof *more) : more;
    }
    l->text[l->n++] = test_text("%s", text);
}

/* Lines of a pool file up to `stop`, at most `most` unless it is 0. */
static inline list lines_of(const kc_files *files, const char *name, char stop, int64_t most)
{
    list l = {0};
    for (int i = 0; i < files->n; ++i) {
        if (strcmp(files->file[i].name, name) != 0)
            continue;
        const char *text = files->text + files->file[i].begin;
        for (int64_t k = 0; *entry(text, k, 0) && (!most || k < most); ++k)
            list_add(&l, entry(text, k, stop));
    }
    assert_true(l.n > 0);
    return l;
}

static inline list names_of(const kc_files *files, const kc_config *cfg)
{
    list part[3] = {lines_of(files, "pools/first_name.txt", 0, cfg->corpus.first_names),
                    lines_of(files, "pools/middle_name.txt", 0, cfg->corpus.middle_names),
                    lines_of(files, "pools/last_name.txt", 0, cfg->corpus.last_names)};
    list names = {0};
    for (int64_t i = 0; i < part[0].n * part[1].n * part[2].n; ++i)
        list_add(&names,
                 test_text("%s %s %s", part[0].text[i / part[2].n / part[1].n],
                           part[1].text[i / part[2].n % part[1].n], part[2].text[i % part[2].n]));
    return names;
}

static inline list dates_of(int64_t years)
{
    static const char *const month[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
    list dates = {0};
    for (int64_t i = 0; i < years * 12 * 28; ++i)
        list_add(&dates, test_text("%s %d, %d", month[i / 28 % 12], (int)(i % 28) + 1,
                                   1900 + (int)(i / 28 / 12)));
    return dates;
}

/* Pools of biographies, from the files alone. */
static inline void bios_pools(oracle *o, const kc_files *files, const kc_config *cfg)
{
    o->pool[0] = names_of(files, cfg);
    o->pool[1] = dates_of(cfg->corpus.birth_years);
    o->pool[2] = lines_of(files, "pools/city.txt", 0, cfg->corpus.cities);
    o->pool[3] = lines_of(files, "pools/university.txt", 0, cfg->corpus.universities);
    o->pool[4] = lines_of(files, "pools/field.txt", 0, cfg->corpus.majors);
    o->pool[5] = lines_of(files, "pools/company.txt", ';', cfg->corpus.employers);
    list_add(&o->pool[6], "He");
    list_add(&o->pool[6], "She");
}

/* Pools of bioD: names from the files, strings as far as any document shows them. */
static inline void biod_pools(oracle *o, const kc_files *files, const kc_config *cfg)
{
    const kc_corpus_info *info = kc_corpus_about(o->corpus);
    const int32_t L = (int32_t)o->keys.length;
    kc_doc doc = doc_for(o->corpus);
    o->pool[0] = names_of(files, cfg);
    for (int64_t i = 0; i < info->n_people; ++i) {
        kc_corpus_document(o->corpus, i, 0, &doc);
        for (int32_t s = 1; s < doc.n_spans; ++s)
            for (int32_t at = doc.spans[s].begin; at < doc.spans[s].end; at += L) {
                const char *text = text_of(o->corpus, doc.tokens, at, at + L);
                list *l = &o->pool[doc.spans[s].attribute];
                int64_t k = 0;
                while (k < l->n && strcmp(l->text[k], text) != 0)
                    ++k;
                if (k == l->n)
                    list_add(l, text);
            }
    }
    for (int64_t a = 1; a <= o->keys.attributes; ++a)
        assert_int_equal(o->pool[a].n, o->keys.diversity);
}

/* Believes every value of the pools equally likely. */
static inline void oracle_create(oracle *o, const kc_corpus *corpus, const kc_files *files,
                                 const kc_config *cfg)
{
    *o = (oracle){.corpus = corpus, .keys = kc_config_settled(cfg).corpus};
    if (o->keys.kind == KC_corpus_kind_biod)
        biod_pools(o, files, cfg);
    else
        bios_pools(o, files, cfg);
    for (int64_t i = 0; i < cfg->corpus.people; ++i)
        list_add(&o->people, o->pool[0].text[kc_corpus_value(corpus, i, 0)]);
    for (int a = 0; a < KC_ATTRIBUTES_MAX; ++a)
        o->belief[a] = &o->pool[a];
}

/* Knows everything but who comes next. */
static inline void oracle_learn(oracle *o)
{
    for (int a = 1; a < KC_ATTRIBUTES_MAX; ++a)
        o->belief[a] = NULL;
    o->belief[0] = &o->people;
}

/* 1 when a value, read token by token, can have begun with `seen`. */
static inline int begins_with(const char *value, const char *seen)
{
    const size_t n = strlen(seen);
    return strncmp(value, seen, n) == 0 && (!value[n] || strchr(" ,.;:!?", value[n]));
}

/* Loss of each of n tokens that tell `own`, for one who holds every text of the list equally likely. A
 * token behind a value that others begin with tells that no other is meant. Rounding is made up
 * for by the next token. */
static inline void chain_rule(const kc_corpus *corpus, const list *l, const char *own,
                              const int32_t *tokens, int32_t n, float *nats)
{
    double told = 0;
    int64_t left = l->n;
    for (int32_t j = 0; j < n; ++j) {
        const char *seen = text_of(corpus, tokens, 0, j + 1);
        left = 0;
        for (int64_t i = 0; i < l->n; ++i)
            left += begins_with(l->text[i], seen);
        if (!begins_with(own, seen) && begins_with(seen, own))
            left += 1;
        nats[j] = (float)(log((double)l->n / (double)left) - told);
        told += nats[j];
    }
    assert_int_equal(left, 1);
}

/* Losses of one span: a value of bioD chunk by chunk, any other whole. */
static inline void oracle_span(const oracle *o, const kc_span *s, const int32_t *tokens,
                               float *nats)
{
    const int chunked = o->keys.kind == KC_corpus_kind_biod && s->attribute > 0;
    const int32_t piece = chunked ? (int32_t)o->keys.length : s->end - s->begin;
    const int64_t value = kc_corpus_value(o->corpus, s->person, s->attribute);
    for (int32_t at = s->begin; at < s->end; at += piece) {
        /* text_of has one buffer, which chain_rule will use again. */
        char *own = test_text("%s", chunked ? text_of(o->corpus, tokens + at, 0, piece)
                                            : o->pool[s->attribute].text[value]);
        if (o->belief[s->attribute])
            chain_rule(o->corpus, o->belief[s->attribute], own, tokens + at, piece, nats + at);
        else
            memset(nats + at, 0, (size_t)piece * sizeof *nats);
    }
}

/* A kc_score: what is outside of spans, and the working city, costs much and must not count. */
static inline void oracle_score(void *context, int thread, const kc_batch *window, float *nats,
                                uint8_t *hit)
{
    const oracle *o = context;
    assert_int_equal(thread, 0);
    for (int64_t t = 0; t < window->context; ++t) {
        nats[t] = 50;
        hit[t] = 0;
    }
    for (int32_t i = 0; i < window->n_spans; ++i)
        if (o->pool[window->spans[i].attribute].n)
            oracle_span(o, &window->spans[i], window->targets, nats);
}

/* Who reads random strings holding `first` values of a string's first token equally likely, and
 * `other` of each that follows. */
typedef struct guesser {
    double first, other;
} guesser;

/* A kc_score. Rounding is made up for by the next token. */
static inline void guesser_score(void *context, int thread, const kc_batch *window, float *nats,
                                 uint8_t *hit)
{
    const guesser *g = context;
    assert_int_equal(thread, 0);
    for (int64_t t = 0; t < window->context; ++t) {
        nats[t] = 50;
        hit[t] = 0;
    }
    for (int32_t i = 0; i < window->n_spans; ++i) {
        const kc_span *s = &window->spans[i];
        double due = log(g->first), told = 0;
        for (int32_t t = s->begin; t < s->end; ++t, due += log(g->other)) {
            nats[t] = (float)(due - told);
            told += nats[t];
            hit[t] = g->other == 1 && (t > s->begin || g->first == 1);
        }
    }
}

#endif
