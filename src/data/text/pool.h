/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_TEXT_POOL_H
#define KCAP_DATA_TEXT_POOL_H

#include "data/text/lines.h"
#include "data/word/tokens.h"
#include "kcap/data/corpus.h"
#include "kcap/types/batch.h"

/* Values as runs of tokens, one after the other: value i is token[begin[i]] up to
 * token[begin[i+1] - 1]. Release with kc_pool_free; all zero is empty. */
typedef struct kc_pool {
    int32_t n;
    int32_t *begin; /* [n+1]                                                        */
    int32_t *token; /* [begin[n]]                                                   */
    int32_t *opens; /* [n]: where the value is a proper prefix of another one, how many tokens
                       behind it tell the two apart; else 0 */
} kc_pool;

/* Room for n values of at most `tokens` tokens in all; fill in with kc_pool_add. */
void kc_pool_create(int32_t n, int32_t tokens, kc_pool *pool);
void kc_pool_free(kc_pool *pool);

/* Append one value of `n` tokens. */
void kc_pool_add(kc_pool *pool, const int32_t *tokens, int32_t n);

/* One value a line, its words interned. */
void kc_pool_from_lines(const kc_lines *lines, kc_vocab *vocab, kc_pool *pool);

/* The same of a list of texts in the normal form of kc_lines.
 *   errors      KC_EINPUT: more than 2^31 - 1 tokens */
int kc_pool_from_texts(const kc_vocab *texts, kc_vocab *vocab, kc_pool *pool, kc_error *e);

/* Find the values that open another one. Such a value is read with as many tokens that follow it in
 * the text as tell it from the longer value: of words one, of byte pairs rarely two.
 *   lines       for messages: the path, and whether values are its lines (no_numbers)
 *   next        [n_next] pools whose values can follow in the text; empty values are passed over. 0:
 *               what follows is never a token of a value
 *   errors      KC_EINPUT naming both values and the token: what follows in the text can be all
 *               that the longer value has more, or all of it begin so */
int kc_pool_mark(kc_pool *pool, const kc_lines *lines, const kc_pool *const *next, int n_next,
                 const kc_vocab *vocab, kc_error *e);

/* What value i reads, for messages: at most so many bytes of it, which may end inside a character. */
enum { KC_VALUE_TOLD = 200 };
const char *kc_pool_text(const kc_pool *pool, int64_t i, const kc_vocab *vocab,
                         char text[KC_VALUE_TOLD + 1]);

/* Write value i behind a document. */
void kc_pool_put(const kc_pool *pool, int64_t i, kc_doc *doc);

/* The same for all who know nothing of pools; borrowed. */
kc_values kc_pool_values(const kc_pool *pool);

/* Tokens of value i; of the shortest and the longest value; of the average one. */
int32_t kc_pool_length(const kc_pool *pool, int64_t i);
int32_t kc_pool_shortest(const kc_pool *pool);
int32_t kc_pool_longest(const kc_pool *pool);
double kc_pool_mean(const kc_pool *pool);

/* Tokens of a text that is put together from pools. All zero is the empty text. */
typedef struct kc_lengths {
    int32_t least, most;
    double mean;
} kc_lengths;

/* It holds `times` values of the pool more. */
void kc_lengths_add(kc_lengths *lengths, const kc_pool *pool, int32_t times);

#endif
