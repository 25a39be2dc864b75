/* SPDX-License-Identifier: BSD-3-Clause */
/* Random strings: what a document is, that its tokens are uniform and independent, that size costs
 * nothing, and what they hold in bits. */
#include "corpora.h"

#include <math.h>
#include <time.h>

#include "kcap/data/batch.h"

static kc_corpus *strings(int64_t N, int64_t S, int64_t V, int64_t seed)
{
    kc_config cfg = config_of(KC_corpus_kind_random, N);

    cfg.corpus.length = S;
    cfg.corpus.vocab = V;
    cfg.run.seed = seed;
    return corpus_from(&cfg, (kc_files){0});
}

/* The published corpus (arXiv 2505.24832): 64 tokens out of 2048 are 704 bits. */
KC_TEST(bits_and_words_count)
{
    kc_corpus *c = strings(16384, 64, 2048, 1);
    const kc_corpus_info *info = kc_corpus_about(c);

    assert_string_equal(info->kind, "random");
    assert_int_equal(info->n_vocab, 2049);
    assert_int_equal(info->max_doc_tokens, 65);
    assert_float_equal(info->mean_doc_tokens, 65, 0);
    assert_int_equal(info->lengths_are_equal, 1);
    assert_int_equal(info->n_attributes, 1);
    assert_string_equal(info->attribute[0].name, "string");
    assert_int_equal(info->attribute[0].counted, 1);
    assert_float_equal(info->attribute[0].log2_pool, 704, 1e-9);
    assert_float_equal(info->term[KC_READ_NAME].log2_size, 704, 1e-9);
    assert_float_equal(info->ordered_bits, 16384 * 704.0, 1e-6);
    assert_float_equal(info->term[KC_READ_NAME].max_bits, 16384 * (704.0 - 14), 1e-6);
    assert_float_equal(info->max_bits, 16384 * (704.0 - 14), 1e-6);
    assert_true(!info->term[KC_READ_VALUES].name && !info->term[KC_READ_CHUNKS].name);
    assert_string_equal(kc_corpus_word(c, 0), "<eos>");
    assert_string_equal(kc_corpus_word(c, 1), "r0");
    assert_string_equal(kc_corpus_word(c, 2048), "r2047");
}

/* A set of one has no order to pay for. */
KC_TEST(one_string_is_worth_all_its_bits)
{
    kc_corpus *c = strings(1, 5, 8, 1);
    const kc_corpus_info *info = kc_corpus_about(c);

    assert_float_equal(info->max_bits, 15, 1e-12);
    assert_float_equal(info->ordered_bits, 15, 1e-12);
}

KC_TEST(a_document_is_a_string_behind_an_eos)
{
    enum { N = 50, S = 7, V = 30 };
    kc_corpus *c = strings(N, S, V, 3), *other = strings(N, S, V, 4);
    kc_doc doc = doc_for(c), again = doc_for(c);
    int differs = 0;

    for (int64_t i = 0; i < N; i++) {
        kc_corpus_document(c, i, 0, &doc);
        assert_int_equal(doc.person, i);
        assert_int_equal(doc.n_tokens, S + 1);
        assert_int_equal(doc.n_spans, 1);
        assert_memory_equal(&doc.spans[0], (&(kc_span){i, 0, 1, 2, S + 1, 0}), sizeof(kc_span));
        assert_int_equal(doc.tokens[0], KC_EOS);
        assert_int_equal(doc.tokens[1], 1 + kc_corpus_value(c, i, 0));
        for (int32_t t = 1; t <= S; t++)
            assert_in_range(doc.tokens[t], 1, V);
        for (int64_t exposure = KC_MEASURE; exposure < 4; exposure++) {
            kc_corpus_document(c, i, exposure, &again);
            assert_memory_equal(again.tokens, doc.tokens, (S + 1) * sizeof *doc.tokens);
        }
        kc_corpus_document(other, i, 0, &again);
        differs += !!memcmp(again.tokens, doc.tokens, (S + 1) * sizeof *doc.tokens);
    }
    assert_int_equal(differs, N); /* 30^7: two of them are alike once in 10^8 seeds */
}

/* More strings and longer ones go on where fewer and shorter ones end. */
KC_TEST(a_string_does_not_know_the_others)
{
    kc_corpus *few = strings(20, 6, 17, 9), *many = strings(2000, 40, 17, 9);
    kc_doc doc = doc_for(few), longer = doc_for(many);

    for (int64_t i = 0; i < 20; i++) {
        kc_corpus_document(few, i, 0, &doc);
        kc_corpus_document(many, i, 0, &longer);
        assert_memory_equal(longer.tokens, doc.tokens, 7 * sizeof *doc.tokens);
    }
}

/* Strings held out of training are the ones that a larger corpus would go on with. */
KC_TEST(strings_held_out_are_none_of_those_shown)
{
    kc_corpus *c = strings(20, 6, 17, 9), *many = strings(40, 6, 17, 9);
    kc_doc doc = doc_for(c), other = doc_for(many);

    assert_int_equal(kc_corpus_about(c)->n_held_out, 20);
    for (int64_t i = 0; i < 20; i++) {
        kc_corpus_document(c, i, KC_HELD_OUT, &doc);
        kc_corpus_document(many, 20 + i, 0, &other);
        assert_int_equal(doc.person, i);
        assert_int_equal(doc.spans[0].person, i);
        assert_memory_equal(doc.tokens, other.tokens, 7 * sizeof *doc.tokens);
    }
    assert_int_equal(kc_corpus_about(strings(1000000, 6, 17, 9))->n_held_out, 4096);
}

