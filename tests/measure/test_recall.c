/* SPDX-License-Identifier: BSD-3-Clause */
/* Recall with ranks: an oracle that knows some people answers at that accuracy, and one that finds tokens more or
 * less likely ranks the values as a count over all of them does, without a tree. */
#include "../comm/grids.h"
#include "../data/corpora.h"

#include <math.h>

#include "kcap/base/rng.h"
#include "measure/recall.h"

enum { PEOPLE = 40, THREADS = 2, ROOM = 2048 };

/* Each token is likelier or less after another, by a draw; who is known has what comes next for sure. */
typedef struct oracle {
    const kc_corpus *corpus; /* that is known, or NULL    */
    int64_t V, every;        /* every so many-th person is */
    int64_t calls;           /* windows: the cost          */
} oracle;

static double likes(int32_t before, int32_t token)
{
    return ldexp((double)(kc_rand(5, KC_STREAM_INIT, (uint64_t)before, (uint32_t)token) >> 44),
                 -17);
}

/* The token that follows in the text of somebody known, or -1. */
static int32_t known(const oracle *o, const int32_t *tokens, int64_t n)
{
    int32_t text[ROOM];
    kc_span spans[KC_ATTRIBUTES_MAX];
    kc_doc doc = {.tokens = text, .spans = spans};
    for (int64_t i = 0; o->corpus && i < kc_corpus_about(o->corpus)->n_people; i += o->every) {
        kc_corpus_document(o->corpus, i, KC_MEASURE, &doc);
        text[doc.n_tokens] = KC_EOS;
        if (n <= doc.n_tokens && memcmp(text, tokens, (size_t)n * sizeof *text) == 0)
            return text[n];
    }
    return -1;
}

static void predict(void *oracle_, int thread, const int32_t *tokens, int64_t first, int64_t n,
                    float *logits)
{
    oracle *o = oracle_;
    (void)thread;
#pragma omp atomic
    ++o->calls;
    for (int64_t i = 0; i < n; ++i) {
        const int32_t next = known(o, tokens, first + i + 1);
        for (int64_t v = 0; v < o->V; ++v)
            logits[i * o->V + v] = (float)likes(tokens[first + i], (int32_t)v) + (next == v) * 60;
    }
}

static kc_config small_config(int64_t kind)
{
    kc_config cfg = config_of(kind, PEOPLE);
    cfg.corpus.birth_years = 3;
    cfg.corpus.attributes = 3;
    cfg.corpus.chunks = 2;
    cfg.corpus.diversity = 20;
    cfg.corpus.length = 2;
    cfg.corpus.alphabet = 6;
    cfg.corpus.vocab = 30;
    if (kind == KC_corpus_kind_facts)
        cfg.corpus.people = 0;
    return cfg;
}

static kc_corpus *corpus_of(const kc_config *cfg)
{
    const texts t = small_texts();
    return small_corpus(cfg, &t);
}

static double nats_after(int32_t before, int32_t token, int64_t V)
{
    double sum = 0;
    for (int64_t v = 0; v < V; ++v)
        sum += exp((double)(float)likes(before, (int32_t)v));
    return log(sum) - (double)(float)likes(before, token);
}

/* Nats of a value in the place of a span, with as many tokens behind it as tell its end. */
static double nats_in(const kc_doc *doc, const kc_span *s, const kc_values *v, int64_t i, int64_t V)
{
    const int32_t behind = v->heads ? s->head_end : s->end - (int32_t)s->opens;
    int32_t before = doc->tokens[s->begin - 1];
    double nats = 0;
    for (int32_t t = v->begin[i]; t < v->begin[i + 1]; before = v->token[t++])
        nats += nats_after(before, v->token[t], V);
    for (int32_t k = 0; k < v->opens[i] && behind + k <= doc->n_tokens;
         before = doc->tokens[behind + k++])
        nats += nats_after(before, doc->tokens[behind + k], V);
    return nats;
}

