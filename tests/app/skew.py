# SPDX-License-Identifier: BSD-3-Clause
"""People who are shown more and less often, through the command line: bands of the frequent and the rare,
the same on any number of ranks and after a resume."""
import harness
from harness import BIOD, merged, read_attributes, read_columns

SKEWED = merged(BIOD, corpus={"people": 150, "exposures": 20, "skew": "power", "skew_exponent": 0.7},
                train={"lr": 1.0e-2})


class Skew(harness.AppTest):
    def test_bands(self):
        name = self.input(SKEWED)
        self.kcap("train", name, "--out", "one", ranks=1)
        self.kcap("train", name, "--out", "two", ranks=2)
        self.kcap("train", name, "--out", "four", "--set", "train.max_steps=30", ranks=4)
        said = self.kcap("train", name, "--out", "four", "--resume", "auto", ranks=1).stdout
        self.assert_same_run("one", "two", "2 ranks", ("steps", "measure", "bands"))
        self.assert_same_run("one", "four", "resumed", ("steps",))
        bands, measure = (read_columns(self.path("one"), group) for group in ("bands", "measure"))
        self.assertEqual(list(bands["step"]), list(measure["step"]))
        self.assertEqual(bands["people"][-1].sum(), 150)
        self.assertEqual((bands["people"][-1] * bands["shown"][-1]).sum(), 150 * 20)
        for what in ("name_bits", "value_bits"):
            # Windows hold other documents: a few tenths of a bit a person.
            self.assertAlmostEqual(bands[what][-1].sum() / 150, measure[what][-1] / 150, delta=0.4)
        each = bands["value_bits"][-1] / bands["people"][-1]
        self.assertGreater(each[0], 3 * each[-1] + 1, "the frequent are known better")
        self.assertIn("by how often people are shown", said)
        again = self.json("measure", "one")["bands"]
        self.assertEqual(again["value_bits"], list(bands["value_bits"][-1]))
        self.assertNotIn("bands", read_attributes(self.path("one", "run.h5")))

    def test_without_a_skew_there_are_none(self):
        self.input(BIOD)
        self.assertNotIn("bands", self.train_json("run"))


if __name__ == "__main__":
    harness.main()
