# SPDX-License-Identifier: BSD-3-Clause
"""Probes through the command line: along a run, the same on any number of ranks and after a resume."""
import csv
import json
import os
import signal
import sys
import time

import h5py

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "analysis"))
import harness  # pylint: disable=wrong-import-position
import programs  # pylint: disable=wrong-import-position
from harness import merged, read_columns  # pylint: disable=wrong-import-position

BIOS = {"run": {"name": "probed", "seed": 2},
        "corpus": {"kind": "bios", "people": 64, "exposures": 20, "first_names": 8, "middle_names": 8,
                   "last_names": 8, "birth_years": 2, "cities": 3, "universities": 3, "majors": 3,
                   "employers": 3, "sentences": 2},
        "model": {"layers": 2, "heads": 2, "head_dim": 16},
        "train": {"context": 128, "batch": 4, "lanes": 4, "warmup_steps": 5, "lr": 4.0e-3},
        "measure": {"probe_every": 5, "probe_people": 60}}


class Probe(harness.AppTest):
    def drawn(self, of):
        """Rows of the CSV that probe.py writes beside its heat maps, by all that says of what they are."""
        done = programs.started("probe", self.path(of), "--out", self.path("drawn"))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        with open(self.path("drawn", "probe.png"), "rb") as file:
            self.assertEqual(file.read(4), b"\x89PNG")
        with open(self.path("drawn", "probe.csv"), newline="", encoding="utf-8") as file:
            return {tuple(row[name] for name in ("probe", "step", "layer", "position", "attribute")): row
                    for row in csv.DictReader(file)}

    def test_along_a_run(self):
        name = self.input(BIOS)
        said = self.kcap("train", name, "--out", "one", ranks=1).stdout
        self.kcap("train", name, "--out", "two", ranks=2)
        self.kcap("train", name, "--out", "four", "--set", "train.max_steps=60", ranks=4)
        self.kcap("train", name, "--out", "four", "--resume", "auto", ranks=1)
        self.assert_same_run("one", "two", "2 ranks", ("steps", "probe"))
        self.assert_same_run("one", "four", "resumed", ("steps",))
        probe = read_columns(self.path("one"), "probe")
        self.assertEqual(probe["value"].shape, (4, 4 * 8 * 7))
        self.assertEqual((probe["learners"][-1], probe["held_out"][-1]), (45, 15))
        self.assertIn("linear probes, % of 15 people held out of 60", said)
        again = self.json("measure", "one")["probe"]
        self.assertEqual(again["told"], list(probe["told"][-1]))
        told = probe["told"][-1].reshape(8, 7)
        rows, value = self.drawn("one"), probe["value"].reshape(4, 4, 8, 7)
        self.assertEqual(len(rows), value.size)
        step = str(probe["step"][2])
        row = rows["linear", step, "block 2", "value 3", "employer"]
        self.assertEqual((float(row["value"]), float(row["chance_value"])),
                         (value[2, 2, 3, 4], probe["chance_value"][2, 4]))
        self.assertEqual(rows["linear", step, "embedding", "name", "birth_date"]["value"], "")
        for position in range(2, 8):
            self.assertAlmostEqual(told[position].sum(), position - 1)

    def killed(self, *line):
        """A file of kcap probe as a kill leaves it after some rows of /p; how many."""
        process = self.start("probe", *line, "--out", "cut.h5", ranks=0)
        rows, patience = 0, time.monotonic() + 60
        while rows < 2 and time.monotonic() < patience:
            time.sleep(0.02)
            if os.path.exists(self.path("cut.h5")):
                rows = len(read_columns(self.path("cut.h5"), "p")["task"])
        os.kill(process.pid, signal.SIGSTOP)
        self.fails("cut.h5: in use by", "probe", *line, "--out", "cut.h5")
        process.kill()
        self.assertNotEqual(process.wait(), 0, "it ended before it was killed")
        return len(read_columns(self.path("cut.h5"), "p")["task"])

    def test_of_a_checkpoint(self):
        self.input(BIOS)
        self.train_json("run")
        few = ("run", "--people", "60", "--steps", "5", "--batch", "8")
        one, two = (self.kcap("probe", *few, "--json", *out, ranks=n).stdout
                    for n, out in ((1, ("--out", "one.h5")), (2, ())))
        self.assertEqual(one, two)
        self.assertIn(self.killed(*few), range(2, 14))
        self.assertEqual(self.kcap("probe", *few, "--json", "--out", "cut.h5", ranks=4).stdout, one)
        for kind in "pq":
            self.assert_same_bits(read_columns(self.path("cut.h5"), kind),
                                  read_columns(self.path("one.h5"), kind), kind)
        found = json.loads(one)
        self.assertEqual((found["p"]["positions"], found["q"]["positions"]), (8, 1))
        self.assertEqual(len(found["p"]["value"]), 8 * 7)
        self.assertEqual(found["p"]["chance_value"], found["q"]["chance_value"])
        self.assertIsNone(found["p"]["value"][0], "birthdays are too many")
        with open(self.path("found.json"), "w", encoding="utf-8") as file:
            file.write(one)
        rows = self.drawn("found.json")
        self.assertEqual(float(rows["p", "", "last block", "value 7", "pronoun"]["first"]),
                         found["p"]["first"][7 * 7 + 5])
        self.assertEqual(float(rows["q", "", "last block", "end", "major"]["control_value"]),
                         found["q"]["control_value"][3])
        self.assertEqual(self.drawn("one.h5"), rows)
        said = self.kcap("probe", *few, "--out", "one.h5").stdout
        self.assertIn("P-probing: from the text, before each value, % of 15 people", said)
        self.assertIn("Q-probing: from the name alone", said)
        self.assertNotIn("none: no attribute", said)
        self.assertEqual(self.json("probe", *few, "--only", "q"), {"q": found["q"]})
        self.fails("--only r: there are p, from the text, and q", "probe", *few, "--only", "r")
        before = self.listing()
        self.fails("one.h5: steps (AdamW steps of each probe) is 5 in it, 6 now", "probe", *few,
                   "--out", "one.h5", "--steps", "6")
        self.fails("run.h5: has no row of /how, so it is another file; go on as it began, or take",
                   "probe", *few, "--out", "run/run.h5")
        self.assertEqual(self.listing(), before)
        with h5py.File(self.path("one.h5"), "r+") as file:
            del file["q"]
        self.fails("one.h5: /q is missing, which the file was made with: damaged; go on as it began, or "
                   "take another file", "probe", *few, "--out", "one.h5")

    def test_of_experts(self):
        self.input(merged(BIOS, model={"experts": 2}, parallel={"ep": 2}, train={"max_steps": 5}))
        self.kcap_train("run", ranks=2)
        few = ("run", "--people", "16", "--steps", "2", "--batch", "4", "--json")
        self.assertEqual(*(self.kcap("probe", *few, ranks=n).stdout for n in (1, 2)))

    def test_too_few_people(self):
        """It is said that nothing was asked, and why; nothing is drawn of it."""
        self.input(BIOS)
        said = self.train_json("run", "--set", "train.max_steps=2", "--set", "measure.probe_people=8")
        self.assertEqual(said["probe"]["learners"], 6)
        few = ("probe", "run", "--people", "8", "--steps", "1")
        self.assertEqual(self.kcap(*few).stdout.count("  none: no attribute has four learners to a value"), 4)
        self.input(self.kcap(*few, "--json").stdout, "found.json")
        for of in "run", "found.json":
            done = programs.started("probe", self.path(of), "--out", self.path("none"))
            self.assertEqual(done.returncode, 2)
            self.assertIn("no attribute has four learners to a value", done.stderr)

    def test_strings_have_nothing_to_probe(self):
        self.input(merged(BIOS, corpus={"kind": "random"}))
        self.assertNotIn("probe", self.train_json("run"))
        self.fails("have no attributes to probe", "probe", "run")
        done = programs.started("probe", self.path("run"), "--out", self.path("none"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("no linear probes in it: set measure.probe_every", done.stderr)


if __name__ == "__main__":
    harness.main()
