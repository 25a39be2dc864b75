/* SPDX-License-Identifier: BSD-3-Clause */
/* A table of the user's: a document is a name with all its attributes, in compact text <eos> name, then
 * for each attribute that it has, in a fresh order, a marker and the value; or in sentences of the
 * user's, each of the name. */
#include <stdlib.h>
#include <string.h>

#include "data/kind/facts.h"
#include "kcap/base/memory.h"
#include "kcap/base/rng.h"

static const kc_source sources[] = {{NULL, NULL, 0}};

static int check(const kc_config *settled, const kc_origin *o, kc_error *e)
{
    if (settled->corpus.file[0])
        return KC_OK;
    return kc_fail_key(e, o, KC_AT_corpus_file,
                       "corpus.kind facts is made of a table: name it, a TSV or CSV file of name, "
                       "attribute, value");
}

/* What one rank makes of the table. */
static int make(const kc_corpus_keys *keys, const kc_files *files, kc_facts *f, kc_vocab *vocab,
                kc_corpus_info *info, kc_error *e)
{
    f->n_attributes = f->table.attribute.n;
    f->people.n = f->table.name.n;
    KC_TRY(kc_facts_tokens(keys, files, f, vocab, e));
    KC_TRY(kc_facts_describe(f, keys, vocab, info, e));
    kc_vocab_free(&f->table.attribute);
    free(f->table.line);
    f->table.line = NULL;
    info->table.bytes = (double)kc_facts_bytes(f);
out:
    return e->code;
}

static void *create(const kc_corpus_keys *keys, uint64_t seed, const kc_files *files,
                    kc_vocab *vocab, const kc_corpus *first, kc_corpus_info *info, kc_error *e)
{
    const kc_grid *g = files->readers;
    kc_facts *f = kc_alloc(1, sizeof *f, "corpus");

    (void)first;
    f->people.seed = seed;
    KC_TRY(kc_facts_table(keys, files, f, e));
    if (!g || g->size == 1)
        KC_TRY(make(keys, files, f, vocab, info, e));
    else {
        KC_TRY_ROOT(g, make(keys, files, f, vocab, info, e));
        kc_facts_give(g, f, vocab, info);
    }
out:
    return f;
}

static void destroy(void *made)
{
    kc_facts *f = made;

    if (f->shared.at) {
        kc_shared_free(&f->shared);
        free(f);
        return;
    }
    kc_fact_table_free(&f->table);
    kc_pool_free(&f->name);
    for (int a = 0; a < KC_ATTRIBUTES_MAX - 1; a++) {
        kc_pool_free(&f->value[a]);
        kc_pool_free(&f->before[a]);
        kc_pool_free(&f->after[a]);
    }
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

static kc_values values(const void *made, int32_t attribute)
{
    return kc_pool_values(&((const kc_facts *)made)->value[attribute - 1]);
}

static int name(const void *made, int64_t i, const kc_pool *pool[KC_NAME_PARTS],
                int64_t part[KC_NAME_PARTS])
{
    pool[0] = &((const kc_facts *)made)->name;
    part[0] = i;
    return 1;
}

/* Value i of the pool and its span. */
static void put_span(kc_doc *doc, int32_t attribute, const kc_pool *pool, int64_t i)
{
    const int32_t begin = doc->n_tokens, end = begin + kc_pool_length(pool, i) + pool->opens[i];

    kc_pool_put(pool, i, doc);
    doc->spans[doc->n_spans++] = (kc_span){doc->person, attribute, begin, end, end, pool->opens[i]};
}

enum { ORDERED = KC_ATTRIBUTES_MAX }; /* draws below went into the order */

static void put_fact(kc_doc *doc, const kc_facts *f, uint64_t text, int64_t row)
{
    const int32_t a = f->table.of_attribute[row];
    const int64_t i = (int64_t)kc_rand_below(f->people.seed, KC_STREAM_TEXT, text,
                                             (uint32_t)(ORDERED + a), (uint64_t)f->before[a].n);

    kc_pool_put(&f->before[a], i, doc);
    put_span(doc, a + 1, &f->value[a], f->table.of_value[row]);
    kc_pool_put(&f->after[a], i, doc);
}

static void document(const void *made, int64_t name, int64_t exposure, kc_doc *doc)
{
    const kc_facts *f = made;
    const int64_t *begin = f->table.begin;
    const int32_t n = (int32_t)(begin[name + 1] - begin[name]);
    const uint64_t text = kc_people_text(name, exposure);
    int32_t order[KC_ATTRIBUTES_MAX];

    kc_people_order(&f->people, text, n, order);
    doc->person = name;
    doc->n_spans = 0;
    doc->tokens[0] = KC_EOS;
    doc->n_tokens = 1;
    put_span(doc, 0, &f->name, name);
    for (int32_t i = 0; i < n; i++) {
        if (i && f->in_sentences)
            kc_pool_put(&f->name, name, doc);
        put_fact(doc, f, text, begin[name] + order[i]);
    }
}

const kc_kind_ops kc_kind_facts = {.sources = sources,
                                   .load = kc_facts_load,
                                   .same = kc_facts_same,
                                   .check = check,
                                   .create = create,
                                   .document = document,
                                   .value = value,
                                   .destroy = destroy,
                                   .values = values,
                                   .name = name};
