/* SPDX-License-Identifier: BSD-3-Clause */
/* Questions about the people of a first part: whom they are about, and that the answers are theirs. */
#include "corpora.h"

enum { PEOPLE = 20, ASKED = 6 };

static const char *const asks[ASKED][3] = {
    {"birth_date", "2/templates/ask_birth_date.txt",
     "On which day was {subject} born? Answer: {value}.\n"},
    {"birth_city", "2/templates/ask_birth_city.txt", "Where did {subject} come from? {value}.\n"},
    {"university", "2/templates/ask_university.txt", "{subject} studied where? {value}.\n"},
    {"major", "2/templates/ask_major.txt",
     "What did {subject} study? {value}.\nSay what {subject} learnt. {value}!\n"},
    {"employer", "2/templates/ask_employer.txt", "Who pays {subject} ? {value}.\n"},
    {"working_city", "2/templates/ask_working_city.txt", "Where does {subject} work? {value}.\n"}};

/* `last` in place of the last form, `employer` of that about employers; NULL: as they are. */
static kc_files files_and(const char *employer, const char *last)
{
    kc_files all = files_for(2);
    kc_error e = {0};

    for (int s = 0; s < ASKED; s++) {
        const char *text = last && s == ASKED - 1 ? last
                           : employer && s == 4   ? employer
                                                  : asks[s][2];

        assert_int_equal(
            kc_files_add(&all, asks[s][1], asks[s][1], text, (int64_t)strlen(text), &e), KC_OK);
    }
    return all;
}

static kc_files files_with(const char *last)
{
    return files_and(NULL, last);
}

static kc_config config_with(double held_out)
{
    kc_config cfg = config_of(KC_corpus_kind_bios, PEOPLE);

    cfg.parts = 2;
    cfg.corpus.share = cfg.later[0].share = 0.5;
    cfg.later[0].kind = KC_corpus_kind_questions;
    cfg.later[0].held_out = held_out;
    return cfg;
}

static kc_corpus *corpus_with_questions(double held_out)
{
    const kc_config cfg = config_with(held_out);

    return corpus_from(&cfg, files_with(NULL));
}

/* The text of a span of a document, copied. */
static char *said(const kc_corpus *c, const kc_doc *doc, int32_t attribute)
{
    const kc_span *span = span_of(doc, attribute);

    return kc_test_owns(strdup(text_of(c, doc->tokens, span->begin, span->end - span->opens)),
                        free);
}

static int attribute_called(const kc_corpus *c, const char *name)
{
    const kc_corpus_info *info = kc_corpus_about(c);

    for (int a = 0; a < info->n_attributes; a++)
        if (!strcmp(info->attribute[a].name, name))
            return a;
    fail_msg("no attribute %s", name);
    return 0;
}

/* Whom question i asks about, by its text; the answer is what the biography tells. */
static int64_t asked_about(const kc_corpus *c, const kc_doc *question, int s)
{
    const kc_corpus *parts[2] = {kc_corpus_part(c, 0), kc_corpus_part(c, 1)};
    const char *text =
        kc_test_owns(strdup(text_of(c, question->tokens, 0, question->n_tokens)), free);
    const char *answer = said(c, question, 1 + s);
    kc_doc bio = doc_for(c);
    int64_t found = -1;

    assert_string_equal(kc_corpus_about(parts[1])->attribute[1 + s].name, asks[s][0]);
    for (int64_t p = 0; p < PEOPLE; p++) {
        kc_corpus_document(parts[0], p, 0, &bio);
        if (!strstr(text, said(c, &bio, 0)))
            continue;
        assert_string_equal(said(c, question, 0), said(c, &bio, 0));
        assert_int_equal(found, -1);
        found = p;
        assert_string_equal(answer, said(c, &bio, attribute_called(parts[0], asks[s][0])));
    }
    assert_true(found >= 0);
    return found;
}

