/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables of facts: rows, documents, and bits against their formulas. */
#include "corpora.h"

#include <math.h>

#include "data/kind/facts.h"

/* The table of a text in a file of this name, or an error with these words. */
static kc_fact_table table_of(const char *name, const char *text, int64_t most, const char *says)
{
    kc_fact_table t;
    kc_error e = {0};
    FILE *f = fmemopen((void *)text, strlen(text), "r");

    assert_non_null(f);
    kc_fact_table_read(name, f, most, NULL, &t, &e);
    fclose(f);
    if (says ? !strstr(e.text, says) : e.code != KC_OK)
        fail_msg("'%s' of: %s", e.text, text);
    assert_int_equal(e.code, says ? KC_EINPUT : KC_OK);
    return t;
}

/* Rows as text, name by name. */
static char *shown(const kc_fact_table *t)
{
    static char text[4096];
    size_t n = 0;

    text[0] = 0;
    for (int32_t i = 0; i < t->name.n; i++)
        for (int64_t r = t->begin[i]; r < t->begin[i + 1]; r++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s|%s|%s\n",
                                  kc_vocab_word(&t->name, i),
                                  kc_vocab_word(&t->attribute, t->of_attribute[r]),
                                  kc_vocab_word(&t->value[t->of_attribute[r]], t->of_value[r]));
    return text;
}

static void gives(const char *name, const char *text, const char *rows)
{
    kc_fact_table t = table_of(name, text, 0, NULL);

    assert_string_equal(shown(&t), rows);
    kc_fact_table_free(&t);
}

static void refused(const char *name, const char *text, const char *says)
{
    kc_fact_table t = table_of(name, text, 0, says);

    kc_fact_table_free(&t);
}

KC_TEST(a_table_is_written_in_many_ways)
{
    const char *rows = "Ann|city|Rome\nAnn|born|1990\nBob, Jr.|city|say \"A\" b\n";

    gives("x.tsv", "Ann\tcity\tRome\nAnn\tborn\t1990\nBob, Jr.\tcity\tsay \"A\" b\n", rows);
    gives("x", "Ann\tcity\tRome\nAnn\tborn\t1990\nBob, Jr.\tcity\tsay \"A\" b", rows);
    gives("x", "Ann,city,Rome\nAnn,born,1990\n\"Bob, Jr.\",city,\"say \"\"A\"\" b\"\n", rows);
    gives("x.csv",
          "Ann,city,Rome\r\n\r\nAnn,\"born\" ,1990\r\n\"Bob,\tJr.\",city,\"say \"\"A\"\"\r\nb\"",
          rows);
    gives("x.csv",
          "Value,note,Name,Attribute\nRome,,Ann,city\n1990,x,Ann,born\n"
          "\"say \"\"A\"\"\n\nb\",\"\",\"Bob , Jr .\",city\n",
          rows);
    gives("x.tsv", "name\tattribute\tvalue\nBob\tname\tBob\n", "Bob|name|Bob\n");
    gives("x", "Bob\tname\tBob\n", "Bob|name|Bob\n");
}

KC_TEST(names_come_together_and_the_first_value_stands)
{
    kc_fact_table t =
        table_of("x", "b\tx\t1\na\tx\t1\nb\ty\t2\nb\tx\t1 \nb\tx\t3\na\ty\t3\na\ty\t4\n", 0, NULL);

    assert_string_equal(shown(&t), "b|x|1\nb|y|2\na|x|1\na|y|3\n");
    assert_int_equal(t.n_rows, 4);
    assert_int_equal(t.n_duplicates, 1);
    assert_int_equal(t.n_contradictions, 2);
    assert_string_equal(t.contradiction, "`b`, x: `1` stands, `3` does not");
    assert_int_equal(t.value[0].n, 1); /* 3 is gone */
    assert_int_equal(t.value[1].n, 2);
    assert_int_equal(t.line[0], 1);
    assert_int_equal(t.line[1], 2);
    kc_fact_table_free(&t);
    t = table_of("x", "b\tx\t1\na\tx\t2\nb\ty\t2\n", 1, NULL);
    assert_string_equal(shown(&t), "b|x|1\nb|y|2\n");
    assert_int_equal(t.value[0].n, 1);
    kc_fact_table_free(&t);
    t = table_of("x", "b\tx\t1\na\tx\t2\nb\ty\t2\n", 3, "x: 2 names, but corpus.people asks for 3");
    kc_fact_table_free(&t);
}