/* Single tokens, neighbours in a string, and the same place of neighbouring strings. Counts as far
 * from even as these are drawn once in 30,000 seeds, either way. */
KC_TEST(tokens_are_uniform_and_independent)
{
    enum { N = 20000, S = 12, V = 11, PAIRS = V * V };
    kc_corpus *c = strings(N, S, V, 5);
    kc_doc doc = doc_for(c), before = doc_for(c);
    int64_t single[V] = {0}, first[V] = {0}, along[PAIRS] = {0}, across[PAIRS] = {0};

    kc_corpus_document(c, N - 1, 0, &before);
    for (int64_t i = 0; i < N; i++) {
        kc_corpus_document(c, i, 0, &doc);
        first[doc.tokens[1] - 1]++;
        for (int32_t t = 1; t <= S; t++) {
            single[doc.tokens[t] - 1]++;
            across[(before.tokens[t] - 1) * V + doc.tokens[t] - 1]++;
            if (t % 2) /* pairs that share no token, as chi-square demands */
                along[(doc.tokens[t] - 1) * V + doc.tokens[t + 1] - 1]++;
        }
        memcpy(before.tokens, doc.tokens, (S + 1) * sizeof *doc.tokens);
    }
    assert_true(fabs(uneven(single, V)) < 4);
    assert_true(fabs(uneven(first, V)) < 4);
    assert_true(fabs(uneven(along, PAIRS)) < 4);
    assert_true(fabs(uneven(across, PAIRS)) < 4);
}

/* An epoch's windows hold every string once, whole, in an order of its own. */
KC_TEST(each_string_is_shown_once_an_exposure)
{
    enum { N = 300, S = 4, V = 9, T = 100, TOKENS = N * (S + 1) };
    kc_corpus *c = strings(N, S, V, 2);
    kc_doc doc = doc_for(c), scratch = doc_for(c);
    int32_t tokens[T], targets[T], stream[2][TOKENS];
    kc_batch batch = {.windows = 1, .context = T, .tokens = tokens, .targets = targets};
    kc_cursor cursor = {0};
    int in_order = 0;

    for (int32_t at = 0; at < 2 * TOKENS; at += T) {
        kc_batch_next(c, 0, 1, &cursor, &scratch, &batch);
        memcpy(&stream[0][0] + at, tokens, sizeof tokens);
    }
    for (int epoch = 0; epoch < 2; epoch++) {
        uint8_t seen[N] = {0};
        for (int32_t at = 0; at < N; at++) {
            int64_t i = 0;
            for (; i < N; i++) { /* equal strings are found one after the other */
                kc_corpus_document(c, i, 0, &doc);
                if (!seen[i] &&
                    !memcmp(doc.tokens, stream[epoch] + at * (S + 1), (S + 1) * sizeof *doc.tokens))
                    break;
            }
            assert_true(i < N);
            seen[i] = 1;
            in_order += i == at;
        }
    }
    assert_true(in_order < 20);
    assert_memory_not_equal(stream[0], stream[1], sizeof stream[0]);
}

/* Neither time nor room: 20 million strings are 5 GB as a list. Half a second is a thousand times
 * what is needed, and a twentieth of what making them all would take. */
KC_TEST(twenty_million_strings_cost_nothing)
{
    enum { T = 512 };
    const clock_t start = clock();
    kc_corpus *c = strings(20000000, 64, 2048, 1);
    kc_doc doc = doc_for(c);
    int32_t tokens[T], targets[T];
    kc_batch batch = {.windows = 1, .context = T, .tokens = tokens, .targets = targets};
    kc_cursor cursor = {.epoch = 3, .next = 19999990};

    for (int64_t i = 0; i < 20000000; i += 1999999)
        kc_corpus_document(c, i, i % 7, &doc);
    kc_batch_next(c, 0, 1, &cursor, &doc, &batch);
    assert_int_equal(cursor.next, 19999997);
    assert_true((double)(clock() - start) < 0.5 * CLOCKS_PER_SEC);
    assert_float_equal(kc_corpus_about(c)->ordered_bits, 20e6 * 704, 1);
}

KC_TEST(no_file_is_needed)
{
    kc_config cfg = config_of(KC_corpus_kind_random, 10);
    kc_files files;
    kc_error e = {0};

    strcpy(cfg.corpus.pools, "/nowhere");
    strcpy(cfg.corpus.templates, "/nowhere");
    assert_int_equal(kc_files_load(&cfg, NULL, &files, &e), KC_OK);
    assert_int_equal(files.n, 0);
    assert_int_equal(files.bytes, 0);
    kc_files_free(&files);
}

KC_TEST(lengths_have_a_default_each)
{
    kc_config cfg = config_of(KC_corpus_kind_random, 10);
    kc_corpus *c = corpus_from(&cfg, (kc_files){0});
    texts t = small_texts();

    assert_int_equal(kc_corpus_about(c)->max_doc_tokens, 65);
    assert_int_equal(kc_corpus_about(c)->n_vocab, 2049);
    cfg = config_of(KC_corpus_kind_biod, 10);
    c = small_corpus(&cfg, &t);
    assert_int_equal(kc_corpus_about(c)->max_doc_tokens, 1 + 3 + 6 * 2);
}

KC_TEST_MAIN(NULL, NULL)
