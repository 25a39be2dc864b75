/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_DATA_CORPORA_H
#define KCAP_TESTS_DATA_CORPORA_H

#include "../test.h"

#include <stdio.h>

#include "data/text/lines.h"
#include "kcap/data/corpus.h"

/* What a small corpus of biographies is made of; a text may be replaced before it is used. */
enum { N_TEXTS = 13 };

typedef struct texts {
    const char *name[N_TEXTS], *text[N_TEXTS];
} texts;

static inline texts small_texts(void)
{
    return (texts){
        {"pools/first_name.txt", "pools/middle_name.txt", "pools/last_name.txt", "pools/city.txt",
         "pools/university.txt", "pools/field.txt", "pools/company.txt", "templates/birth_date.txt",
         "templates/birth_city.txt", "templates/university.txt", "templates/major.txt",
         "templates/employer.txt", "templates/working_city.txt"},
        {"Ada\nBen\nCleo\nDan\nEve Marie\n", "Lou\nMay\nNed\nAda\n", "Poe\nQuist\nRoe\nFlorence\n",
         "Florence, AL\nSt. Paul, MN\nNew York, NY\n",
         "Ohio State\nOhio\nTexas A&M\nCollege of St. Mary\nYale\n", "Law\nArt\nCivil Law\n",
         "Acme Corp.; Paul, ID\nBolt, Nut and Sons; New York, NY\nAcme; Rome, GA\n"
         "Yahoo!; New York, NY\n",
         "{subject} was born on {value}.\n{subject} has the birthday {value}, by the way.\n",
         "{subject} comes from {value}.\n{subject} was a child in {value} once.\n"
         "{subject} grew up in {value}.\n",
         "{subject} went to {value}.\n{subject} holds a degree of {value} now.\n",
         "{subject} learnt {value}.\n{subject} chose {value} at school.\n",
         "{subject} works for {value} today.\n{subject} serves {value} well.\n",
         "{subject} works in {value}.\n{subject} goes to {value} each day.\n"}};
}

/* Add a text as if it had been read from a file under /small. */
static inline void add_file(kc_files *files, const char *name, const char *text)
{
    const size_t bytes = strlen(text);
    const int i = files->n++;

    files->text = realloc(files->text, (size_t)files->bytes + bytes + 1);
    memcpy(files->text + files->bytes, text, bytes + 1);
    snprintf(files->file[i].name, sizeof files->file[i].name, "%s", name);
    snprintf(files->file[i].path, sizeof files->file[i].path, "/small/%s", name);
    files->file[i].begin = files->bytes;
    files->file[i].bytes = (int64_t)bytes;
    files->bytes += (int64_t)bytes + 1;
}

static inline kc_files files_of(const texts *t)
{
    kc_files files = {0};

    for (int i = 0; i < N_TEXTS; i++)
        add_file(&files, t->name[i], t->text[i]);
    return files;
}

static inline void corpus_give_back(void *corpus)
{
    kc_corpus_destroy(corpus);
}

static inline kc_config config_of(int64_t kind, int64_t people)
{
    kc_config cfg;

    kc_config_defaults(&cfg);
    cfg.corpus.kind = kind;
    cfg.corpus.people = people;
    if (kind == KC_corpus_kind_facts)
        strcpy(cfg.corpus.file, "/small/facts/table");
    return cfg;
}

/* A corpus of these files; a failure fails the test with its message. */
static inline kc_corpus *corpus_with(const kc_config *cfg, const kc_files *files)
{
    kc_corpus *corpus = NULL;
    kc_error e = {0};

    if (kc_corpus_create(cfg, files, &corpus, &e) != KC_OK)
        fail_msg("%s", e.text);
    return kc_test_owns(corpus, corpus_give_back);
}

/* The same; the files are given back. */
static inline kc_corpus *corpus_from(const kc_config *cfg, kc_files files)
{
    kc_corpus *corpus = corpus_with(cfg, &files);

    kc_files_free(&files);
    return corpus;
}

/* No corpus of these files, which are freed, and this message. */
static inline void corpus_refused(const kc_config *cfg, kc_files files, const char *message)
{
    kc_corpus *c = NULL;
    kc_error e = {0};

    assert_int_equal(kc_corpus_create(cfg, &files, &c, &e), KC_EINPUT);
    assert_string_equal(e.text, message);
    kc_files_free(&files);
}

