/* SPDX-License-Identifier: BSD-3-Clause */
/* A corpus that is a list of parts: how it is read, said and refused. */
#include "../test.h"

#include "kcap/config/place.h"

static const char two[] = "corpus:\n"
                          "  - {kind: bios, people: 500, exposures: 7, share: 0.125, tag: <w>}\n"
                          "  - kind: biod\n"
                          "    people: 9\n"
                          "    share: 0.875\n"
                          "model: {layers: 3}\n";

static int parse(const char *yaml, const char *set, kc_config *cfg, kc_error *e)
{
    *e = (kc_error){0};
    return kc_config_parse(yaml, strlen(yaml), "x.yaml", &set, set != NULL, cfg, e);
}

static void bad(const char *yaml, const char *set, const char *message)
{
    kc_config cfg;
    kc_error e;
    assert_int_equal(parse(yaml, set, &cfg, &e), KC_EINPUT);
    assert_string_equal(e.text, message);
}

KC_TEST(parts_are_read)
{
    kc_config cfg, second;
    kc_error e;
    assert_int_equal(parse(two, "corpus.2.people=11", &cfg, &e), KC_OK);
    assert_int_equal(cfg.parts, 2);
    assert_int_equal(cfg.corpus.people, 500);
    assert_string_equal(cfg.corpus.tag, "<w>");
    second = kc_config_of_part(&cfg, 1);
    assert_int_equal(second.parts, 1);
    assert_int_equal(second.corpus.kind, KC_corpus_kind_biod);
    assert_int_equal(second.corpus.people, 11);
    assert_int_equal(second.corpus.diversity, 128);
    assert_int_equal(second.model.layers, 3);
    assert_int_equal(parse(two, "corpus.1.people=12", &cfg, &e), KC_OK);
    assert_int_equal(cfg.corpus.people, 12);
}

KC_TEST(one_part_in_a_list_is_a_corpus)
{
    kc_config a, b;
    kc_error e;
    assert_int_equal(parse("corpus: [{people: 12}]", NULL, &a, &e), KC_OK);
    assert_int_equal(parse("corpus: {people: 12}", NULL, &b, &e), KC_OK);
    assert_memory_equal(&a, &b, sizeof a);
}

KC_TEST(another_part_is_another_experiment)
{
    kc_config a, b;
    kc_error e;
    char one[17], other[17], text[200];
    assert_int_equal(parse(two, NULL, &a, &e), KC_OK);
    assert_int_equal(parse(two, "corpus.2.length=2", &b, &e), KC_OK);
    kc_config_hash(&a, one);
    kc_config_hash(&b, other);
    assert_string_not_equal(one, other);
    assert_int_equal(kc_config_differs(&a, &b, "a", "b", text, sizeof text), 1);
    assert_string_equal(text, "corpus.2.length: 1 in a, 2 in b");
    kc_config_defaults(&b);
    assert_int_equal(kc_config_differs(&a, &b, "a", "b", text, sizeof text), 1);
    assert_string_equal(text, "corpus: 2 parts in a, 1 in b");
}

KC_TEST(what_is_refused)
{
    bad("corpus: []", NULL, "x.yaml:1: corpus: a list without parts");
    bad("corpus: [3]", NULL, "x.yaml:1: corpus.1: not a mapping of keys to values");
    bad("model: [{layers: 1}]", NULL, "x.yaml:1: model: not a mapping of keys to values");
    bad("corpus: [{share: 0.5}, {share: 0.4}]", NULL,
        "x.yaml:1: corpus.2.share: the shares of the corpus's parts sum to 0.9; 1 would do");
    bad("corpus: {share: 0.5}", NULL,
        "x.yaml:1: corpus.share: the shares of the corpus's parts sum to 0.5; 1 would do");
    bad("corpus: [{share: 1},\n  {share: 0, exposures: 3}]", NULL,
        "x.yaml:2: corpus.2.exposures: follows from the shares; those of part 1 alone, the first "
        "that has tokens, are given");
    bad("corpus: [{share: 0, exposures: 3},\n  {share: 1}]", NULL,
        "x.yaml:1: corpus.exposures: follows from the shares; those of part 2 alone, the first "
        "that has tokens, are given");
    bad("corpus: [{share: 0.5}, {share: 0.5, exposures: 3}]", NULL,
        "x.yaml:1: corpus.2.exposures: follows from the shares; those of part 1 alone, the first "
        "that has tokens, are given");
    bad("corpus: [{share: 0.5}, {share: 0.5, peple: 3}]", NULL,
        "x.yaml:1: corpus.2.peple: unknown key; did you mean corpus.people?");
    bad("corpus: [{share: 0.5}, {share: 0.5, length: 3,\n length: 3}]", NULL,
        "x.yaml:2: corpus.2.length: given twice, first on line 1");
    bad(two, "corpus.3.people=1", "--set corpus.3.people=1: the corpus has 2 parts");
    bad("", "corpus.2.people=1", "--set corpus.2.people=1: the corpus has 1 part");
    bad(two, "corpus.9.people=1",
        "--set corpus.9.people=1: unknown key; did you mean corpus.people?");
    bad("corpus: [{}, {}, {}, {}, {}, {}, {}, {}, {}]", NULL,
        "x.yaml:1: corpus: more than 8 parts");
}

KC_TEST(windows_of_one_document_are_of_one_part)
{
    kc_config cfg;
    kc_error e;
    bad("corpus: {windows: single}\ntrain: {mix: documents}", NULL,
        "x.yaml:1: corpus.windows: single, but train.mix documents fills windows with documents of "
        "all parts; packed, or train.mix: windows, would do");
    assert_int_equal(parse(two, "corpus.2.windows=single", &cfg, &e), KC_OK);
}

KC_TEST_MAIN(NULL, NULL)
