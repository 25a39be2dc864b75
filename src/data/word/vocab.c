/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/word/vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/word/bpe.h"
#include "kcap/base/err.h"
#include "kcap/base/memory.h"

struct kc_vocab_group {
    char name[48];
    int32_t first;
    int64_t n;
};

void kc_vocab_free(kc_vocab *vocab)
{
    free(vocab->group);
    free(vocab->text);
    free(vocab->begin);
    free(vocab->slot);
    free(vocab->token_of);
    memset(vocab, 0, sizeof *vocab);
}

/* An array of rank 0's, of n elements; another's own is freed. */
static void *given(const kc_grid *g, void *own, int64_t n, size_t size)
{
    if (g->rank > 0) {
        free(own);
        own = kc_alloc(n, size, "words");
    }
    kc_bcast(g, own, (size_t)n * size);
    return own;
}

void kc_vocab_give(const kc_grid *g, kc_vocab *vocab)
{
    const kc_vocab own = *vocab;

    kc_bcast(g, vocab, sizeof *vocab);
    vocab->pattern = own.pattern;
    vocab->bpe = own.bpe;
    vocab->text = given(g, own.text, vocab->text_room, 1);
    vocab->begin = given(g, own.begin, vocab->begin_room, sizeof *vocab->begin);
    vocab->slot = given(g, own.slot, vocab->n_slots, sizeof *vocab->slot);
    vocab->token_of =
        given(g, own.token_of, own.bpe ? own.bpe->symbols.n : 0, sizeof *vocab->token_of);
    vocab->group = given(g, own.group, vocab->n_groups, sizeof *vocab->group);
}

const char *kc_vocab_word(const kc_vocab *vocab, int32_t token)
{
    KC_CHECK(token >= 0 && token < vocab->n, "token %d of a vocabulary of %d", token, vocab->n);
    return vocab->text + vocab->begin[token];
}

int32_t kc_vocab_add(kc_vocab *vocab, const char *word, int32_t bytes)
{
    vocab->begin = kc_grow(vocab->begin, &vocab->begin_room, vocab->n + 1, sizeof *vocab->begin);
    vocab->text = kc_grow(vocab->text, &vocab->text_room, vocab->bytes + bytes + 1, 1);
    memcpy(vocab->text + vocab->bytes, word, (size_t)bytes);
    vocab->text[vocab->bytes + bytes] = 0;
    vocab->begin[vocab->n] = vocab->bytes;
    vocab->bytes += bytes + 1;
    return vocab->n++;
}

int32_t kc_vocab_group(kc_vocab *vocab, const char *name, int64_t n)
{
    int64_t room = vocab->n_groups;
    struct kc_vocab_group *g;

    for (g = vocab->group; g < vocab->group + vocab->n_groups; g++)
        if (!strcmp(g->name, name) && g->n >= n)
            return g->first;
    vocab->group = kc_grow(vocab->group, &room, vocab->n_groups + 1, sizeof *vocab->group);
    g = &vocab->group[vocab->n_groups++];
    snprintf(g->name, sizeof g->name, "%s", name);
    g->first = vocab->n;
    g->n = n;
    return -1;
}

int32_t kc_vocab_numbered(kc_vocab *vocab, const char *before, int64_t first, const char *after,
                          int64_t n)
{
    char name[48];
    const int32_t token = vocab->n;

    snprintf(name, sizeof name, "%s%lld%s", before, (long long)first, after);
    const int32_t known = kc_vocab_group(vocab, name, n);
    if (known >= 0)
        return known;
    for (int64_t i = first; i < first + n; i++) {
        char word[32];

        kc_vocab_add(vocab, word,
                     snprintf(word, sizeof word, "%s%lld%s", before, (long long)i, after));
    }
    return token;
}

/* FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv */
static uint32_t hash(const char *word, int32_t bytes)
{
    uint32_t h = 2166136261U;

    for (int32_t i = 0; i < bytes; i++)
        h = (h ^ (unsigned char)word[i]) * 16777619U;
    return h;
}

/* The place where the word of this hash is or belongs. A word is looked at where its hash is the same:
 * those of a large table lie far apart in memory. */
static kc_vocab_slot *place(const kc_vocab *vocab, const char *word, int32_t bytes, uint32_t hash)
{
    const uint32_t mask = (uint32_t)vocab->n_slots - 1;
    uint32_t at = hash & mask;

    for (; vocab->slot[at].word; at = (at + 1) & mask) {
        const char *other = vocab->text + vocab->begin[vocab->slot[at].word - 1];

        if (vocab->slot[at].hash == hash && !strncmp(other, word, (size_t)bytes) && !other[bytes])
            break;
    }
    return &vocab->slot[at];
}

static void rehash(kc_vocab *vocab)
{
    kc_vocab_slot *old = vocab->slot;
    const int32_t n = vocab->n_slots;

    vocab->n_slots = n ? 2 * n : 1024;
    vocab->slot = kc_alloc(vocab->n_slots, sizeof *vocab->slot, "words");
    for (int32_t i = 0; i < n; i++) {
        uint32_t mask = (uint32_t)vocab->n_slots - 1, at = old[i].hash & mask;

        for (; old[i].word && vocab->slot[at].word; at = (at + 1) & mask)
            ;
        if (old[i].word)
            vocab->slot[at] = old[i];
    }
    free(old);
}

int32_t kc_vocab_intern(kc_vocab *vocab, const char *word, int32_t bytes)
{
    const uint32_t own = hash(word, bytes);
    kc_vocab_slot *slot;

    if (2 * (vocab->n + 1) > vocab->n_slots)
        rehash(vocab);
    slot = place(vocab, word, bytes, own);
    if (!slot->word)
        *slot = (kc_vocab_slot){kc_vocab_add(vocab, word, bytes) + 1, own};
    return slot->word - 1;
}

int32_t kc_vocab_find(const kc_vocab *vocab, const char *word, int32_t bytes)
{
    return vocab->n_slots ? place(vocab, word, bytes, hash(word, bytes))->word - 1 : -1;
}
