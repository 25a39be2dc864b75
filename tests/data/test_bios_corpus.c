/* SPDX-License-Identifier: BSD-3-Clause */
#include "corpora.h"

#include <math.h>

enum { NAME, DATE, BIRTH_CITY, UNIVERSITY, MAJOR, EMPLOYER, PRONOUN, WORKING_CITY, N_ATTRIBUTES };

KC_TEST(values_are_uniform_and_independent)
{
    static const int64_t SIZE[] = {0, 12 * 28 * 200, 3, 5, 3, 4, 2};
    static int64_t count[67200];
    int64_t pair[15] = {0};
    kc_config cfg = config_of(KC_corpus_kind_bios, 40000);
    texts t = small_texts();
    kc_corpus *c;
    char names[3][4096] = {"", "", ""};

    for (int p = 0; p < 3; p++) {
        for (int i = 0; i < 40; i++)
            sprintf(names[p] + strlen(names[p]), "n%d%d\n", p, i);
        t.text[p] = names[p];
    }
    c = small_corpus(&cfg, &t);
    for (int32_t a = DATE; a <= PRONOUN; a++) {
        int64_t cells = a == DATE ? 200 : SIZE[a];

        memset(count, 0, sizeof count);
        for (int64_t i = 0; i < 40000; i++) {
            assert_in_range(kc_corpus_value(c, i, a), 0, SIZE[a] - 1);
            count[kc_corpus_value(c, i, a) * cells / SIZE[a]]++;
        }
        assert_true(uneven(count, cells) < 4);
        assert_float_equal(kc_corpus_about(c)->attribute[a].log2_pool, log2((double)SIZE[a]),
                           1e-12);
    }
    for (int64_t i = 0; i < 40000; i++)
        pair[kc_corpus_value(c, i, UNIVERSITY) * 3 + kc_corpus_value(c, i, MAJOR)]++;
    assert_true(uneven(pair, 15) < 4);
}

/* Words of a text, split by the rule of the vocabulary, marked in `seen`; unknown ones fail. */
static void see_words(const kc_corpus *c, const char *text, char *seen)
{
    int64_t V = kc_corpus_about(c)->n_vocab;
    char word[128];

    while (*text) {
        size_t n = strcspn(text, " \n"), w = n;
        int64_t k;

        while (w > 0 && strchr(",.;:!?", text[w - 1]))
            w--;
        w = w ? w : 1;
        snprintf(word, sizeof word, "%.*s", (int)w, text);
        for (k = 0; k < V && strcmp(kc_corpus_word(c, (int32_t)k), word) != 0; k++)
            ;
        if (n && strncmp(word, "{subject}", 9) != 0 && strncmp(word, "{value}", 7) != 0) {
            if (k == V)
                fail_msg("`%s` is not a word of the corpus", word);
            seen[k] = 1;
        }
        text += n ? w : 1;
    }
}

KC_TEST(the_vocabulary_is_closed)
{
    kc_config cfg = config_of(KC_corpus_kind_bios, 8);
    texts t = small_texts();
    char seen[1024] = {1}, dates[] = "January February March April May June July August September "
                                     "October November December 1900, He She";
    kc_corpus *c;
    int64_t V;

    cfg.corpus.birth_years = 1;
    cfg.corpus.sentences = 1;
    cfg.corpus.employers = 2;
    cfg.corpus.first_names = 2;
    c = small_corpus(&cfg, &t);
    V = kc_corpus_about(c)->n_vocab;
    see_words(c, dates, seen);
    for (int day = 1; day <= 28; day++) {
        char text[16];

        snprintf(text, sizeof text, "%d", day);
        see_words(c, text, seen);
    }
    for (int i = 0; i < N_TEXTS; i++) {
        int n = i == 0 || i == 6 ? 2 : i >= 7 ? 1 : 5;

        for (int k = 0; k < n; k++) {
            const char *line = entry(t.text[i], k, i == 6 ? ';' : 0);

            if (!*line)
                break;
            see_words(c, line, seen);
            if (i == 6)
                see_words(c, strchr(entry(t.text[i], k, 0), ';') + 2, seen);
        }
    }
    for (int64_t k = 0; k < V; k++)
        if (!seen[k])
            fail_msg("`%s` cannot be produced", kc_corpus_word(c, (int32_t)k));
    assert_string_equal(kc_corpus_word(c, KC_EOS), "<eos>");
}

