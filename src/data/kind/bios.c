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

/* Attributes as kc_corpus_info has them: without a pronoun where there is none. */
static int32_t attribute_at(const kc_bios *b, int32_t place)
{
    return place + (b->fullname && place >= KC_BIOS_PRONOUN);
}

static int32_t place_of(const kc_bios *b, int32_t attribute)
{
    return attribute - (b->fullname && attribute > KC_BIOS_PRONOUN);
}

/* The city of work comes with its employer. */
static void add_employers(const kc_bios *b, kc_lengths *lengths)
{
    const kc_pool *employer = &b->value[KC_BIOS_EMPLOYER], *city = &b->value[KC_BIOS_WORKING_CITY];
    int32_t shortest = 0, longest = 0;

    for (int32_t i = 0; i < employer->n; i++) {
        int32_t pair = kc_pool_length(employer, i) + kc_pool_length(city, i);

        shortest = !i || pair < shortest ? pair : shortest;
        longest = pair > longest ? pair : longest;
    }
    lengths->least += shortest;
    lengths->most += longest;
    lengths->mean += kc_pool_mean(employer) + kc_pool_mean(city);
}

/* What the sentences have besides subject and value; the mean is that of one form. */
static void add_sentences(const kc_sentences *s, kc_lengths *lengths)
{
    int32_t shortest = INT32_MAX, longest = 0;

    for (int form = 0; form < KC_BIOS_FORMS; form++)
        for (int32_t t = 0; t < s->before[form].n; t++) {
            int32_t length =
                kc_pool_length(&s->before[form], t) + kc_pool_length(&s->after[form], t);

            shortest = length < shortest ? length : shortest;
            longest = length > longest ? length : longest;
        }
    lengths->least += shortest;
    lengths->most += longest;
    lengths->mean += kc_pool_mean(&s->before[KC_BIOS_ONE]) + kc_pool_mean(&s->after[KC_BIOS_ONE]);
}

/* Tokens of a document, <eos> included. */
static kc_lengths lengths_of(const kc_bios *b)
{
    kc_lengths lengths = {1, 1, 1};

    for (int p = 0; p < KC_NAME_PARTS; p++)
        kc_lengths_add(&lengths, &b->name[p], b->fullname ? KC_BIOS_SENTENCES : 1);
    if (!b->fullname)
        kc_lengths_add(&lengths, &b->value[KC_BIOS_PRONOUN], KC_BIOS_SENTENCES - 1);
    for (int a = KC_BIOS_BIRTH_DATE; a < KC_BIOS_EMPLOYER; a++)
        kc_lengths_add(&lengths, &b->value[a], 1);
    add_employers(b, &lengths);
    for (int s = 0; s < KC_BIOS_SENTENCES; s++)
        add_sentences(&b->sentence[s], &lengths);
    return lengths;
}

static void describe(const kc_bios *b, kc_corpus_info *info)
{
    const double N = (double)b->people.n;
    const kc_lengths lengths = lengths_of(b);
    double log2_values = 0;

    info->n_attributes = place_of(b, KC_BIOS_ATTRIBUTES);
    kc_people_describe(&b->people, info);
    for (int32_t i = 1; i < info->n_attributes; i++) {
        const int32_t a = attribute_at(b, i);
        kc_attribute *told = &info->attribute[i];

        snprintf(told->name, sizeof told->name, "%s", NAME[a]);
        told->counted = a != KC_BIOS_WORKING_CITY;
        if (told->counted)
            told->log2_pool = log2((double)b->value[a].n);
        log2_values += told->log2_pool;
    }
    info->term[KC_READ_VALUES] = (kc_term){"values", N, N, log2_values, 0, 0};
    info->max_doc_tokens = lengths.most;
    info->mean_doc_tokens = lengths.mean;
    info->lengths_are_equal = lengths.least == lengths.most;
}

static int check(const kc_config *settled, const kc_origin *o, kc_error *e)
{
    char text[KC_SAID_MAX];

    if (settled->corpus.fullname && settled->corpus.pronouns != KC_corpus_pronouns_he_she)
        return kc_fail_key(e, o, KC_AT_corpus_pronouns,
                           "no pronoun is said with %s; he_she, or fullname: no, would do",
                           kc_key_said(settled, o, KC_AT_corpus_fullname, text));
    return kc_people_check(settled, o, e);
}

static void *create(const kc_corpus_keys *keys, uint64_t seed, const kc_files *files,
                    kc_vocab *vocab, const kc_corpus *first, kc_corpus_info *info, kc_error *e)
{
    kc_bios *b = kc_alloc(1, sizeof *b, "corpus");

    (void)first;
    b->texts = keys->wordings;
    b->permute = keys->permute == KC_corpus_permute_yes;
    b->fullname = keys->fullname == KC_corpus_fullname_yes;
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
    for (int s = 0; s < KC_BIOS_SENTENCES * KC_BIOS_FORMS; s++) {
        kc_pool_free(&b->sentence[s / KC_BIOS_FORMS].before[s % KC_BIOS_FORMS]);
        kc_pool_free(&b->sentence[s / KC_BIOS_FORMS].after[s % KC_BIOS_FORMS]);
    }
    free(b);
}

