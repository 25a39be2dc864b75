/* SPDX-License-Identifier: BSD-3-Clause */
/* The values of an attribute are a tree of tokens, searched with what is known: a value cannot be likelier
 * than its beginning, so nothing behind a beginning that is less likely than the truth is looked at. Who
 * knows the truth needs no window more than the document's own; who knows nothing, one a branch. */
#include "measure/rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "measure/rounds.h"
#include "measure/trie.h"

/* A branch to be looked at. */
typedef struct branch {
    int32_t span, node;
    int ends; /* a value ends here, and what follows in the text tells it from longer ones */
    double nats;
} branch;

/* What is searched for in a document. */
typedef struct truth {
    const kc_trie *tree;
    double nats;
    int32_t begin, follows; /* tokens of the document: its first; what stands behind it */
    int32_t node;           /* its own, -1: it is not among the candidates            */
    double better;
} truth;

/* A thread's room. */
typedef struct room {
    kc_doc doc;
    int32_t *text, *path;
    float *logits, *scratch; /* [tokens, V], [V] */
    truth *truth;            /* [n_attributes]   */
    branch *open;
    int64_t n_open, open_room;
} room;

struct kc_ranker {
    const kc_corpus *corpus;
    const kc_corpus_info *info;
    kc_predict predict;
    void *predictor;
    const kc_grid *ep;
    const kc_stopper *stopper;
    int64_t V, tokens; /* of a text, at most */
    kc_trie *tree;     /* [n_attributes] */
    kc_arena arena;
    room *room; /* [threads] */
    int threads;
};

int64_t kc_ranker_tokens(const kc_corpus_info *info)
{
    return info->max_doc_tokens;
}

static room *rooms_of(const kc_corpus_info *info, int64_t V, int threads, kc_arena *a)
{
    const int64_t n = 2 * info->max_doc_tokens; /* a document up to a value, and another value */
    room *all = kc_arena_take(a, threads, sizeof *all);
    for (int i = 0; i < threads; ++i) {
        room r = {.text = kc_arena_take(a, n + 1, sizeof *r.text)};
        r.path = kc_arena_take(a, n, sizeof *r.path);
        r.doc.tokens = kc_arena_take(a, n, sizeof *r.doc.tokens);
        r.doc.spans = kc_arena_take(a, info->n_attributes, sizeof *r.doc.spans);
        r.truth = kc_arena_take(a, info->n_attributes, sizeof *r.truth);
        r.logits = kc_arena_floats(a, info->max_doc_tokens * V);
        r.scratch = kc_arena_floats(a, V);
        if (all)
            all[i] = r;
    }
    return all;
}

size_t kc_ranker_bytes(const kc_corpus_info *info, int64_t n_vocab, int threads)
{
    kc_arena count = {0};
    rooms_of(info, n_vocab, threads, &count);
    return count.used;
}

kc_ranker *kc_ranker_create(const kc_corpus *corpus, uint64_t seed, kc_predict predict,
                            void *predictor, int threads, const kc_grid *ep,
                            const kc_stopper *stopper)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);
    kc_ranker *r = kc_alloc(1, sizeof *r, "rankers");
    *r = (kc_ranker){.corpus = corpus,
                     .info = info,
                     .predict = predict,
                     .predictor = predictor,
                     .ep = ep,
                     .stopper = stopper,
                     .V = info->n_vocab,
                     .tokens = kc_ranker_tokens(info),
                     .threads = threads};
    r->tree = kc_alloc(info->n_attributes, sizeof *r->tree, "trees of values");
    for (int32_t a = 0; a < info->n_attributes; ++a) {
        const kc_values values = kc_corpus_values(corpus, a);
        if (values.n)
            kc_trie_create(&values, seed, 1 + (uint64_t)a, &r->tree[a]);
    }
    rooms_of(info, r->V, threads, &r->arena);
    kc_arena_reserve(&r->arena);
    r->room = rooms_of(info, r->V, threads, &r->arena);
    return r;
}

