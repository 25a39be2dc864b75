/* SPDX-License-Identifier: BSD-3-Clause */
/* The variants of bioS: fixed texts, a fixed order, the full name throughout, other dates and
 * pronouns. */
#include "biographies.h"

#include <math.h>

enum { N = 80 };

static kc_config plain(void)
{
    return config_of(KC_corpus_kind_bios, N);
}

/* Templates that say They otherwise, in each place a word can stand. */
static texts texts_of_they(void)
{
    texts t = small_texts();

    t.text[7] = "{subject} was|were born on {value}.\n{subject} has|have the birthday {value}, as "
                "is|are known.\n";
    t.text[8] = "{subject} comes|come from {value}.\n{subject} grew up in {value}, or so "
                "says|say.\n";
    return t;
}

/* Every document of some exposures is a biography whose spans hold the values. */
static void check_documents(const biographies *b, int64_t exposures)
{
    kc_doc doc = doc_for(b->c);
    int32_t order[6];

    for (int64_t i = 0; i < N * exposures; i++) {
        kc_corpus_document(b->c, i % N, i / N - 1, &doc);
        biography_parse(b, &doc, order);
        assert_int_equal(doc.n_spans, kc_corpus_about(b->c)->n_attributes);
        spans_check(b, &doc);
    }
}

KC_TEST(each_variant_tells_the_person)
{
    for (int v = 0; v < 48; v++) { /* all together, but for a pronoun beside the full name */
        kc_config cfg = plain();

        cfg.corpus.birth_years = 2;
        cfg.corpus.wordings = v % 2 * 3;
        cfg.corpus.permute = v / 2 % 2;
        cfg.corpus.date = v / 4 % 2;
        cfg.corpus.fullname = v / 8 == 1 || v / 8 == 4;
        cfg.corpus.pronouns = v / 8 == 2 || v / 8 == 5;
        {
            const biographies b = biographies_of(cfg, v < 24 ? small_texts() : texts_of_they());

            check_documents(&b, 3);
        }
    }
}

/* M texts come in turn, and are those that fresh ones would begin with, but for the order of text 0,
 * which measurement reads. */
KC_TEST(fixed_texts_come_in_turn)
{
    for (int64_t M = 1; M < 5; M += 3) {
        kc_config cfg = plain();
        cfg.corpus.birth_years = 2;
        const biographies fresh = biographies_of(cfg, small_texts());
        kc_doc doc = doc_for(fresh.c), other = doc_for(fresh.c);
        int same = 0, in_order = 0;

        cfg.corpus.wordings = M;
        const biographies fixed = biographies_of(cfg, small_texts());
        for (int64_t i = 0; i < N * 20; i++) {
            const int64_t person = i % N, exposure = i / N - 1;
            int32_t order[6], text_order[6];

            kc_corpus_document(fixed.c, person, exposure, &doc);
            kc_corpus_document(fresh.c, person, exposure < 0 ? 0 : exposure % M, &other);
            biography_parse(&fixed, &doc, order);
            biography_parse(&fresh, &other, text_order);
            same = doc.n_tokens == other.n_tokens &&
                   !memcmp(doc.tokens, other.tokens, (size_t)doc.n_tokens * sizeof *doc.tokens);
            if (exposure < 0 || exposure % M == 0) {
                int employer = 0, city = 0;

                for (int s = 0; s < 6; s++) {
                    employer = order[s] == EMPLOYER ? s : employer;
                    city = order[s] == WORKING_CITY ? s : city;
                    if (text_order[s] != EMPLOYER && text_order[s] != WORKING_CITY)
                        assert_int_equal(order[s], text_order[s]);
                }
                assert_true(employer < city);
                in_order += same;
            } else {
                assert_true(same);
            }
        }
        /* Half of the people have it so by themselves. */
        assert_true(in_order > 0 && in_order < N * (20 / M + 1));
    }
}

/* Measurement reads what was trained. */
KC_TEST(measurement_reads_a_fixed_text)
{
    kc_config cfg = plain();
    kc_doc doc, other;

    cfg.corpus.wordings = 5;
    const biographies b = biographies_of(cfg, small_texts());
    doc = doc_for(b.c);
    other = doc_for(b.c);
    for (int64_t i = 0; i < N; i++) {
        kc_corpus_document(b.c, i, KC_MEASURE, &doc);
        kc_corpus_document(b.c, i, 5, &other);
        assert_int_equal(doc.n_tokens, other.n_tokens);
        assert_memory_equal(doc.tokens, other.tokens, (size_t)doc.n_tokens * sizeof *doc.tokens);
    }
}

KC_TEST(the_order_can_be_fixed)
{
    kc_config cfg = plain();
    kc_doc doc;
    int64_t first[2] = {0};

    cfg.corpus.permute = KC_corpus_permute_no;
    const biographies b = biographies_of(cfg, small_texts());
    doc = doc_for(b.c);
    for (int64_t i = 0; i < N * 30; i++) {
        int32_t order[6];

        kc_corpus_document(b.c, i % N, i / N - 1, &doc);
        biography_parse(&b, &doc, order);
        assert_memory_equal(order, SENTENCE_OF, sizeof order);
        first[!strstr(text_of(b.c, doc.tokens, 0, doc.n_tokens), "birthday")]++;
    }
    assert_true(fabs(uneven(first, 2)) < 4); /* words are fresh all the same */
}