/* Is an equal value among those before it? */
static int is_twice(const kc_values *v, int64_t i)
{
    const int32_t n = v->begin[i + 1] - v->begin[i];
    for (int64_t j = 0; j < i; ++j)
        if (v->begin[j + 1] - v->begin[j] == n &&
            memcmp(v->token + v->begin[j], v->token + v->begin[i], (size_t)n * sizeof *v->token) ==
                0)
            return 1;
    return 0;
}

/* The rank by a count over all values, whose margin is left to rounding. */
static void check_rank(const kc_corpus *corpus, const kc_doc *doc, const kc_span *s,
                       const kc_told *told)
{
    const kc_values v = kc_corpus_values(corpus, s->attribute);
    const int64_t V = kc_corpus_about(corpus)->n_vocab;
    const int32_t end = v.heads ? s->head_end : s->end;
    double least = 1, most = 1, truth = 0;
    for (int32_t t = s->begin; t < end; ++t)
        truth += nats_after(doc->tokens[t - 1], doc->tokens[t], V);
    for (int64_t i = 0; i < v.n; ++i) {
        const double nats = nats_in(doc, s, &v, i, V);
        least += nats < truth - 1e-5 && !is_twice(&v, i);
        most += nats < truth + 1e-5 && !is_twice(&v, i);
    }
    assert_true(least <= told->rank && told->rank <= most && most <= least + 1);
}

/* One value's rank alone is the one among all, and takes the windows of its own search and no more. */
static void check_alone(kc_ranker *r, oracle *o, int64_t person, const kc_told *all, int32_t n,
                        int64_t calls)
{
    kc_told alone[KC_ATTRIBUTES_MAX];
    int64_t searched = 1; /* and the window of the document */
    for (int32_t s = 0; s < n; ++s) {
        const int64_t before = o->calls;
        kc_ranker_read(r, 0, person, KC_MEASURE, all[s].attribute, alone);
        searched += o->calls - before - 1;
        for (int32_t k = 0; k < n; ++k)
            assert_true(k == s && !isnan(all[s].rank) ? alone[k].rank == all[k].rank
                                                      : isnan(alone[k].rank));
    }
    assert_int_equal(searched, calls);
}

static void check_ranks(int64_t kind)
{
    const kc_config cfg = small_config(kind);
    kc_corpus *corpus = corpus_of(&cfg);
    const kc_corpus_info *info = kc_corpus_about(corpus);
    oracle o = {.V = info->n_vocab};
    kc_ranker *r = kc_ranker_create(corpus, 1, predict, &o, 1, NULL, NULL);
    kc_told told[KC_ATTRIBUTES_MAX];
    int32_t text[ROOM];
    kc_span spans[KC_ATTRIBUTES_MAX];
    kc_doc doc = {.tokens = text, .spans = spans};
    int64_t ranked = 0;
    for (int64_t i = 0; i < info->n_people; ++i) {
        kc_corpus_document(corpus, i, KC_MEASURE, &doc);
        text[doc.n_tokens] = KC_EOS;
        const int64_t before = o.calls;
        assert_int_equal(kc_ranker_read(r, 0, i, KC_MEASURE, KC_RANK_ALL, told), doc.n_spans);
        if (i % 4 == 0)
            check_alone(r, &o, i, told, doc.n_spans, o.calls - before);
        for (int32_t s = 0; s < doc.n_spans; ++s) {
            assert_int_equal(told[s].attribute, spans[s].attribute);
            if (!kc_corpus_values(corpus, spans[s].attribute).n) {
                assert_true(isnan(told[s].rank));
                continue;
            }
            check_rank(corpus, &doc, &spans[s], &told[s]);
            ++ranked;
        }
    }
    assert_true(kind == KC_corpus_kind_random ? ranked == 0 : ranked > 0);
    kc_ranker_destroy(r);
}

KC_TEST(ranks_are_those_of_a_count_over_all_values)
{
    check_ranks(KC_corpus_kind_bios);
    check_ranks(KC_corpus_kind_biod);
    check_ranks(KC_corpus_kind_facts);
    check_ranks(KC_corpus_kind_random);
}

