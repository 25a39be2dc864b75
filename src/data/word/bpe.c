/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/word/bpe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/word/printable.h"
#include "kcap/base/memory.h"

enum { NONE = -1 }; /* kc_bpe_rank's too */

void kc_bpe_free(kc_bpe *bpe)
{
    kc_vocab_free(&bpe->symbols);
    free(bpe->merge);
    free(bpe->slot);
    memset(bpe, 0, sizeof *bpe);
}

void kc_bpe_create(kc_bpe *bpe)
{
    memset(bpe, 0, sizeof *bpe);
    for (int byte = 0; byte < KC_BYTES; byte++) {
        char to[KC_PRINTABLE_MOST];

        kc_vocab_intern(&bpe->symbols, to, kc_printable((uint8_t)byte, to));
    }
}

/* The place where the pair is or belongs. */
static int32_t *place(const kc_bpe *bpe, int32_t left, int32_t right)
{
    const uint64_t mixed = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9E3779B97F4A7C15U;
    const int64_t mask = bpe->n_slots - 1;
    int64_t at = (int64_t)(mixed >> 32) & mask;

    for (; bpe->slot[at]; at = (at + 1) & mask) {
        const kc_merge *m = &bpe->merge[bpe->slot[at] - 1];

        if (m->left == left && m->right == right)
            break;
    }
    return &bpe->slot[at];
}

int32_t kc_bpe_rank(const kc_bpe *bpe, int32_t left, int32_t right)
{
    return bpe->n_slots ? *place(bpe, left, right) - 1 : NONE;
}

static void rehash(kc_bpe *bpe)
{
    free(bpe->slot);
    bpe->n_slots = bpe->n_slots ? 2 * bpe->n_slots : 1024;
    bpe->slot = kc_alloc(bpe->n_slots, sizeof *bpe->slot, "merges");
    for (int32_t i = 0; i < bpe->n; i++)
        *place(bpe, bpe->merge[i].left, bpe->merge[i].right) = i + 1;
}

int32_t kc_bpe_add(kc_bpe *bpe, int32_t left, int32_t right)
{
    const size_t n = strlen(kc_vocab_word(&bpe->symbols, left));
    const size_t m = strlen(kc_vocab_word(&bpe->symbols, right));
    char *both = kc_alloc((int64_t)(n + m), 1, "bytes of a symbol");
    int32_t symbol;

    memcpy(both, kc_vocab_word(&bpe->symbols, left), n);
    memcpy(both + n, kc_vocab_word(&bpe->symbols, right), m);
    symbol = kc_vocab_intern(&bpe->symbols, both, (int32_t)(n + m));
    free(both);
    bpe->merge = kc_grow(bpe->merge, &bpe->room, bpe->n + 1, sizeof *bpe->merge);
    bpe->merge[bpe->n++] = (kc_merge){left, right, symbol};
    if (2 * (int64_t)bpe->n > bpe->n_slots)
        rehash(bpe);
    else
        *place(bpe, left, right) = bpe->n;
    return symbol;
}

char *kc_bpe_text(const kc_bpe *bpe, int64_t *bytes)
{
    char *text = NULL;
    size_t n = 0;
    FILE *out = open_memstream(&text, &n);

    KC_ROOM(out, "out of memory for %d merges", bpe->n);
    fputs("#version: 0.2\n", out);
    for (const kc_merge *m = bpe->merge; m < bpe->merge + bpe->n; m++)
        fprintf(out, "%s %s\n", kc_vocab_word(&bpe->symbols, m->left),
                kc_vocab_word(&bpe->symbols, m->right));
    KC_CHECK(fclose(out) == 0, "no memory for the text of %d merges", bpe->n);
    *bytes = (int64_t)n;
    return text;
}

/* A pair of neighbours that can be merged; the earliest rank, then the leftmost, is on top. */
typedef struct chance {
    int32_t rank, at;
} chance;

