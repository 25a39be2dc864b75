# SPDX-License-Identifier: BSD-3-Clause
"""A run.h5 that lacks columns, as one of an older kcap does, finished or killed: whoever reads it goes
without. Only what tells rows apart must be there."""
import os
import shutil
import sys

import h5py
import numpy as np

import harness
from harness import BIOD, merged, read_columns
from resume import leave_open

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "..", "analysis"))
import kcap_files  # noqa: E402
import law  # noqa: E402
import report  # noqa: E402

NO_INT = np.iinfo(np.int64).min


class Older(harness.AppTest):
    def setUp(self):
        """One point of a sweep, run and put aside."""
        super().setUp()
        self.input(merged(BIOD, model={"experts": 2}, corpus={"exposures": 4}))
        self.input("base: input.yaml\nout: sweep\naxes: {run.seed: [1]}\n", "sweep.yaml")
        self.point = self.path("sweep", "seed=1")
        self.kcap("sweep", "sweep.yaml", "--index", "0", threads=1)
        shutil.copytree(self.point, self.path("whole"))
        with h5py.File(self.path("whole", "run.h5")) as file:
            self.columns = [f"{group}/{name}" for group in ("steps", "measure") for name in file[group]
                            if name != "step"]
        self.assertIn("measure/expert_load", self.columns)
        self.assertIn("measure/attribute_names", self.columns)

    def lose(self, *columns):
        shutil.copyfile(self.path("whole", "run.h5"), os.path.join(self.point, "run.h5"))
        with h5py.File(os.path.join(self.point, "run.h5"), "r+") as file:
            for column in {*columns, "steps/check", "measure/check"} if columns else ():
                del file[column]
            for name in ("seal", "holds") if columns else ():
                del file.attrs[name]

    def status(self):
        return self.json("sweep", "sweep.yaml", "--status")["points"][0]

    def read_by_analysis(self):
        run = kcap_files.read_run(self.point)
        self.assertTrue(report.table(report.summary(run)))
        return law.read_point(kcap_files.Path(self.path("sweep")), "sweep", {"name": "seed=1"})

    def test_finished(self):
        whole = self.status()
        self.assertEqual(whole["state"], "done")
        for column in self.columns:
            with self.subTest(column):
                self.lose(column)
                bits = None if column == "measure/bits_per_param" else whole["bits_per_param"]
                self.assertEqual(self.status(), whole | {"bits_per_param": bits})
                point, why = self.read_by_analysis()
                self.assertEqual(why, None if bits else "its bits are not a number")
                self.assertEqual(point["bits_per_param"] if point else None, bits)
        self.lose(*self.columns)
        self.assertEqual(self.status() | {"exposures_done": 0},
                         whole | {"bits_per_param": None, "exposures_done": 0, "state": "partial"})
        self.assertEqual(self.kcap("sweep", "sweep.yaml", "--index", "0", threads=1).stderr.count(
            "nothing to do"), 1)

    def check_resumed(self, lost, measured):
        """What the older file has had stays; of what it lacked the rows made before are missing."""
        for group in ("steps", "measure"):
            found, there = read_columns(self.point, group), read_columns(self.path("whole"), group)
            self.assertEqual(set(found), set(there))
            for name in there:
                old = slice(0, len(there["step"]) - (group == "measure" and not measured))
                if f"{group}/{name}" in lost:
                    values = found[name][old]
                    missing = values == NO_INT if values.dtype.kind == "i" else np.isnan(values)
                    self.assertTrue(missing.all(), name)
                    found[name][old] = there[name][old]
            self.assert_same_bits(found, there, f"{lost}: /{group}")

    def test_killed(self):
        """Before its end was measured, or after."""
        each = [[column] for column in ("steps/loss", "steps/tokens", "measure/tokens",
                                        "measure/total_bits", "measure/attribute_nats",
                                        "measure/expert_load", "measure/attribute_names")]
        for n, lost in enumerate(each + [self.columns]):
            with self.subTest(lost):
                self.lose(*lost)
                leave_open(os.path.join(self.point, "run.h5"), n % 2)
                self.assertEqual(self.status()["state"], "partial")
                self.assertIn("not finished", self.read_by_analysis()[1])
                done = self.kcap("sweep", "sweep.yaml", "--index", "0", threads=1)
                self.assertNotIn("nothing to do", done.stderr)
                self.check_resumed(lost, n % 2)
                if len(lost) == 1:
                    self.assertEqual(self.status()["state"], "done")

    def test_what_tells_rows_apart(self):
        for column in "steps/step", "measure/step":
            self.lose(column)
            found = self.status()
            self.assertEqual(found["state"], "failed")
            self.assertIn(f"/{column} is missing; run it with --without-history", found["error"])
            with self.assertRaisesRegex(kcap_files.FileError, f"{column} is missing"):
                self.read_by_analysis()

    def test_what_a_newer_file_adds(self):
        self.lose()
        whole = self.status()
        with h5py.File(os.path.join(self.point, "run.h5"), "r+") as file:
            file["steps/new"] = "no column at all"
            rows = len(file["measure/step"])
            file.create_dataset("measure/new", data=[1.5] * rows, maxshape=(None,))
            file["recall/step"] = [1]
            file["recall/hits"] = [0.5]
        self.assertEqual(self.status(), whole)
        self.assertIsNone(self.read_by_analysis()[1])
        leave_open(os.path.join(self.point, "run.h5"), False)
        self.kcap("sweep", "sweep.yaml", "--index", "0", threads=1)
        self.check_resumed([], False)


if __name__ == "__main__":
    harness.main()