/* Who knows the truth pays one window a document. */
KC_TEST(what_is_known_takes_no_search)
{
    const kc_config cfg = small_config(KC_corpus_kind_bios);
    kc_corpus *corpus = corpus_of(&cfg);
    oracle o = {.corpus = corpus, .V = kc_corpus_about(corpus)->n_vocab, .every = 1};
    kc_ranker *r = kc_ranker_create(corpus, 1, predict, &o, 1, NULL, NULL);
    kc_told told[KC_ATTRIBUTES_MAX];
    for (int64_t i = 0; i < PEOPLE; ++i)
        kc_ranker_read(r, 0, i, KC_MEASURE, KC_RANK_ALL, told);
    assert_int_equal(o.calls, PEOPLE);
    assert_int_equal(kc_ranker_candidates(r, 1), 3 * 12 * 28);
    assert_int_equal(kc_ranker_candidates(r, 7), 3); /* two employers are in New York */
    assert_int_equal(kc_ranker_candidates(r, 0), 0);
    kc_ranker_destroy(r);
}

/* A row of everybody, of a quarter of whom all is known. */
static void recall(const kc_grid *g, int64_t people, const kc_config *cfg, kc_schema *schema,
                   void **row)
{
    kc_corpus *corpus = corpus_of(cfg);
    const kc_corpus_info *info = kc_corpus_about(corpus);
    const kc_shape shape = {.T = ROOM};
    kc_model model = {.shape = shape};
    oracle o = {.corpus = corpus, .V = info->n_vocab, .every = 4};
    const kc_subject x = {.grid = g, .cfg = cfg, .corpus = corpus, .model = &model};
    kc_measure_recall.columns(info, &shape, schema);
    *row = kc_row_create(schema);
    kc_test_owns(*row, free);
    assert_int_equal(kc_recall(&x, predict, &o, THREADS, people, schema, *row), 0);
}

static double value(const kc_schema *s, const void *row, const char *name, int a)
{
    return ((const double *)kc_row_at(s, row, name))[a];
}

KC_TEST(a_known_table_is_recalled_at_known_accuracy)
{
    const kc_grid *g = *state;
    const kc_config cfg = small_config(KC_corpus_kind_bios);
    kc_schema s;
    void *row;
    recall(g, PEOPLE, &cfg, &s, &row);
    for (int a = 1; a < 8; ++a) {
        assert_true(value(&s, row, "read", a) == PEOPLE);
        assert_true(value(&s, row, "recall_error", a) == 0); /* everybody is read */
        assert_true(value(&s, row, "recall", a) >= 0.25);
        assert_true(value(&s, row, "top", a) >= value(&s, row, "recall", a));
    }
    /* Whom it does not know it finds by chance, of many dates hardly. */
    assert_true(value(&s, row, "recall", 1) < 0.35);
    assert_true(value(&s, row, "median_rank", 1) > 10);
    assert_null(kc_row_at(&s, row, "extracted"));
    assert_same_on_all(g, row, kc_row_bytes(&s));
    kc_schema_free(&s);
}

/* Of half the people, and the standard error is that of the share recalled. */
KC_TEST(a_draw_says_its_error)
{
    const kc_grid *g = *state;
    const kc_config cfg = small_config(KC_corpus_kind_bios);
    const double n = PEOPLE / 2;
    kc_schema s;
    void *row;
    recall(g, PEOPLE / 2, &cfg, &s, &row);
    const double p = value(&s, row, "recall", 1);
    assert_true(value(&s, row, "read", 1) == n);
    assert_true(p > 0 && p < 0.6);
    assert_float_equal(value(&s, row, "recall_error", 1), sqrt(p * (1 - p) / (n - 1) / 2), 1e-12);
    assert_true(fabs(p - 0.25) < 4 * value(&s, row, "recall_error", 1));
    kc_schema_free(&s);
}

KC_TEST_MAIN(all_ranks, all_ranks_stop)
