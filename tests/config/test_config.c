/* SPDX-License-Identifier: BSD-3-Clause */
/* What a user reads: every message of the configuration layer, word for word. */
#include "../test.h"

#include <limits.h>
#include <unistd.h>

#include "kcap/config/config.h"

static int parse(const char *yaml, const char *set, kc_config *cfg, kc_error *e)
{
    *e = (kc_error){0};
    return kc_config_parse(yaml, strlen(yaml), "inputs/x.yaml", &set, set != NULL, cfg, e);
}

static kc_config good(const char *yaml, const char *set)
{
    kc_config cfg;
    kc_error e;
    if (parse(yaml, set, &cfg, &e) != KC_OK)
        fail_msg("refused: %s", e.text);
    return cfg;
}

static void bad(const char *yaml, const char *set, const char *message)
{
    kc_config cfg;
    kc_error e;
    assert_int_equal(parse(yaml, set, &cfg, &e), KC_EINPUT);
    assert_string_equal(e.text, message);
}

KC_TEST(unknown_keys)
{
    bad("model:\n  layer: 3\n", NULL,
        "inputs/x.yaml:2: model.layer: unknown key; did you mean model.layers?");
    bad("\ntrain: {layers: 3}\n", NULL,
        "inputs/x.yaml:2: train.layers: unknown key; did you mean model.layers?");
    bad("model: {haeds: 3}\n", NULL,
        "inputs/x.yaml:1: model.haeds: unknown key; did you mean model.heads?");
    bad("\n\nmodle: {layers: 3}\n", NULL,
        "inputs/x.yaml:3: modle: unknown section; did you mean model?");
    bad("layers: 3\n", NULL,
        "inputs/x.yaml:1: layers: unknown section; did you mean model.layers?");
    bad("model: {\"a\\nb\\e[1m\": 3}\n", NULL,
        "inputs/x.yaml:1: model.a?b?[1m: unknown key; did you mean model.arch?");
    bad("", "model.layer=3", "--set model.layer=3: unknown key; did you mean model.layers?");
    bad("", "layers=3", "--set layers=3: unknown key; did you mean model.layers?");
    bad("", "modle.layers=3", "--set modle.layers=3: unknown key; did you mean model.layers?");
    bad("", "model.layers", "--set model.layers: no value; write --set section.key=value");
}

KC_TEST(wrong_values)
{
    bad("model:\n  heads: 1\n  layers: 0\n", NULL,
        "inputs/x.yaml:3: model.layers: 0 is outside [1, 1000] layers: transformer blocks");
    bad("model: {layers: 99999999999999999999999}", NULL,
        "inputs/x.yaml:1: model.layers: 99999999999999999999999 is outside [1, 1000] layers: "
        "transformer blocks");
    bad("train: {lr: 1e999}", NULL,
        "inputs/x.yaml:1: train.lr: 1e999 is outside [0, 10]: peak learning rate");
    bad("corpus: {kind: foo}", NULL,
        "inputs/x.yaml:1: corpus.kind: 'foo' is not one of bios|biod|random|facts|questions");
    bad("corpus: {kind: bio}", NULL,
        "inputs/x.yaml:1: corpus.kind: 'bio' is not one of bios|biod|random|facts|questions");
    bad("corpus: {kind: ''}", NULL,
        "inputs/x.yaml:1: corpus.kind: '' is not one of bios|biod|random|facts|questions");
    bad("", "train.lr=abc", "--set train.lr=abc: 'abc' is not a number");
    bad("", "model.layers=", "--set model.layers=: '' is not a whole number");
    static const char *const reals[] = {"abc", "nan", ".inf", "0x1p-3", "1e",
                                        "1e-", ".",   "1_0",  "1 2",    "1e-400"};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        char yaml[64], message[100];
        snprintf(yaml, sizeof yaml, "train: {lr: %s}", reals[i]);
        snprintf(message, sizeof message, "inputs/x.yaml:1: train.lr: '%s' is not a number",
                 reals[i]);
        bad(yaml, NULL, message);
    }
    bad("model: {layers: 010}", NULL,
        "inputs/x.yaml:1: model.layers: '010': a number that begins with 0 is octal to some; write "
        "it "
        "without");
    bad("run: {name: ''}", NULL,
        "inputs/x.yaml:1: run.name: an empty name; a word or some would do");
    bad("run: {name: \"a\\nb\"}", NULL,
        "inputs/x.yaml:1: run.name: a control character in the name; a word or some would do");
    static const char *const wholes[] = {"2.5", "25e-1", "2.00000000000000000000001", "1_000", "~"};
    for (size_t i = 0; i < sizeof wholes / sizeof wholes[0]; i++) {
        char yaml[64], message[100];
        snprintf(yaml, sizeof yaml, "model: {layers: %s}", wholes[i]);
        snprintf(message, sizeof message,
                 "inputs/x.yaml:1: model.layers: '%s' is not a whole number", wholes[i]);
        bad(yaml, NULL, message);
    }
}

