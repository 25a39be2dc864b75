# SPDX-License-Identifier: BSD-3-Clause
"""Recall with ranks, through the command line: the same on any number of ranks, after a resume and from a
checkpoint; questions never asked."""
import math

import harness
from harness import BIOD, BIOS, merged, read_attributes, read_columns

ASKED = {**BIOS, "corpus": [{**BIOS["corpus"], "share": 0.5},
                            {"kind": "questions", "share": 0.5, "held_out": 0.5}],
         "measure": {"every_exposures": 8, "recall_every": 8, "recall_people": 15}}


class Recall(harness.AppTest):
    def test_runs(self):
        name = self.input(ASKED)
        self.kcap("train", name, "--out", "one", ranks=1)
        self.kcap("train", name, "--out", "two", ranks=2, threads=2)
        self.kcap("train", name, "--out", "four", "--set", "train.max_steps=12", ranks=4)
        said = self.kcap("train", name, "--out", "four", "--resume", "auto", ranks=1).stdout
        self.assertIn("never asked about: ", said)
        self.assert_same_run("one", "two", "2 ranks", ("steps", "measure", "recall"))
        self.assert_same_run("one", "four", "resumed", ("steps",))
        rows = read_columns(self.path("one"), "recall")
        resumed = read_columns(self.path("four"), "recall")  # and a row where it stopped
        self.assert_same_bits({column: values[-1:] for column, values in rows.items()},
                              {column: values[-1:] for column, values in resumed.items()},
                              "resumed")
        again = self.json("measure", "one", "--recall", "15", ranks=2)["recall"]
        for column, values in rows.items():
            if column != "seconds":
                last = values[-1].tolist()
                said = again[column] if isinstance(last, list) else [again[column]]
                last = last if isinstance(last, list) else [last]
                for a, b in zip(said, last, strict=True):
                    self.assertTrue(a == b or a is None and math.isnan(b), column)
        self.assertTrue((rows["read"][-1] == 15).all())
        self.assertEqual(rows["asked_read"][-1].sum(), 12 * 6, "at most all: those of 12 people")
        self.assertEqual(rows["extracted_error"][-1], 0)
        self.assertEqual(list(rows["candidates"][-1][1:]), [4 * 12 * 28, 10, 8, 8, 8, 2, 8])

    def test_everybody_alone_in_a_window(self):
        """With a window a document /measure reads the same."""
        config = merged(BIOS, corpus={"windows": "single"},
                        measure={"recall_every": 0, "recall_people": 1000})
        self.input(config)
        report = self.train_json("run")
        for ours, theirs in (("recall", "attribute_recall"), ("first", "attribute_first")):
            self.assertEqual(report["recall"][ours], report[theirs])

    def test_experts_over_ranks(self):
        config = merged(BIOD, model={"experts": 4, "experts_topk": 1},
                        measure={"recall_every": 0, "recall_people": 13})
        self.input(config)
        one = self.train_json("one", ranks=1)["recall"]
        two = self.train_json("two", "--set", "parallel.ep=2", ranks=2)["recall"]
        for name in one:
            if name != "seconds":
                self.assertEqual(one[name], two[name], name)

    def test_not_unless_asked(self):
        self.input(BIOD)
        self.assertNotIn("recall", self.train_json("run"))
        self.assertNotIn("recall", read_attributes(self.path("run", "run.h5")))


if __name__ == "__main__":
    harness.main()