/* Without a pronoun there is no bit of it, and every sentence begins with the whole name. */
KC_TEST(the_full_name_takes_the_pronoun_s_place)
{
    kc_config cfg = plain();
    const kc_corpus_info *info;

    cfg.corpus.fullname = KC_corpus_fullname_yes;
    const biographies b = biographies_of(cfg, small_texts());
    info = kc_corpus_about(b.c);
    assert_int_equal(info->n_attributes, 7);
    assert_string_equal(info->attribute[6].name, "working_city");
    assert_int_equal(info->attribute[6].counted, 0);
    assert_float_equal(info->term[KC_READ_VALUES].log2_size, log2(12.0 * 28 * 200 * 3 * 5 * 3 * 4),
                       1e-12);
    for (int32_t k = 0; k < info->n_vocab; k++) {
        assert_string_not_equal(kc_corpus_word(b.c, k), "He");
        assert_string_not_equal(kc_corpus_word(b.c, k), "She");
    }
}

KC_TEST(they_are_a_third_and_log2_3_bits)
{
    enum { MANY = 40000 };
    kc_config cfg = config_of(KC_corpus_kind_bios, MANY);
    texts t = small_texts();
    int64_t count[3] = {0};
    char names[4096] = "";
    kc_corpus *c;

    for (int i = 0; i < 40; i++)
        sprintf(names + strlen(names), "n%d\n", i);
    t.text[0] = t.text[1] = t.text[2] = names;
    cfg.corpus.pronouns = KC_corpus_pronouns_he_she_they;
    c = small_corpus(&cfg, &t);
    for (int64_t i = 0; i < MANY; i++)
        count[kc_corpus_value(c, i, PRONOUN)]++;
    assert_true(fabs(uneven(count, 3)) < 4);
    assert_float_equal(kc_corpus_about(c)->attribute[PRONOUN].log2_pool, log2(3), 1e-12);
    assert_float_equal(kc_corpus_about(c)->term[KC_READ_VALUES].log2_size,
                       log2(3.0 * 12 * 28 * 200 * 3 * 5 * 3 * 4), 1e-12);
}

/* The verb of the first sentence is the name's, whoever it is: it must not give the pronoun away. */
KC_TEST(a_verb_betrays_no_pronoun_before_it_is_said)
{
    kc_config cfg = plain();
    kc_doc doc;
    int they = 0;

    cfg.corpus.pronouns = KC_corpus_pronouns_he_she_they;
    const biographies b = biographies_of(cfg, texts_of_they());
    doc = doc_for(b.c);
    for (int64_t i = 0; i < N * 20; i++) {
        static const char *const PLURAL[] = {"were", "have", "are", "come", "say"};

        kc_corpus_document(b.c, i % N, i / N, &doc);
        for (int32_t k = 0; k < span_of(&doc, PRONOUN)->begin; k++)
            for (int w = 0; w < 5; w++)
                assert_string_not_equal(kc_corpus_word(b.c, doc.tokens[k]), PLURAL[w]);
        they += kc_corpus_value(b.c, i % N, PRONOUN) == 2;
    }
    assert_true(they > 0);
}

/* Words that nobody says are not in the vocabulary. */
KC_TEST(forms_of_they_cost_nothing_without_them)
{
    kc_config cfg = plain();
    const biographies b = biographies_of(cfg, texts_of_they());

    for (int32_t k = 0; k < kc_corpus_about(b.c)->n_vocab; k++) {
        assert_string_not_equal(kc_corpus_word(b.c, k), "were");
        assert_null(strchr(kc_corpus_word(b.c, k), '|'));
    }
}

KC_TEST(reversed_dates_are_a_token_shorter)
{
    kc_config cfg = plain();
    const biographies usual = biographies_of(cfg, small_texts());

    cfg.corpus.date = KC_corpus_date_reversed;
    const biographies b = biographies_of(cfg, small_texts());
    assert_float_equal(kc_corpus_about(b.c)->mean_doc_tokens,
                       kc_corpus_about(usual.c)->mean_doc_tokens - 1, 1e-9);
    assert_float_equal(kc_corpus_about(b.c)->max_bits, kc_corpus_about(usual.c)->max_bits, 0);
    for (int64_t i = 0; i < N; i++)
        assert_int_equal(kc_corpus_value(b.c, i, DATE), kc_corpus_value(usual.c, i, DATE));
}

KC_TEST(bars_without_a_word_on_each_side_are_named)
{
    static const char *const BAD[] = {"|were", "was|", "was|were|are", "was|.", "|"};

    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        kc_config cfg = plain();
        char templates[200], want[300];
        texts t = small_texts();
        kc_corpus *c = NULL;
        kc_error e = {0};
        kc_files files;

        snprintf(templates, sizeof templates,
                 "{subject} comes from {value}.\n{subject} %s born in {value}.\n", BAD[i]);
        t.text[8] = templates;
        files = files_of(&t);
        assert_int_equal(kc_corpus_create(&cfg, &files, &c, &e), KC_EINPUT);
        snprintf(want, sizeof want,
                 "/small/templates/birth_city.txt:2: `%s`: a bar stands between two words, one for "
                 "a name, He and She, one for They, as in `was|were`",
                 BAD[i]);
        assert_string_equal(e.text, want);
        kc_files_free(&files);
    }
}

KC_TEST_MAIN(NULL, NULL)