/* A table of facts, said in sentences or not. */
static inline void add_table(kc_files *files, const char *text, int in_sentences)
{
    add_file(files, "facts/table", text);
    add_file(files, "facts/reference",
             test_text("path: /small/table\nbytes: 1\nxxh3_64: 0\nsentences: %d\n", in_sentences));
}

static const char small_table[] =
    "Rome\tcountry\tItaly\nRome\tpopulation\t2.8 million\nRome, Georgia\tcountry\tUS\n"
    "Oslo\tcountry\tNorway\nOslo\triver\tAkerselva\nParis\tcountry\tFrance\n"
    "Paris Texas\tcountry\tUS\nBern\tcountry\tUS of A\n";

static inline kc_corpus *small_corpus(const kc_config *cfg, const texts *t)
{
    kc_files table = {0};

    if (cfg->corpus.kind == KC_corpus_kind_facts) {
        add_table(&table, small_table, 0);
        return corpus_from(cfg, table);
    }
    return corpus_from(cfg, files_of(t));
}

/* The small texts as the files of each part. */
static inline kc_files files_for(int parts)
{
    const texts t = small_texts();
    kc_files one = files_of(&t), all = {.n = 0};
    kc_error e = {0};

    for (int i = 0; i < parts; i++)
        assert_int_equal(kc_files_join(&one, i, &all, &e), KC_OK);
    kc_files_free(&one);
    return all;
}

static inline kc_files shipped_files(const kc_config *cfg)
{
    kc_error e = {0};
    kc_files files;

    if (kc_files_load(cfg, NULL, &files, &e) != KC_OK)
        fail_msg("%s", e.text);
    return files;
}

static inline kc_corpus *shipped_corpus(const kc_config *cfg)
{
    return corpus_from(cfg, shipped_files(cfg));
}

static inline kc_corpus *small_bios_corpus(int64_t people)
{
    const kc_config cfg = config_of(KC_corpus_kind_bios, people);
    const texts t = small_texts();

    return small_corpus(&cfg, &t);
}

static inline kc_corpus *shipped_bios_corpus(int64_t people)
{
    const kc_config cfg = config_of(KC_corpus_kind_bios, people);

    return shipped_corpus(&cfg);
}

static inline kc_doc doc_for(const kc_corpus *corpus)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);

    return (kc_doc){.tokens = test_room(info->room_tokens, sizeof(int32_t)),
                    .spans = test_room(info->room_spans, sizeof(kc_span))};
}

/* Running text of tokens begin ... end-1, without a blank in front; the test's. */
static inline const char *text_of(const kc_corpus *corpus, const int32_t *tokens, int32_t begin,
                                  int32_t end)
{
    const char *text = kc_test_owns(kc_corpus_text(corpus, tokens + begin, end - begin), free);

    return text + (text[0] == ' ');
}

static inline const kc_span *span_of(const kc_doc *doc, int32_t attribute)
{
    for (int32_t i = 0; i < doc->n_spans; i++)
        if (doc->spans[i].attribute == attribute)
            return &doc->spans[i];
    fail_msg("no span of attribute %d", attribute);
    return NULL;
}

/* Entry `i` of a text, up to `stop`, empty past the last; a static buffer. */
static inline const char *entry(const char *text, int64_t i, char stop)
{
    static char line[256];

    while (i-- > 0 && *text)
        text += strcspn(text, "\n") + 1;
    snprintf(line, sizeof line, "%.*s", (int)strcspn(text, (char[]){'\n', stop, 0}), text);
    return line;
}

/* Chi-square of counts against equal shares, as a standard normal (Wilson and Hilferty): above 4
 * has a chance of 3e-5. Counts too even are as wrong as counts too far apart. */
static inline double uneven(const int64_t *count, int64_t n)
{
    double total = 0, sum = 0, df = (double)n - 1;

    for (int64_t i = 0; i < n; i++)
        total += (double)count[i];
    for (int64_t i = 0; i < n; i++) {
        double d = (double)count[i] - total / (double)n;

        sum += d * d / (total / (double)n);
    }
    return (__builtin_cbrt(sum / df) - (1 - 2 / (9 * df))) / __builtin_sqrt(2 / (9 * df));
}

#endif