static int64_t fact(const kc_bios *b, int64_t person, int32_t a)
{
    if (a == KC_BIOS_WORKING_CITY)
        a = KC_BIOS_EMPLOYER;
    return kc_people_fact(&b->people, person, a, b->value[a].n);
}

static int64_t value(const void *made, int64_t person, int32_t a)
{
    const kc_bios *b = made;

    return a == KC_BIOS_NAME ? kc_people_name(&b->people, person, NULL)
                             : fact(b, person, attribute_at(b, a));
}

static kc_values values(const void *made, int32_t a)
{
    const kc_bios *b = made;

    return kc_pool_values(&b->value[attribute_at(b, a)]);
}

static int name(const void *made, int64_t person, const kc_pool *pool[KC_NAME_PARTS],
                int64_t part[KC_NAME_PARTS])
{
    const kc_bios *b = made;

    kc_people_name(&b->people, person, part);
    for (int p = 0; p < KC_NAME_PARTS; p++)
        pool[p] = &b->name[p];
    return KC_NAME_PARTS;
}

/* The text of a person that an exposure shows. Of fixed texts measurement reads the first. */
static int64_t text_of(const kc_bios *b, int64_t exposure)
{
    if (!b->texts)
        return exposure;
    return exposure == KC_MEASURE ? 0 : exposure % b->texts;
}

/* Order of the sentences. The text that measurement reads tells the employer before the city that
 * would betray it, in training too where it is one of the fixed texts. */
static void sentence_order(const kc_bios *b, int64_t person, int64_t text, int32_t *order)
{
    const int32_t employer = KC_BIOS_EMPLOYER - KC_BIOS_BIRTH_DATE, city = KC_BIOS_SENTENCES - 1;
    int at_employer = employer, at_city = city;

    for (int i = 0; i < KC_BIOS_SENTENCES; i++)
        order[i] = i;
    if (b->permute)
        kc_people_order(&b->people, kc_people_text(person, text), KC_BIOS_SENTENCES, order);
    if (text != text_of(b, KC_MEASURE))
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

static void put_span(kc_doc *doc, int32_t attribute, int32_t begin, int opens)
{
    doc->spans[doc->n_spans++] =
        (kc_span){doc->person, attribute, begin, begin + 1, doc->n_tokens + opens, opens};
}

static void put_value(kc_doc *doc, const kc_bios *b, int32_t attribute, int64_t i)
{
    int32_t begin = doc->n_tokens;

    kc_pool_put(&b->value[attribute], i, doc);
    put_span(doc, place_of(b, attribute), begin, b->value[attribute].opens[i]);
}

static void put_name(kc_doc *doc, const kc_bios *b, int is_first)
{
    int32_t begin = doc->n_tokens;
    int64_t part[KC_NAME_PARTS];

    kc_people_name(&b->people, doc->person, part);
    for (int p = 0; p < KC_NAME_PARTS; p++)
        kc_pool_put(&b->name[p], part[p], doc);
    if (is_first)
        put_span(doc, KC_BIOS_NAME, begin,
                 b->name[KC_NAME_PARTS - 1].opens[part[KC_NAME_PARTS - 1]]);
}

/* What sentence i of a document begins with; returns the form of its rest. */
static int put_subject(kc_doc *doc, const kc_bios *b, int i)
{
    int64_t pronoun;

    if (i == 0 || b->fullname) {
        put_name(doc, b, i == 0);
        return KC_BIOS_ONE;
    }
    pronoun = fact(b, doc->person, KC_BIOS_PRONOUN);
    if (i == 1)
        put_value(doc, b, KC_BIOS_PRONOUN, pronoun);
    else
        kc_pool_put(&b->value[KC_BIOS_PRONOUN], pronoun, doc);
    return pronoun == KC_BIOS_CALLED_THEY ? KC_BIOS_THEY : KC_BIOS_ONE;
}

static void document(const void *made, int64_t person, int64_t exposure, kc_doc *doc)
{
    const kc_bios *b = made;
    const int64_t text = text_of(b, exposure);
    int32_t order[KC_BIOS_SENTENCES];

    sentence_order(b, person, text, order);
    doc->person = person;
    doc->n_tokens = doc->n_spans = 0;
    doc->tokens[doc->n_tokens++] = KC_EOS;
    for (int i = 0; i < KC_BIOS_SENTENCES; i++) {
        const kc_sentences *s = &b->sentence[order[i]];
        const int form = put_subject(doc, b, i);
        /* Draws below KC_BIOS_SENTENCES went into the order. */
        int64_t t = (int64_t)kc_rand_below(
            b->people.seed, KC_STREAM_TEXT, kc_people_text(person, text),
            (uint32_t)(KC_BIOS_SENTENCES + order[i]), (uint64_t)s->before[KC_BIOS_ONE].n);

        kc_pool_put(&s->before[form], t, doc);
        put_value(doc, b, s->attribute, fact(b, person, s->attribute));
        kc_pool_put(&s->after[form], t, doc);
    }
}

const kc_kind_ops kc_kind_bios = {.sources = kc_bios_sources,
                                  .by_index = 1,
                                  .check = check,
                                  .create = create,
                                  .document = document,
                                  .value = value,
                                  .destroy = destroy,
                                  .values = values,
                                  .name = name};