KC_TEST(rows_that_are_none_are_named)
{
    char many[65 * 16 + 1] = "", *at = many;

    refused("x", "", "x: no facts in it");
    refused("x", "name\tattribute\tvalue\n", "x: no facts in it");
    refused("x", "a\tb\tc\na\tb\n", "x:2: 2 columns, the first line has 3, parted by tabs");
    refused("x", "a\tb\tc\n\na\tb\tc\td\n", "x:3: 4 columns");
    refused("x", "a\tb\n", "x:1: no column name among the 2");
    refused("x", "name\tvalue\na\tb\n", "x:1: no column attribute among the 2");
    refused("x", "a\tname\tname\n", "x:1: columns 2 and 3 are both named name");
    refused("x.tsv", "a,b,c\n", "x.tsv:1: columns parted by commas");
    refused("x.csv", "a\tb\tc\n", "x.csv:1: no column name among the 1");
    refused("x", "a;b;c\n", "x:1: columns parted by semicolons");
    refused("x", "a\tb\t \n", "x:1: an empty value");
    refused("x", "a\tb\tc\n\xc2\xa0\tb\tc\n", "x:2: an empty name");
    refused("x", "a\tb\t<eos>\n", "x:1: `<eos>` is the token");
    refused("x", "a\tb\t\"c\" d\n", "x:1: column 3 begins with a quotation mark");
    refused("x", "a\tb\tc\na\tb\t\"c\nd\n",
            "x:2: a quotation mark that begins a cell is not closed");
    refused("x", "a\tb\tc\ra\tb\td\n", "x:1: byte 6 of the line (0x0D)");
    refused("x", "a\tan attribute of thirty-two bytes\tc\n", "x:1: `an attribute of thirty-two");
    for (int i = 0; i < 65; i++)
        at += sprintf(at, "a\tk%d\tc\n", i);
    refused("x", many, "x:65: `k64` is attribute number 65; at most 64");
}

static kc_corpus *city_corpus(double universe)
{
    kc_config cfg = config_of(KC_corpus_kind_facts, 0);
    const texts t = small_texts();

    cfg.corpus.universe = universe;
    return small_corpus(&cfg, &t);
}

/* M H by the counts of words parted by blanks, / for an end mark. */
static double code_of(const char *text)
{
    double bits = 0, all = 0;

    for (const char *at = text; *at; at += strcspn(at, " "), at += *at == ' ')
        all++;
    for (const char *at = text; *at; at += strcspn(at, " "), at += *at == ' ') {
        const size_t n = strcspn(at, " ");
        double like = 0;

        for (const char *b = text; *b; b += strcspn(b, " "), b += *b == ' ')
            like += strcspn(b, " ") == n && strncmp(at, b, n) == 0;
        bits += log2(all / like);
    }
    return bits;
}

