/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/text/pool.h"

#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"

void kc_pool_create(int32_t n, int32_t tokens, kc_pool *pool)
{
    pool->n = 0;
    pool->begin = kc_alloc(n + 1, sizeof *pool->begin, "values");
    pool->token = kc_alloc(tokens, sizeof *pool->token, "tokens");
    pool->opens = kc_alloc(n, sizeof *pool->opens, "values");
}

void kc_pool_free(kc_pool *pool)
{
    free(pool->begin);
    free(pool->token);
    free(pool->opens);
    memset(pool, 0, sizeof *pool);
}

void kc_pool_add(kc_pool *pool, const int32_t *tokens, int32_t n)
{
    memcpy(pool->token + pool->begin[pool->n], tokens, (size_t)n * sizeof *tokens);
    pool->begin[pool->n + 1] = pool->begin[pool->n] + n;
    pool->n++;
}

void kc_pool_from_lines(const kc_lines *lines, kc_vocab *vocab, kc_pool *pool)
{
    int32_t *tokens = kc_alloc(lines->bytes, sizeof *tokens, "tokens");

    kc_pool_create(lines->n, lines->bytes, pool);
    for (int32_t i = 0; i < lines->n; i++)
        kc_pool_add(pool, tokens, kc_vocab_tokens(vocab, kc_lines_at(lines, i), tokens));
    free(tokens);
}

int kc_pool_from_texts(const kc_vocab *texts, kc_vocab *vocab, kc_pool *pool, kc_error *e)
{
    int64_t used = 0, room = 0, tokens_room = 0;
    int32_t *tokens = NULL;

    kc_pool_create(texts->n, 0, pool);
    for (int32_t i = 0; i < texts->n; i++) {
        const char *text = kc_vocab_word(texts, i);

        tokens = kc_grow(tokens, &tokens_room, (int64_t)strlen(text) + 1, sizeof *tokens);
        used += kc_vocab_tokens(vocab, text, tokens);
        if (used > INT32_MAX)
            return kc_fail(e, KC_EINPUT, "the table has more than %d tokens; cut it", INT32_MAX);
        pool->token = kc_grow(pool->token, &room, used, sizeof *pool->token);
        kc_pool_add(pool, tokens, (int32_t)used - pool->begin[i]);
    }
    free(tokens);
    return KC_OK;
}

void kc_pool_put(const kc_pool *pool, int64_t i, kc_doc *doc)
{
    const int32_t n = kc_pool_length(pool, i);

    memcpy(doc->tokens + doc->n_tokens, pool->token + pool->begin[i],
           (size_t)n * sizeof *doc->tokens);
    doc->n_tokens += n;
}

int32_t kc_pool_length(const kc_pool *pool, int64_t i)
{
    return pool->begin[i + 1] - pool->begin[i];
}

int32_t kc_pool_shortest(const kc_pool *pool)
{
    int32_t least = kc_pool_length(pool, 0);

    for (int32_t i = 1; i < pool->n; i++)
        least = kc_pool_length(pool, i) < least ? kc_pool_length(pool, i) : least;
    return least;
}

int32_t kc_pool_longest(const kc_pool *pool)
{
    int32_t most = 0;

    for (int32_t i = 0; i < pool->n; i++)
        most = kc_pool_length(pool, i) > most ? kc_pool_length(pool, i) : most;
    return most;
}

double kc_pool_mean(const kc_pool *pool)
{
    return (double)pool->begin[pool->n] / pool->n;
}

void kc_lengths_add(kc_lengths *lengths, const kc_pool *pool, int32_t times)
{
    lengths->least += times * kc_pool_shortest(pool);
    lengths->most += times * kc_pool_longest(pool);
    lengths->mean += times * kc_pool_mean(pool);
}

/* Order by tokens, a value before those it opens. */
static int value_order(const void *a, const void *b, void *arg)
{
    const kc_pool *pool = arg;
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    int32_t i = pool->begin[x], j = pool->begin[y];

    while (i < pool->begin[x + 1] && j < pool->begin[y + 1]) {
        if (pool->token[i] != pool->token[j])
            return pool->token[i] < pool->token[j] ? -1 : 1;
        i++;
        j++;
    }
    return (i < pool->begin[x + 1]) - (j < pool->begin[y + 1]);
}

