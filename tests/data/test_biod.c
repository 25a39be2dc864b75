/* SPDX-License-Identifier: BSD-3-Clause */
#include "corpora.h"

#include <math.h>

/* bioD over the small names: 5 x 4 x 4 of them; "Ada" stands in two pools. */
static kc_corpus *small_biod(int64_t people, int64_t K, int64_t C, int64_t D, int64_t L, int64_t T)
{
    kc_config cfg = config_of(KC_corpus_kind_biod, people);
    texts t = small_texts();

    cfg.corpus.attributes = K;
    cfg.corpus.chunks = C;
    cfg.corpus.diversity = D;
    cfg.corpus.length = L;
    cfg.corpus.alphabet = T;
    return small_corpus(&cfg, &t);
}

KC_TEST(the_quickstart_counts)
{
    kc_config cfg = config_of(KC_corpus_kind_biod, 2000);
    kc_corpus *c;
    const kc_corpus_info *info;
    double names = 3 * log(48) / log(2), people = log(2000) / log(2);

    cfg.corpus.first_names = cfg.corpus.middle_names = cfg.corpus.last_names = 48;
    c = shipped_corpus(&cfg);
    info = kc_corpus_about(c);
    assert_int_equal(info->n_vocab, 279);
    assert_int_equal(info->max_doc_tokens, 16);
    assert_int_equal(info->lengths_are_equal, 1);
    assert_float_equal(info->mean_doc_tokens, 16, 0);
    assert_int_equal(info->n_attributes, 7);
    assert_float_equal(info->term[KC_READ_NAME].log2_size, names, 1e-9);
    assert_float_equal(info->term[KC_READ_VALUES].log2_size, 7, 1e-12);
    assert_float_equal(info->term[KC_READ_NAME].max_bits, 2000 * (names - people), 1e-6);
    assert_float_equal(info->term[KC_READ_VALUES].max_bits, 84000, 1e-6);
    assert_float_equal(info->term[KC_READ_CHUNKS].max_bits, 0, 1e-6);
    assert_float_equal(info->max_bits, 95578, 1);
}

KC_TEST(bits_follow_the_bound)
{
    kc_corpus *c = small_biod(40, 3, 2, 10, 4, 5);
    const kc_corpus_info *info = kc_corpus_about(c);
    double value = 40 * 3 * 2 * log2(10), diversity = 3 * 10 * log2(5 * 5 * 5 * 5 / 10.0);

    assert_float_equal(info->term[KC_READ_VALUES].log2_size, 2 * log2(10), 1e-12);
    assert_float_equal(info->attribute[3].log2_pool, 2 * log2(10), 1e-12);
    assert_string_equal(info->attribute[3].name, "id3");
    assert_float_equal(info->term[KC_READ_NAME].max_bits, 40, 1e-9);
    assert_float_equal(info->term[KC_READ_VALUES].max_bits, value, 1e-9);
    assert_float_equal(info->term[KC_READ_CHUNKS].max_bits, diversity, 1e-9);
    assert_float_equal(info->max_bits, 40 + value + diversity, 1e-9);
    assert_int_equal(info->max_doc_tokens, 1 + 3 + 3 * (1 + 2 * 4));
}

KC_TEST(words_stand_in_their_order)
{
    static const char *const WANT[] = {
        "<eos>", "Ada",   "Ben", "Cleo",     "Dan",  "Eve Marie", "Lou", "May", "Ned", "Ada",
        "Poe",   "Quist", "Roe", "Florence", "id1:", "id2:",      "c0",  "c1",  "c2"};
    kc_corpus *c = small_biod(10, 2, 1, 3, 1, 3);

    assert_int_equal(kc_corpus_about(c)->n_vocab, 19);
    for (int32_t i = 0; i < 19; i++)
        assert_string_equal(kc_corpus_word(c, i), WANT[i]);
}