void kc_ranker_destroy(kc_ranker *r)
{
    for (int32_t a = 0; a < r->info->n_attributes; ++a)
        kc_trie_free(&r->tree[a]);
    for (int i = 0; i < r->threads; ++i)
        free(r->room[i].open);
    kc_arena_destroy(&r->arena);
    free(r->tree);
    free(r);
}

int64_t kc_ranker_candidates(const kc_ranker *r, int32_t attribute)
{
    return r->tree[attribute].values;
}

static void predict(kc_ranker *r, int thread, const int32_t *tokens, int64_t first, int64_t n)
{
    kc_goes_on(r->ep, 1);
    r->predict(r->predictor, thread, tokens, first, n, r->room[thread].logits);
}

void kc_ranker_serve(kc_ranker *r)
{
    while (kc_goes_on(r->ep, 0))
        r->predict(r->predictor, 0, NULL, 0, 0, NULL);
}

static const float *row_at(const kc_ranker *r, const room *m, int64_t i)
{
    return m->logits + i * r->V;
}

/* -ln Pr[token] by row i, and is it the most likely one (of equal ones the first)? */
static double nats_of(const kc_ranker *r, room *m, int64_t i, int32_t token, int *hit)
{
    const float *row = row_at(r, m, i);
    int64_t best = 0;
    for (int64_t v = 1; v < r->V; ++v)
        best = row[v] > row[best] ? v : best;
    *hit = best == token;
    return kc_log_sum(row, r->V, m->scratch) - (double)row[token];
}

static void push(room *m, branch b)
{
    m->open = kc_grow(m->open, &m->open_room, m->n_open + 1, sizeof *m->open);
    m->open[m->n_open++] = b;
}

/* A node with so many nats: count the value that ends there, and look behind it later. */
static void settle(room *m, int32_t span, int32_t at, double nats, int later)
{
    truth *t = &m->truth[span];
    const kc_node *node = &t->tree->node[at];
    if (nats >= t->nats)
        return;
    if (node->opens == 0 && at != t->node)
        ++t->better;
    if (node->opens > 0 && at != t->node)
        push(m, (branch){span, at, 1, nats});
    if (node->n > 0 && later)
        push(m, (branch){span, at, 0, nats});
}

