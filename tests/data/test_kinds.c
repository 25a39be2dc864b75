/* SPDX-License-Identifier: BSD-3-Clause */
/* What every kind of corpus keeps, and what kinds say of keys that disagree, word for word. */
#include "corpora.h"

#include <math.h>

static int check(const char *yaml, const char *set, kc_error *e)
{
    kc_origin o = {.path = "inputs/x.yaml", .sets = &set, .n_sets = set != NULL};
    kc_config cfg;
    *e = (kc_error){0};
    if (kc_config_read(yaml, strlen(yaml), &o, &cfg, e) != KC_OK)
        fail_msg("refused too early: %s", e->text);
    return kc_corpus_check(&cfg, &o, e);
}

static void good(const char *yaml)
{
    kc_error e;
    if (check(yaml, NULL, &e) != KC_OK)
        fail_msg("refused: %s", e.text);
}

static void bad(const char *yaml, const char *set, const char *message)
{
    kc_error e;
    assert_int_equal(check(yaml, set, &e), KC_EINPUT);
    assert_string_equal(e.text, message);
}

KC_TEST(names_suffice_for_the_people)
{
    bad("corpus: {people: 61, first_names: 3, middle_names: 4, last_names: 5}", NULL,
        "inputs/x.yaml:1: corpus.people: 61 people need as many names, but corpus.first_names 3 x "
        "middle_names 4 x last_names 5 are 60; fewer people or more names would do");
    good("corpus: {people: 60, first_names: 3, middle_names: 4, last_names: 5}");
    good("corpus: {people: 61, first_names: 3, middle_names: 4, last_names: 0}");
    good("corpus: {kind: random, people: 61, first_names: 3, middle_names: 4, last_names: 5}");
}

KC_TEST(a_pronoun_is_said_or_not)
{
    bad("corpus: {fullname: yes,\n pronouns: he_she_they}", NULL,
        "inputs/x.yaml:2: corpus.pronouns: no pronoun is said with corpus.fullname yes "
        "(inputs/x.yaml:1); he_she, or fullname: no, would do");
    good("corpus: {fullname: yes}");
    good("corpus: {pronouns: he_she_they}");
}

KC_TEST(chunks_are_short_and_can_differ)
{
    bad("corpus: {kind: biod,\n length: 65}", NULL,
        "inputs/x.yaml:2: corpus.length: 65 characters are too many for a chunk of corpus.kind "
        "biod (inputs/x.yaml:1); 1 to 64 would do");
    bad("corpus: {length: 65}", "corpus.kind=biod",
        "inputs/x.yaml:1: corpus.length: 65 characters are too many for a chunk of corpus.kind "
        "biod (--set); 1 to 64 would do");
    good("corpus: {kind: biod, length: 64}");
    bad("corpus: {kind: biod, diversity: 10,\n alphabet: 3, length: 2}", NULL,
        "inputs/x.yaml:1: corpus.diversity: 10 distinct strings cannot be made of corpus.alphabet "
        "3 (inputs/x.yaml:2) and corpus.length 2 (inputs/x.yaml:2); at most 9, or a larger "
        "alphabet or length, would do");
    good("corpus: {kind: biod, diversity: 9, alphabet: 3, length: 2}");
    good("corpus: {kind: bios, diversity: 10, alphabet: 3, length: 2}");
    bad("corpus: {kind: biod, diversity: 10, alphabet: 3}", NULL,
        "inputs/x.yaml:1: corpus.diversity: 10 distinct strings cannot be made of corpus.alphabet "
        "3 (inputs/x.yaml:1) and corpus.length 1 (default); at most 3, or a larger alphabet or "
        "length, would do");
}

KC_TEST(random_strings_can_differ)
{
    bad("corpus: {kind: random,\n people: 10,\n length: 2,\n vocab: 3}", NULL,
        "inputs/x.yaml:2: corpus.people: 10 strings cannot all differ with corpus.vocab 3 "
        "(inputs/x.yaml:4) and corpus.length 2 (inputs/x.yaml:3); at most 9, or a larger vocab or "
        "length, would do");
    good("corpus: {kind: random, people: 9, length: 2, vocab: 3}");
    good("corpus: {kind: random, length: 1048576}");
}