/* The corpus whose documents are checked. */
enum { N = 80, K = 5, C = 3, L = 2, VALUES = K * C * L };

/* Check one document; values[a * C + chunk] holds the person's strings, -1 until seen. */
static void document_check(const kc_corpus *c, const kc_doc *doc, int64_t person, int32_t *strings)
{
    const kc_corpus_info *info = kc_corpus_about(c);
    int32_t chunk = L, value = C * chunk, at = 4;
    int64_t name = kc_corpus_value(c, person, 0), seen = 0;

    assert_int_equal(doc->n_tokens, info->max_doc_tokens);
    assert_int_equal(doc->n_spans, info->n_attributes);
    assert_int_equal(doc->tokens[0], KC_EOS);
    assert_int_equal(doc->tokens[1], 1 + name / 16);
    assert_int_equal(doc->tokens[2], 6 + name / 4 % 4);
    assert_int_equal(doc->tokens[3], 10 + name % 4);
    assert_memory_equal(&doc->spans[0], (&(kc_span){person, 0, 1, 2, 4, 0}), sizeof(kc_span));
    for (int32_t s = 1; s < doc->n_spans; s++) {
        const kc_span *span = &doc->spans[s];
        int32_t *mine = strings + (span->attribute - 1) * value;

        assert_int_equal(doc->tokens[at], 13 + span->attribute);
        assert_int_equal(span->begin, at + 1);
        assert_int_equal(span->head_end, at + 1 + chunk);
        assert_int_equal(span->end, at + 1 + value);
        if (mine[0] < 0)
            memcpy(mine, doc->tokens + at + 1, (size_t)value * sizeof *mine);
        assert_memory_equal(mine, doc->tokens + at + 1, (size_t)value * sizeof *mine);
        for (int32_t i = span->begin; i < span->end; i++)
            assert_in_range(doc->tokens[i], 14 + K, info->n_vocab - 1);
        seen |= (int64_t)1 << span->attribute;
        at = span->end;
    }
    assert_int_equal(seen, ((int64_t)1 << (K + 1)) - 2);
}

KC_TEST(documents_tell_the_person)
{
    kc_corpus *c = small_biod(N, K, C, 20, L, 9);
    kc_doc doc = doc_for(c);
    static int32_t strings[N * VALUES];

    memset(strings, 255, sizeof strings);
    for (int64_t i = 0; i < 10000; i++) {
        kc_corpus_document(c, i % N, i / N - 1, &doc);
        document_check(c, &doc, i % N, strings + i % N * VALUES);
    }
}

KC_TEST(attributes_have_their_own_strings)
{
    enum { K = 4, D = 12, T = 40 };
    kc_corpus *c = small_biod(80, K, 1, D, 1, T);
    int32_t token_of[K][D], shared = 0;
    kc_doc doc = doc_for(c);

    memset(token_of, 0, sizeof token_of);
    for (int64_t i = 0; i < 80; i++) {
        kc_corpus_document(c, i, 0, &doc);
        for (int32_t a = 0; a < K; a++) {
            int32_t *token = &token_of[a][kc_corpus_value(c, i, a + 1)];
            int32_t found = doc.tokens[span_of(&doc, a + 1)->begin];

            assert_true(!*token || *token == found);
            *token = found;
        }
    }
    for (int a = 0; a < K; a++) {
        for (int d = 0; d < D; d++) {
            for (int other = 0; other < d; other++)
                assert_int_not_equal(token_of[a][d], token_of[a][other]);
            shared += a && token_of[a][d] == token_of[a - 1][d];
        }
    }
    assert_true(shared < 8);
}

