# SPDX-License-Identifier: BSD-3-Clause
"""plugs.py BUILD: what plugging something in costs, done to a copy of the tree.

A kind of corpus, a measure, a transformation and a verb are added, each as a row of a table and a
file of its own; then the copy is built as BUILD was, and all four do their work."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import h5py
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
BUILD = None
SPDX = "/* SPDX-License-Identifier: BSD-3-Clause */\n"

VERB = SPDX + """\
#include <stdio.h>

#include "cli/verb.h"

typedef struct options {
    const char *word;
    int64_t times;
} options;

static int run(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    for (int64_t i = 0; i < o->times && g->rank == 0; ++i)
        printf("%s\\n", o->word);
    return e->code;
}

static const options defaults = {.times = 1};
static const kc_option list[] = {
    {KC_OPTION("WORD", KC_WORD, word)},
    {KC_OPTION("times", KC_COUNT, times), .least = 1, .most = 9, .value = "N", .help = "so often"}};

const kc_verb kc_verb_toy = {.name = "toy",
                             .summary = "say a word",
                             .about = "Say a word some times.",
                             KC_OPTIONS(list),
                             .bytes = sizeof(options),
                             .defaults = &defaults,
                             .run = run};
"""

KIND = SPDX + """\
#include <math.h>
#include <stdlib.h>

#include "data/kind/kind.h"
#include "kcap/base/rng.h"
#include "kcap/base/memory.h"

/* N coins, each with a name of its own and a side that is up. */
typedef struct toy {
    uint64_t seed;
    int32_t name, side; /* tokens of the first of each */
} toy;

static const kc_source sources[] = {{NULL, NULL, 0}};

static int check(const kc_config *settled, const kc_origin *o, kc_error *e)
{
    if (settled->corpus.people <= 1000)
        return KC_OK;
    return kc_fail_key(e, o, KC_AT_corpus_people, "a purse has at most 1000 coins");
}

static void *create(const kc_corpus_keys *keys, uint64_t seed, const kc_files *files,
                    kc_vocab *vocab, const kc_corpus *first, kc_corpus_info *info, kc_error *e)
{
    const double N = (double)keys->people;
    toy *t = kc_alloc(1, sizeof *t, "corpus");
    (void)files;
    (void)first;
    (void)e;
    *t = (toy){seed, kc_vocab_numbered(vocab, "coin", 0, "", keys->people),
               kc_vocab_numbered(vocab, "side", 0, "", 2)};
    info->n_attributes = 2;
    info->attribute[0] = (kc_attribute){"name", log2(N), 1};
    info->attribute[1] = (kc_attribute){"side", 1, 1};
    info->term[KC_READ_NAME] = (kc_term){"names", N, N, log2(N), log2(N), 0};
    info->term[KC_READ_VALUES] = (kc_term){"sides", N, N, 1, 0, 0};
    info->max_doc_tokens = 3;
    info->mean_doc_tokens = 3;
    info->lengths_are_equal = 1;
    return t;
}

static int64_t value(const void *made, int64_t coin, int32_t attribute)
{
    const toy *t = made;
    return attribute ? (int64_t)kc_rand_below(t->seed, KC_STREAM_FACT, (uint64_t)coin, 1, 2) : coin;
}

static void document(const void *made, int64_t coin, int64_t exposure, kc_doc *doc)
{
    const toy *t = made;
    (void)exposure;
    doc->person = coin;
    doc->n_tokens = 3;
    doc->tokens[0] = KC_EOS;
    doc->tokens[1] = t->name + (int32_t)coin;
    doc->tokens[2] = t->side + (int32_t)value(made, coin, 1);
    doc->n_spans = 2;
    doc->spans[0] = (kc_span){coin, 0, 1, 2, 2, 0};
    doc->spans[1] = (kc_span){coin, 1, 2, 3, 3, 0};
}

const kc_kind_ops kc_kind_toy = {.sources = sources,
                                 .check = check,
                                 .create = create,
                                 .document = document,
                                 .value = value,
                                 .destroy = free};
"""

MEASURE = SPDX + """\
#include <math.h>

#include "kcap/measure/measure.h"

/* How long the weights are, all of them and the first few. */
#define COLUMNS(C)                                                                                 \\
    C(REAL, length, "1", "root of the sum of squares")                                             \\
    C(INT, weights, "1", "how many there are")
enum { FIRST = 3 };

static void columns(const kc_corpus_info *info, const kc_shape *shape, kc_schema *s)
{
    const kc_column all[] = {KC_COLUMNS_EVENT(KC_COLUMN_ROW) COLUMNS(KC_COLUMN_ROW){
        "first", KC_VALUE_REAL, FIRST, "1", "the first few", 0}};
    (void)info;
    (void)shape;
    kc_schema_create(s, "/toy", 64, all, sizeof all / sizeof *all);
}

static int64_t every(const kc_config *cfg)
{
    (void)cfg;
    return 50;
}

