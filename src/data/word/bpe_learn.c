/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/word/bpe_learn.h"

#include <stdlib.h>
#include <string.h>

#include "data/word/printable.h"
#include "kcap/base/memory.h"

enum { ALL = -1 };

/* Two neighbours, how often they occur, and the pieces where they may. */
typedef struct pair {
    int32_t left, right;
    int64_t count;
    int32_t *where;
    int64_t n, room;
    int changed; /* it is among those that became more */
} pair;

/* A pair and a count that it had, or less by now; the most frequent is on top. */
typedef struct entry {
    int64_t count, pair;
} entry;

typedef struct learner {
    kc_bpe *bpe;
    const int64_t *weight; /* of the pieces */
    int32_t *symbol;       /* of all pieces, one after the other                      */
    int64_t *begin;        /* [pieces + 1]: where a piece starts                      */
    int32_t *length;       /* [pieces]: symbols of it, fewer as they are merged       */
    pair *pair;
    int64_t n_pairs, pair_room;
    int64_t *slot, n_slots; /* hash table of pairs + 1                                  */
    entry *heap;
    int64_t n_heap, heap_room;
    int64_t *more, n_more, more_room; /* pairs that became more since the last merge     */
} learner;

static int64_t *place(const learner *l, int32_t left, int32_t right)
{
    const uint64_t mixed = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9E3779B97F4A7C15U;
    int64_t at = (int64_t)(mixed >> 32) & (l->n_slots - 1);

    for (; l->slot[at]; at = (at + 1) & (l->n_slots - 1)) {
        const pair *p = &l->pair[l->slot[at] - 1];

        if (p->left == left && p->right == right)
            break;
    }
    return &l->slot[at];
}

static void rehash(learner *l)
{
    free(l->slot);
    l->n_slots = l->n_slots ? 2 * l->n_slots : 1 << 12;
    l->slot = kc_alloc(l->n_slots, sizeof *l->slot, "pairs");
    for (int64_t i = 0; i < l->n_pairs; i++)
        *place(l, l->pair[i].left, l->pair[i].right) = i + 1;
}

static pair *pair_of(learner *l, int32_t left, int32_t right)
{
    int64_t *slot;

    if (2 * (l->n_pairs + 1) > l->n_slots)
        rehash(l);
    slot = place(l, left, right);
    if (!*slot) {
        l->pair = kc_grow(l->pair, &l->pair_room, l->n_pairs + 1, sizeof *l->pair);
        l->pair[l->n_pairs] = (pair){.left = left, .right = right};
        *slot = ++l->n_pairs;
    }
    return &l->pair[*slot - 1];
}

/* A pair that became more: it occurs in this piece too, and its place in the heap is not its own. */
static void note(learner *l, pair *p, int32_t piece)
{
    if (!p->n || p->where[p->n - 1] != piece) {
        p->where = kc_grow(p->where, &p->room, p->n + 1, sizeof *p->where);
        p->where[p->n++] = piece;
    }
    if (!p->changed) {
        l->more = kc_grow(l->more, &l->more_room, l->n_more + 1, sizeof *l->more);
        l->more[l->n_more++] = p - l->pair;
        p->changed = 1;
    }
}

/* Count the pairs of a piece, or take them off again. Those that can become more are all at first,
 * later those that hold the symbol just made. */
static void count(learner *l, int32_t piece, int64_t weight, int32_t new)
{
    const int32_t *s = l->symbol + l->begin[piece];

    for (int32_t i = 0; i + 1 < l->length[piece]; i++) {
        pair *p = pair_of(l, s[i], s[i + 1]);

        p->count += weight;
        if (weight > 0 && (new == ALL || s[i] == new || s[i + 1] == new))
            note(l, p, piece);
    }
}

/* Where the two symbols' bytes differ first. */
static int bytes_order(const learner *l, int32_t a, int32_t b)
{
    const char *x = kc_vocab_word(&l->bpe->symbols, a), *y = kc_vocab_word(&l->bpe->symbols, b);
    int n, m;

    for (; *x && *y; x += n, y += m) {
        const int byte = kc_printable_byte(x, &n), other = kc_printable_byte(y, &m);

        if (byte != other)
            return byte < other ? -1 : 1;
    }
    return (*x != 0) - (*y != 0);
}

static int comes_first(const learner *l, entry a, entry b)
{
    const pair *x = &l->pair[a.pair], *y = &l->pair[b.pair];
    int order;

    if (a.count != b.count)
        return a.count > b.count;
    order = bytes_order(l, x->left, y->left);
    return (order ? order : bytes_order(l, x->right, y->right)) < 0;
}

