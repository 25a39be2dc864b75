/* SPDX-License-Identifier: BSD-3-Clause */
/* Tables of facts: what is read can be written and read again as the same, and makes a corpus. */
#include "fuzz.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/text/fact_table.h"
#include "kcap/data/corpus.h"

static const char *const texts[] = {
    "name\tattribute\tvalue\nRome\tcountry\tItaly\nRome\tpopulation\t2.8 million\n"
    "Oslo\tcountry\tNorway\nRome, Georgia\tcountry\tUS\nBern\tcountry\tUS of A\n",
    "Ann,city,Rome\r\nAnn,born,1990\r\n\"Bob, Jr.\",city,\"say "
    "\"\"A\"\"\r\nb\"\r\nAnn,city,Oslo\r\n",
    "value\tnote\tname\tattribute\n1\t\ta\tx\n1\t\ta\tx\n\xc3\xa9\xc2\xa0z\t\"q\tr\"\tb\ty\n",
    NULL};

static const char *const words[] = {"name", "attribute",    "value", ",",    ";",
                                    "\"\"", "\"\n",         "<eos>", "\t\t", " . ",
                                    "!?.",  "\xef\xbb\xbf", NULL};

static void put_cell(FILE *out, const char *text, char end)
{
    fputc('"', out);
    for (; *text; text++)
        fprintf(out, *text == '"' ? "\"\"" : "%c", *text);
    fprintf(out, "\"%c", end);
}

/* The table as CSV; the caller frees it. */
static char *written(const kc_fact_table *t, size_t *bytes)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, bytes);

    fputs("name,attribute,value\n", out);
    for (int32_t i = 0; i < t->name.n; i++)
        for (int64_t r = t->begin[i]; r < t->begin[i + 1]; r++) {
            put_cell(out, kc_vocab_word(&t->name, i), ',');
            put_cell(out, kc_vocab_word(&t->attribute, t->of_attribute[r]), ',');
            put_cell(out, kc_vocab_word(&t->value[t->of_attribute[r]], t->of_value[r]), '\n');
        }
    fclose(out);
    return text;
}

static int read_table(const char *text, size_t bytes, kc_fact_table *t, kc_error *e)
{
    FILE *f = fmemopen((void *)text, bytes, "r");

    KC_CHECK(f, "no memory");
    kc_fact_table_read("x", f, 0, NULL, t, e);
    fclose(f);
    return e->code;
}

static void check_again(const kc_fact_table *t)
{
    kc_fact_table again;
    kc_error e = {0};
    size_t n, m;
    char *first = written(t, &n), *second;

    KC_CHECK(read_table(first, n, &again, &e) == KC_OK, "%s\n%s", e.text, first);
    KC_CHECK(again.n_rows == t->n_rows && again.n_duplicates + again.n_contradictions == 0,
             "%lld rows, then %lld", (long long)t->n_rows, (long long)again.n_rows);
    second = written(&again, &m);
    KC_CHECK(strcmp(first, second) == 0, "%s is not\n%s", second, first);
    kc_fact_table_free(&again);
    free(first);
    free(second);
}

/* Terms are bounds, and each document fits its measure. */
static void check_corpus(const kc_corpus *corpus)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);
    kc_span spans[KC_ATTRIBUTES_MAX];
    kc_doc doc = {.tokens = malloc((size_t)info->max_doc_tokens * sizeof(int32_t)), .spans = spans};

    for (const kc_term *t = info->term; t < info->term + KC_N_READS; t++)
        KC_CHECK(t->max_bits > -1e-6 && isfinite(t->max_bits), "%s %g", t->name, t->max_bits);
    for (int64_t i = 0; i < info->n_people; i++) {
        kc_corpus_document(corpus, i, i, &doc);
        KC_CHECK(doc.n_tokens <= info->max_doc_tokens && doc.n_spans <= info->n_attributes,
                 "%d tokens, %d spans", doc.n_tokens, doc.n_spans);
    }
    free(doc.tokens);
}

static int read(const char *text, size_t bytes, kc_error *e)
{
    kc_config cfg;
    kc_files files = {0};
    kc_corpus *corpus = NULL;
    kc_fact_table t;

    kc_config_defaults(&cfg);
    cfg.corpus.kind = KC_corpus_kind_facts;
    strcpy(cfg.corpus.file, kc_fuzz_file(text, bytes));
    KC_TRY(kc_files_load(&cfg, NULL, &files, e));
    KC_TRY(kc_corpus_create(&cfg, &files, &corpus, e));
    check_corpus(corpus);
    KC_CHECK(read_table(text, bytes, &t, e) == KC_OK, "%s", e->text);
    check_again(&t);
    kc_fact_table_free(&t);
out:
    kc_corpus_destroy(corpus);
    kc_files_free(&files);
    return e->code;
}

const kc_fuzz kc_fuzz_target = {texts, words, read};
