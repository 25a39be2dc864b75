/* SPDX-License-Identifier: BSD-3-Clause */
/* bioD(N,K,C,D,L,T) in compact text: <eos> first middle last, then for each attribute, in a fresh
 * order, a marker and C chunks of L characters. arXiv 2404.05405, Definition 2.2. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/kind/people.h"
#include "data/kind/strings.h"
#include "kcap/base/memory.h"

enum { CHUNK_MOST = 64 };

typedef struct biod {
    kc_people people;
    int64_t K, C, D, L, T;
    int32_t name[KC_NAME_PARTS]; /* tokens of the first value of each part of the name */
    int32_t marker;              /* token of the first marker                          */
    int32_t *strings;            /* [K,D,L] tokens                                     */
} biod;

static const kc_source sources[] = {KC_NAME_SOURCES, {NULL, NULL, 0}};

static int check(const kc_config *settled, const kc_origin *o, kc_error *e)
{
    const kc_corpus_keys *keys = &settled->corpus;
    const double strings = pow((double)keys->alphabet, (double)keys->length);
    char text[KC_SAID_MAX], length[KC_SAID_MAX];

    if (keys->length > CHUNK_MOST) /* the key's range serves random's strings */
        return kc_fail_key(e, o, KC_AT_corpus_length,
                           "%lld characters are too many for a chunk of %s; 1 to %d would do",
                           (long long)keys->length,
                           kc_key_said(settled, o, KC_AT_corpus_kind, text), CHUNK_MOST);
    if ((double)keys->diversity > strings)
        return kc_fail_key(e, o, KC_AT_corpus_diversity,
                           "%lld distinct strings cannot be made of %s and %s; at most %.0f, or a "
                           "larger alphabet or length, would do",
                           (long long)keys->diversity,
                           kc_key_said(settled, o, KC_AT_corpus_alphabet, text),
                           kc_key_said(settled, o, KC_AT_corpus_length, length), strings);
    KC_TRY(kc_kind_numbered(settled, o, e));
    return kc_people_check(settled, o, e);
out:
    return e->code;
}

/* Each part of the name has tokens of its own, even for equal words. */
static int names_create(const kc_corpus_keys *keys, uint64_t seed, const kc_files *files, biod *b,
                        kc_vocab *vocab, kc_error *e)
{
    int64_t part[KC_NAME_PARTS];

    for (int p = 0; p < KC_NAME_PARTS; p++) {
        kc_lines lines;

        if (kc_lines_load(keys, files, &sources[p], &lines, e) == KC_OK) {
            const int32_t known = kc_vocab_group(vocab, sources[p].name, lines.n);

            b->name[p] = known < 0 ? vocab->n : known;
            for (int32_t i = 0; i < lines.n && known < 0; i++)
                kc_vocab_add(vocab, kc_lines_at(&lines, i),
                             (int32_t)strlen(kc_lines_at(&lines, i)));
        }
        part[p] = lines.n;
        kc_lines_free(&lines);
        if (e->code != KC_OK)
            return e->code;
    }
    return kc_people_create(keys, seed, part, &b->people, e);
}

static void strings_create(biod *b, uint64_t seed, int32_t character)
{
    int64_t n = b->K * b->D * b->L;

    b->strings = kc_alloc(n, sizeof *b->strings, "characters");
    for (int64_t a = 0; a < b->K; a++) {
        kc_string_shape shape = {.seed = seed, .attribute = a, .D = b->D, .L = b->L, .T = b->T};

        kc_strings_make(&shape, b->strings + a * b->D * b->L);
    }
    for (int64_t i = 0; i < n; i++)
        b->strings[i] += character;
}

static void describe(const biod *b, kc_corpus_info *info)
{
    const double N = (double)b->people.n, K = (double)b->K, log2_D = log2((double)b->D);
    const double log2_value = (double)b->C * log2_D;
    const double log2_string = (double)b->L * log2((double)b->T);

    info->n_attributes = (int32_t)(1 + b->K);
    info->max_doc_tokens = (int32_t)(1 + KC_NAME_PARTS + b->K * (1 + b->C * b->L));
    info->mean_doc_tokens = info->max_doc_tokens;
    info->lengths_are_equal = 1;
    kc_people_describe(&b->people, info);
    for (int64_t a = 1; a <= b->K; a++) {
        snprintf(info->attribute[a].name, sizeof info->attribute[a].name, "id%lld", (long long)a);
        info->attribute[a].log2_pool = log2_value;
        info->attribute[a].counted = 1;
    }
    info->term[KC_READ_VALUES] = (kc_term){"values", N * K, N * K, log2_value, 0, 0};
    info->term[KC_READ_CHUNKS] =
        (kc_term){"diversity", K * (double)b->D, N * K, log2_string - log2_D, 0, 0};
}

static void *create(const kc_corpus_keys *keys, uint64_t seed, const kc_files *files,
                    kc_vocab *vocab, kc_corpus_info *info, kc_error *e)
{
    biod *b = kc_alloc(1, sizeof *b, "corpus");

    b->K = keys->attributes;
    b->C = keys->chunks;
    b->D = keys->diversity;
    b->L = keys->length;
    b->T = keys->alphabet;
    if (names_create(keys, seed, files, b, vocab, e) != KC_OK)
        return b;
    b->marker = kc_vocab_numbered(vocab, "id", 1, ":", b->K);
    strings_create(b, seed, kc_vocab_numbered(vocab, "c", 0, "", b->T));
    describe(b, info);
    return b;
}

static void destroy(void *made)
{
    biod *b = made;

    free(b->strings);
    free(b);
}

/* Index of chunk `chunk` of attribute a (from 0), below D. */
static int64_t chunk_of(const biod *b, int64_t person, int64_t a, int64_t chunk)
{
    return kc_people_fact(&b->people, person, a * b->C + chunk, b->D);
}

static int64_t value(const void *made, int64_t person, int32_t a)
{
    const biod *b = made;

    return a ? chunk_of(b, person, a - 1, 0) : kc_people_name(&b->people, person, NULL);
}

static void document(const void *made, int64_t person, int64_t exposure, kc_doc *doc)
{
    const biod *b = made;
    int64_t part[KC_NAME_PARTS];
    int32_t order[KC_ATTRIBUTES_MAX], n = 0, length = (int32_t)b->L;

    kc_people_name(&b->people, person, part);
    kc_people_order(&b->people, kc_people_text(person, exposure), (int32_t)b->K, order);
    doc->tokens[n++] = KC_EOS;
    for (int p = 0; p < KC_NAME_PARTS; p++)
        doc->tokens[n++] = b->name[p] + (int32_t)part[p];
    doc->spans[0] = (kc_span){person, 0, 1, 2, n, 0};
    for (int32_t s = 0; s < b->K; s++) {
        int32_t a = order[s];

        doc->tokens[n++] = b->marker + a;
        doc->spans[s + 1] = (kc_span){person, a + 1, n, n + length, n + (int32_t)b->C * length, 0};
        for (int64_t chunk = 0; chunk < b->C; chunk++, n += length)
            memcpy(doc->tokens + n, b->strings + (a * b->D + chunk_of(b, person, a, chunk)) * b->L,
                   (size_t)length * sizeof *doc->tokens);
    }
    doc->person = person;
    doc->n_tokens = n;
    doc->n_spans = (int32_t)b->K + 1;
}

const kc_kind_ops kc_kind_biod = {.sources = sources,
                                  .by_index = 1,
                                  .check = check,
                                  .create = create,
                                  .document = document,
                                  .value = value,
                                  .destroy = destroy};