KC_TEST(chunks_are_drawn_apart)
{
    enum { D = 8, N = 80 };
    kc_corpus *c = small_biod(N, 2, 2, D, 1, 50);
    int32_t token_of[2][D] = {{0}}, same[3] = {0};
    kc_doc doc = doc_for(c);

    for (int64_t i = 0; i < 2 * N; i++) { /* first learn the strings, then compare */
        int64_t first = kc_corpus_value(c, i % N, 1), second = kc_corpus_value(c, i % N, 2);
        const int32_t *one, *two;

        kc_corpus_document(c, i % N, 0, &doc);
        one = doc.tokens + span_of(&doc, 1)->begin;
        two = doc.tokens + span_of(&doc, 2)->begin;
        token_of[0][first] = one[0];
        token_of[1][second] = two[0];
        if (i >= N) {
            same[0] += one[1] == one[0];
            same[1] += one[1] == token_of[0][second];
            same[2] += two[1] == token_of[1][first];
        }
    }
    for (int k = 0; k < 3; k++)
        assert_true(same[k] < 25);
}

KC_TEST(values_are_uniform_and_orders_fresh)
{
    enum { N = 2000, K = 3, D = 8, EXPOSURES = 10 };
    int64_t count[D] = {0}, order[6] = {0}, pair[D * D] = {0};
    kc_config cfg = config_of(KC_corpus_kind_biod, N);
    kc_corpus *c;
    kc_doc doc;

    cfg.corpus.attributes = K;
    cfg.corpus.diversity = D;
    c = shipped_corpus(&cfg);
    doc = doc_for(c);
    for (int64_t i = 0; i < N; i++) {
        count[kc_corpus_value(c, i, 2)]++;
        pair[kc_corpus_value(c, i, 1) * D + kc_corpus_value(c, i, 3)]++;
        for (int64_t x = 0; x < EXPOSURES; x++) {
            kc_corpus_document(c, i, x, &doc);
            order[(doc.spans[1].attribute - 1) * 2 +
                  (doc.spans[2].attribute > doc.spans[3].attribute)]++;
        }
    }
    assert_true(uneven(count, D) < 4);
    assert_true(uneven(pair, D * D) < 4);
    assert_true(uneven(order, 6) < 4 && uneven(order, 6) > -4);
}

/* The same corpus in both forms of text. */
static void both_forms(kc_config cfg, kc_corpus *form[2])
{
    const texts t = small_texts();

    for (int i = 0; i < 2; i++) {
        cfg.corpus.text = i ? KC_corpus_text_paper : KC_corpus_text_compact;
        form[i] = small_corpus(&cfg, &t);
    }
}

static kc_config format_of(int64_t K, int64_t C, int64_t D, int64_t L, int64_t T)
{
    kc_config cfg = config_of(KC_corpus_kind_biod, N);

    cfg.corpus.attributes = K;
    cfg.corpus.chunks = C;
    cfg.corpus.diversity = D;
    cfg.corpus.length = L;
    cfg.corpus.alphabet = T;
    return cfg;
}

/* What paper text must read, from what compact text says: `set item 2 to c07 c03, c09 c01.` */
static void paper_text(kc_corpus *const form[2], const kc_config *cfg, const kc_doc *compact,
                       char *to)
{
    const int L = (int)cfg->corpus.length, C = (int)cfg->corpus.chunks;
    char most[16];
    const int digits = snprintf(most, sizeof most, "%d", (int)cfg->corpus.alphabet - 1);

    to += sprintf(to, "%s", text_of(form[0], compact->tokens, 1, 4));
    for (int32_t s = 1; s < compact->n_spans; s++) {
        const kc_span *span = &compact->spans[s];

        to += sprintf(to, "%s set item %d to", s > 1 ? " They" : "", span->attribute);
        for (int c = 0; c < C * L; c++) {
            const char *word = kc_corpus_word(form[0], compact->tokens[span->begin + c]);

            assert_int_equal(word[0], 'c');
            to += sprintf(to, "%s c%0*d", c && c % L == 0 ? "," : "", digits, atoi(word + 1));
        }
        to += sprintf(to, ".");
    }
}

