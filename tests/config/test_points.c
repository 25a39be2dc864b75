/* SPDX-License-Identifier: BSD-3-Clause */
/* Sweep files: which points they stand for, in which order, under which names. */

#include "../test.h"

#include "kcap/config/points.h"

static kc_sweep good(const char *text)
{
    kc_sweep s;
    kc_error e = {0};
    if (kc_sweep_parse(text, strlen(text), "inputs/sweeps/x.yaml", &s, &e) != KC_OK)
        fail_msg("refused: %s", e.text);
    return s;
}

static void bad(const char *text, const char *message)
{
    kc_sweep s;
    kc_error e = {0};
    assert_int_equal(kc_sweep_parse(text, strlen(text), "x.yaml", &s, &e), KC_EINPUT);
    assert_string_equal(e.text, message);
    assert_int_equal(s.n, 0);
}

static void check_names(const kc_sweep *s, int n, const char *const *names)
{
    assert_int_equal(s->n, n);
    for (int i = 0; i < n; ++i)
        assert_string_equal(s->point[i].name, names[i]);
}

KC_TEST(paths)
{
    kc_sweep s = good("base: ../quick.yaml\n");
    assert_string_equal(s.base, "inputs/sweeps/../quick.yaml");
    assert_string_equal(s.out, "runs/x");
    check_names(&s, 1, (const char *const[]){"point"});
    assert_int_equal(s.point[0].n_sets, 0);
    kc_sweep_free(&s);
    s = good("base: /a/b.yaml\nout: here\n");
    assert_string_equal(s.base, "/a/b.yaml");
    assert_string_equal(s.out, "here");
    kc_sweep_free(&s);
}

/* In the order of the file, the last varying fastest. */
KC_TEST(product)
{
    kc_sweep s = good("base: b.yaml\n"
                      "axes: {model.layers: [2, 4]}\n"
                      "zip: [{train.lr: [1.0e-3, 2.0e-3], train.batch: [8, 16]}]\n"
                      "set: {train.batch: 4, run.name: 'it''s: # one'}\n"
                      "points: [{run.seed: 7}, {run.seed: 8, train.batch: 32}]\n");
    check_names(&s, 8,
                (const char *const[]){"layers=2,lr=1.0e-3,seed=7", "layers=2,lr=1.0e-3,seed=8",
                                      "layers=2,lr=2.0e-3,seed=7", "layers=2,lr=2.0e-3,seed=8",
                                      "layers=4,lr=1.0e-3,seed=7", "layers=4,lr=1.0e-3,seed=8",
                                      "layers=4,lr=2.0e-3,seed=7", "layers=4,lr=2.0e-3,seed=8"});
    static const char *const sets[] = {"train.batch=32", "run.name='it''s: # one'",
                                       "model.layers=4", "train.lr=2.0e-3", "run.seed=8"};
    assert_int_equal(s.point[7].n_sets, 5);
    for (int i = 0; i < 5; ++i)
        assert_string_equal(s.point[7].sets[i], sets[i]);
    assert_string_equal(s.point[6].sets[0], "train.batch=16");
    kc_sweep_free(&s);
}

KC_TEST(names_take_the_fewest_keys)
{
    kc_sweep s = good("base: b.yaml\nzip: [{model.layers: [2, 2], corpus.people: [5, 6], "
                      "train.lr: [1, 2]}]\n");
    check_names(&s, 2, (const char *const[]){"layers=2,people=5", "layers=2,people=6"});
    kc_sweep_free(&s);
    s = good("base: b.yaml\naxes: {corpus.length: [1, 2], run.name: [a b, /x/y]}\n");
    check_names(&s, 4,
                (const char *const[]){"length=1,name=a_b", "length=1,name=y", "length=2,name=a_b",
                                      "length=2,name=y"});
    kc_sweep_free(&s);
    s = good("base: b.yaml\naxes: {corpus.vocab: [5], vocab.kind: [words], corpus.kind: [bios]}\n");
    check_names(&s, 1, (const char *const[]){"vocab=5,vocab.kind=words,corpus.kind=bios"});
    kc_sweep_free(&s);
}