KC_TEST(wrong_shapes)
{
    bad("run: {seed: 1}\nmodel:\n  layers: 3\n  heads: 1\n  layers: 4\n", NULL,
        "inputs/x.yaml:5: model.layers: given twice, first on line 3");
    bad("model: {layers: 3}\nmodel: {heads: 1}\n", NULL,
        "inputs/x.yaml:2: model: given twice, first on line 1");
    bad("model:\nrun: {seed: 2}\nmodel:\n", NULL,
        "inputs/x.yaml:3: model: given twice, first on line 1");
    bad("model: {layers: [3]}", NULL,
        "inputs/x.yaml:1: model.layers: a list or mapping where a single value belongs");
    bad("model: {[layers]: 3}", NULL,
        "inputs/x.yaml:1: model: a list or mapping where a key belongs");
    bad("[model]: 3", NULL,
        "inputs/x.yaml:1: top level: a list or mapping where the name of a section belongs");
    bad("model: 3", NULL, "inputs/x.yaml:1: model: not a mapping of keys to values");
    bad("- model", NULL,
        "inputs/x.yaml:1: top level: not a mapping of sections, such as `model: {layers: 2}`");
    bad("run:\n  name: &a x\n", NULL,
        "inputs/x.yaml:2: YAML: an alias, anchor or tag (* & !) is not allowed; write the value "
        "out "
        "or quote it");
    bad("run: *a\n", NULL,
        "inputs/x.yaml:1: YAML: an alias, anchor or tag (* & !) is not allowed; write the value "
        "out "
        "or quote it");
    bad("run: {name: \"a\\0b\"}\n", NULL, "inputs/x.yaml:1: a: a zero byte is not allowed");
    bad("run: {seed: 1}\n---\nrun: {seed: 1}\n", NULL,
        "inputs/x.yaml:2: top level: a second document (---); an input file has one");
    bad("run:\n  seed: 1\n name: x\n", NULL,
        "inputs/x.yaml:3: broken YAML: did not find expected key");
    bad("run:\n  name: \"\x80\"\n", NULL,
        "inputs/x.yaml:2: broken YAML: invalid leading UTF-8 octet");
    bad("", "run.name=[a]",
        "--set run.name=[a]: a list or mapping where a single value belongs; quote the value");
    bad("", "run.name=@a",
        "--set run.name=@a: broken YAML: found character that cannot start any token; quote the "
        "value");
    bad("", "run.name='a' b",
        "--set run.name='a' b: broken YAML: did not find expected <document start>; quote the "
        "value");
}

KC_TEST(too_much)
{
    char text[KC_TEXT_MAX + 16] = "run.name=";
    memset(text + 9, 'n', KC_TEXT_MAX - 1);
    assert_int_equal(strlen(good("", text).run.name), KC_TEXT_MAX - 1);
    text[9 + KC_TEXT_MAX - 1] = 'n';
    kc_config cfg;
    kc_error e;
    assert_int_equal(parse("", text, &cfg, &e), KC_EINPUT);
    assert_non_null(strstr(e.text, "nnn...: the text has 512 bytes; at most 511 are allowed"));

    size_t bytes = (1 << 20) + 1;
    char *spaces = malloc(bytes);
    memset(spaces, ' ', bytes);
    e = (kc_error){0};
    assert_int_equal(kc_config_parse(spaces, bytes - 1, "x", NULL, 0, &cfg, &e), KC_OK);
    assert_int_equal(kc_config_parse(spaces, bytes, "x", NULL, 0, &cfg, &e), KC_EINPUT);
    assert_string_equal(e.text, "x: 1048577 bytes; an input file has at most 1048576");
    memset(spaces, '[', bytes); /* deep nesting neither overflows the stack nor takes for ever */
    e = (kc_error){0};
    assert_int_equal(kc_config_parse(spaces, bytes - 1, "x", NULL, 0, &cfg, &e), KC_EINPUT);
    free(spaces);
}