KC_TEST(answers_are_the_peoples)
{
    const kc_corpus *c = corpus_with_questions(0.3), *part = kc_corpus_part(c, 1);
    const kc_corpus_info *info = kc_corpus_about(part);
    int times[2][PEOPLE] = {{0}};
    kc_doc doc = doc_for(c);

    assert_int_equal(info->n_people, 14 * ASKED);
    assert_int_equal(info->n_held_out, 6 * ASKED);
    assert_float_equal(info->max_bits, 0, 0);
    for (int held_out = 0; held_out < 2; held_out++)
        for (int64_t i = 0; i < (held_out ? info->n_held_out : info->n_people); i++) {
            kc_corpus_document(part, i, held_out ? KC_HELD_OUT : i % 3 ? KC_MEASURE : 4, &doc);
            assert_int_equal(doc.tokens[0], KC_EOS);
            assert_true(doc.n_tokens <= info->max_doc_tokens);
            assert_int_equal(doc.n_spans, 2);
            assert_int_equal(doc.spans[0].person, i);
            times[held_out][asked_about(c, &doc, (int)(i % ASKED))]++;
        }
    for (int p = 0; p < PEOPLE; p++) {
        assert_true(times[0][p] == 0 || times[0][p] == ASKED);
        assert_int_equal(times[0][p] + times[1][p], ASKED);
    }
}

KC_TEST(all_can_be_asked_about)
{
    const kc_corpus_info *info = kc_corpus_about(kc_corpus_part(corpus_with_questions(0), 1));

    assert_int_equal(info->n_people, PEOPLE * ASKED);
    assert_int_equal(info->n_held_out, 0);
}

/* Not more are read as held out than there are questions. */
KC_TEST(few_can_be_asked_about)
{
    const kc_corpus_info *info = kc_corpus_about(kc_corpus_part(corpus_with_questions(0.9), 1));

    assert_int_equal(info->n_people, 2 * ASKED);
    assert_int_equal(info->n_held_out, 2 * ASKED);
}

KC_TEST(forms_are_all_used)
{
    const kc_corpus *c = corpus_with_questions(0.5), *part = kc_corpus_part(c, 1);
    kc_doc doc = doc_for(c);
    int say = 0;

    for (int64_t exposure = 0; exposure < 40; exposure++) {
        kc_corpus_document(part, 3, exposure, &doc);
        say += !strncmp(text_of(c, doc.tokens, 1, doc.n_tokens), "Say what", 8);
    }
    assert_in_range(say, 8, 32); /* of 40 halves; outside by chance less than once in 10^4 */
}

static void refused(const kc_config *cfg, const char *last, const char *message)
{
    corpus_refused(cfg, files_with(last), message);
}

/* `Acme` and `Acme Corp.`: the biographies go on with other words, this question as the longer one does. */
KC_TEST(answers_end_by_the_questions_own_words)
{
    const kc_config cfg = config_with(0.3);
    kc_files files = files_and("Who pays {subject} ? {value} Corp.\n", NULL);
    kc_corpus *c = NULL;
    kc_error e = {0};

    assert_int_equal(kc_corpus_create(&cfg, &files, &c, &e), KC_EINPUT);
    assert_string_equal(e.text,
                        "2/templates/ask_employer.txt: `Acme` and `Acme Corp.` cannot be told "
                        "apart in a sentence that goes on with `Corp`; change a value or the "
                        "sentence");
    kc_files_free(&files);
}

/* A table of towns: all have a country, some a river; one country begins another. */
static const char *country_of(int i)
{
    static const char *const all[] = {"Italy", "US", "US of A"};

    return all[i % 3];
}

static kc_files table_files(const char *river)
{
    kc_files one = {0}, all = {.n = 0};
    char *text = test_room(PEOPLE * 80, 1), *at = text;
    kc_error e = {0};

    for (int i = 0; i < PEOPLE; i++) {
        at += sprintf(at, "Town %d\tcountry\t%s\n", i, country_of(i));
        if (i % 4 == 0)
            at += sprintf(at, "Town %d\triver\tR%d\n", i, i % 8);
    }
    add_file(&one, "facts/table", text);
    add_file(&one, "facts/reference", "path: t\nbytes: 1\nxxh3_64: 0\nsentences: 0\n");
    assert_int_equal(kc_files_join(&one, 0, &all, &e), KC_OK);
    kc_files_free(&one);
    add_file(&all, "2/ask/country.txt",
             "Which country holds {subject} ? It is {value}!\nWhere is {subject} ? {value}.\n");
    if (river)
        add_file(&all, "2/ask/river.txt", river);
    return all;
}

static kc_config table_config(double held_out)
{
    kc_config cfg = config_with(held_out);

    cfg.corpus.kind = KC_corpus_kind_facts;
    cfg.corpus.people = 0;
    strcpy(cfg.corpus.file, "t");
    return cfg;
}