KC_TEST(lengths_are_as_told)
{
    enum { N = 80 * 500 };
    kc_corpus *c = small_bios_corpus(80);
    const kc_corpus_info *info = kc_corpus_about(c);
    /* <eos>, five pronouns; parts of the name; dates; pools; templates beside subject and value. */
    double want = 1 + 5 + (6 / 5.0 + 1 + 1) + 4 + (3 + 5 + 4) / 3.0 + (2 + 1 + 2 + 5 + 1) / 5.0 +
                  4 / 3.0 + (3 + 5 + 1 + 2) / 4.0 + (3 + 4 + 3 + 4) / 4.0 + (4 + 8) / 2.0 +
                  (3 + 6 + 4) / 3.0 + (3 + 6) / 2.0 + (2 + 4) / 2.0 + (4 + 3) / 2.0 + (3 + 5) / 2.0;
    double sum = 0;
    int32_t most = 0;
    kc_doc doc = doc_for(c);

    for (int64_t i = 0; i < N; i++) {
        kc_corpus_document(c, i % 80, i / 80, &doc);
        sum += doc.n_tokens;
        most = doc.n_tokens > most ? doc.n_tokens : most;
    }
    assert_float_equal(info->mean_doc_tokens, want, 1e-9);
    assert_float_equal(sum / N, want, 1.0); /* 80 people hold their facts for all exposures */
    assert_int_equal(info->lengths_are_equal, 0);
    assert_int_equal(info->max_doc_tokens, 1 + 5 + 4 + 4 + 5 + 5 + 2 + 9 + 8 + 6 + 6 + 4 + 4 + 5);
    assert_true(most <= info->max_doc_tokens && most >= info->max_doc_tokens - 3);
}

KC_TEST(equal_lengths_are_seen)
{
    kc_config cfg = config_of(KC_corpus_kind_bios, 8);
    texts t = small_texts();
    kc_corpus *c;

    cfg.corpus.sentences = 1;
    t.text[0] = t.text[1] = t.text[2] = "A\nB\n";
    t.text[3] = "Rome, GA\nOslo, MN\n";
    t.text[4] = t.text[5] = "Law\nArt\n";
    t.text[6] = "Bolt Nut; Rome, GA\nAcme; New York, NY\n";
    c = small_corpus(&cfg, &t);
    assert_int_equal(kc_corpus_about(c)->lengths_are_equal, 1);
    assert_int_equal(kc_corpus_about(c)->max_doc_tokens, 1 + 5 + 3 + 4 + 3 + 1 + 1 + 5 + 19);
    assert_float_equal(kc_corpus_about(c)->mean_doc_tokens, 42, 1e-9);
    t.text[6] = "Bolt Nut; Rome, GA\nAcme; York, NY\n";
    c = small_corpus(&cfg, &t);
    assert_int_equal(kc_corpus_about(c)->lengths_are_equal, 0);
}

KC_TEST(the_maximum_is_that_of_the_paper)
{
    kc_corpus *c = small_bios_corpus(80);
    const kc_corpus_info *info = kc_corpus_about(c);
    double values = log2(2.0 * 12 * 28 * 200 * 3 * 5 * 3 * 4);

    assert_float_equal(info->term[KC_READ_NAME].log2_size, log2(5 * 4 * 4), 1e-12);
    assert_float_equal(info->term[KC_READ_VALUES].log2_size, values, 1e-12);
    assert_float_equal(info->term[KC_READ_NAME].max_bits, 0, 1e-9);
    assert_float_equal(info->term[KC_READ_VALUES].max_bits, 80 * values, 1e-9);
    assert_float_equal(info->max_bits, 80 * values, 1e-9);
    assert_int_equal(info->attribute[WORKING_CITY].counted, 0);
    assert_float_equal(info->attribute[WORKING_CITY].log2_pool, 0, 0);
    assert_string_equal(info->attribute[WORKING_CITY].name, "working_city");
    assert_string_equal(info->attribute[NAME].name, "name");
}

KC_TEST(words_are_shared_over_positions)
{
    kc_corpus *c = small_bios_corpus(80);
    int found = 0;

    for (int32_t k = 0; k < kc_corpus_about(c)->n_vocab; k++)
        found += !strcmp(kc_corpus_word(c, k), "Florence") || !strcmp(kc_corpus_word(c, k), "Ada");
    assert_int_equal(found, 2);
}