KC_TEST(bits_are_by_their_formulas)
{
    const kc_corpus_info *info = kc_corpus_about(city_corpus(0));
    const double names = code_of("Rome / Rome , Georgia / Oslo / Paris / Paris Texas / Bern /");
    const double H = 4 * log2(6) + 2 * log2(3); /* six countries, US twice */
    const double countries = code_of("Italy / US / Norway / France / US of A /");
    const double others = code_of("2.8 million /") + code_of("Akerselva /");

    assert_int_equal(info->n_people, 6);
    assert_int_equal(info->table.n_facts, 8);
    assert_float_equal(info->term[0].max_bits, names - 6 * log2(6), 1e-9);
    assert_float_equal(info->term[1].max_bits, H, 1e-9);
    assert_float_equal(info->table.uniform_bits, 6 * log2(5), 1e-9);
    assert_float_equal(info->term[2].max_bits, countries - 5 * log2(5) + others, 1e-9);
    assert_float_equal(info->attribute[1].share, 1, 0);
    assert_float_equal(info->attribute[2].share, 1 / 6., 1e-15);
    info = kc_corpus_about(city_corpus(1000));
    assert_float_equal(info->term[0].max_bits, 6 * log2(1000 / 6.), 1e-9);
    assert_string_equal(info->table.longest, "line 1: `Rome`");
}

/* What begins another text is read with the token behind it, in its document or <eos> after it. */
KC_TEST(a_text_that_begins_another_ends_with_the_next_token)
{
    kc_corpus *c = city_corpus(0);
    kc_doc doc = doc_for(c);

    kc_corpus_document(c, 4, 0, &doc);
    assert_string_equal(text_of(c, doc.tokens, 0, doc.n_tokens), "<eos> Paris Texas country: US");
    assert_int_equal(span_of(&doc, 0)->end, 3);
    assert_int_equal(span_of(&doc, 1)->begin, 4);
    assert_int_equal(span_of(&doc, 1)->end, 6); /* `US` and `US of A` */
    assert_int_equal(span_of(&doc, 1)->opens, 1);
    kc_corpus_document(c, 3, 0, &doc);
    assert_int_equal(span_of(&doc, 0)->end, 3); /* `Paris` and `Paris Texas` */
    assert_int_equal(span_of(&doc, 1)->end, 4);
    assert_int_equal(kc_corpus_value(c, 4, 1), 1);
    assert_int_equal(kc_corpus_value(c, 4, 2), -1);
}

/* Rome's two attributes come in either order, evenly. */
KC_TEST(each_exposure_has_its_order)
{
    kc_corpus *c = city_corpus(0);
    kc_doc doc = doc_for(c);
    int first = 0;

    for (int e = 0; e < 1000; e++) {
        kc_corpus_document(c, 0, e, &doc);
        first += doc.spans[1].attribute == 1;
    }
    assert_in_range(first, 430, 570);
}

/* A corpus of the small table in sentences, or an error with these words. */
static kc_corpus *said_corpus(const char *river, const char *says)
{
    const kc_config cfg = config_of(KC_corpus_kind_facts, 0);
    kc_files files = {0};
    kc_corpus *c = NULL;
    kc_error e = {0};

    add_file(&files, "said/country.txt",
             "{subject} lies in {value}.\n{subject} is a town of {value} today.\n");
    add_file(&files, "said/population.txt", "{subject} has {value} people.\n");
    if (river)
        add_file(&files, "said/river.txt", river);
    add_table(&files, small_table, 1);
    kc_corpus_create(&cfg, &files, &c, &e);
    kc_files_free(&files);
    if (says ? !strstr(e.text, says) : e.code != KC_OK)
        fail_msg("'%s'", e.text);
    return c ? kc_test_owns(c, corpus_give_back) : NULL;
}

