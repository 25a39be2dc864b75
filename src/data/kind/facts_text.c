/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/kind/facts.h"
#include "data/text/sentences.h"
#include "data/word/tokens.h"
#include "kcap/base/memory.h"

/* A marker an attribute: a token of its own even where there is a word like it, or several where the
 * vocabulary is fixed. */
static void compact(kc_facts *f, kc_vocab *vocab)
{
    for (int32_t a = 0; a < f->n_attributes; a++) {
        int32_t marker[128];
        char word[64];

        snprintf(word, sizeof word, "%s:", kc_vocab_word(&f->table.attribute, a));
        const int32_t n = kc_vocab_mark(vocab, word, marker);
        kc_pool_create(1, n, &f->before[a]);
        kc_pool_add(&f->before[a], marker, n);
        kc_pool_create(1, 0, &f->after[a]);
        kc_pool_add(&f->after[a], marker, 0);
    }
}

/* The sentences of an attribute. */
static int sentences_read(const kc_corpus_keys *keys, const kc_files *files, kc_facts *f, int32_t a,
                          kc_vocab *vocab, kc_error *e)
{
    char name[64];
    const kc_source source = {name, "corpus.sentences", offsetof(kc_corpus_keys, sentences)};
    kc_lines said = {0};
    int64_t bytes;

    snprintf(name, sizeof name, "said/%s.txt", kc_vocab_word(&f->table.attribute, a));
    if (!kc_files_find(files, name, &bytes))
        return kc_fail(e, KC_EINPUT,
                       "corpus.templates: %s/%s is not there; there must be sentences of each "
                       "attribute, such as `{subject} lies in {value}.`",
                       keys->templates, name + strlen("said/"));
    KC_TRY(kc_lines_load(keys, files, &source, &said, e));
    KC_TRY(kc_sentences_halve(&said, vocab, &f->before[a], &f->after[a], e));
out:
    kc_lines_free(&said);
    return e->code;
}

/* Find texts that begin others, where one of `next` follows, or what no text has. In compact text only
 * <eos> may be left behind a text, so that one token must do. */
static int mark(const kc_facts *f, const kc_pool *const *next, int n_next, kc_pool *pool,
                const kc_vocab *vocab, kc_error *e)
{
    const kc_lines lines = {.path = "corpus.file", .no_numbers = 1};
    char text[KC_VALUE_TOLD + 1];

    KC_TRY(kc_pool_mark(pool, &lines, next, n_next, vocab, e));
    for (int32_t i = 0; i < pool->n && !f->in_sentences; i++)
        if (pool->opens[i] > 1)
            kc_fail(e, KC_EINPUT,
                    "corpus.file: `%s` and a longer text go on with the same token where a "
                    "marker follows; change the attribute's name",
                    kc_pool_text(pool, i, vocab, text));
out:
    return e->code;
}

static int mark_all(kc_facts *f, const kc_vocab *vocab, kc_error *e)
{
    const kc_pool *before[KC_ATTRIBUTES_MAX];
    /* Markers that are tokens of their own are in no text. */
    const int n_next = f->in_sentences || vocab->is_fixed ? f->n_attributes : 0;

    for (int32_t a = 0; a < f->n_attributes; a++)
        before[a] = &f->before[a];
    KC_TRY(mark(f, before, n_next, &f->name, vocab, e));
    for (int32_t a = 0; a < f->n_attributes; a++) {
        const kc_pool *after = &f->after[a];
        const int said = f->in_sentences;

        KC_TRY(mark(f, said ? &after : before, said ? 1 : n_next, &f->value[a], vocab, e));
    }
out:
    return e->code;
}

/* A list of texts in tokens, in place of its bytes. */
static int cut(kc_vocab *texts, kc_vocab *vocab, kc_pool *pool, kc_error *e)
{
    kc_pool_from_texts(texts, vocab, pool, e);
    kc_vocab_free(texts);
    return e->code;
}

int kc_facts_tokens(const kc_corpus_keys *keys, const kc_files *files, kc_facts *f, kc_vocab *vocab,
                    kc_error *e)
{
    if (!f->in_sentences)
        compact(f, vocab);
    for (int32_t a = 0; a < f->n_attributes && f->in_sentences; a++)
        KC_TRY(sentences_read(keys, files, f, a, vocab, e));
    KC_TRY(cut(&f->table.name, vocab, &f->name, e));
    for (int32_t a = 0; a < f->n_attributes; a++)
        KC_TRY(cut(&f->table.value[a], vocab, &f->value[a], e));
    KC_TRY(mark_all(f, vocab, e));
out:
    return e->code;
}
