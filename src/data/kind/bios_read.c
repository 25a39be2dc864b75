/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "data/kind/bios.h"
#include "data/text/sentences.h"

const kc_source kc_bios_sources[] = {KC_BIOS_SOURCES, {NULL, NULL, 0}};

enum { MONTHS = 12, DAYS = 28, FIRST_YEAR = 1900, DATE_TOKENS = 24 };

/* All dates as `October 2, 1996` or `2 October 1996`. Days end at 28, so that each month has
 * each. */
static void dates_read(const kc_corpus_keys *keys, kc_vocab *vocab, kc_pool *pool)
{
    static const char *const MONTH[MONTHS] = {"January",   "February", "March",    "April",
                                              "May",       "June",     "July",     "August",
                                              "September", "October",  "November", "December"};
    const int reversed = keys->date == KC_corpus_date_reversed;
    int32_t n = (int32_t)keys->birth_years * MONTHS * DAYS;

    kc_pool_create(n, n * DATE_TOKENS, pool);
    for (int32_t i = 0; i < n; i++) {
        const int year = FIRST_YEAR + i / (DAYS * MONTHS), day = i % DAYS + 1;
        const char *month = MONTH[i / DAYS % MONTHS];
        int32_t tokens[64];
        char text[64];

        if (reversed)
            snprintf(text, sizeof text, "%d %s %d", day, month, year);
        else
            snprintf(text, sizeof text, "%s %d, %d", month, day, year);
        kc_pool_add(pool, tokens, kc_vocab_tokens(vocab, text, tokens));
    }
}

static void pronouns_read(const kc_corpus_keys *keys, kc_vocab *vocab, kc_pool *pool)
{
    static const char *const PRONOUN[] = {"He", "She", "They"};
    const int n = keys->fullname ? 0 : keys->pronouns == KC_corpus_pronouns_he_she ? 2 : 3;
    int32_t tokens[8];

    kc_pool_create(n, n * (int32_t)(sizeof tokens / sizeof *tokens), pool);
    for (int i = 0; i < n; i++)
        kc_pool_add(pool, tokens, kc_vocab_tokens(vocab, PRONOUN[i], tokens));
}

static int form_read(const kc_lines *whole, int form, kc_vocab *vocab, kc_sentences *sentences,
                     kc_error *e)
{
    kc_lines said = {0};

    KC_TRY(kc_lines_side(whole, form, &said, e));
    KC_TRY(kc_sentences_halve(&said, vocab, &sentences->before[form], &sentences->after[form], e));
out:
    kc_lines_free(&said);
    return e->code;
}

static int sentences_read(const kc_corpus_keys *keys, const kc_files *files, int s, kc_vocab *vocab,
                          kc_sentences *sentences, kc_error *e)
{
    static const int32_t ATTRIBUTE[KC_BIOS_SENTENCES] = {KC_BIOS_BIRTH_DATE, KC_BIOS_BIRTH_CITY,
                                                         KC_BIOS_UNIVERSITY, KC_BIOS_MAJOR,
                                                         KC_BIOS_EMPLOYER,   KC_BIOS_WORKING_CITY};
    kc_lines whole = {0};

    sentences->attribute = ATTRIBUTE[s];
    KC_TRY(kc_lines_load(keys, files, &kc_bios_sources[KC_BIOS_TEMPLATES + s], &whole, e));
    KC_TRY(form_read(&whole, KC_BIOS_ONE, vocab, sentences, e));
    if (keys->pronouns == KC_corpus_pronouns_he_she_they)
        KC_TRY(form_read(&whole, KC_BIOS_THEY, vocab, sentences, e));
out:
    kc_lines_free(&whole);
    return e->code;
}

/* What can follow a value of attribute a. */
static void next_of(const kc_bios *b, int32_t a, const kc_pool *next[KC_BIOS_FORMS])
{
    for (int form = 0; form < KC_BIOS_FORMS; form++)
        next[form] = &b->sentence[a - KC_BIOS_BIRTH_DATE - (a > KC_BIOS_PRONOUN)].after[form];
}

/* A pool whose values end where sentences of attribute a go on. */
static int values_read(const kc_corpus_keys *keys, const kc_files *files, const kc_source *source,
                       int32_t a, kc_bios *b, kc_vocab *vocab, kc_error *e)
{
    const kc_pool *next[KC_BIOS_FORMS];
    kc_lines lines;

    next_of(b, a, next);
    KC_TRY(kc_lines_load(keys, files, source, &lines, e));
    kc_pool_from_lines(&lines, vocab, &b->value[a]);
    KC_TRY(kc_pool_mark(&b->value[a], &lines, next, KC_BIOS_FORMS, vocab, e));
out:
    kc_lines_free(&lines);
    return e->code;
}