/* A piece as it is merged: a chain of symbols, each at the place of its first byte. */
typedef struct chain {
    const kc_bpe *bpe;
    int32_t *symbol, *next, *before, n_heap;
    chance *heap;
} chain;

static int comes_first(chance a, chance b)
{
    return a.rank != b.rank ? a.rank < b.rank : a.at < b.at;
}

static void push(chain *c, chance new)
{
    int32_t i = c->n_heap++;

    for (; i > 0 && comes_first(new, c->heap[(i - 1) / 2]); i = (i - 1) / 2)
        c->heap[i] = c->heap[(i - 1) / 2];
    c->heap[i] = new;
}

static chance pop(chain *c)
{
    const chance top = c->heap[0], last = c->heap[--c->n_heap];
    int32_t i = 0, child;

    while ((child = 2 * i + 1) < c->n_heap) {
        child += child + 1 < c->n_heap && comes_first(c->heap[child + 1], c->heap[child]);
        if (!comes_first(c->heap[child], last))
            break;
        c->heap[i] = c->heap[child];
        i = child;
    }
    c->heap[i] = last;
    return top;
}

/* The rank of the symbol at a place and the one behind it; NONE where there are not two. */
static int32_t rank_at(const chain *c, int32_t at)
{
    if (at == NONE || c->symbol[at] == NONE || c->next[at] == NONE)
        return NONE;
    return kc_bpe_rank(c->bpe, c->symbol[at], c->symbol[c->next[at]]);
}

static void offer(chain *c, int32_t at)
{
    const int32_t rank = rank_at(c, at);

    if (rank != NONE)
        push(c, (chance){rank, at});
}

static void merge(chain *c, chance of)
{
    const int32_t gone = c->next[of.at], after = c->next[gone];

    c->symbol[of.at] = c->bpe->merge[of.rank].symbol;
    c->symbol[gone] = NONE;
    c->next[of.at] = after;
    if (after != NONE)
        c->before[after] = of.at;
    offer(c, c->before[of.at]);
    offer(c, of.at);
}

/* The symbol that is this piece; NONE: there is none. */
static int32_t whole(const kc_bpe *bpe, const char *piece, int32_t bytes)
{
    char *word = kc_alloc((int64_t)bytes * KC_PRINTABLE_MOST, 1, "bytes of a piece");
    int32_t n = 0, symbol;

    for (int32_t i = 0; i < bytes; i++)
        n += kc_printable((uint8_t)piece[i], word + n);
    symbol = kc_vocab_find(&bpe->symbols, word, n);
    free(word);
    return symbol;
}

int32_t kc_bpe_encode(const kc_bpe *bpe, const char *piece, int32_t bytes, int32_t *symbols)
{
    /* A merge takes a symbol away and offers two pairs. */
    int32_t *rooms = malloc((size_t)bytes * (2 * sizeof *rooms + 3 * sizeof(chance))), n = 0;
    chain c = {bpe, symbols, rooms, rooms + bytes, 0, (chance *)(rooms + 2 * (size_t)bytes)};

    KC_ROOM(rooms, "out of memory for %d bytes of text", bytes);
    if (bpe->takes_whole && bytes > 0 && (*symbols = whole(bpe, piece, bytes)) != NONE) {
        free(rooms);
        return 1;
    }
    for (int32_t i = 0; i < bytes; i++) {
        symbols[i] = (uint8_t)piece[i];
        c.next[i] = i + 1 < bytes ? i + 1 : NONE;
        c.before[i] = i - 1;
    }
    for (int32_t i = 0; i < bytes; i++)
        offer(&c, i);
    while (c.n_heap > 0) {
        const chance top = pop(&c);

        if (rank_at(&c, top.at) == top.rank)
            merge(&c, top);
    }
    for (int32_t i = bytes > 0 ? 0 : NONE; i != NONE; i = c.next[i])
        symbols[n++] = symbols[i];
    free(rooms);
    return n;
}
