/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/kind/bios.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/rng.h"
#include "kcap/base/memory.h"

static const char *const NAME[KC_BIOS_ATTRIBUTES] = {"name",       "birth_date",  "birth_city",
                                                     "university", "major",       "employer",
                                                     "pronoun",    "working_city"};

/* Tokens of a document, <eos> included: least, most and mean. */
static void lengths(const kc_bios *b, int32_t *least, int32_t *most, double *mean)
{
    const kc_pool *employer = &b->value[KC_BIOS_EMPLOYER], *city = &b->value[KC_BIOS_WORKING_CITY];
    int32_t shortest = 0, longest = 0;

    *mean = 1 + KC_BIOS_SENTENCES - 1 + kc_pool_mean(employer) + kc_pool_mean(city);
    *least = *most = 1 + KC_BIOS_SENTENCES - 1;
    for (int p = 0; p < KC_NAME_PARTS; p++) {
        *mean += kc_pool_mean(&b->name[p]);
        *least += kc_pool_shortest(&b->name[p]);
        *most += kc_pool_longest(&b->name[p]);
    }
    for (int a = KC_BIOS_BIRTH_DATE; a < KC_BIOS_EMPLOYER; a++) {
        *mean += kc_pool_mean(&b->value[a]);
        *least += kc_pool_shortest(&b->value[a]);
        *most += kc_pool_longest(&b->value[a]);
    }
    for (int32_t i = 0; i < employer->n; i++) { /* the two come as a pair */
        int32_t pair = kc_pool_length(employer, i) + kc_pool_length(city, i);

        shortest = !i || pair < shortest ? pair : shortest;
        longest = pair > longest ? pair : longest;
    }
    *least += shortest;
    *most += longest;
}

/* Add what the sentences have besides subject and value. */
static void sentence_lengths(const kc_sentences *s, int32_t *least, int32_t *most, double *mean)
{
    int32_t shortest = 0, longest = 0;

    for (int32_t t = 0; t < s->before.n; t++) {
        int32_t length = kc_pool_length(&s->before, t) + kc_pool_length(&s->after, t);

        shortest = !t || length < shortest ? length : shortest;
        longest = length > longest ? length : longest;
    }
    *least += shortest;
    *most += longest;
    *mean += kc_pool_mean(&s->before) + kc_pool_mean(&s->after);
}

static void describe(const kc_bios *b, kc_corpus_info *info)
{
    const double N = (double)b->people.n;
    double log2_values = 0;
    int32_t least;

    info->n_attributes = KC_BIOS_ATTRIBUTES;
    kc_people_describe(&b->people, info);
    for (int a = 1; a < KC_BIOS_ATTRIBUTES; a++) {
        snprintf(info->attribute[a].name, sizeof info->attribute[a].name, "%s", NAME[a]);
        info->attribute[a].counted = a != KC_BIOS_WORKING_CITY;
        if (info->attribute[a].counted)
            info->attribute[a].log2_pool = log2((double)b->value[a].n);
        log2_values += info->attribute[a].log2_pool;
    }
    info->term[KC_READ_VALUES] = (kc_term){"values", N, N, log2_values, 0, 0};
    lengths(b, &least, &info->max_doc_tokens, &info->mean_doc_tokens);
    for (int s = 0; s < KC_BIOS_SENTENCES; s++)
        sentence_lengths(&b->sentence[s], &least, &info->max_doc_tokens, &info->mean_doc_tokens);
    info->lengths_are_equal = least == info->max_doc_tokens;
}

static void *create(const kc_corpus_keys *keys, uint64_t seed, const kc_files *files,
                    kc_vocab *vocab, kc_corpus_info *info, kc_error *e)
{
    kc_bios *b = kc_alloc(1, sizeof *b, "corpus");

    KC_TRY(kc_bios_read(keys, files, b, vocab, e));
    KC_TRY(kc_people_create(keys, seed, (int64_t[]){b->name[0].n, b->name[1].n, b->name[2].n},
                            &b->people, e));
    describe(b, info);
out:
    return b;
}

static void destroy(void *made)
{
    kc_bios *b = made;

    for (int p = 0; p < KC_NAME_PARTS; p++)
        kc_pool_free(&b->name[p]);
    for (int a = 0; a < KC_BIOS_ATTRIBUTES; a++)
        kc_pool_free(&b->value[a]);
    for (int s = 0; s < KC_BIOS_SENTENCES; s++) {
        kc_pool_free(&b->sentence[s].before);
        kc_pool_free(&b->sentence[s].after);
    }
    free(b);
}

