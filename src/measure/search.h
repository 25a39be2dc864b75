/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_SEARCH_H
#define KCAP_MEASURE_SEARCH_H

#include "kcap/base/arena.h"
#include "measure/predict.h"
#include "measure/trie.h"
#include "kcap/measure/spans.h"

/* What is searched for in a document: how many values are likelier than the true one. */
typedef struct kc_truth {
    const kc_trie *tree;
    double nats;
    int32_t begin, follows; /* tokens of the document: its first; what stands behind it */
    int32_t node;           /* its own, -1: it is not among the candidates            */
    double better;          /* found likelier so far */
} kc_truth;

/* Who is asked. */
typedef struct kc_asked {
    kc_predict predict;
    void *predictor;
    const kc_grid *ep;         /* ranks that share experts, or NULL */
    const kc_stopper *stopper; /* asked before each window; or NULL */
    int64_t V, tokens;         /* tokens: of a text, at most */
} kc_asked;

/* A thread's search: the document, whose values stand in `truth`, and the distributions of the last
 * window. */
typedef struct kc_search {
    const kc_asked *asked;
    int thread;
    kc_doc doc; /* [2 x longest]: room for what follows any document */
    int32_t *text, *path;
    float *logits, *scratch; /* [tokens, V], [V] */
    kc_truth *truth;         /* [n_attributes], one a span of the document */
    struct kc_branch *open;  /* to be looked at */
    int64_t n_open, open_room;
} kc_search;

/* Searches of `threads` threads, from the arena; NULL where it only counts.
 *   asked       borrowed
 *   owns        release with kc_searches_free, before the arena */
kc_search *kc_searches_take(const kc_asked *asked, const kc_corpus_info *info, int threads,
                            kc_arena *a);
void kc_searches_free(kc_search *s, int threads);

/* Ask for what follows tokens first ... first+n-1 of a text: rows 0 ... n-1 of s->logits. */
void kc_search_predict(kc_search *s, const int32_t *tokens, int64_t first, int64_t n);

/* -ln Pr[token] by row i, and is it the most likely one (of equal ones the first)? */
double kc_search_nats(kc_search *s, int64_t i, int32_t token, int *hit);

/* Begin with the value of a span: its first token's distribution is row i. */
void kc_search_value(kc_search *s, int32_t span, int64_t i);

/* Look at all that may be likelier than the truths.   returns 0 where it was broken off */
int kc_search_all(kc_search *s);

#endif
