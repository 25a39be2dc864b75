/* SPDX-License-Identifier: BSD-3-Clause */
#include "corpora.h"

#include <math.h>

enum { NAME, DATE, BIRTH_CITY, UNIVERSITY, MAJOR, EMPLOYER, PRONOUN, WORKING_CITY, N_ATTRIBUTES };

/* The value that a person has, as text; a static buffer. */
static const char *value_text(const kc_corpus *c, const texts *t, int64_t person, int32_t a)
{
    static const char *const MONTH[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
    static char text[512];
    int64_t v = kc_corpus_value(c, person, a);

    switch (a) {
    case NAME:
        strcpy(text, entry(t->text[0], v / 16, 0));
        strcat(strcat(text, " "), entry(t->text[1], v / 4 % 4, 0));
        strcat(strcat(text, " "), entry(t->text[2], v % 4, 0));
        return text;
    case DATE:
        snprintf(text, sizeof text, "%s %d, %d", MONTH[v / 28 % 12], (int)(v % 28 + 1),
                 (int)(1900 + v / 336));
        return text;
    case PRONOUN:
        return v ? "She" : "He";
    case EMPLOYER:
        return entry(t->text[6], v, ';');
    case WORKING_CITY:
        return strchr(strcpy(text, entry(t->text[6], v, 0)), ';') + 2;
    default:
        return entry(t->text[1 + a], v, 0);
    }
}

/* The span of an attribute without the token that a value which opens another one takes along. */
static const char *span_text(const kc_corpus *c, const kc_doc *doc, const kc_span *s, int longer)
{
    return text_of(c, doc->tokens, s->begin, s->end - longer);
}

static int opens_another(const char *value)
{
    return !strcmp(value, "Acme") || !strcmp(value, "Ohio");
}

/* The sentence as the template gives it, for comparison with the text. */
static void sentence(char *to, size_t size, const char *template, const char *subject,
                     const char *value)
{
    const char *rest = template + strlen("{subject}"), *slot = strstr(rest, "{value}");

    snprintf(to, size, "%s%.*s%s%s", subject, (int)(slot - rest), rest, value,
             slot + strlen("{value}"));
}

/* 1 when `text` begins with some template's sentence of the attribute; moves it past. */
static int sentence_matches(const char **text, const char *templates, const char *subject,
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

static const int32_t SENTENCE_OF[6] = {DATE, BIRTH_CITY, UNIVERSITY, MAJOR, EMPLOYER, WORKING_CITY};

/* Attribute of the sentence that the text begins with; moves it past. */
static int32_t sentence_parse(const kc_corpus *c, const texts *t, int64_t person, int first,
                              const char **text)
{
    char subject[256], value[256];

    strcpy(subject, value_text(c, t, person, first ? NAME : PRONOUN));
    for (int s = 0; s < 6; s++) {
        strcpy(value, value_text(c, t, person, SENTENCE_OF[s]));
        if (sentence_matches(text, t->text[7 + s], subject, value))
            return SENTENCE_OF[s];
    }
    fail_msg("no sentence of person %d begins `%s`", (int)person, *text);
    return -1;
}

KC_TEST(documents_tell_the_person)
{
    const texts t = small_texts();
    kc_corpus *c = small_bios_corpus(80);
    kc_doc doc = doc_for(c);

    for (int64_t i = 0; i < 2000; i++) {
        char copy[4096];
        const char *text = copy;
        int seen = 0;

        kc_corpus_document(c, i % 80, i / 80 - 1, &doc);
        assert_int_equal(doc.person, i % 80);
        assert_int_equal(doc.tokens[0], KC_EOS);
        assert_in_range(doc.n_tokens, 1, kc_corpus_about(c)->max_doc_tokens);
        strcpy(copy, text_of(c, doc.tokens, 1, doc.n_tokens));
        for (int s = 0; s < 6; s++)
            seen |= 1 << sentence_parse(c, &t, i % 80, s == 0, &text);
        assert_int_equal(*text, 0);
        assert_int_equal(seen, 1 << DATE | 1 << BIRTH_CITY | 1 << UNIVERSITY | 1 << MAJOR |
                                   1 << EMPLOYER | 1 << WORKING_CITY);
    }
}

KC_TEST(spans_hold_the_values)
{
    const texts t = small_texts();
    kc_corpus *c = small_bios_corpus(80);
    kc_doc doc = doc_for(c);

    for (int64_t i = 0; i < 10000; i++) {
        int32_t last = 1, seen = 0;

        kc_corpus_document(c, i % 80, i / 80 - 1, &doc);
        assert_int_equal(doc.n_spans, N_ATTRIBUTES);
        assert_int_equal(doc.spans[0].attribute, NAME);
        assert_int_equal(doc.spans[0].begin, 1);
        for (int s = 0; s < doc.n_spans; s++) {
            const kc_span *span = &doc.spans[s];
            char want[256];

            assert_true(span->begin >= last);
            assert_int_equal(span->head_end, span->begin + 1);
            assert_true(span->end <= doc.n_tokens);
            assert_int_equal(span->person, i % 80);
            strcpy(want, value_text(c, &t, i % 80, span->attribute));
            assert_string_equal(span_text(c, &doc, span, opens_another(want)), want);
            last = span->end;
            seen |= 1 << span->attribute;
        }
        assert_int_equal(seen, 255);
    }
}

KC_TEST(the_name_comes_once_then_the_pronoun)
{
    kc_config cfg = config_of(KC_corpus_kind_bios, 60);
    texts t = small_texts();
    kc_corpus *c;
    kc_doc doc;

    t.text[0] = "Zacharias\nYolanda\nXenia\nWilfried\nVeronica\n";
    c = small_corpus(&cfg, &t);
    doc = doc_for(c);
    for (int64_t i = 0; i < 3000; i++) {
        int64_t person = i % 60;
        int he = !kc_corpus_value(c, person, PRONOUN), count[2] = {0}, names = 0;

        kc_corpus_document(c, person, i / 60, &doc);
        for (int k = 1; k < doc.n_tokens; k++) {
            const char *word = kc_corpus_word(c, doc.tokens[k]);

            count[0] += !strcmp(word, "She");
            count[1] += !strcmp(word, "He");
            names += doc.tokens[k] == doc.tokens[1];
        }
        assert_int_equal(names, 1);
        assert_int_equal(count[he], 5);
        assert_int_equal(count[!he], 0);
        assert_true(span_of(&doc, PRONOUN)->end == span_of(&doc, PRONOUN)->begin + 1);
        for (int k = span_of(&doc, NAME)->end; k < span_of(&doc, PRONOUN)->begin; k++)
            assert_int_not_equal(doc.tokens[k], doc.tokens[span_of(&doc, PRONOUN)->begin]);
    }
}

KC_TEST(the_employer_never_leaks_when_measured)
{
    enum { N = 60 * 200 };
    kc_corpus *c = small_bios_corpus(60);
    kc_doc doc = doc_for(c);
    int before = 0, first = 0;

    for (int64_t i = 0; i < 60; i++) {
        kc_corpus_document(c, i, KC_MEASURE, &doc);
        assert_true(span_of(&doc, EMPLOYER)->end <= span_of(&doc, WORKING_CITY)->begin);
    }
    for (int64_t i = 0; i < N; i++) {
        kc_corpus_document(c, i % 60, i / 60, &doc);
        before += span_of(&doc, EMPLOYER)->begin < span_of(&doc, WORKING_CITY)->begin;
        first += doc.spans[1].attribute == WORKING_CITY;
    }
    assert_true(abs(before - N / 2) < 4 * sqrt(N / 4.0));
    assert_true(abs(first - N / 6) < 4 * sqrt(N * 5 / 36.0));
}

/* The place of each attribute's sentence, as base-6 digits of its rank among all orders. */
static int order_code(const kc_doc *doc)
{
    int code = 0, n = 0, order[6];

    for (int s = 0; s < doc->n_spans; s++)
        if (doc->spans[s].attribute != NAME && doc->spans[s].attribute != PRONOUN)
            order[n++] = doc->spans[s].attribute;
    assert_int_equal(n, 6);
    for (int i = 0; i < 6; i++) {
        int less = 0;

        for (int j = i + 1; j < 6; j++)
            less += order[j] < order[i];
        code = code * (6 - i) + less;
    }
    return code;
}

KC_TEST(texts_are_fresh_at_each_exposure)
{
    enum { N = 80 * 400 };
    static int64_t orders[720];
    int64_t cities[3] = {0}, last_and_city[12] = {0}, repeats = 0;
    kc_corpus *c = small_bios_corpus(80);
    kc_doc doc = doc_for(c);
    char last[4096] = "";

    for (int64_t i = 0; i < N; i++) {
        const char *text;

        kc_corpus_document(c, i / 400, i % 400, &doc);
        text = text_of(c, doc.tokens, 0, doc.n_tokens);
        orders[order_code(&doc)]++;
        cities[0] += strstr(text, " comes from ") != NULL;
        cities[1] += strstr(text, " was a child in ") != NULL;
        cities[2] += strstr(text, " grew up in ") != NULL;
        last_and_city[(doc.spans[7].attribute == WORKING_CITY ? 0 : doc.spans[7].attribute) * 2 +
                      !strstr(text, " works in ")]++;
        repeats += !strcmp(text, last);
        strcpy(last, text);
    }
    assert_true(uneven(orders, 720) < 4 && uneven(orders, 720) > -4);
    assert_int_equal(cities[0] + cities[1] + cities[2], N);
    assert_true(uneven(cities, 3) < 4);
    assert_true(uneven(last_and_city, 12) < 4); /* words and order do not know of each other */
    assert_true(repeats < 20);
}

KC_TEST_MAIN(NULL, NULL)