KC_TEST(facts_are_in_a_file)
{
    bad("corpus: {kind: facts}", NULL,
        "default: corpus.file: corpus.kind facts is made of a table: name it, a TSV or CSV file of "
        "name, attribute, value");
    good("corpus: {kind: facts, file: x.tsv}");
}

/* A configuration that no file said is checked too. */
KC_TEST(no_corpus_is_made_of_bad_keys)
{
    kc_config cfg = config_of(KC_corpus_kind_random, 10);
    kc_files none = {0};
    kc_corpus *c = NULL;
    kc_error e = {0};

    cfg.corpus.length = 2;
    cfg.corpus.vocab = 3;
    assert_int_equal(kc_corpus_create(&cfg, &none, &c, &e), KC_EINPUT);
    assert_null(c);
    assert_string_equal(e.text, "corpus.people: 10 strings cannot all differ with corpus.vocab 3 "
                                "and corpus.length 2; at most 9, or a larger vocab or length, "
                                "would do");
}

static void check_documents(const kc_corpus *c)
{
    const kc_corpus_info *info = kc_corpus_about(c);
    kc_doc doc = doc_for(c);

    for (int64_t i = 0; i < info->n_people; i++) {
        int64_t seen = 0, end = 1, all = 0;

        kc_corpus_document(c, i, i % 3 - 1, &doc);
        assert_int_equal(doc.person, i);
        assert_in_range(doc.n_tokens, 2, info->max_doc_tokens);
        assert_int_equal(doc.tokens[0], KC_EOS);
        for (int32_t t = 1; t < doc.n_tokens; t++)
            assert_in_range(doc.tokens[t], 1, info->n_vocab - 1);
        for (int32_t s = 0; s < doc.n_spans; s++) {
            const kc_span *span = &doc.spans[s];

            assert_in_range(span->begin, end, span->head_end - 1);
            assert_in_range(span->end, span->head_end, doc.n_tokens + span->opens);
            assert_int_equal(seen & (int64_t)1 << span->attribute, 0);
            seen |= (int64_t)1 << span->attribute;
        }
        for (int a = 0; a < info->n_attributes; a++)
            all |= (int64_t)(info->attribute[a].share == 1) << a;
        assert_int_equal(seen & all, all);
        assert_true(all & 1);
    }
}

/* What documents, terms and words must be, whatever the kind. */
KC_TEST(every_kind_keeps_the_contract)
{
#define KC_WORD(key, kind, one, many, ...) {#kind, one, many},
    static const char *const words[][3] = {KC_KINDS(KC_WORD, )};

    for (int64_t kind = 0; kind < (int64_t)(sizeof words / sizeof *words); kind++) {
        if (kind == KC_corpus_kind_questions) /* never alone: test_questions */
            continue;
        kc_config cfg = config_of(kind, kind == KC_corpus_kind_facts ? 0 : 30);
        texts t = small_texts();
        kc_corpus *c = small_corpus(&cfg, &t);
        const kc_corpus_info *info = kc_corpus_about(c);
        double max = 0, ordered = 0;

        assert_string_equal(info->kind, words[kind][0]);
        assert_string_equal(info->one, words[kind][1]);
        assert_string_equal(info->many, words[kind][2]);
        for (int r = 0; r < KC_N_READS; r++) {
            const kc_term *term = &info->term[r];

            assert_true(term->name ? term->items > 0 && term->reads > 0 : !term->items);
            assert_true(term->log2_size >= term->log2_left && term->log2_left >= 0);
            max += term->items * (term->log2_size - term->log2_left);
            ordered += term->items * term->log2_size;
        }
        assert_float_equal(info->max_bits, max, 1e-9);
        assert_float_equal(info->ordered_bits, ordered, 1e-9);
        assert_true(max > 0 && info->attribute[0].counted);
        check_documents(c);
    }
}

KC_TEST_MAIN(NULL, NULL)