static void push(learner *l, entry new)
{
    int64_t i = l->n_heap++;

    l->heap = kc_grow(l->heap, &l->heap_room, l->n_heap, sizeof *l->heap);
    for (; i > 0 && comes_first(l, new, l->heap[(i - 1) / 2]); i = (i - 1) / 2)
        l->heap[i] = l->heap[(i - 1) / 2];
    l->heap[i] = new;
}

static void push_more(learner *l)
{
    while (l->n_more > 0) {
        const int64_t p = l->more[--l->n_more];

        l->pair[p].changed = 0;
        push(l, (entry){l->pair[p].count, p});
    }
}

static entry pop(learner *l)
{
    const entry top = l->heap[0], last = l->heap[--l->n_heap];
    int64_t i = 0, child;

    while ((child = 2 * i + 1) < l->n_heap) {
        child += child + 1 < l->n_heap && comes_first(l, l->heap[child + 1], l->heap[child]);
        if (!comes_first(l, l->heap[child], last))
            break;
        l->heap[i] = l->heap[child];
        i = child;
    }
    l->heap[i] = last;
    return top;
}

/* Pieces as symbols of one byte each. */
static void cut(learner *l, const kc_vocab *pieces)
{
    int64_t n = 0;

    l->symbol = kc_alloc(pieces->bytes, sizeof *l->symbol, "symbols");
    l->begin = kc_alloc(pieces->n + 1, sizeof *l->begin, "pieces");
    l->length = kc_alloc(pieces->n, sizeof *l->length, "pieces");
    for (int32_t i = 0; i < pieces->n; i++) {
        int bytes;

        l->begin[i] = n;
        if (l->weight[i] > 0)
            for (const char *at = kc_vocab_word(pieces, i); *at; at += bytes)
                l->symbol[n++] = kc_printable_byte(at, &bytes);
        l->length[i] = (int32_t)(n - l->begin[i]);
        count(l, i, l->weight[i], ALL);
    }
}

/* Put the new symbol in a piece, from the left. */
static void replace(learner *l, int32_t piece, int32_t left, int32_t right, int32_t new)
{
    int32_t *s = l->symbol + l->begin[piece], n = 0;

    for (int32_t i = 0; i < l->length[piece]; i++) {
        const int here = i + 1 < l->length[piece] && s[i] == left && s[i + 1] == right;

        s[n++] = here ? new : s[i];
        i += here;
    }
    l->length[piece] = n;
}

/* A piece of one character many times over would make symbols that no file of merges may have. */
static int is_short(const learner *l, const pair *p)
{
    return strlen(kc_vocab_word(&l->bpe->symbols, p->left)) +
               strlen(kc_vocab_word(&l->bpe->symbols, p->right)) <=
           KC_SYMBOL_MOST;
}

static void merge(learner *l, int64_t best)
{
    const pair p = l->pair[best];
    const int32_t new = kc_bpe_add(l->bpe, p.left, p.right);

    l->pair[best].where = NULL;
    l->pair[best].n = l->pair[best].room = 0;
    for (int64_t i = 0; i < p.n; i++) {
        count(l, p.where[i], -l->weight[p.where[i]], new);
        replace(l, p.where[i], p.left, p.right, new);
        count(l, p.where[i], l->weight[p.where[i]], new);
    }
    free(p.where);
}

static void end(learner *l)
{
    for (int64_t i = 0; i < l->n_pairs; i++)
        free(l->pair[i].where);
    free(l->pair);
    free(l->slot);
    free(l->heap);
    free(l->more);
    free(l->symbol);
    free(l->begin);
    free(l->length);
}

void kc_bpe_learn(const kc_vocab *pieces, const int64_t *counts, int64_t n_merges,
                  kc_teller *teller, kc_bpe *bpe)
{
    learner l = {.bpe = bpe, .weight = counts};

    cut(&l, pieces);
    push_more(&l);
    while (l.n_heap > 0 && bpe->n < n_merges) {
        const entry top = pop(&l);
        const int64_t now = l.pair[top.pair].count;

        if (now == top.count && now > 0 && is_short(&l, &l.pair[top.pair]))
            merge(&l, top.pair);
        else if (now != top.count && now > 0)
            push(&l, (entry){now, top.pair});
        push_more(&l);
        kc_tell(teller, "learning byte pairs: %d of %lld", bpe->n, (long long)n_merges);
    }
    end(&l);
}
