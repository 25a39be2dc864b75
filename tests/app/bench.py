# SPDX-License-Identifier: BSD-3-Clause
"""`kcap bench`, and the phases of a step in run.h5."""
import os
import tempfile
import unittest.mock

import numpy as np

import harness
from harness import BIOD, merged, one_object, read_columns

PHASES = ["seconds_" + name for name in ("batch", "linear", "attention", "head", "elementwise",
                                         "reduce", "update", "record")]
WORKING = PHASES[1:7]
# So many exposures that a bench never reaches the end.
ENDLESS = merged(BIOD, corpus={"exposures": 1000000})


class Bench(harness.AppTest):
    config = ENDLESS

    def test_json(self):
        for ranks, threads in ((0, 1), (0, 2), (2, 1)):
            before = set(os.listdir(tempfile.gettempdir()))
            done = self.kcap("bench", "input.yaml", "--seconds", 1, "--json", ranks=ranks,
                             threads=threads)
            b = one_object(done.stdout)
            self.assertEqual((b["ranks"], b["threads"]), (max(ranks, 1), threads))
            self.assertGreater(b["steps"], 10)
            for name in WORKING:
                self.assertGreater(b[name], 0, name)
            timed = sum(b[name] for name in PHASES)
            self.assertLessEqual(timed, 1.02 * b["seconds"])
            self.assertGreater(timed, 0.5 * b["seconds"])
            self.assertAlmostEqual(b["flop_per_second"] / (b["tokens_per_second"] *
                                                           b["flop_per_token"]), 1, 9)
            self.assertGreater(b["peak_flop_per_second"], b["flop_per_second"])
            self.assertAlmostEqual(b["peak_share"],
                                   b["flop_per_second"] / b["peak_flop_per_second"], 9)
            left = {n for n in set(os.listdir(tempfile.gettempdir())) - before if "bench" in n}
            self.assertEqual((left, os.listdir(self.folder)), (set(), ["input.yaml"]))

    def test_flops(self):
        """F = 6 (12 L d^2 + V d) + 6 L d T."""
        self.input(merged(ENDLESS, model={"layers": 3, "heads": 2, "head_dim": 16},
                          train={"context": 96}))
        b = self.json("bench", "input.yaml", "--seconds", 0.3)
        d, v = 32, b["n_vocab"]
        self.assertEqual(b["flop_per_token"], 6 * (12 * 3 * d * d + v * d) + 6 * 3 * d * 96)

    def test_table(self):
        table = self.kcap("bench", "input.yaml", "--seconds", 0.5, ranks=2, threads=1).stdout
        self.assertIn("2 ranks x 1 threads", table)
        for word in ("tokens/s", "GFLOP/s", "attention", "elementwise", "record", "step"):
            self.assertIn(word, table)

    def test_without_an_input(self):
        self.assertIn("the default configuration",
                      self.kcap("bench", "--seconds", 1, "--set", "model.heads=1",
                                "--set", "train.batch=1", "--set", "train.lanes=1",
                                "--set", "model.layers=1").stdout)

    def test_bad_input(self):
        self.input(BIOD)
        for args, words in ((("--seconds", "0"), "--seconds 0: a number from 0.1"),
                            (("--seconds", "soon"), "--seconds soon"),
                            (("--out", "x"), "--out: not an option of bench"),
                            (("--set", "train.max_steps=1"), "0 steps were timed, at least 2 are needed")):
            self.fails(words, "bench", "input.yaml", *args, ranks=2)

    def test_nowhere_to_write(self):
        """Open MPI would make the folder itself if it were not told of another."""
        with unittest.mock.patch.dict(os.environ, TMPDIR=self.path("missing"),
                                      OMPI_MCA_orte_tmpdir_base="/tmp"):
            self.assertIn("set TMPDIR", self.kcap("bench", "input.yaml", ranks=2, code=4).stderr)


class Phases(harness.AppTest):
    def test_columns(self):
        """What is timed is no more than the step, and nearly all of it."""
        self.input(merged(BIOD, measure={"every_exposures": 4}, checkpoint={"every_steps": 10}))
        self.kcap_train("out", ranks=2, threads=1)
        steps = read_columns(self.path("out"), "steps")
        for name in PHASES:
            self.assertTrue((steps[name] >= 0).all(), name)
        for name in WORKING:
            self.assertGreater(np.median(steps[name]), 0, name)
        timed = sum(steps[name] for name in PHASES)
        self.assertTrue((timed <= 1.01 * steps["seconds"] + 1e-6).all())
        self.assertGreater(timed.sum(), 0.7 * steps["seconds"].sum())


if __name__ == "__main__":
    harness.main()
