/* SPDX-License-Identifier: BSD-3-Clause */
/* The values of an attribute are a tree of tokens, searched with what is known: a value cannot be likelier
 * than its beginning, so nothing behind a beginning that is less likely than the truth is looked at. Who
 * knows the truth needs no window more than the document's own; who knows nothing, one a branch. */
#include "measure/search.h"

#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "measure/rounds.h"

/* A branch to be looked at. */
typedef struct kc_branch {
    int32_t span, node;
    int ends; /* a value ends here, and what follows in the text tells it from longer ones */
    double nats;
} kc_branch;

kc_search *kc_searches_take(const kc_asked *asked, const kc_corpus_info *info, int threads,
                            kc_arena *a)
{
    const int64_t n = 2 * info->max_doc_tokens; /* a document up to a value, and another value */
    kc_search *all = kc_arena_take(a, threads, sizeof *all);
    for (int i = 0; i < threads; ++i) {
        kc_search s = {.asked = asked, .thread = i};
        s.text = kc_arena_take(a, n + 1, sizeof *s.text);
        s.path = kc_arena_take(a, n, sizeof *s.path);
        s.doc.tokens = kc_arena_take(a, n, sizeof *s.doc.tokens);
        s.doc.spans = kc_arena_take(a, info->n_attributes, sizeof *s.doc.spans);
        s.truth = kc_arena_take(a, info->n_attributes, sizeof *s.truth);
        s.logits = kc_arena_floats(a, info->max_doc_tokens * asked->V);
        s.scratch = kc_arena_floats(a, asked->V);
        if (all)
            all[i] = s;
    }
    return all;
}

void kc_searches_free(kc_search *s, int threads)
{
    for (int i = 0; i < threads; ++i)
        free(s[i].open);
}

void kc_search_predict(kc_search *s, const int32_t *tokens, int64_t first, int64_t n)
{
    const kc_asked *of = s->asked;
    kc_goes_on(of->ep, 1);
    of->predict(of->predictor, s->thread, tokens, first, n, s->logits);
}

static const float *row_at(const kc_search *s, int64_t i)
{
    return s->logits + i * s->asked->V;
}

/* -ln Pr[token] by row i. */
static double nats_at(kc_search *s, int64_t i, int32_t token)
{
    return kc_log_sum(row_at(s, i), s->asked->V, s->scratch) - (double)row_at(s, i)[token];
}

double kc_search_nats(kc_search *s, int64_t i, int32_t token, int *hit)
{
    const float *row = row_at(s, i);
    int64_t best = 0;
    for (int64_t v = 1; v < s->asked->V; ++v)
        best = row[v] > row[best] ? v : best;
    *hit = best == token;
    return nats_at(s, i, token);
}

static void push(kc_search *s, kc_branch b)
{
    s->open = kc_grow(s->open, &s->open_room, s->n_open + 1, sizeof *s->open);
    s->open[s->n_open++] = b;
}

/* A node with so many nats: count the value that ends there, and look behind it later. */
static void settle(kc_search *s, int32_t span, int32_t at, double nats, int later)
{
    kc_truth *t = &s->truth[span];
    const kc_node *node = &t->tree->node[at];
    if (nats >= t->nats)
        return;
    if (node->opens == 0 && at != t->node)
        ++t->better;
    if (node->opens > 0 && at != t->node)
        push(s, (kc_branch){span, at, 1, nats});
    if (node->n > 0 && later)
        push(s, (kc_branch){span, at, 0, nats});
}

/* The children of a node, whose distribution is row i. */
static void look(kc_search *s, kc_branch b, int64_t i, int32_t next)
{
    const kc_trie *tree = s->truth[b.span].tree;
    const kc_node *node = &tree->node[b.node];
    const float *row = row_at(s, i);
    const double sum = kc_log_sum(row, s->asked->V, s->scratch);
    for (int32_t c = node->first; c < node->first + node->n; ++c)
        settle(s, b.span, c, b.nats + sum - (double)row[tree->node[c].token], c != next);
}

void kc_search_value(kc_search *s, int32_t span, int64_t i)
{
    look(s, (kc_branch){span, 0, 0, 0}, i, 0);
}

/* The first child with children, or 0: a window looks down to where these end. */
static int32_t down(const kc_trie *tree, int32_t at)
{
    const kc_node *node = &tree->node[at];
    for (int32_t c = node->first; c < node->first + node->n; ++c)
        if (tree->node[c].n > 0)
            return c;
    return 0;
}

/* The document up to a value, then the path to a node and what is first below it; returns the place of
 * the node's own token. */
static int32_t text_to(kc_search *s, const kc_truth *t, int32_t node, int32_t *n)
{
    const int32_t path = kc_trie_path(t->tree, node, s->path);
    memcpy(s->text, s->doc.tokens, (size_t)t->begin * sizeof *s->text);
    memcpy(s->text + t->begin, s->path, (size_t)path * sizeof *s->text);
    *n = t->begin + path;
    return *n - 1;
}

static void open_branch(kc_search *s, kc_branch b)
{
    const kc_truth *t = &s->truth[b.span];
    int32_t n;
    const int32_t at = text_to(s, t, b.node, &n);
    for (int32_t c = down(t->tree, b.node); c; c = down(t->tree, c))
        s->text[n++] = t->tree->node[c].token;
    if (n > s->asked->tokens) /* of the values of a city of work, longer than any document */
        return;
    kc_search_predict(s, s->text, at, n - at);
    for (int32_t i = 0; i < n - at; ++i) {
        const int32_t next = i + 1 < n - at ? down(t->tree, b.node) : 0;
        look(s, b, i, next);
        if (!next)
            break;
        b.nats += nats_at(s, i, t->tree->node[next].token);
        b.node = next;
    }
}

/* A value that opens a longer one is as likely as it and what follows. */
static void end_branch(kc_search *s, kc_branch b)
{
    kc_truth *t = &s->truth[b.span];
    int32_t n;
    const int32_t at = text_to(s, t, b.node, &n);
    int32_t opens = t->tree->node[b.node].opens;
    if (opens > s->doc.n_tokens + 1 - t->follows)
        opens = s->doc.n_tokens + 1 - t->follows;
    if (at + opens > s->asked->tokens)
        return;
    memcpy(s->text + n, s->doc.tokens + t->follows, (size_t)opens * sizeof *s->text);
    kc_search_predict(s, s->text, at, opens);
    for (int32_t i = 0; i < opens; ++i)
        b.nats += nats_at(s, i, s->doc.tokens[t->follows + i]);
    t->better += b.nats < t->nats;
}

int kc_search_all(kc_search *s)
{
    while (s->n_open > 0) {
        const kc_branch b = s->open[--s->n_open];
        if (kc_wants_to_stop(s->asked->stopper)) {
            s->n_open = 0;
            return 0;
        }
        if (b.nats >= s->truth[b.span].nats)
            continue;
        (b.ends ? end_branch : open_branch)(s, b);
    }
    return 1;
}
