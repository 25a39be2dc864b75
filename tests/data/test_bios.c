/* SPDX-License-Identifier: BSD-3-Clause */
#include "biographies.h"

#include <math.h>

KC_TEST(documents_tell_the_person)
{
    const biographies b = biographies_of(config_of(KC_corpus_kind_bios, 80), small_texts());
    kc_doc doc = doc_for(b.c);

    for (int64_t i = 0; i < 2000; i++) {
        int32_t order[6];

        kc_corpus_document(b.c, i % 80, i / 80 - 1, &doc);
        assert_int_equal(doc.person, i % 80);
        biography_parse(&b, &doc, order);
    }
}

KC_TEST(spans_hold_the_values)
{
    const biographies b = biographies_of(config_of(KC_corpus_kind_bios, 80), small_texts());
    kc_doc doc = doc_for(b.c);

    for (int64_t i = 0; i < 10000; i++) {
        kc_corpus_document(b.c, i % 80, i / 80 - 1, &doc);
        assert_int_equal(doc.n_spans, N_ATTRIBUTES);
        spans_check(&b, &doc);
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
