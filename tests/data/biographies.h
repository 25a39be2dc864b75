/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_DATA_BIOGRAPHIES_H
#define KCAP_TESTS_DATA_BIOGRAPHIES_H

/* What biographies must say, worked out anew from pools and templates. */
#include "corpora.h"

enum { NAME, DATE, BIRTH_CITY, UNIVERSITY, MAJOR, EMPLOYER, PRONOUN, WORKING_CITY, N_ATTRIBUTES };

static const int32_t SENTENCE_OF[6] = {DATE, BIRTH_CITY, UNIVERSITY, MAJOR, EMPLOYER, WORKING_CITY};

/* A corpus of small texts, and what it was made of. */
typedef struct biographies {
    const kc_corpus *c;
    texts t;
    kc_config cfg;
} biographies;

static inline biographies biographies_of(kc_config cfg, texts t)
{
    return (biographies){small_corpus(&cfg, &t), t, cfg};
}

/* Where kc_corpus_info has an attribute. */
static inline int32_t place_of(const biographies *b, int32_t a)
{
    return a - (b->cfg.corpus.fullname && a == WORKING_CITY);
}

static inline const char *date_text(int64_t v, int reversed, char text[64])
{
    static const char *const MONTH[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
    const int day = (int)(v % 28 + 1), year = (int)(1900 + v / 336);

    if (reversed)
        snprintf(text, 64, "%d %s %d", day, MONTH[v / 28 % 12], year);
    else
        snprintf(text, 64, "%s %d, %d", MONTH[v / 28 % 12], day, year);
    return text;
}

/* The value that a person has, as text; a static buffer. */
static inline const char *value_text(const biographies *b, int64_t person, int32_t a)
{
    static const char *const CALLED[] = {"He", "She", "They"};
    static char text[512];
    const char *const *pool = b->t.text;
    int64_t v = kc_corpus_value(b->c, person, place_of(b, a));

    switch (a) {
    case NAME:
        strcpy(text, entry(pool[0], v / 16, 0));
        strcat(strcat(text, " "), entry(pool[1], v / 4 % 4, 0));
        strcat(strcat(text, " "), entry(pool[2], v % 4, 0));
        return text;
    case DATE:
        return date_text(v, b->cfg.corpus.date == KC_corpus_date_reversed, text);
    case PRONOUN:
        return CALLED[v];
    case EMPLOYER:
        return entry(pool[6], v, ';');
    case WORKING_CITY:
        return strchr(strcpy(text, entry(pool[6], v, 0)), ';') + 2;
    default:
        return entry(pool[1 + a], v, 0);
    }
}

/* `was|were` as one or the other, by hand. */
static inline void take_side(const char *template, int which, char *to)
{
    for (; *template; template ++) {
        if (*template != '|') {
            *to++ = *template;
            continue;
        }
        if (which)
            while (to[-1] != ' ')
                to--;
        else
            template += strcspn(template, " .,") - 1;
    }
    *to = 0;
}

/* The sentence as the template gives it, for comparison with the text. */
static inline void sentence(char *to, size_t size, const char *template, const char *subject,
                            const char *value)
{
    char said[256];
    const char *rest = said + strlen("{subject}"), *slot;

    take_side(template, !strcmp(subject, "They"), said);
    slot = strstr(rest, "{value}");
    snprintf(to, size, "%s%.*s%s%s", subject, (int)(slot - rest), rest, value,
             slot + strlen("{value}"));
}

/* 1 when `text` begins with some template's sentence of the attribute; moves it past. */
static inline int sentence_matches(const char **text, const char *templates, const char *subject,
                                   const char *value)
{
    char want[512];

    for (int i = 0; *entry(templates, i, 0); i++) {
        sentence(want, sizeof want, entry(templates, i, 0), subject, value);
        if (!strncmp(*text, want, strlen(want))) {
            *text += strlen(want);
            *text += **text == ' ';
            return 1;
        }
    }
    return 0;
}

/* Attribute of the sentence that the text begins with; moves it past. */
static inline int32_t sentence_parse(const biographies *b, int64_t person, int first,
                                     const char **text)
{
    char subject[256], value[256];

    strcpy(subject, value_text(b, person, first || b->cfg.corpus.fullname ? NAME : PRONOUN));
    for (int s = 0; s < 6; s++) {
        strcpy(value, value_text(b, person, SENTENCE_OF[s]));
        if (sentence_matches(text, b->t.text[7 + s], subject, value))
            return SENTENCE_OF[s];
    }
    fail_msg("no sentence of person %d begins `%s`", (int)person, *text);
    return -1;
}

/* Check that a document is six sentences, one of each attribute; `order` receives these. */
static inline void biography_parse(const biographies *b, const kc_doc *doc, int32_t order[6])
{
    char copy[4096];
    const char *text = copy;
    int seen = 0;

    assert_int_equal(doc->tokens[0], KC_EOS);
    assert_in_range(doc->n_tokens, 1, kc_corpus_about(b->c)->max_doc_tokens);
    strcpy(copy, text_of(b->c, doc->tokens, 1, doc->n_tokens));
    for (int s = 0; s < 6; s++)
        seen |= 1 << (order[s] = sentence_parse(b, doc->person, s == 0, &text));
    assert_int_equal(*text, 0);
    assert_int_equal(seen, 1 << DATE | 1 << BIRTH_CITY | 1 << UNIVERSITY | 1 << MAJOR |
                               1 << EMPLOYER | 1 << WORKING_CITY);
}

static inline int opens_another(const char *value)
{
    return !strcmp(value, "Acme") || !strcmp(value, "Ohio");
}

/* Check that each attribute has one span, which holds its value: with the next token where that
 * opens another one. */
static inline void spans_check(const biographies *b, const kc_doc *doc)
{
    int32_t last = 1, seen = 0;

    assert_int_equal(doc->spans[0].attribute, NAME);
    assert_int_equal(doc->spans[0].begin, 1);
    for (int s = 0; s < doc->n_spans; s++) {
        const kc_span *span = &doc->spans[s];
        const int32_t place = span->attribute;
        const int32_t a = place + (b->cfg.corpus.fullname && place == PRONOUN);
        char want[256];

        assert_true(span->begin >= last);
        assert_int_equal(span->head_end, span->begin + 1);
        assert_true(span->end <= doc->n_tokens);
        assert_int_equal(span->person, doc->person);
        strcpy(want, value_text(b, doc->person, a));
        assert_string_equal(
            text_of(b->c, doc->tokens, span->begin, span->end - opens_another(want)), want);
        last = span->end;
        seen |= 1 << place;
    }
    assert_int_equal(seen, (1 << kc_corpus_about(b->c)->n_attributes) - 1);
}

#endif
