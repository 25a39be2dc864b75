/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "data/kind/biod.h"

const kc_source kc_biod_sources[] = {KC_NAME_SOURCES, {NULL, NULL, 0}};

/* One token each, of n in a row. */
static void in_a_row(int32_t token, int64_t n, kc_pool *pool)
{
    kc_pool_create((int32_t)n, (int32_t)n, pool);
    for (int32_t i = 0; i < n; i++)
        kc_pool_add(pool, &(int32_t){token + i}, 1);
}

/* Texts with a number of so many digits in them, from `first` on. */
static void numbered(const char *before, int digits, int64_t first, const char *after, int64_t n,
                     kc_vocab *vocab, kc_pool *pool)
{
    char text[64];
    int32_t tokens[sizeof text + 1];
    const int most = snprintf(text, sizeof text, "%s%lld%s", before, (long long)n, after) + 1;

    kc_pool_create((int32_t)n, (int32_t)n * most, pool);
    for (int64_t i = first; i < first + n; i++) {
        snprintf(text, sizeof text, "%s%0*lld%s", before, digits, (long long)i, after);
        kc_pool_add(pool, tokens, kc_vocab_tokens(vocab, text, tokens));
    }
}

static void paper_create(kc_biod *b, kc_vocab *vocab)
{
    const int digits = snprintf(NULL, 0, "%lld", (long long)b->T - 1);
    int32_t tokens[4];

    numbered("set item ", 1, 1, " to", b->K, vocab, &b->first);
    numbered(b->K > 1 ? "They set item " : "set item ", 1, 1, " to", b->K, vocab, &b->again);
    numbered("c", digits, 0, "", b->T, vocab, &b->character);
    kc_pool_create(2, 4, &b->behind);
    kc_pool_add(&b->behind, tokens, kc_vocab_tokens(vocab, b->C > 1 ? "," : ".", tokens));
    kc_pool_add(&b->behind, tokens, kc_vocab_tokens(vocab, ".", tokens));
}

static void compact_create(kc_biod *b, kc_vocab *vocab)
{
    const int32_t marker = kc_vocab_numbered(vocab, "id", 1, ":", b->K);

    in_a_row(marker, b->K, &b->first);
    in_a_row(marker, b->K, &b->again);
    in_a_row(kc_vocab_numbered(vocab, "c", 0, "", b->T), b->T, &b->character);
    kc_pool_create(2, 0, &b->behind);
    kc_pool_add(&b->behind, &marker, 0);
    kc_pool_add(&b->behind, &marker, 0);
}

/* A part of the name. In compact text its values are tokens of their own, even for equal words. */
static int name_create(const kc_lines *lines, int part, int paper, kc_vocab *vocab, kc_biod *b,
                       kc_error *e)
{
    const kc_pool *next = &b->first;
    kc_pool *name = &b->name[part];
    int32_t token;

    if (paper) {
        kc_pool_from_lines(lines, vocab, name);
        return part < KC_NAME_PARTS - 1 ? KC_OK : kc_pool_mark(name, lines, &next, 1, vocab, e);
    }
    token = kc_vocab_group(vocab, kc_biod_sources[part].name, lines->n);
    if (token < 0) {
        token = vocab->n;
        for (int32_t i = 0; i < lines->n; i++)
            kc_vocab_add(vocab, kc_lines_at(lines, i), (int32_t)strlen(kc_lines_at(lines, i)));
    }
    in_a_row(token, lines->n, name);
    return KC_OK;
}

int kc_biod_read(const kc_corpus_keys *keys, uint64_t seed, const kc_files *files, kc_biod *b,
                 kc_vocab *vocab, kc_error *e)
{
    const int paper = keys->text == KC_corpus_text_paper;
    int64_t part[KC_NAME_PARTS];
    kc_lines lines = {0};

    if (paper) /* what follows a name says where it ends */
        paper_create(b, vocab);
    for (int p = 0; p < KC_NAME_PARTS; p++) {
        kc_lines_free(&lines);
        KC_TRY(kc_lines_load(keys, files, &kc_biod_sources[p], &lines, e));
        KC_TRY(name_create(&lines, p, paper, vocab, b, e));
        part[p] = lines.n;
    }
    if (!paper)
        compact_create(b, vocab);
    KC_TRY(kc_people_create(keys, seed, part, &b->people, e));
out:
    kc_lines_free(&lines);
    return e->code;
}