/* Question i: its name and its answer are the table's. Returns the town. */
static int check_town(const kc_corpus *c, int64_t i, int64_t exposure, kc_doc *doc)
{
    const kc_corpus *part = kc_corpus_part(c, 1);
    const int64_t whom = kc_corpus_whom(part, i, exposure);

    kc_corpus_document(part, i, exposure, doc);
    assert_true(doc->n_tokens <= kc_corpus_about(part)->max_doc_tokens);
    assert_string_equal(said(c, doc, 0), test_text("Town %d", (int)whom));
    assert_int_equal(doc->n_spans, 2);
    if (doc->spans[1].attribute == 2) {
        assert_string_equal(said(c, doc, 2), test_text("R%d", (int)whom % 8));
        assert_int_equal(whom % 4, 0);
    } else {
        assert_string_equal(said(c, doc, 1), country_of((int)whom));
        assert_int_equal(doc->spans[1].opens, whom % 3 == 1);
    }
    return (int)whom;
}

KC_TEST(tables_can_be_asked_about)
{
    const kc_config cfg = table_config(0.3);
    const kc_corpus *c = corpus_from(&cfg, table_files("{subject} is at a river: {value}.\n"));
    const kc_corpus_info *info = kc_corpus_about(kc_corpus_part(c, 1));
    int shown[PEOPLE] = {0}, kept[PEOPLE] = {0}, rivers = 0;
    double tokens = 0;
    kc_doc doc = doc_for(c);

    for (int64_t i = 0; i < info->n_people; i++) {
        shown[check_town(c, i, i % 5, &doc)]++;
        rivers += doc.spans[1].attribute == 2;
        for (int e = 0; e < 200; e++) {
            kc_corpus_document(kc_corpus_part(c, 1), i, e, &doc);
            tokens += doc.n_tokens / 200.;
        }
    }
    for (int64_t i = 0; i < info->n_held_out; i++)
        kept[check_town(c, i, KC_HELD_OUT, &doc)]++;
    for (int i = 0; i < PEOPLE; i++) {
        assert_int_equal(shown[i] + kept[i], 1 + (i % 4 == 0));
        assert_true(!shown[i] || !kept[i]);
    }
    assert_int_equal(info->n_people + info->n_held_out, PEOPLE + PEOPLE / 4);
    assert_float_equal(info->attribute[2].share, (double)rivers / (double)info->n_people, 1e-12);
    assert_float_equal(info->mean_doc_tokens, tokens / (double)info->n_people, 0.1);
    assert_float_equal(info->max_bits, 0, 0);
}

static void table_refused(double held_out, const char *river, const char *message)
{
    const kc_config cfg = table_config(held_out);

    corpus_refused(&cfg, table_files(river), message);
}

KC_TEST(questions_about_a_table_that_are_refused)
{
    table_refused(1, NULL, "corpus.held_out: 1 of 20 names leaves nobody to ask about");
    table_refused(0.5, NULL,
                  "corpus.templates: /ask_river.txt is not there; there must be a question of each "
                  "attribute, such as `Where was {subject} born? Answer: {value}.`");
    table_refused(0.5, "{subject} {value}.\n",
                  "/small/2/ask/river.txt:1: the question needs words between `{subject}` and "
                  "`{value}` and a mark behind; a line reads `Where was {subject} born? Answer: "
                  "{value}.`");
}

KC_TEST(what_is_refused)
{
    static const char alone[] = "questions are about a first part of bios or facts; a list of "
                                "parts that begins with one would do";
    kc_config cfg = config_with(1);
    char message[400];

    refused(&cfg, NULL, "corpus.held_out: 1 of 20 people leaves nobody to ask about");
    cfg = config_with(0.5);
    refused(&cfg, "Where? {value}.\n",
            "2/templates/ask_working_city.txt:1: `Where? ` has `{subject}` nowhere; a line reads "
            "`Where was {subject} born? Answer: {value}.`");
    refused(
        &cfg, "Of {subject} {value}.\n",
        "2/templates/ask_working_city.txt:1: the question needs words between `{subject}` and "
        "`{value}` and a mark behind; a line reads `Where was {subject} born? Answer: {value}.`");
    cfg.corpus.kind = KC_corpus_kind_biod;
    snprintf(message, sizeof message, "corpus.2.kind: %s", alone);
    refused(&cfg, NULL, message);
    cfg = config_of(KC_corpus_kind_questions, PEOPLE);
    snprintf(message, sizeof message, "corpus.kind: %s", alone);
    refused(&cfg, NULL, message);
}

KC_TEST_MAIN(NULL, NULL)