/* Check the spans of paper text: where each begins and ends, and where its first chunk does. */
static void paper_spans(kc_corpus *const form[2], const kc_config *cfg, const kc_doc *compact,
                        const kc_doc *paper)
{
    const int32_t L = (int32_t)cfg->corpus.length, C = (int32_t)cfg->corpus.chunks;

    assert_int_equal(paper->n_spans, compact->n_spans);
    for (int32_t s = 0; s < paper->n_spans; s++) {
        const kc_span *span = &paper->spans[s], *other = &compact->spans[s];
        char want[32];

        assert_int_equal(span->attribute, other->attribute);
        assert_int_equal(span->person, other->person);
        if (s == 0)
            continue;
        assert_int_equal(span->head_end, span->begin + L);
        assert_int_equal(span->end, span->begin + C * L + C - 1);
        snprintf(want, sizeof want, "item %d to", span->attribute);
        assert_string_equal(text_of(form[1], paper->tokens, span->begin - 3, span->begin), want);
        assert_string_equal(kc_corpus_word(form[1], paper->tokens[span->end]), ".");
    }
    assert_int_equal(paper->spans[0].begin, 1);
    assert_string_equal(
        text_of(form[1], paper->tokens, paper->spans[0].end, paper->spans[0].end + 1), "set");
}

/* Sentences and tables of markers say the same, and hold the same bits. */
KC_TEST(both_forms_of_text_say_the_same)
{
    static const int64_t FORMAT[][5] = {
        {3, 2, 10, 4, 5}, {1, 1, 20, 1, 20}, {7, 3, 12, 2, 101}, {2, 5, 9, 1, 10}};

    for (size_t f = 0; f < sizeof FORMAT / sizeof *FORMAT; f++) {
        const int64_t *x = FORMAT[f];
        const kc_config cfg = format_of(x[0], x[1], x[2], x[3], x[4]);
        kc_corpus *form[2];
        kc_doc compact, paper;

        both_forms(cfg, form);
        compact = doc_for(form[0]);
        paper = doc_for(form[1]);
        assert_float_equal(kc_corpus_about(form[1])->max_bits, kc_corpus_about(form[0])->max_bits,
                           0);
        assert_memory_equal(kc_corpus_about(form[1])->term, kc_corpus_about(form[0])->term,
                            sizeof kc_corpus_about(form[0])->term);
        for (int64_t i = 0; i < N * 3; i++) {
            char want[8192];

            kc_corpus_document(form[0], i % N, i / N - 1, &compact);
            kc_corpus_document(form[1], i % N, i / N - 1, &paper);
            paper_text(form, &cfg, &compact, want);
            assert_string_equal(text_of(form[1], paper.tokens, 1, paper.n_tokens), want);
            assert_int_equal(paper.tokens[0], KC_EOS);
            paper_spans(form, &cfg, &compact, &paper);
            for (int32_t a = 0; a <= x[0]; a++)
                assert_int_equal(kc_corpus_value(form[0], i % N, a),
                                 kc_corpus_value(form[1], i % N, a));
        }
    }
}

KC_TEST(sentences_have_the_length_that_is_told)
{
    kc_config cfg = format_of(6, 2, 16, 3, 64);
    kc_corpus *form[2];
    const kc_corpus_info *info;
    double mean = 0;
    int32_t least = INT32_MAX, most = 0;
    kc_doc doc;

    both_forms(cfg, form);
    info = kc_corpus_about(form[1]);
    doc = doc_for(form[1]);
    for (int64_t i = 0; i < N; i++) { /* everybody: the names are all there are */
        kc_corpus_document(form[1], i, 0, &doc);
        mean += doc.n_tokens / (double)N;
        least = doc.n_tokens < least ? doc.n_tokens : least;
        most = doc.n_tokens > most ? doc.n_tokens : most;
    }
    assert_float_equal(mean, info->mean_doc_tokens, 1e-9);
    assert_int_equal(most, info->max_doc_tokens);
    assert_int_equal(info->max_doc_tokens, 1 + 4 + 6 * (5 + 2 * 3 + 1 + 1) - 1);
    assert_int_equal(least, most - 1); /* Eve Marie is two words */
    assert_false(info->lengths_are_equal);
}