KC_TEST(ranges)
{
    kc_sweep s = good("base: b.yaml\naxes:\n"
                      "  corpus.people: {from: 10, to: 1000, points: 3, scale: log}\n"
                      "  train.lr: {from: 0.1, to: 0.3, points: 2}\n");
    check_names(&s, 6,
                (const char *const[]){"people=10,lr=0.1", "people=10,lr=0.3", "people=100,lr=0.1",
                                      "people=100,lr=0.3", "people=1000,lr=0.1",
                                      "people=1000,lr=0.3"});
    kc_sweep_free(&s);
}

/* Telling rows apart takes no time that grows with their square. */
KC_TEST(many_points)
{
    kc_sweep s = good("base: b.yaml\naxes: {train.lr: {from: 1, to: 300000, points: 300000}}\n");
    assert_int_equal(s.n, 300000);
    assert_string_equal(s.point[299999].name, "lr=300000");
    kc_sweep_free(&s);
}

KC_TEST(stands_for)
{
    kc_sweep s = good("base: b.yaml\npoints: [{run.seed: 1, stands_for: 7.0e+9}, {run.seed: 2}]\n");
    assert_true(s.point[0].stands_for == 7e9 && s.point[1].stands_for == 0);
    assert_int_equal(s.point[0].n_sets, 1);
    kc_sweep_free(&s);
    bad("base: b.yaml\nset: {stands_for: many}\n",
        "x.yaml:2: stands_for: 'many' is not a number of parameters");
    bad("base: b.yaml\naxes:\n  stands_for: [0,\n    1.0e999]\n",
        "x.yaml:4: stands_for: '1.0e999' is not a number of parameters");
    bad("base: b.yaml\naxes: {stands_for: {from: -2, to: 2, points: 2}}\n",
        "x.yaml:2: stands_for: '-2' is not a number of parameters");
}

KC_TEST(errors)
{
    bad("base: b\n\naxes: {people: [1]}\n",
        "x.yaml:3: people: unknown key; keys are written section.key: did you mean corpus.people?");
    bad("base: b\nzip: {run.seed: [1]}\n",
        "x.yaml:2: zip: not a list of mappings; write `zip: [{key: [...], ...}]`");
    bad("base: b\npoints: [{run.seed: 1, run.seed: 2}]\n", "x.yaml:2: run.seed: given twice");
    bad("base: b\naxes: {run.seed: {from: 1, to: 5, points: 3, step: 2}}\n",
        "x.yaml:2: step: a range has from, to, points and scale");
    bad("base: b\naxes: {run.seed: {from: 1, to: 3, points: 5}}\n",
        "x.yaml: two points are both seed=2; a value is given twice");
    bad("base: b\naxes: {run.seed: {from: 1, to: 2000, points: 2000}, "
        "model.layers: {from: 1, to: 1000, points: 1000}}\n",
        "x.yaml: 2000000 points; at most 1000000");
    bad("base: b\nset: {}\nset: {run.seed: 1}\n", "x.yaml:3: set: given twice");
    bad("base: b\nset: [1]\n", "x.yaml:2: set: not a mapping of keys to values");
    bad("base: b\nout: c\nout: d\n", "x.yaml:3: out: given twice");
    bad("base: b\nout: \"c\\nd\"\n", "x.yaml:2: out: not the name of a file or folder");
    bad("base: b\naxes: {run.seed: {from: 1, to: 9, points: 2000000}}\n",
        "x.yaml:2: run.seed: points: a whole number from 2 to 1000000");
    bad("base: b\naxes: {run.seed: [1, 2]}\npoints: [{run.seed: 3}]\n",
        "x.yaml: points seed=1,seed=3 and seed=2,seed=3 have the same settings; of two values for "
        "a "
        "key the later one in the file counts");
    bad("", "x.yaml: not a sweep file: it has base, out, set, axes, zip and points");
    bad("out: x\n", "x.yaml: base is missing: the input file that the points change");
}

KC_TEST_MAIN(NULL, NULL)