/* The children of a node, whose distribution is row i. */
static void look(const kc_ranker *r, room *m, branch b, int64_t i, int32_t next)
{
    const kc_trie *tree = m->truth[b.span].tree;
    const kc_node *node = &tree->node[b.node];
    const float *row = row_at(r, m, i);
    const double sum = kc_log_sum(row, r->V, m->scratch);
    for (int32_t c = node->first; c < node->first + node->n; ++c)
        settle(m, b.span, c, b.nats + sum - (double)row[tree->node[c].token], c != next);
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
static int32_t text_to(room *m, const truth *t, int32_t node, int32_t *n)
{
    const int32_t path = kc_trie_path(t->tree, node, m->path);
    memcpy(m->text, m->doc.tokens, (size_t)t->begin * sizeof *m->text);
    memcpy(m->text + t->begin, m->path, (size_t)path * sizeof *m->text);
    *n = t->begin + path;
    return *n - 1;
}

static void open_branch(kc_ranker *r, int thread, branch b)
{
    room *m = &r->room[thread];
    const truth *t = &m->truth[b.span];
    int32_t n;
    const int32_t at = text_to(m, t, b.node, &n);
    for (int32_t c = down(t->tree, b.node); c; c = down(t->tree, c))
        m->text[n++] = t->tree->node[c].token;
    if (n > r->tokens) /* of the values of a city of work, longer than any document */
        return;
    predict(r, thread, m->text, at, n - at);
    for (int32_t i = 0; i < n - at; ++i) {
        const int32_t next = i + 1 < n - at ? down(t->tree, b.node) : 0;
        look(r, m, b, i, next);
        if (!next)
            break;
        b.nats += kc_log_sum(row_at(r, m, i), r->V, m->scratch) -
                  (double)row_at(r, m, i)[t->tree->node[next].token];
        b.node = next;
    }
}

/* A value that opens a longer one is as likely as it and what follows. */
static void end_branch(kc_ranker *r, int thread, branch b)
{
    room *m = &r->room[thread];
    truth *t = &m->truth[b.span];
    int32_t n;
    const int32_t at = text_to(m, t, b.node, &n);
    int32_t opens = t->tree->node[b.node].opens;
    if (opens > m->doc.n_tokens + 1 - t->follows)
        opens = m->doc.n_tokens + 1 - t->follows;
    if (at + opens > r->tokens)
        return;
    memcpy(m->text + n, m->doc.tokens + t->follows, (size_t)opens * sizeof *m->text);
    predict(r, thread, m->text, at, opens);
    for (int32_t i = 0; i < opens; ++i)
        b.nats += kc_log_sum(row_at(r, m, i), r->V, m->scratch) -
                  (double)row_at(r, m, i)[m->doc.tokens[t->follows + i]];
    t->better += b.nats < t->nats;
}

static kc_told told_of(kc_ranker *r, room *m, const kc_span *s, int64_t from)
{
    kc_told told = {.rank = NAN, .attribute = s->attribute, .recalled = 1};
    for (int32_t i = s->begin; i < s->end; ++i) {
        int hit;
        told.nats += nats_of(r, m, i - 1 - from, m->doc.tokens[i], &hit);
        told.recalled &= (int8_t)hit;
        if (i == s->begin)
            told.first = (int8_t)hit;
    }
    return told;
}

/* What is ranked of a span: all of the value, or its first chunk. */
static truth truth_of(kc_ranker *r, room *m, const kc_span *s, int64_t from)
{
    const int heads = kc_corpus_values(r->corpus, s->attribute).heads;
    const int32_t end = heads ? s->head_end : s->end;
    truth t = {.tree = &r->tree[s->attribute], .begin = s->begin};
    t.follows = end - (heads ? 0 : (int32_t)s->opens);
    t.node = kc_trie_find(t.tree, m->doc.tokens + s->begin, t.follows - s->begin);
    for (int32_t i = s->begin; i < end; ++i) {
        int hit;
        t.nats += nats_of(r, m, i - 1 - from, m->doc.tokens[i], &hit);
    }
    return t;
}

/* Look at all branches; 0: it was broken off. */
static int search(kc_ranker *r, int thread)
{
    room *m = &r->room[thread];
    while (m->n_open > 0) {
        const branch b = m->open[--m->n_open];
        if (kc_wants_to_stop(r->stopper))
            return 0;
        if (b.nats >= m->truth[b.span].nats)
            continue;
        (b.ends ? end_branch : open_branch)(r, thread, b);
    }
    return 1;
}

static void read_ranks(kc_ranker *r, int thread, int64_t from, kc_told *told)
{
    room *m = &r->room[thread];
    m->n_open = 0;
    for (int32_t i = 0; i < m->doc.n_spans; ++i) {
        const kc_span *s = &m->doc.spans[i];
        if (!r->tree[s->attribute].values)
            continue;
        m->truth[i] = truth_of(r, m, s, from);
        look(r, m, (branch){i, 0, 0, 0}, s->begin - 1 - from, 0);
    }
    const int whole = search(r, thread);
    for (int32_t i = 0; i < m->doc.n_spans && whole; ++i)
        if (r->tree[m->doc.spans[i].attribute].values)
            told[i].rank = 1 + m->truth[i].better;
}

int32_t kc_ranker_read(kc_ranker *r, int thread, int64_t document, int64_t exposure, int ranked,
                       kc_told *told)
{
    room *m = &r->room[thread];
    kc_doc *doc = &m->doc;
    kc_corpus_document(r->corpus, document, exposure, doc);
    doc->tokens[doc->n_tokens] = KC_EOS; /* what follows any document */
    int32_t from = doc->n_tokens, end = 1;
    for (int32_t i = 0; i < doc->n_spans; ++i) {
        from = doc->spans[i].begin - 1 < from ? doc->spans[i].begin - 1 : from;
        end = doc->spans[i].end > end ? doc->spans[i].end : end;
    }
    predict(r, thread, doc->tokens, from, end - 1 - from);
    for (int32_t i = 0; i < doc->n_spans; ++i)
        told[i] = told_of(r, m, &doc->spans[i], from);
    if (ranked)
        read_ranks(r, thread, from, told);
    return doc->n_spans;
}
