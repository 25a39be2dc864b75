/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_TRIE_H
#define KCAP_MEASURE_TRIE_H

#include "kcap/data/corpus.h"

/* A token of values that begin alike up to it. */
typedef struct kc_node {
    int32_t token, parent;
    int32_t first, n; /* children: nodes first ... first+n-1 */
    int32_t opens;    /* -1: no value ends here; else kc_values.opens of the one that does */
} kc_node;

/* Values as a tree of tokens, node 0 in front of the first; equal ones are one. All zero is empty. */
typedef struct kc_trie {
    int32_t n;
    kc_node *node;
    int64_t values; /* different ones */
    int64_t texts;  /* windows that score them all, beyond the one with the document */
} kc_trie;

enum { KC_TRIE_TEXTS = 1024, KC_TRIE_DRAWN = 512 };

/* The tree of all values, or where that takes more than KC_TRIE_TEXTS windows of KC_TRIE_DRAWN values, by
 * a draw of their own of (seed, key).
 *   owns        release with kc_trie_free */
void kc_trie_create(const kc_values *values, uint64_t seed, uint64_t key, kc_trie *tree);
void kc_trie_free(kc_trie *tree);

/* Tokens of the path to a node; `to` holds them, in order. Returns their number. */
int32_t kc_trie_path(const kc_trie *tree, int32_t node, int32_t *to);

/* The node at the end of a path, or -1. */
int32_t kc_trie_find(const kc_trie *tree, const int32_t *tokens, int32_t n);

#endif
