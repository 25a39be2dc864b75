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
                    kc_vocab *vocab, kc_corpus_info *info, kc_error *e)
{
    const double N = (double)keys->people;
    toy *t = kc_alloc(1, sizeof *t, "corpus");
    (void)files;
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
    doc->spans[0] = (kc_span){coin, 0, 1, 2, 2};
    doc->spans[1] = (kc_span){coin, 1, 2, 3, 3};
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

static void columns(const kc_corpus_info *info, const kc_shape *shape, kc_schema *s)
{
    const kc_column all[] = {KC_COLUMNS_EVENT(KC_COLUMN_ROW){"largest", KC_VALUE_REAL, 0, "1",
                                                             "the largest weight", 0},
                             {"share", KC_VALUE_REAL, 2, "1", "of weights below 0, and not", 0}};
    (void)info;
    (void)shape;
    kc_schema_create(s, "/toy", 64, all, sizeof all / sizeof *all);
}

static int64_t every(const kc_config *cfg)
{
    (void)cfg;
    return 50;
}

static size_t bytes(const kc_corpus_info *info, const kc_model *model, int ranks, int threads)
{
    (void)info;
    (void)model;
    (void)ranks;
    (void)threads;
    return 0;
}

static void take(const kc_subject *x, const kc_schema *schema, void *row)
{
    const kc_layout *layout = &x->model->layout;
    double *largest = kc_row_at(schema, row, "largest"), *share = kc_row_at(schema, row, "share");
    *largest = share[0] = 0;
    for (int64_t i = 0; i < layout->n_flat; ++i) {
        *largest = fmax(*largest, x->weights->w[i]);
        share[0] += x->weights->w[i] < 0 ? 1 / (double)layout->n_params : 0;
    }
    share[1] = 1 - share[0];
}

const kc_measure kc_measure_toy = {columns, every, bytes, take};
"""

# what is added -> (the table, the pattern of the place of its row, the row), (its file, the text)
PLUGS = {
    "kind": (("include/kcap/types/kinds.def", r"K\(key, random,",
              'K(key, toy, "coin", "coins", "sides of coins", 1, 1, "a bit a coin") K(key, random,'),
             ("src/data/kind/toy.c", KIND)),
    "measure": (("include/kcap/measure/measures.def", r"M\(capacity\)", "M(capacity) M(toy)"),
                ("src/measure/toy.c", MEASURE)),
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

    def test_measure(self):
        """Taken when it is due, recorded, resumed, told as JSON, as text and by report.py."""
        args = ["train", ROOT / "inputs" / "quickstart.yaml", "--out", "toy", "--json", "--set",
                "corpus.people=8", "--set", "corpus.exposures=100"]
        self.kcap(*args, "--set", "train.max_steps=40", "--set", "checkpoint.every_steps=40")
        found = json.loads(self.kcap(*args, "--resume", "auto"))
        with h5py.File(self.root / "toy" / "run.h5") as file, \
                h5py.File(max((self.root / "toy" / "checkpoints").glob("*.h5"))) as end:
            toy = file["toy"]
            self.assertEqual(sorted(toy), ["exposures", "largest", "seconds", "share", "step",
                                           "tokens"])
            self.assertEqual(toy["largest"].attrs["description"], "the largest weight")
            self.assertEqual([int(x) for x in toy["exposures"]], [50, 80, 100])
            largest = max(float(x[()].max()) for x in end["params"].values())
            self.assertEqual(toy["largest"][-1], largest)
            self.assertEqual(found["toy"]["largest"], largest)
            self.assertEqual(found["toy"]["share"], list(toy["share"][-1]))
        again = json.loads(self.kcap("measure", "toy", "--json"))
        self.assertEqual(again["toy"]["largest"], largest)
        self.assertIn("largest", self.kcap("measure", "toy"))
        self.assertIn("largest", self.report("toy"))
        self.assertIn("largest", (self.root / "toy" / "toy.csv").read_text())

    def report(self, run):
        """What analysis/report.py makes of a run."""
        done = subprocess.run(["/usr/bin/python3", ROOT / "analysis" / "report.py", run],
                              cwd=self.root, capture_output=True, text=True, check=True)
        return done.stdout

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