/* A word that no document has is not in the vocabulary. */
KC_TEST(sentences_have_no_word_to_spare)
{
    for (int64_t K = 1; K < 3; K++)
        for (int64_t C = 1; C < 3; C++) {
            kc_corpus *form[2];
            kc_doc doc;
            int64_t missing = 0;
            uint8_t *seen;

            both_forms(format_of(K, C, 9, 1, 9), form); /* every character is a string */
            doc = doc_for(form[1]);
            seen = test_room(kc_corpus_about(form[1])->n_vocab, 1);
            for (int64_t i = 0; i < N * 4; i++) {
                kc_corpus_document(form[1], i % N, i / N, &doc);
                for (int32_t t = 0; t < doc.n_tokens; t++)
                    seen[doc.tokens[t]] = 1;
            }
            for (int64_t v = 0; v < kc_corpus_about(form[1])->n_vocab; v++)
                missing += !seen[v];
            assert_int_equal(missing, 0);
        }
}

/* The ends of what arXiv 2404.05405 explores (Result 3): a token each character, sizes as told. */
KC_TEST(formats_of_the_paper_all_work)
{
    static const int64_t FORMAT[][5] = {{1, 1, 10, 1, 20},        {50, 50, 10, 50, 20},
                                        {50, 1, 10000, 1, 40000}, {1, 50, 10000, 50, 40000},
                                        {1, 50, 10000, 4, 20},    {50, 2, 10, 50, 40000}};

    for (size_t f = 0; f < sizeof FORMAT / sizeof *FORMAT; f++) {
        const int64_t K = FORMAT[f][0], C = FORMAT[f][1], L = FORMAT[f][3], T = FORMAT[f][4];
        const double D = (double)FORMAT[f][2];
        kc_corpus *form[2];
        const kc_corpus_info *info;
        kc_doc doc;

        both_forms(format_of(K, C, FORMAT[f][2], L, T), form);
        info = kc_corpus_about(form[0]);
        assert_int_equal(info->n_vocab, 1 + 13 + K + T);
        assert_int_equal(info->max_doc_tokens, 1 + 3 + K * (1 + C * L));
        assert_float_equal(info->term[KC_READ_VALUES].max_bits, N * K * C * log2(D), 1e-6);
        assert_float_equal(info->term[KC_READ_CHUNKS].max_bits,
                           (double)K * D * ((double)L * log2((double)T) - log2(D)), 1e-3);
        for (int i = 0; i < 2; i++) {
            doc = doc_for(form[i]);
            info = kc_corpus_about(form[i]);
            for (int64_t person = 0; person < 3; person++) {
                kc_corpus_document(form[i], person, 0, &doc);
                assert_in_range(doc.n_tokens, info->max_doc_tokens - 1, info->max_doc_tokens);
                for (int32_t s = 1; s < doc.n_spans; s++)
                    assert_int_equal(doc.spans[s].end - doc.spans[s].begin,
                                     C * L + (i ? C - 1 : 0));
            }
        }
    }
}

KC_TEST(a_short_pool_is_refused)
{
    kc_config cfg = config_of(KC_corpus_kind_biod, 10);
    texts t = small_texts();
    kc_files files = files_of(&t);
    kc_corpus *c;
    kc_error e = {0};

    cfg.corpus.middle_names = 48;
    assert_int_equal(kc_corpus_create(&cfg, &files, &c, &e), KC_EINPUT);
    assert_string_equal(e.text,
                        "/small/pools/middle_name.txt: 4 lines, but corpus.middle_names asks "
                        "for 48; add lines or lower the key");
    kc_files_free(&files);
}

KC_TEST_MAIN(NULL, NULL)
