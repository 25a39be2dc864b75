/* SPDX-License-Identifier: BSD-3-Clause */
/* bioD(N,K,C,D,L,T): <eos>, the name, then for each attribute, in a fresh order, C chunks of L
 * characters. arXiv 2404.05405, Definition 2.2. Either text is put together from pools alike:
 *   compact     first middle last id2: c7 c3 c9 c1 id1: ...
 *   paper       First Middle Last set item 2 to c07 c03, c09 c01. They set item 1 to ...
 * The values are the same, and so are the bits. Characters of paper text are equally long, so that
 * none opens another, whatever tokens they are cut into. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/kind/biod.h"
#include "data/kind/strings.h"
#include "kcap/base/memory.h"

enum { CHUNK_MOST = 64 };

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
    if (keys->text == KC_corpus_text_compact)
        KC_TRY(kc_kind_numbered(settled, o, e));
    return kc_people_check(settled, o, e);
out:
    return e->code;
}

static void strings_create(kc_biod *b, uint64_t seed)
{
    b->strings = kc_alloc(b->K * b->D * b->L, sizeof *b->strings, "characters");
    for (int64_t a = 0; a < b->K; a++) {
        kc_string_shape shape = {.seed = seed, .attribute = a, .D = b->D, .L = b->L, .T = b->T};

        kc_strings_make(&shape, b->strings + a * b->D * b->L);
    }
}

/* The strings of each attribute, in tokens. */
static void chunks_create(kc_biod *b)
{
    kc_doc one = {
        .tokens = kc_alloc(b->L * kc_pool_longest(&b->character), sizeof *one.tokens, "tokens")};

    b->chunk = kc_alloc(b->K, sizeof *b->chunk, "pools");
    for (int64_t a = 0; a < b->K; a++) {
        kc_pool_create((int32_t)b->D, (int32_t)(b->D * b->L * kc_pool_longest(&b->character)),
                       &b->chunk[a]);
        for (int64_t i = 0; i < b->D; i++) {
            one.n_tokens = 0;
            for (int64_t c = 0; c < b->L; c++)
                kc_pool_put(&b->character, b->strings[(a * b->D + i) * b->L + c], &one);
            kc_pool_add(&b->chunk[a], one.tokens, one.n_tokens);
        }
    }
    free(one.tokens);
}

/* What stands before the values: that of the first one instead of its other form. */
static void add_openings(const kc_biod *b, kc_lengths *lengths)
{
    int32_t least = INT32_MAX, most = INT32_MIN;

    for (int32_t a = 0; a < b->K; a++) {
        const int32_t more = kc_pool_length(&b->first, a) - kc_pool_length(&b->again, a);

        least = more < least ? more : least;
        most = more > most ? more : most;
    }
    lengths->least += b->again.begin[b->K] + least;
    lengths->most += b->again.begin[b->K] + most;
    lengths->mean += b->again.begin[b->K] + kc_pool_mean(&b->first) - kc_pool_mean(&b->again);
}

static kc_lengths lengths_of(const kc_biod *b)
{
    const int32_t inner = (int32_t)(b->C - 1) * kc_pool_length(&b->behind, 0);
    const int32_t fixed = 1 + (int32_t)b->K * (inner + kc_pool_length(&b->behind, 1));
    kc_lengths lengths = {fixed, fixed, fixed};

    for (int p = 0; p < KC_NAME_PARTS; p++)
        kc_lengths_add(&lengths, &b->name[p], 1);
    add_openings(b, &lengths);
    kc_lengths_add(&lengths, &b->character, (int32_t)(b->K * b->C * b->L));
    return lengths;
}

