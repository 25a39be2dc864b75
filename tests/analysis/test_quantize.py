# SPDX-License-Identifier: BSD-3-Clause
"""quantize.py: a table and a figure of two runs; what was measured is kept. Called as `test.py KCAP MPIRUN`."""
import csv
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, "..", "..", "analysis"), os.path.join(HERE, "..", "app")]
import harness  # pylint: disable=wrong-import-position
import programs  # pylint: disable=wrong-import-position
from harness import BIOD, merged  # pylint: disable=wrong-import-position


class Quantize(harness.AppTest):
    config = merged(BIOD, train={"max_steps": 40})

    def run_it(self, *more, kcap=None, how=programs.started):
        return how("quantize", self.path("one"), self.path("two"), "--out", self.path("sweep"), "--bits",
                   "3", "--group", "0,8", "--codes", "symmetric,asymmetric", "--kcap", kcap or harness.KCAP, *more)

    def test_table(self):
        for seed, name in enumerate(("one", "two")):
            self.kcap_train(name, "--set", f"run.seed={seed + 1}")
        done = self.run_it()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with open(self.path("sweep", "quantize.csv"), encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([(r["bits"], r["method"], r["group"], r["codes"]) for r in rows],
                         [("32", "-", "0", "-")] + [("3", m, g, c) for m in ("rtn", "gptq")
                                                    for g in ("0", "8")
                                                    for c in ("symmetric", "asymmetric")])
        whole = [self.json("measure", name)["bits_per_param"] for name in ("one", "two")]
        self.assertAlmostEqual(float(rows[0]["bits_per_param"]), sum(whole) / 2, places=12)
        self.assertAlmostEqual(float(rows[0]["sd"]), abs(whole[0] - whole[1]) / 2 ** 0.5, places=12)
        packed = [name for name in os.listdir(self.path("sweep")) if name.endswith("_gptq3_g8_asymmetric.h5")]
        self.assertEqual(len(packed), 2)
        found = [self.json("measure", f"sweep/{name}") for name in packed]
        self.assertEqual([(x["quantized_group"], x["quantized_asymmetric"]) for x in found], [(8, 1)] * 2)
        for name in "bits_per_param", "bits_per_stored_bit", "stored_bits_per_param":
            self.assertAlmostEqual(float(rows[8][name]), (found[0][name] + found[1][name]) / 2,
                                   places=12)
        self.assertIn("norms and biases as they were, embeddings as they were; 2 checkpoint(s)",
                      done.stdout)
        self.assertIn("arXiv 2404.05405, Result 8 (GPTQ): 8 bits no loss", done.stdout)
        with open(self.path("sweep", "quantize.png"), "rb") as file:
            self.assertEqual(file.read(4), b"\x89PNG")
        # Nothing is measured a second time: a program that does nothing will do.
        again = self.run_it(kcap="/bin/false")
        self.assertEqual((again.returncode, again.stdout), (0, done.stdout))
        # Of another checkpoint under the same name everything is; a list that is none is named.
        shutil.rmtree(self.path("two"))
        self.kcap_train("two", "--set", "run.seed=3")
        false = {"kcap": "/bin/false", "how": programs.called}
        self.assertIn("/bin/false measure ended with 1", self.run_it(**false).stderr)
        kept = [name for name in os.listdir(self.path("sweep")) if name.endswith("_whole.json")]
        for text in "", "[1, 2]", "[" * 100000, '{"bits_per_param": null}':
            for name in kept:
                self.input(text, os.path.join("sweep", name))
            again = self.run_it(**false)
            self.assertEqual(again.returncode, 2)
            self.assertIn("_whole.json: ", again.stderr)
            self.assertIn(": delete it", again.stderr)

    def test_refused(self):
        self.kcap_train("one")
        for said, more in (("no such checkpoint or folder", ()),
                           ("--method best: there are rtn and gptq", ("--method", "best")),
                           ("--codes odd: there are symmetric and asymmetric", ("--codes", "odd")),
                           ("--bits x: whole numbers", ("--bits", "x"))):
            done = self.run_it(*more)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(said, done.stderr)


if __name__ == "__main__":
    harness.main()
