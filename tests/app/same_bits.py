# SPDX-License-Identifier: BSD-3-Clause
"""The same run has the same bits on any number of ranks and threads: rows and tensors."""
import time

import numpy as np

import harness
from harness import BIOD, BIOS, checkpoints, merged, read_attributes, read_columns

GRIDS = [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (4, 1), (4, 2)]
FEW = [(1, 1), (1, 3), (2, 2), (4, 1)]


class SameBits(harness.AppTest):
    def compare(self, config, least_steps, grids=GRIDS):
        """Train on each grid, compare with the first."""
        name = self.input(config)
        for ranks, threads in grids:
            out = f"run_{ranks}x{threads}"
            self.kcap("train", name, "--out", out, ranks=ranks, threads=threads)
            stamp = read_attributes(self.path(out, "run.h5"))
            self.assertEqual((stamp["ranks"], stamp["threads"]), (ranks, threads))
            if out != "run_1x1":
                self.assert_same_run("run_1x1", out, f"{ranks} ranks x {threads} threads")
        steps = read_columns(self.path("run_1x1"), "steps")
        self.assertGreaterEqual(len(steps["step"]), least_steps)
        self.assertLess(steps["loss"][-1], steps["loss"][0], "nothing was learnt")
        return steps

    def check_checkpoints(self, n):
        """Every checkpoint, not only the last one."""
        self.assertGreaterEqual(len(checkpoints(self.path("run_1x1"))), n)
        for ranks, threads in GRIDS:
            out = f"run_{ranks}x{threads}"
            self.assert_same_checkpoints("run_1x1", out, out)

    def check_machine(self, steps, loss):
        """The last loss, as every x86 machine has it with AVX2 or AVX-512: of Debian 12's compiler."""
        stamp = read_attributes(self.path("run_1x1", "run.h5"))
        if (stamp["compiler"], stamp["kernel"]) == ("GNU 12.2.0", "kcap") and (
                stamp["compiler_flags"].startswith("Release -march=x86-64-v3 ")):
            self.assertEqual(steps["loss"][-1].hex(), loss)

    def test_biod(self):
        self.check_machine(self.compare(BIOD, 30), "0x1.a08f472492492p+1")
        self.check_checkpoints(3)

    def test_bios(self):
        self.check_machine(self.compare(BIOS, 30), "0x1.0919157b512bbp+2")
        self.check_checkpoints(3)

    def test_more_lanes_than_threads_and_uneven_people(self):
        """Eight lanes of 41 people: lanes end at different steps, last windows are padded."""
        self.compare(merged(BIOD, corpus={"people": 41, "exposures": 12, "chunks": 2},
                            train={"batch": 8, "lanes": 8, "context": 48}), 15, FEW)

    def test_more_than_one_group_of_people_is_measured_alike(self):
        """Measurement takes people in groups of 128, which ranks share."""
        self.compare(merged(BIOD, corpus={"people": 400, "exposures": 2},
                            measure={"every_exposures": 1}), 30, FEW)


class Rows(harness.AppTest):
    def test_one_row_a_step_and_all_the_time(self):
        """Steps 1 ... n once each; seconds are positive and add up to the run's time."""
        name = self.input(merged(BIOD, corpus={"exposures": 100}))
        start = time.monotonic()
        done = self.kcap("train", name, "--out", "out", "--json", ranks=2, threads=1)
        wall = time.monotonic() - start
        report = harness.one_object(done.stdout)
        steps = read_columns(self.path("out"), "steps")
        n = len(steps["step"])
        self.assertTrue(np.array_equal(steps["step"], np.arange(1, n + 1)))
        self.assertEqual(report["step"], n)
        self.assertGreater(steps["seconds"].min(), 0)
        total = steps["seconds"].sum()
        self.assertLess(report["train_seconds"], wall)
        self.assertGreater(total, 0.8 * report["train_seconds"])
        self.assertLess(total, 1.2 * report["train_seconds"], "the slowest rank's, not all ranks'")
        tokens = np.diff(steps["tokens"], prepend=0)
        self.assertTrue(np.allclose(steps["tokens_per_second"] * steps["seconds"], tokens))

    def test_every_person_once_an_exposure(self):
        """40 documents of 10 tokens, 4 lanes: all but each lane's first token are targets, once."""
        name = self.input(BIOD)
        self.kcap("train", name, "--out", "out", ranks=2)
        steps = read_columns(self.path("out"), "steps")
        self.assertEqual(steps["exposures"][-1], 10)
        self.assertEqual(steps["tokens"][-1], 40 * 10 * 10 - 4)
        self.assertTrue((np.diff(steps["exposures"]) >= 0).all())

    def test_schedule(self):
        """Linear warm-up by steps, then a cosine of documents shown over documents planned."""
        name = self.input(merged(BIOD, corpus={"exposures": 20}))
        self.kcap("train", name, "--out", "out", ranks=1)
        steps = read_columns(self.path("out"), "steps")
        shown = np.concatenate([[0.0], steps["exposures"][:-1]]) / 20
        s = np.arange(len(shown))
        peak = BIOD["train"]["lr"]
        cosine = peak * (0.1 + 0.9 * 0.5 * (1 + np.cos(np.pi * shown)))
        warm = np.minimum(1.0, (s + 1) / 5)
        self.assertTrue(np.allclose(steps["lr"][5:], cosine[5:], rtol=1e-12), steps["lr"] / cosine)
        self.assertTrue((np.diff(steps["lr"][:5]) > 0).all())
        self.assertTrue((steps["lr"] <= peak * warm * (1 + 1e-12)).all())


if __name__ == "__main__":
    harness.main()
