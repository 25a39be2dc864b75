/* SPDX-License-Identifier: BSD-3-Clause */
#include "measure/trie.h"

#include <stdlib.h>

#include "kcap/base/memory.h"
#include "kcap/base/rng.h"

static int32_t length(const kc_values *v, int32_t i)
{
    return v->begin[i + 1] - v->begin[i];
}

static int by_tokens(const void *left, const void *right, void *values)
{
    const kc_values *v = values;
    const int32_t a = *(const int32_t *)left, b = *(const int32_t *)right;
    const int32_t na = length(v, a), nb = length(v, b);
    for (int32_t i = 0; i < na && i < nb; ++i) {
        const int32_t x = v->token[v->begin[a] + i], y = v->token[v->begin[b] + i];
        if (x != y)
            return x < y ? -1 : 1;
    }
    return (na > nb) - (na < nb);
}

/* Values order[lo] ... order[hi-1], which are alike in their first `depth` tokens. */
typedef struct range {
    int64_t lo, hi;
    int32_t depth, node;
} range;

/* Where the values that are alike in one token more end. */
static int64_t alike(const kc_values *v, const int32_t *order, range at)
{
    const int32_t token = v->token[v->begin[order[at.lo]] + at.depth];
    int64_t end = at.lo + 1;
    while (end < at.hi && v->token[v->begin[order[end]] + at.depth] == token)
        ++end;
    return end;
}

/* Make the children of a node whose values stand in `at`; they go behind all nodes there are. */
static void open_range(const kc_values *v, const int32_t *order, range at, kc_trie *t,
                       range *ranges)
{
    t->node[at.node].opens = -1;
    while (at.lo < at.hi && length(v, order[at.lo]) == at.depth) {
        t->values += t->node[at.node].opens < 0;
        t->node[at.node].opens = v->opens[order[at.lo++]];
    }
    t->node[at.node].first = t->n;
    while (at.lo < at.hi) {
        const int64_t end = alike(v, order, at);
        ranges[t->n] = (range){at.lo, end, at.depth + 1, t->n};
        t->node[t->n++] =
            (kc_node){.token = v->token[v->begin[order[at.lo]] + at.depth], .parent = at.node};
        at.lo = end;
    }
    t->node[at.node].n = t->n - t->node[at.node].first;
    t->texts += at.node && t->node[at.node].n > 0;
    t->texts += t->node[at.node].opens > 0;
}

static void grow(const kc_values *v, int32_t *order, int64_t n, kc_trie *t)
{
    int64_t most = 1;
    for (int64_t i = 0; i < n; ++i)
        most += length(v, order[i]);
    qsort_r(order, (size_t)n, sizeof *order, by_tokens, (void *)(uintptr_t)v);
    *t = (kc_trie){.n = 1, .node = kc_alloc(most, sizeof *t->node, "nodes of values")};
    range *ranges = kc_alloc(most, sizeof *ranges, "nodes of values");
    ranges[0] = (range){0, n, 0, 0};
    for (int32_t i = 0; i < t->n; ++i)
        open_range(v, order, ranges[i], t, ranges);
    free(ranges);
}

void kc_trie_create(const kc_values *v, uint64_t seed, uint64_t key, kc_trie *t)
{
    int32_t *order = kc_alloc(v->n, sizeof *order, "values");
    for (int64_t i = 0; i < v->n; ++i)
        order[i] = (int32_t)i;
    grow(v, order, v->n, t);
    if (t->texts > KC_TRIE_TEXTS && v->n > KC_TRIE_DRAWN) {
        kc_trie_free(t);
        for (uint64_t i = 0; i < KC_TRIE_DRAWN; ++i)
            order[i] = (int32_t)kc_perm(seed, KC_STREAM_RECALL, key, i, (uint64_t)v->n);
        grow(v, order, KC_TRIE_DRAWN, t);
    }
    free(order);
}

void kc_trie_free(kc_trie *t)
{
    free(t->node);
    *t = (kc_trie){.n = 0};
}

int32_t kc_trie_path(const kc_trie *t, int32_t node, int32_t *to)
{
    int32_t n = 0;
    for (int32_t i = node; i; i = t->node[i].parent)
        ++n;
    for (int32_t i = node, at = n; i; i = t->node[i].parent)
        to[--at] = t->node[i].token;
    return n;
}

int32_t kc_trie_find(const kc_trie *t, const int32_t *tokens, int32_t n)
{
    int32_t node = 0;
    for (int32_t i = 0; i < n; ++i) {
        const kc_node *at = &t->node[node];
        int32_t next = at->first;
        while (next < at->first + at->n && t->node[next].token != tokens[i])
            ++next;
        if (next == at->first + at->n)
            return -1;
        node = next;
    }
    return node;
}