KC_TEST(keys_that_disagree)
{
    bad("train:\n  batch: 12\n  lanes: 5\n", NULL,
        "inputs/x.yaml:3: train.lanes: 5 does not divide train.batch 12 (inputs/x.yaml:2); its "
        "divisors would do: 1, 2, 3, 4, 6, 12");
    bad("train: {batch: 6}\n", NULL,
        "default: train.lanes: 8 does not divide train.batch 6 (inputs/x.yaml:1); its divisors "
        "would do: 1, 2, 3, 6");
    bad("train: {batch: 6}\n", "train.lanes=4",
        "--set train.lanes=4: 4 does not divide train.batch 6 (inputs/x.yaml:1); its divisors "
        "would "
        "do: 1, 2, 3, 6");
    bad("model: {head_dim: 5}", NULL,
        "inputs/x.yaml:1: model.head_dim: 5 is odd, but positions rotate pairs; 4 or 6 would do");
    bad("model: {head_dim: 10,\n  rotary_fraction: 0.3}", NULL,
        "inputs/x.yaml:2: model.rotary_fraction: 0.3 of model.head_dim 10 (inputs/x.yaml:1) "
        "rotates "
        "3 floats, but they rotate in pairs; 0.2 or 0.4 would do");
    bad("", "train.beta1=1",
        "--set train.beta1=1: 1 keeps the moment at 0 for ever; below 1 would do");
    bad("train: {beta2: 1.0}", NULL,
        "inputs/x.yaml:1: train.beta2: 1 keeps the moment at 0 for ever; below 1 would do");
}

KC_TEST(values_and_order)
{
    assert_int_equal(good("model: {layers: 5}", NULL).model.layers, 5);
    assert_int_equal(good("model: {layers: 5}", "model.layers=7").model.layers, 7);
    assert_int_equal(good("corpus: {people: 1e6}", NULL).corpus.people, 1000000);
    assert_int_equal(good("corpus: {people: 25}", "corpus.people=2.5e1").corpus.people, 25);
    assert_int_equal(good("", "run.seed=9007199254740991").run.seed, 9007199254740991);
    assert_true(good("train: {lr: 1e-3, clip: '2'}", NULL).train.lr == 1e-3);
    assert_string_equal(good("", "run.name=\"a: b\"").run.name, "a: b");
    assert_string_equal(good("run: {out: x}", "run.out=").run.out, "");
    static const char *const twice[] = {"model.heads=3", "model.heads=4"};
    kc_config cfg;
    kc_error e = {0};
    assert_int_equal(kc_config_parse("", 0, "x", twice, 2, &cfg, &e), KC_OK);
    assert_int_equal(cfg.model.heads, 4);
}

KC_TEST(paths)
{
    char cwd[PATH_MAX], want[2 * PATH_MAX];
    assert_non_null(getcwd(cwd, sizeof cwd));
    snprintf(want, sizeof want, "%s/inputs/../p q", cwd);
    assert_string_equal(good("corpus: {pools: ./../p q}", NULL).corpus.pools, want);
    snprintf(want, sizeof want, "%s/p", cwd);
    assert_string_equal(good("", "corpus.pools=./p").corpus.pools, want);
    assert_string_equal(good("corpus: {pools: /a/b}", NULL).corpus.pools, "/a/b");
    assert_string_equal(good("corpus: {pools: ''}", NULL).corpus.pools, "");
    assert_string_equal(good("run: {out: here}", NULL).run.out, "here");
    kc_config cfg;
    kc_error e = {0};
    const char *yaml = "corpus: {pools: p}";
    assert_int_equal(kc_config_parse(yaml, strlen(yaml), "/d/x.yaml", NULL, 0, &cfg, &e), KC_OK);
    assert_string_equal(cfg.corpus.pools, "/d/p");
    assert_int_equal(kc_config_parse(yaml, strlen(yaml), "/\xff/x.yaml", NULL, 0, &cfg, &e),
                     KC_EINPUT);
    assert_non_null(strstr(e.text, "corpus.pools: the absolute path is not UTF-8"));
}

KC_TEST(nothing_given)
{
    static const char *const empty[] = {"",      "\n\n", "# only a comment\n",
                                        "---\n", "{}",   "model:\n"};
    kc_config defaults;
    kc_config_defaults(&defaults);
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) {
        kc_config cfg = good(empty[i], NULL);
        assert_memory_equal(&cfg, &defaults, sizeof cfg);
    }
}

KC_TEST_MAIN(NULL, NULL)