static int64_t value(const void *made, int64_t person, int32_t a)
{
    const kc_bios *b = made;

    if (a == KC_BIOS_NAME)
        return kc_people_name(&b->people, person, NULL);
    if (a == KC_BIOS_WORKING_CITY)
        a = KC_BIOS_EMPLOYER;
    return kc_people_fact(&b->people, person, a, b->value[a].n);
}

/* Order of the sentences. Measurement reads the employer before the city that would betray it. */
static void sentence_order(const kc_people *people, uint64_t text, int64_t exposure, int32_t *order)
{
    const int32_t employer = KC_BIOS_EMPLOYER - KC_BIOS_BIRTH_DATE, city = KC_BIOS_SENTENCES - 1;
    int at_employer = 0, at_city = 0;

    kc_people_order(people, text, KC_BIOS_SENTENCES, order);
    if (exposure != KC_MEASURE)
        return;
    for (int i = 0; i < KC_BIOS_SENTENCES; i++) {
        at_employer = order[i] == employer ? i : at_employer;
        at_city = order[i] == city ? i : at_city;
    }
    if (at_city < at_employer) {
        order[at_city] = employer;
        order[at_employer] = city;
    }
}

static void put(kc_doc *doc, const kc_pool *pool, int64_t i)
{
    int32_t n = kc_pool_length(pool, i);

    memcpy(doc->tokens + doc->n_tokens, pool->token + pool->begin[i],
           (size_t)n * sizeof *doc->tokens);
    doc->n_tokens += n;
}

static void put_span(kc_doc *doc, int32_t attribute, int32_t begin, int opens)
{
    doc->spans[doc->n_spans++] =
        (kc_span){doc->person, attribute, begin, begin + 1, doc->n_tokens + opens};
}

static void put_value(kc_doc *doc, const kc_bios *b, int32_t attribute, int64_t i)
{
    int32_t begin = doc->n_tokens;

    put(doc, &b->value[attribute], i);
    put_span(doc, attribute, begin, b->value[attribute].opens[i]);
}

static void put_name(kc_doc *doc, const kc_bios *b)
{
    int32_t begin = doc->n_tokens;
    int64_t part[KC_NAME_PARTS];

    kc_people_name(&b->people, doc->person, part);
    for (int p = 0; p < KC_NAME_PARTS; p++)
        put(doc, &b->name[p], part[p]);
    put_span(doc, KC_BIOS_NAME, begin, b->name[KC_NAME_PARTS - 1].opens[part[KC_NAME_PARTS - 1]]);
}

static void document(const void *made, int64_t person, int64_t exposure, kc_doc *doc)
{
    const kc_bios *b = made;
    uint64_t text = kc_people_text(person, exposure);
    int64_t pronoun = value(b, person, KC_BIOS_PRONOUN);
    int32_t order[KC_BIOS_SENTENCES];

    sentence_order(&b->people, text, exposure, order);
    doc->person = person;
    doc->n_tokens = doc->n_spans = 0;
    doc->tokens[doc->n_tokens++] = KC_EOS;
    for (int i = 0; i < KC_BIOS_SENTENCES; i++) {
        const kc_sentences *s = &b->sentence[order[i]];
        /* Draws below KC_BIOS_SENTENCES went into the order. */
        int64_t t =
            (int64_t)kc_rand_below(b->people.seed, KC_STREAM_TEXT, text,
                                   (uint32_t)(KC_BIOS_SENTENCES + order[i]), (uint64_t)s->before.n);

        if (i == 0)
            put_name(doc, b);
        else if (i == 1)
            put_value(doc, b, KC_BIOS_PRONOUN, pronoun);
        else
            put(doc, &b->value[KC_BIOS_PRONOUN], pronoun);
        put(doc, &s->before, t);
        put_value(doc, b, s->attribute, value(b, person, s->attribute));
        put(doc, &s->after, t);
    }
}

const kc_kind_ops kc_kind_bios = {.sources = kc_bios_sources,
                                  .check = kc_people_check,
                                  .create = create,
                                  .document = document,
                                  .value = value,
                                  .destroy = destroy};