static size_t bytes(const kc_config *cfg, const kc_corpus_info *info, const kc_model *model,
                    int ranks, int threads)
{
    (void)cfg;
    (void)info;
    (void)model;
    (void)ranks;
    (void)threads;
    return (size_t)300 << 20;
}

static int take(const kc_subject *x, const kc_schema *s, void *row)
{
    const kc_layout *layout = &x->model->layout;
    double *length = kc_row_at(s, row, "length"), *first = kc_row_at(s, row, "first");
    *length = 0;
    for (int64_t i = 0; i < layout->n_flat; ++i)
        *length += (double)x->weights->w[i] * (double)x->weights->w[i];
    *length = sqrt(*length);
    *(int64_t *)kc_row_at(s, row, "weights") = layout->n_params;
    for (int i = 0; i < FIRST; ++i)
        first[i] = x->weights->w[i];
    return 0;
}

const kc_measure kc_measure_toy = {columns, every, bytes, take};
"""

TRANSFORM = SPDX + """\
#include "kcap/transform/transform.h"

static void count(const kc_rows *r, const void *of)
{
    (void)of;
    for (int64_t i = 0; i < r->rows * r->cols; ++i)
        r->values[i] = (float)(r->first + i / r->cols);
}

static int toy(const kc_grid *g, const kc_checkpoint_info *from, const char *out, kc_error *e)
{
    return kc_checkpoint_derive(g, from, out, &(kc_derivation){.by = "toy", .change = count}, e);
}

const kc_transform kc_transform_toy = {
    .name = "toy", .help = "each value the number of its row", .run = toy};