static void describe(const kc_biod *b, kc_corpus_info *info)
{
    const double N = (double)b->people.n, K = (double)b->K, log2_D = log2((double)b->D);
    const double log2_value = (double)b->C * log2_D;
    const double log2_string = (double)b->L * log2((double)b->T);
    const kc_lengths lengths = lengths_of(b);

    info->n_attributes = (int32_t)(1 + b->K);
    info->max_doc_tokens = lengths.most;
    info->mean_doc_tokens = lengths.mean;
    info->lengths_are_equal = lengths.least == lengths.most;
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
                    kc_vocab *vocab, const kc_corpus *first, kc_corpus_info *info, kc_error *e)
{
    kc_biod *b = kc_alloc(1, sizeof *b, "corpus");

    (void)first;
    b->K = keys->attributes;
    b->C = keys->chunks;
    b->D = keys->diversity;
    b->L = keys->length;
    b->T = keys->alphabet;
    KC_TRY(kc_biod_read(keys, seed, files, b, vocab, e));
    strings_create(b, seed);
    chunks_create(b);
    describe(b, info);
out:
    return b;
}

static void destroy(void *made)
{
    kc_biod *b = made;

    kc_pool *const pools[] = {&b->name[0], &b->name[1], &b->name[2],  &b->first,
                              &b->again,   &b->behind,  &b->character};

    for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
        kc_pool_free(pools[i]);
    for (int64_t a = 0; b->chunk && a < b->K; a++)
        kc_pool_free(&b->chunk[a]);
    free(b->chunk);
    free(b->strings);
    free(b);
}

/* Index of chunk `chunk` of attribute a (from 0), below D. */
static int64_t chunk_of(const kc_biod *b, int64_t person, int64_t a, int64_t chunk)
{
    return kc_people_fact(&b->people, person, a * b->C + chunk, b->D);
}

static int64_t value(const void *made, int64_t person, int32_t a)
{
    const kc_biod *b = made;

    return a ? chunk_of(b, person, a - 1, 0) : kc_people_name(&b->people, person, NULL);
}

static kc_values values(const void *made, int32_t a)
{
    const kc_biod *b = made;
    kc_values chunks = kc_pool_values(&b->chunk[a - 1]);

    chunks.heads = 1;
    return chunks;
}

static void put_name(const kc_biod *b, kc_doc *doc)
{
    int64_t part[KC_NAME_PARTS];
    int32_t begin = doc->n_tokens, opens;

    kc_people_name(&b->people, doc->person, part);
    for (int p = 0; p < KC_NAME_PARTS; p++)
        kc_pool_put(&b->name[p], part[p], doc);
    opens = b->name[2].opens[part[2]];
    doc->spans[doc->n_spans++] =
        (kc_span){doc->person, 0, begin, begin + 1, doc->n_tokens + opens, opens};
}

static void put_value(const kc_biod *b, int32_t a, kc_doc *doc)
{
    kc_span *span = &doc->spans[doc->n_spans++];

    *span = (kc_span){.person = doc->person, .attribute = a + 1, .begin = doc->n_tokens};
    for (int64_t chunk = 0; chunk < b->C; chunk++) {
        const int64_t string = a * b->D + chunk_of(b, doc->person, a, chunk);

        for (int64_t c = 0; c < b->L; c++)
            kc_pool_put(&b->character, b->strings[string * b->L + c], doc);
        span->head_end = chunk ? span->head_end : doc->n_tokens;
        span->end = doc->n_tokens;
        kc_pool_put(&b->behind, chunk == b->C - 1, doc);
    }
}

static void document(const void *made, int64_t person, int64_t exposure, kc_doc *doc)
{
    const kc_biod *b = made;
    int32_t order[KC_ATTRIBUTES_MAX];

    kc_people_order(&b->people, kc_people_text(person, exposure), (int32_t)b->K, order);
    doc->person = person;
    doc->n_tokens = doc->n_spans = 0;
    doc->tokens[doc->n_tokens++] = KC_EOS;
    put_name(b, doc);
    for (int32_t s = 0; s < b->K; s++) {
        kc_pool_put(s ? &b->again : &b->first, order[s], doc);
        put_value(b, order[s], doc);
    }
}

const kc_kind_ops kc_kind_biod = {.sources = kc_biod_sources,
                                  .by_index = 1,
                                  .check = check,
                                  .create = create,
                                  .document = document,
                                  .value = value,
                                  .destroy = destroy,
                                  .values = values};
