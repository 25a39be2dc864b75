# SPDX-License-Identifier: BSD-3-Clause
"""The shipped inputs keep their promises: the law itself, full biographies, random strings. Those that
train to the end are long; a tenth or a quarter of their exposures stands for them."""
import os
import time

import numpy as np

import harness
from harness import one_object, read_attributes, read_columns

INPUTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "inputs")


class Shipped(harness.AppTest):
    def run_input(self, name, *sets):
        start = time.monotonic()
        done = self.kcap("train", os.path.join(INPUTS, name), "--out", "out", "--json",
                         *(word for each in sets for word in ("--set", each)), ranks=2, threads=1,
                         timeout=800)
        print(f"{name}: {time.monotonic() - start:.0f} s", flush=True)
        report = one_object(done.stdout)
        rows = read_columns(self.path("out"), "measure")
        stamp = read_attributes(self.path("out", "run.h5"))
        measured = self.json("measure", "out", ranks=2, threads=1)
        self.assertEqual(measured["total_bits"], report["total_bits"])
        self.assertEqual(rows["total_bits"][-1], report["total_bits"])
        self.assertEqual(rows["bits_per_param"][-1], measured["bits_per_param"])
        for name_ in ("n_params", "n_people", "corpus_bits", "max_bits_per_param"):
            self.assertEqual(stamp[name_], measured[name_])
        total = rows["name_bits"] + rows["value_bits"] + rows["diversity_bits"]
        self.assertTrue(np.allclose(rows["total_bits"], total, rtol=1e-12))
        self.assertTrue((rows["total_bits"] <= stamp["corpus_bits"]).all(), "more than there is")
        shown = ("exposures", "total_bits", "bits_per_param", "max_bits_per_param", "value_recall")
        print({column: round(float(rows[column][-1]), 4) for column in shown}, flush=True)
        return stamp, rows

    def quickstart(self, exposures, least, *sets):
        """34,400 parameters, over-filled, all three terms counted."""
        stamp, rows = self.run_input("quickstart.yaml", *sets)
        self.assertEqual(stamp["n_params"], 2 * (12 * 32 ** 2 + 13 * 32) + 279 * 32 + 2 * 32)
        self.assertEqual(stamp["n_vocab"], 279)
        self.assertAlmostEqual(stamp["max_bits_per_param"], 2.78, 2)
        self.assertEqual(rows["exposures"][-1], exposures)
        self.assertGreaterEqual(rows["bits_per_param"][-1], least)
        self.assertLessEqual(rows["diversity_bits"].max(), 0)
        loss = read_columns(self.path("out"), "steps")["loss"]
        self.assertTrue(np.isfinite(loss).all())

    def test_quickstart(self):
        """Close to 2 bits each after 1000 exposures (arXiv 2404.05405, Result 3)."""
        self.quickstart(1000, 1.80)

    def test_quickstart_soon(self):
        self.quickstart(100, 0.70, "corpus.exposures=100", "train.warmup_steps=625")

    def bios_small(self, share, recall, *sets):
        """At least 300 people's full biographies, at least 12,000 bits."""
        stamp, rows = self.run_input("bios_small.yaml", *sets)
        self.assertGreaterEqual(stamp["n_people"], 300)
        self.assertGreaterEqual(stamp["corpus_bits"], 12000)
        self.assertGreaterEqual(rows["total_bits"][-1] / stamp["corpus_bits"], share)
        self.assertGreater(rows["value_recall"][-1], recall)

    def test_bios_small(self):
        self.bios_small(0.95, 0.95)

    def test_bios_small_soon(self):
        self.bios_small(0.25, 0.15, "corpus.exposures=100", "train.warmup_steps=100")

    def test_random_small(self):
        """Random strings, as in arXiv 2505.24832: at this budget 2.48 bits a parameter."""
        _, rows = self.run_input("random_small.yaml")
        self.assertGreaterEqual(rows["bits_per_param"][-1], 2.3)
        self.assertEqual(rows["value_bits"][-1], 0)


if __name__ == "__main__":
    harness.main()
