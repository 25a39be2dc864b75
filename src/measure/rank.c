/* SPDX-License-Identifier: BSD-3-Clause */
#include "measure/rank.h"

#include <math.h>
#include <stdlib.h>

#include "kcap/base/memory.h"
#include "measure/rounds.h"
#include "measure/search.h"

struct kc_ranker {
    const kc_corpus *corpus;
    const kc_corpus_info *info;
    kc_asked asked;
    kc_trie *tree; /* [n_attributes] */
    kc_arena arena;
    kc_search *search; /* [threads] */
    int threads;
};

size_t kc_ranker_bytes(const kc_corpus_info *info, int64_t n_vocab, int threads)
{
    kc_arena count = {0};
    kc_searches_take(&(kc_asked){.V = n_vocab}, info, threads, &count);
    return count.used;
}

kc_ranker *kc_ranker_create(const kc_corpus *corpus, uint64_t seed, kc_predict predict,
                            void *predictor, int threads, const kc_grid *ep,
                            const kc_stopper *stopper)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);
    kc_ranker *r = kc_alloc(1, sizeof *r, "rankers");
    *r = (kc_ranker){.corpus = corpus, .info = info, .threads = threads};
    r->asked = (kc_asked){.predict = predict,
                          .predictor = predictor,
                          .ep = ep,
                          .stopper = stopper,
                          .V = info->n_vocab,
                          .tokens = info->max_doc_tokens};
    r->tree = kc_alloc(info->n_attributes, sizeof *r->tree, "trees of values");
    for (int32_t a = 0; a < info->n_attributes; ++a) {
        const kc_values values = kc_corpus_values(corpus, a);
        if (values.n)
            kc_trie_create(&values, seed, 1 + (uint64_t)a, &r->tree[a]);
    }
    kc_searches_take(&r->asked, info, threads, &r->arena);
    kc_arena_reserve(&r->arena);
    r->search = kc_searches_take(&r->asked, info, threads, &r->arena);
    return r;
}

void kc_ranker_destroy(kc_ranker *r)
{
    for (int32_t a = 0; a < r->info->n_attributes; ++a)
        kc_trie_free(&r->tree[a]);
    kc_searches_free(r->search, r->threads);
    kc_arena_destroy(&r->arena);
    free(r->tree);
    free(r);
}

int64_t kc_ranker_candidates(const kc_ranker *r, int32_t attribute)
{
    return r->tree[attribute].values;
}

void kc_ranker_serve(kc_ranker *r)
{
    while (kc_goes_on(r->asked.ep, 0))
        r->asked.predict(r->asked.predictor, 0, NULL, 0, 0, NULL);
}

static kc_told told_of(kc_search *search, const kc_span *s, int64_t from)
{
    kc_told told = {.rank = NAN, .attribute = s->attribute, .recalled = 1};
    for (int32_t i = s->begin; i < s->end; ++i) {
        int hit;
        told.nats += kc_search_nats(search, i - 1 - from, search->doc.tokens[i], &hit);
        told.recalled &= (int8_t)hit;
        if (i == s->begin)
            told.first = (int8_t)hit;
    }
    return told;
}

/* What is ranked of a span: all of the value, or its first chunk. */
static kc_truth truth_of(const kc_ranker *r, kc_search *search, const kc_span *s, int64_t from)
{
    const int heads = kc_corpus_values(r->corpus, s->attribute).heads;
    const int32_t end = heads ? s->head_end : s->end;
    const int32_t *tokens = search->doc.tokens;
    kc_truth t = {.tree = &r->tree[s->attribute], .begin = s->begin};
    t.follows = end - (heads ? 0 : (int32_t)s->opens);
    t.node = kc_trie_find(t.tree, tokens + s->begin, t.follows - s->begin);
    for (int32_t i = s->begin; i < end; ++i) {
        int hit;
        t.nats += kc_search_nats(search, i - 1 - from, tokens[i], &hit);
    }
    return t;
}

static int is_ranked(const kc_ranker *r, const kc_span *s, int32_t ranked)
{
    return r->tree[s->attribute].values && (ranked == KC_RANK_ALL || ranked == s->attribute);
}

static void read_ranks(const kc_ranker *r, kc_search *search, int64_t from, int32_t ranked,
                       kc_told *told)
{
    const kc_doc *doc = &search->doc;
    for (int32_t i = 0; i < doc->n_spans; ++i) {
        const kc_span *s = &doc->spans[i];
        if (!is_ranked(r, s, ranked))
            continue;
        search->truth[i] = truth_of(r, search, s, from);
        kc_search_value(search, i, s->begin - 1 - from);
    }
    const int whole = kc_search_all(search);
    for (int32_t i = 0; i < doc->n_spans && whole; ++i)
        if (is_ranked(r, &doc->spans[i], ranked))
            told[i].rank = 1 + search->truth[i].better;
}

int32_t kc_ranker_read(kc_ranker *r, int thread, int64_t document, int64_t exposure, int32_t ranked,
                       kc_told *told)
{
    kc_search *search = &r->search[thread];
    kc_doc *doc = &search->doc;
    kc_corpus_document(r->corpus, document, exposure, doc);
    doc->tokens[doc->n_tokens] = KC_EOS; /* what follows any document */
    int32_t from = doc->n_tokens, end = 1;
    for (int32_t i = 0; i < doc->n_spans; ++i) {
        from = doc->spans[i].begin - 1 < from ? doc->spans[i].begin - 1 : from;
        end = doc->spans[i].end > end ? doc->spans[i].end : end;
    }
    kc_search_predict(search, doc->tokens, from, end - 1 - from);
    for (int32_t i = 0; i < doc->n_spans; ++i)
        told[i] = told_of(search, &doc->spans[i], from);
    if (ranked != KC_RANK_NONE)
        read_ranks(r, search, from, ranked, told);
    return doc->n_spans;
}