KC_TEST(a_last_name_that_opens_another_reads_on)
{
    kc_config cfg = config_of(KC_corpus_kind_bios, 20);
    texts t = small_texts();
    kc_corpus *c;
    kc_doc doc;

    t.text[0] = "A\nB\nC\nD\nE\n";
    t.text[1] = "F\nG\n";
    t.text[2] = "von Poe\nvon\n";
    c = small_corpus(&cfg, &t);
    doc = doc_for(c);
    for (int64_t i = 0; i < 20; i++) {
        kc_corpus_document(c, i, 0, &doc);
        assert_int_equal(doc.spans[0].end, 5);
        assert_int_equal(!strcmp(kc_corpus_word(c, doc.tokens[4]), "Poe"),
                         kc_corpus_value(c, i, NAME) % 2 == 0);
    }
}

KC_TEST(bad_texts_are_named)
{
#define FORM "; a line reads `{subject} was born on {value}.`"
    static const struct {
        int which;
        const char *text, *says;
    } CASE[] = {
        {7, "{subject} was born on {value}.\nShe was born on {value}.\n",
         "/small/templates/birth_date.txt:2: the sentence must begin with `{subject}` and a "
         "blank" FORM},
        {8, "{subject} comes from here.\n",
         "/small/templates/birth_city.txt:1: `{subject} comes from here.` has `{value}` "
         "nowhere" FORM},
        {8, "{subject} comes from {value}, {value}.\n",
         "/small/templates/birth_city.txt:1: `{subject} comes from {value}, {value}.` has "
         "`{value}` "
         "more than once" FORM},
        {9, "{subject} likes {value}\n",
         "/small/templates/university.txt:1: the sentence must end with a full stop" FORM},
        {9, "{subject} likes {value}'s name.\n",
         "/small/templates/university.txt:1: the sentence must have `{value}` as a word of its "
         "own" FORM},
        {10, "{subject} {value}.\n",
         "/small/templates/major.txt:1: the sentence needs a word between `{subject}` and "
         "`{value}`" FORM},
        {11, "{subject} and {subject} serve {value}.\n",
         "/small/templates/employer.txt:1: the sentence holds braces other than `{subject}` and "
         "`{value}`" FORM},
        {6, "Acme; Rome, GA\nBolt\n",
         "/small/pools/company.txt:2: `Bolt` has `; ` nowhere; a line reads `Name; City, ST`"},
        {6, "Acme; Rome\n",
         "/small/pools/company.txt:1: `Acme; Rome` has no name or no city with its state; a line "
         "reads `Name; City, ST`"},
        {6, "Acme; Rome, GA\nBolt; Rome, GA\nAcme; Paul, ID\n",
         "/small/pools/company.txt:3: `Acme` stands in line 1 already; each entry once"},
        {0, "Ada\n",
         "corpus.people: 20 people, but 1 x 4 x 4 pools make 16 names; lower corpus.people "
         "or use longer name pools"},
        {6, "Acme today; Rome, GA\nAcme; Paul, ID\n",
         "/small/pools/company.txt: `Acme` (line 2) and `Acme today` (line 1) cannot be told apart "
         "in a sentence that goes on with `today`; change a value or the sentence"},
    };

    for (size_t i = 0; i < sizeof CASE / sizeof CASE[0]; i++) {
        kc_config cfg = config_of(KC_corpus_kind_bios, 20);
        texts t = small_texts();
        kc_corpus *c = NULL;
        kc_error e = {0};
        kc_files files;

        t.text[CASE[i].which] = CASE[i].text;
        files = files_of(&t);
        assert_int_equal(kc_corpus_create(&cfg, &files, &c, &e), KC_EINPUT);
        assert_string_equal(e.text, CASE[i].says);
        assert_null(c);
        kc_files_free(&files);
    }
}

KC_TEST(a_file_not_given_is_named)
{
    kc_config cfg = config_of(KC_corpus_kind_bios, 20);
    texts t = small_texts();
    kc_files files = files_of(&t);
    kc_corpus *c;
    kc_error e = {0};

    files.n--;
    assert_int_equal(kc_corpus_create(&cfg, &files, &c, &e), KC_EINPUT);
    assert_string_equal(e.text, "templates/working_city.txt: not among the files given");
    kc_files_free(&files);
}

KC_TEST_MAIN(NULL, NULL)