KC_TEST(facts_are_said_in_sentences)
{
    kc_corpus *c = said_corpus("{subject} stands on the river {value}.\n", NULL);
    kc_doc doc = doc_for(c);
    int today = 0, longest = 0;

    for (int e = 0; e < 400; e++) {
        kc_corpus_document(c, 5, e, &doc);
        const char *text = text_of(c, doc.tokens, 0, doc.n_tokens);
        const int is_long = strcmp(text, "<eos> Bern is a town of US of A today.") == 0;

        assert_true(is_long || strcmp(text, "<eos> Bern lies in US of A.") == 0);
        today += is_long;
        kc_corpus_document(c, 2, e, &doc);
        text = text_of(c, doc.tokens, 0, doc.n_tokens);
        assert_non_null(strstr(text, "Oslo stands on the river Akerselva."));
        assert_int_equal(span_of(&doc, 0)->begin, 1);
        longest = doc.n_tokens > longest ? doc.n_tokens : longest;
    }
    assert_in_range(today, 150, 250);
    assert_int_equal(longest, 1 + 8 + 7);
    assert_in_range(kc_corpus_about(c)->max_doc_tokens, longest, 20);
    said_corpus(NULL, "/river.txt is not there");
    said_corpus("{subject} is on.\n", "said/river.txt:1: `{subject} is on.` has `{value}` nowhere");
    said_corpus("on {value} is {subject}.\n", "said/river.txt:1: the sentence must begin");
}

/* `US` and `US of A` in a sentence that goes on with `of`. */
KC_TEST(a_sentence_must_tell_values_apart)
{
    const kc_config cfg = config_of(KC_corpus_kind_facts, 0);
    kc_files files = {0};
    kc_corpus *c = NULL;
    kc_error e = {0};

    add_file(&files, "said/country.txt", "{subject} is in {value} of A.\n");
    add_table(&files, "Rome\tcountry\tUS\nBern\tcountry\tUS of A\n", 1);
    assert_int_equal(kc_corpus_create(&cfg, &files, &c, &e), KC_EINPUT);
    assert_string_equal(e.text,
                        "corpus.file: `US` and `US of A` cannot be told apart in a sentence "
                        "that goes on with `of`; change a value or the sentence");
    kc_files_free(&files);
}

/* A clock of the test's own: each look at it takes so long. */
static double now, look;

static double looked(void)
{
    return now += look;
}

/* What is said of a reading of so many rows, control characters left out but the first. */
static const char *told(int64_t rows, double seconds)
{
    char *text = test_room(rows * 20, 1), *at = text, *said = NULL;
    size_t n = 0;
    kc_fact_table t;
    kc_error e = {0};
    kc_teller teller = {.out = open_memstream(&said, &n), .clock = looked};

    for (int64_t i = 0; i < rows; i++)
        at += sprintf(at, "n%lld\tx\t%d\n", (long long)i, (int)(i % 7));
    FILE *f = fmemopen(text, strlen(text), "r");
    now = 0;
    look = seconds;
    kc_fact_table_read("x", f, 0, &teller, &t, &e);
    assert_int_equal(e.code, KC_OK);
    kc_fact_table_free(&t);
    fclose(f);
    fclose(teller.out);
    return kc_test_owns(said, free);
}

/* Once a second, as the clock has it that is looked at every 4096 rows; the line goes at the end. */
KC_TEST(a_long_reading_is_told)
{
    assert_string_equal(told(4095, 10), "");
    assert_string_equal(told(3 * 4096, 0.3), "");
    assert_string_equal(told(4 * 4096, 0.6),
                        "\rreading x: 8192 rows\033[K\rreading x: 16384 rows\033[K\r\033[K");
}

/* A row is 5 bytes; a name 16, and 4 a token. */
KC_TEST(a_table_takes_the_memory_that_is_said)
{
    enum { ROWS = 20000 };
    kc_files files = {0};
    kc_config cfg = config_of(KC_corpus_kind_facts, 0);
    char *text = test_room(ROWS * 20, 1), *at = text;

    for (int i = 0; i < ROWS; i++)
        at += sprintf(at, "n%d\ta%d\t%d\n", i / 5, i % 5, i % 7);
    add_table(&files, text, 0);
    const kc_corpus_info *info = kc_corpus_about(corpus_from(&cfg, files));
    assert_int_equal(info->n_people, ROWS / 5);
    assert_in_range((int64_t)info->table.bytes, 5 * ROWS + 20 * (ROWS / 5),
                    5 * ROWS + 20 * (ROWS / 5) + 5000);
}

KC_TEST_MAIN(NULL, NULL)