"""

# what is added -> (the table, the pattern of the place of its row, the row), (its file, the text)
PLUGS = {
    "kind": (("include/kcap/types/kinds.def", r"K\(key, random,",
              'K(key, toy, "coin", "coins", "sides of coins", 1, 1, "a bit a coin") K(key, random,'),
             ("src/data/kind/toy.c", KIND)),
    "measure": (("include/kcap/measure/measures.def", r"M\(capacity\)", "M(capacity) M(toy)"),
                ("src/measure/toy.c", MEASURE)),
    "transform": (("src/transform/transforms.def", r"T\(bf16\)", "T(bf16) T(toy)"),
                  ("src/transform/toy.c", TRANSFORM)),
    "verb": (("src/cli/verbs.def", r"V\(help\)", "V(toy) V(help)"), ("src/cli/toy.c", VERB)),
}


class Plugs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.tree = cls.root / "tree"
        cls.tree.mkdir()
        for name in ("src", "include", "inputs", "CMakeLists.txt"):
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, cls.tree / name)
        cls.before = cls.files()
        for table, own in PLUGS.values():
            cls.plug(*table, *own)
        cls.build()

    @classmethod
    def files(cls):
        return {path.relative_to(cls.tree).as_posix(): path.read_bytes()
                for path in cls.tree.rglob("*") if path.is_file()}

    @classmethod
    def plug(cls, table, place, row, own, text):
        path = cls.tree / table
        before = path.read_text(encoding="utf-8")
        after, n = re.subn(place, lambda _: row, before, count=1)
        assert n == 1, f"{table} has no {place}"
        path.write_text(after, encoding="utf-8")
        assert not (cls.tree / own).exists(), own
        (cls.tree / own).write_text(text, encoding="utf-8")

    @classmethod
    def build(cls):
        cache = dict(re.findall(r"^(\w+):\w+=(.*)$", (Path(BUILD) / "CMakeCache.txt").read_text(),
                                re.M))
        for args in (["cmake", "-S", cls.tree, "-B", cls.root / "build", "-DBUILD_TESTING=OFF",
                      "-DCMAKE_BUILD_TYPE=Debug",
                      "-DCMAKE_C_COMPILER=" + cache["CMAKE_C_COMPILER"],
                      "-DCMAKE_C_COMPILER_LAUNCHER=" + cache.get("CMAKE_C_COMPILER_LAUNCHER", "")],
                     ["cmake", "--build", cls.root / "build", "-j2", "--target", "kcap"]):
            done = subprocess.run(args, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr

    def kcap(self, *args, code=0):
        done = subprocess.run([self.root / "build" / "kcap", *args], cwd=self.root, text=True,
                              capture_output=True, check=False, timeout=300)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout if code == 0 else done.stderr

    def test_what_it_costs(self):
        """A row in one file, and one new file, each."""
        after = self.files()
        changed = {name for name in after if self.before.get(name) != after[name]}
        self.assertEqual(changed, {name for table, own in PLUGS.values()
                                   for name in (table[0], own[0])})
        self.assertFalse(set(self.before) - set(after))

    def test_kind(self):
        """Shown, counted to the bit, checked, trained on and measured."""
        (self.root / "toy.yaml").write_text(
            "corpus: {kind: toy, people: 64, exposures: 200}\n"
            "model: {layers: 1, heads: 1, head_dim: 16, init_std: 0.1}\n"
            "train: {context: 32, batch: 2, lanes: 2, lr: 0.02, warmup_steps: 20}\n")
        self.assertIn("sides of coins", self.kcap("config", "--help"))
        shown = json.loads(self.kcap("corpus", "toy.yaml", "--show", "1", "--json"))
        self.assertEqual((shown["corpus_bits"], shown["n_vocab"]), (64, 1 + 64 + 2))
        self.assertRegex(self.kcap("corpus", "toy.yaml", "--show", "1"),
                         r"coin 0, 3 tokens:\n.*\[coin0\]\(name\) \[side[01]\]\(side\)")
        self.assertIn("a purse has at most 1000 coins",
                      self.kcap("corpus", "toy.yaml", "--set", "corpus.people=1001", code=2))
        found = json.loads(self.kcap("train", "toy.yaml", "--out", "run", "--json"))
        self.assertGreater(found["value_bits"], 60)
        self.assertLessEqual(found["total_bits"], 64)
        with h5py.File(self.root / "run" / "run.h5") as file:
            self.assertEqual(file["measure/value_bits"][-1], found["value_bits"])
        again = json.loads(self.kcap("measure", "run", "--json"))
        self.assertEqual(again["value_bits"], found["value_bits"])
        told = self.report("run")
        self.assertRegex(told, r"sides +6[1-4] bits")
        self.assertIn("share of coins", told)

    def report(self, run):
        """What analysis/report.py makes of a run."""
        done = subprocess.run(["/usr/bin/python3", ROOT / "analysis" / "report.py", run],
                              cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout

    def test_measure(self):
        """Forecast, taken when due, told, recorded, measured again, and filled in by a resume."""
        (self.root / "plain.yaml").write_text(
            "corpus: {kind: biod, people: 64, exposures: 120}\n"
            "model: {layers: 1, heads: 1, head_dim: 16}\n"
            "train: {context: 32, batch: 2, lanes: 2}\n"
            "measure: {every_exposures: 100}\n")
        plan = json.loads(self.kcap("plan", "plain.yaml", "--json"))
        self.assertEqual(plan["measurement_bytes"], 300 << 20)
        found = json.loads(self.kcap("train", "plain.yaml", "--out", "plain", "--json"))
        toy, n = found["toy"], found["n_params"]
        self.assertEqual((toy["step"], toy["weights"], len(toy["first"])), (found["step"], n, 3))

        def check():
            with h5py.File(self.root / "plain" / "run.h5") as file:
                self.assertEqual(len(file["measure/step"]), 2)
                self.assertEqual(file["toy/exposures"][:].astype(int).tolist(), [50, 100, 120])
                self.assertEqual(file["toy/length"][-1], toy["length"])
                self.assertEqual(file["toy/first"][-1].tolist(), toy["first"])
                self.assertEqual(file["toy/weights"].attrs["description"], "how many there are")
        check()
        again = json.loads(self.kcap("measure", "plain", "--json"))["toy"]
        self.assertEqual({**again, "seconds": 0}, {**toy, "seconds": 0})
        self.assertRegex(self.kcap("measure", "plain"), rf"toy\n(.*\n)+ +weights +{n}  1\n")
        told = self.report("plain")
        self.assertRegex(told, rf"toy, step {toy['step']:,}\n(.*\n)* +weights +{n} 1\n")
        self.assertIn("toy.csv", told)
        with h5py.File(self.root / "plain" / "run.h5", "r+") as file:
            del file["toy"], file.attrs["seal"], file.attrs["holds"]  # as one made before the plug
        self.kcap("train", "plain.yaml", "--out", "plain", "--resume", "auto")
        with h5py.File(self.root / "plain" / "run.h5") as file:
            self.assertEqual(file["toy/length"][:].tolist(), [toy["length"]])

    def test_transform(self):
        (self.root / "some.yaml").write_text("corpus: {kind: biod, people: 8}\n"
                                             "model: {layers: 2, heads: 1, head_dim: 8}\n")
        self.assertIn("toy     each value the number", self.kcap("transform", "--help"))
        self.kcap("init", "some.yaml", "--out", "some")
        self.kcap("transform", "toy", "some", "--out", "other.h5")
        with h5py.File(self.root / "other.h5") as file:
            for tensor in file["params"].values():
                rows = tensor[()].reshape(-1, tensor.shape[-1])
                self.assertTrue((rows == np.arange(len(rows))[:, None]).all())
            self.assertEqual(file.attrs["transformed_by"], "toy")
        self.kcap("measure", "other.h5")

    def test_verb(self):
        self.assertEqual(self.kcap("toy", "hello", "--times", "2"), "hello\nhello\n")
        self.assertIn("say a word", self.kcap("help"))
        self.assertIn("--times N", self.kcap("help", "toy"))
        self.assertIn(".SS kcap toy", self.kcap("help", "--man"))
        self.assertIn("toy) words='--times --help'", self.kcap("help", "--bash"))


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    os.environ.update(OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1")
    unittest.main()