static int opens(const kc_pool *pool, int32_t value, int32_t longer)
{
    int32_t n = kc_pool_length(pool, value);

    return n < kc_pool_length(pool, longer) &&
           !memcmp(pool->token + pool->begin[value], pool->token + pool->begin[longer],
                   (size_t)n * sizeof *pool->token);
}

/* Tokens of `next` value i that stand in the text t[0] ... t[n-1] too, from its start. */
static int32_t shared(const kc_pool *next, int32_t i, const int32_t *t, int32_t n)
{
    const int32_t *v = next->token + next->begin[i], m = kc_pool_length(next, i);
    int32_t k = 0;

    while (k < n && k < m && v[k] == t[k])
        k++;
    return k;
}

/* How many tokens behind a value tell whether it is the longer one, whose others are t[0] ... t[n-1];
 * -1: a text can go on as the longer one does to its end, or to the text's. */
static int32_t telling(const int32_t *t, int32_t n, const kc_pool *const *next, int n_next)
{
    int32_t most = 1;

    for (int p = 0; p < n_next; p++)
        for (int32_t i = 0; i < next[p]->n; i++) {
            const int32_t m = kc_pool_length(next[p], i), k = shared(next[p], i, t, n);

            if (m > 0 && (k == m || k == n))
                return -1;
            most = k + 1 > most ? k + 1 : most;
        }
    return most;
}

const char *kc_pool_text(const kc_pool *pool, int64_t i, const kc_vocab *vocab,
                         char text[KC_VALUE_TOLD + 1])
{
    char whole[KC_VALUE_TOLD + 2] = ""; /* and the blank in front */
    FILE *out = fmemopen(whole, sizeof whole, "w");

    KC_ROOM(out, "out of memory for a message");
    for (int32_t t = pool->begin[i]; t < pool->begin[i + 1]; t++)
        kc_vocab_say(vocab, pool->token[t], out);
    fclose(out);
    whole[KC_VALUE_TOLD + 1] = 0;
    return strcpy(text, whole + (whole[0] == ' '));
}

static int fail(const kc_lines *lines, const kc_pool *pool, int32_t a, int32_t b, const char *word,
                const kc_vocab *vocab, kc_error *e)
{
    char first[24] = "", second[24] = "", left[KC_VALUE_TOLD + 1], right[KC_VALUE_TOLD + 1];

    if (!lines->no_numbers) {
        snprintf(first, sizeof first, " (line %d)", a + 1);
        snprintf(second, sizeof second, " (line %d)", b + 1);
    }
    return kc_fail(e, KC_EINPUT,
                   "%s: `%s`%s and `%s`%s cannot be told apart in a sentence that goes on "
                   "with `%.100s`; change a value or the sentence",
                   lines->path, kc_pool_text(pool, a, vocab, left), first,
                   kc_pool_text(pool, b, vocab, right), second, word);
}

int kc_pool_mark(kc_pool *pool, const kc_lines *lines, const kc_pool *const *next, int n_next,
                 const kc_vocab *vocab, kc_error *e)
{
    int32_t *sorted = kc_alloc(pool->n, sizeof *sorted, "values");

    for (int32_t i = 0; i < pool->n; i++)
        sorted[i] = i;
    qsort_r(sorted, (size_t)pool->n, sizeof *sorted, value_order, pool);
    for (int32_t i = 0; i < pool->n; i++) {
        const int32_t value = sorted[i], length = kc_pool_length(pool, value);

        for (int32_t j = i + 1; j < pool->n && opens(pool, value, sorted[j]); j++) {
            const int32_t *rest = pool->token + pool->begin[sorted[j]] + length;
            const int32_t n = telling(rest, kc_pool_length(pool, sorted[j]) - length, next, n_next);

            if (n < 0)
                KC_TRY(fail(lines, pool, value, sorted[j], kc_vocab_word(vocab, *rest), vocab, e));
            pool->opens[value] = n > pool->opens[value] ? n : pool->opens[value];
            if (n_next == 0)
                break;
        }
    }
out:
    free(sorted);
    return e->code;
}

kc_values kc_pool_values(const kc_pool *pool)
{
    return (kc_values){
        .n = pool->n, .begin = pool->begin, .token = pool->token, .opens = pool->opens};
}