static int city_check(const kc_lines *name, const kc_lines *city, int32_t i, kc_error *e)
{
    const char *text = kc_lines_at(city, i), *comma = strstr(text, ", ");

    if (!comma || comma == text || !comma[2] || !kc_lines_at(name, i)[0])
        return kc_fail(e, KC_EINPUT,
                       "%s:%d: `%.200s; %.200s` has no name or no city with its "
                       "state; a line reads `Name; City, ST`",
                       name->path, i + 1, kc_lines_at(name, i), text);
    return KC_OK;
}

/* `Name; City, ST` gives the employer and the working city. */
static int companies_read(const kc_corpus_keys *keys, const kc_files *files, kc_bios *b,
                          kc_vocab *vocab, kc_error *e)
{
    const kc_pool *next[KC_BIOS_FORMS];
    kc_lines whole = {0}, name = {0}, city = {0};

    next_of(b, KC_BIOS_EMPLOYER, next);
    KC_TRY(kc_lines_load(keys, files, &kc_bios_sources[KC_BIOS_EMPLOYERS], &whole, e));
    KC_TRY(kc_lines_halve(&whole, "; ", "Name; City, ST", &name, &city, e));
    for (int32_t i = 0; i < whole.n; i++)
        KC_TRY(city_check(&name, &city, i, e));
    KC_TRY(kc_lines_distinct(&name, e));
    kc_pool_from_lines(&name, vocab, &b->value[KC_BIOS_EMPLOYER]);
    kc_pool_from_lines(&city, vocab, &b->value[KC_BIOS_WORKING_CITY]);
    KC_TRY(kc_pool_mark(&b->value[KC_BIOS_EMPLOYER], &name, next, KC_BIOS_FORMS, vocab, e));
out:
    kc_lines_free(&whole);
    kc_lines_free(&name);
    kc_lines_free(&city);
    return e->code;
}

/* Only the last name is marked: a longer first or middle name goes on inside the name's span. */
static int names_read(const kc_corpus_keys *keys, const kc_files *files, kc_bios *b,
                      kc_vocab *vocab, kc_error *e)
{
    const kc_pool *next[KC_BIOS_SENTENCES];
    kc_lines lines = {0};

    for (int s = 0; s < KC_BIOS_SENTENCES; s++)
        next[s] = &b->sentence[s].before[KC_BIOS_ONE];
    for (int p = 0; p < KC_NAME_PARTS; p++) {
        kc_lines_free(&lines);
        KC_TRY(kc_lines_load(keys, files, &kc_bios_sources[KC_BIOS_NAMES + p], &lines, e));
        kc_pool_from_lines(&lines, vocab, &b->name[p]);
    }
    KC_TRY(kc_pool_mark(&b->name[KC_NAME_PARTS - 1], &lines, next, KC_BIOS_SENTENCES, vocab, e));
out:
    kc_lines_free(&lines);
    return e->code;
}

int kc_bios_read(const kc_corpus_keys *keys, const kc_files *files, kc_bios *b, kc_vocab *vocab,
                 kc_error *e)
{
    pronouns_read(keys, vocab, &b->value[KC_BIOS_PRONOUN]);
    for (int s = 0; s < KC_BIOS_SENTENCES; s++)
        KC_TRY(sentences_read(keys, files, s, vocab, &b->sentence[s], e));
    KC_TRY(names_read(keys, files, b, vocab, e));
    dates_read(keys, vocab, &b->value[KC_BIOS_BIRTH_DATE]);
    KC_TRY(values_read(keys, files, &kc_bios_sources[KC_BIOS_CITIES], KC_BIOS_BIRTH_CITY, b, vocab,
                       e));
    KC_TRY(values_read(keys, files, &kc_bios_sources[KC_BIOS_UNIVERSITIES], KC_BIOS_UNIVERSITY, b,
                       vocab, e));
    KC_TRY(values_read(keys, files, &kc_bios_sources[KC_BIOS_MAJORS], KC_BIOS_MAJOR, b, vocab, e));
    KC_TRY(companies_read(keys, files, b, vocab, e));
out:
    return e->code;
}
