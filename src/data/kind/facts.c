/* SPDX-License-Identifier: BSD-3-Clause */
/* A table of the user's: a document is a name with all its attributes in compact text, <eos> name, then
 * for each attribute that it has, in a fresh order, a marker and the value. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/kind/facts.h"
#include "kcap/base/memory.h"

static const kc_source sources[] = {{NULL, NULL, 0}};

static int check(const kc_config *settled, const kc_origin *o, kc_error *e)
{
    if (settled->corpus.file[0])
        return KC_OK;
    return kc_fail_key(e, o, KC_AT_corpus_file,
                       "corpus.kind facts is made of a table: name it, a TSV or CSV file of name, "
                       "attribute, value");
}

/* A marker an attribute, a token of its own even where there is a word like it. */
static void markers_create(kc_facts *f, kc_vocab *vocab)
{
    const kc_vocab *names = &f->table.attribute;
    int32_t *tokens = kc_alloc(names->bytes + 2, sizeof *tokens, "tokens");
    char *word = kc_alloc(names->bytes + 2, 1, "bytes of a marker");

    kc_pool_create(names->n, (int32_t)(names->bytes + 2 * names->n), &f->marker);
    for (int32_t a = 0; a < names->n; a++) {
        sprintf(word, "%s:", kc_vocab_word(names, a));
        kc_pool_add(&f->marker, tokens, kc_vocab_mark(vocab, word, tokens));
    }
    free(tokens);
    free(word);
}

/* A text that is the beginning of another is read with the token behind it: a marker's first or <eos>,
 * which no text has. */
static int texts_create(const kc_facts *f, const kc_vocab *texts, kc_vocab *vocab, kc_pool *pool,
                        kc_error *e)
{
    const kc_pool *next = &f->marker;

    KC_TRY(kc_pool_from_texts(texts, vocab, pool, e));
    KC_TRY(kc_pool_mark(pool, NULL, &next, vocab->is_fixed, vocab, e));
    for (int32_t i = 0; i < pool->n; i++)
        if (pool->opens[i] > 1)
            return kc_fail(
                e, KC_EINPUT,
                "the table: `%.200s` and a longer text go on with the same token where a "
                "marker follows; change the attribute's name",
                kc_vocab_word(texts, i));
out:
    return e->code;
}

static int tokens_create(kc_facts *f, kc_vocab *vocab, kc_error *e)
{
    markers_create(f, vocab);
    KC_TRY(texts_create(f, &f->table.name, vocab, &f->name, e));
    for (int32_t a = 0; a < f->n_attributes; a++)
        KC_TRY(texts_create(f, &f->table.value[a], vocab, &f->value[a], e));
out:
    return e->code;
}

/* They are in tokens. */
static void drop_texts(kc_fact_table *table)
{
    kc_vocab_free(&table->name);
    for (int a = 0; a < KC_ATTRIBUTES_MAX - 1; a++)
        kc_vocab_free(&table->value[a]);
    free(table->line);
    table->line = NULL;
}

static void *create(const kc_corpus_keys *keys, uint64_t seed, const kc_files *files,
                    kc_vocab *vocab, kc_corpus_info *info, kc_error *e)
{
    kc_facts *f = kc_alloc(1, sizeof *f, "corpus");

    KC_TRY(kc_facts_table(keys, files, &f->table, e));
    f->n_attributes = f->table.attribute.n;
    f->people = (kc_people){.seed = seed, .n = f->table.name.n};
    KC_TRY(tokens_create(f, vocab, e));
    KC_TRY(kc_facts_describe(f, keys, vocab->n, info, e));
    drop_texts(&f->table);
out:
    return f;
}

static void destroy(void *made)
{
    kc_facts *f = made;

    kc_fact_table_free(&f->table);
    kc_pool_free(&f->marker);
    kc_pool_free(&f->name);
    for (int a = 0; a < KC_ATTRIBUTES_MAX - 1; a++)
        kc_pool_free(&f->value[a]);
    free(f);
}

static int64_t value(const void *made, int64_t name, int32_t attribute)
{
    const kc_facts *f = made;
    const kc_fact_table *t = &f->table;

    if (attribute == 0)
        return name;
    for (int64_t i = t->begin[name]; i < t->begin[name + 1]; i++)
        if (t->of_attribute[i] == attribute - 1)
            return t->of_value[i];
    return -1;
}

/* Value i of the pool and its span. */
static void put(kc_doc *doc, int32_t attribute, const kc_pool *pool, int64_t i)
{
    const int32_t begin = doc->n_tokens, opens = pool->opens[i];
    int32_t end;

    kc_pool_put(pool, i, doc);
    end = doc->n_tokens + opens;
    doc->spans[doc->n_spans++] = (kc_span){doc->person, attribute, begin, end, end, opens};
}

static void document(const void *made, int64_t name, int64_t exposure, kc_doc *doc)
{
    const kc_facts *f = made;
    const kc_fact_table *t = &f->table;
    const int32_t n = (int32_t)(t->begin[name + 1] - t->begin[name]);
    int32_t order[KC_ATTRIBUTES_MAX];

    kc_people_order(&f->people, kc_people_text(name, exposure), n, order);
    doc->person = name;
    doc->n_spans = 0;
    doc->tokens[0] = KC_EOS;
    doc->n_tokens = 1;
    put(doc, 0, &f->name, name);
    for (int32_t i = 0; i < n; i++) {
        const int64_t row = t->begin[name] + order[i];
        const int32_t a = t->of_attribute[row];

        kc_pool_put(&f->marker, a, doc);
        put(doc, a + 1, &f->value[a], t->of_value[row]);
    }
}

const kc_kind_ops kc_kind_facts = {.sources = sources,
                                   .load = kc_facts_load,
                                   .same = kc_facts_same,
                                   .check = check,
                                   .create = create,
                                   .document = document,
                                   .value = value,
                                   .destroy = destroy};
