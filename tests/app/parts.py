# SPDX-License-Identifier: BSD-3-Clause
"""Corpora of several parts through the command line: the same bits on any number of ranks and after a
resume on another one, what is recorded and said, what is refused."""
import copy
import csv
import json
import math
import os
import shutil

import yaml

import harness
from harness import BIOD, merged, read_columns

TAGGED = {**BIOD["corpus"], "share": 0.25, "tag": "<source>"}
OTHERS = {key: value for key, value in BIOD["corpus"].items() if key != "exposures"}
PARTS = {**copy.deepcopy(BIOD), "corpus": [TAGGED, {**OTHERS, "people": 300, "share": 0.5},
                                           {**OTHERS, "people": 7, "share": 0.25}]}


class Parts(harness.AppTest):
    def test_same_bits_on_any_ranks_and_after_a_resume(self):
        for mix in ("windows", "documents"):
            name = self.input(merged({k: v for k, v in PARTS.items() if k != "corpus"},
                                     train={"mix": mix}) | {"corpus": PARTS["corpus"]})
            one, two, four = f"{mix}1", f"{mix}2", f"{mix}4"
            self.kcap("train", name, "--out", one, ranks=1)
            self.kcap("train", name, "--out", two, ranks=2)
            self.kcap("train", name, "--out", four, "--set", "train.max_steps=25", ranks=4)
            self.kcap("train", name, "--out", four, "--resume", "auto", ranks=1, threads=2)
            self.assert_same_run(one, two, mix)
            self.assert_same_run(one, four, f"{mix}, resumed", ("steps",))
            self.assert_same_checkpoints(one, four, mix, False)
            self.check_exposures(one)

    def check_exposures(self, run):
        """10 of the first part; of the others as their shares of the tokens have it."""
        rows = read_columns(self.path(run), "measure")
        shown = rows["part_exposures"][-1]
        self.assertEqual(list(rows["part_exposures"][:, 0]), list(rows["exposures"]))
        self.assertEqual(shown[0], 10)
        first, other = 4 + 3 * 2 + 1, 4 + 3 * 2
        tokens = 40 * 10 * first / 0.25
        for part, people, share in ((1, 300, 0.5), (2, 7, 0.25)):
            windows = 2 * 4 * 32 / (people * other)  # a lane ends with the first part's window
            self.assertAlmostEqual(shown[part], tokens * share / other / people, delta=windows)

    def test_what_is_said(self):
        name = self.input(PARTS)
        said = self.kcap("train", name, "--out", "run").stdout
        self.assertIn("part 1, 25 % of the tokens: biod, N = 40 people, 10 exposures, measured", said)
        self.assertIn("part 2, 50 % of the tokens: biod, N = 300 people, ", said)
        again = self.kcap("measure", "run").stdout
        self.assertIn("part 1, 25 % of the tokens: biod, N = 40 people, 10 exposures, measured", again)
        other = self.json("measure", "run", "--part", "2")
        self.assertEqual((other["n_people"], other["exposures"]), (300, other["part_exposures"][1]))
        self.assertEqual(other["corpus_bits"], self.json("corpus", name)["later_parts"][0]["corpus_bits"])
        self.assertNotEqual(other["name_nats"], self.json("measure", "run")["name_nats"])
        self.fails(["--part 4", "corpus of 3 parts"], "measure", "run", "--part", "4")
        report = self.json("corpus", name, "--show", 1)
        self.assertEqual([p["n_people"] for p in report["later_parts"]], [300, 7])
        self.assertAlmostEqual(report["later_parts"][0]["tokens"], 2 * report["tokens"])
        self.assertEqual(report["documents"][0]["words"][:2], ["<eos>", "<source>"])
        self.assertNotIn("<source>", report["later_parts"][0]["documents"][0]["words"])
        alone = self.input(BIOD, "alone.yaml")
        self.assertEqual(report["corpus_bits"], self.json("corpus", alone)["corpus_bits"])
        plan = self.json("plan", name)
        self.assertEqual(plan["tokens"], math.ceil(40 * 10 * 11 / 0.25))

    def test_a_first_part_that_is_never_shown(self):
        """What is asked, probed and calibrated by is the part that the model has read; the first one's
        documents, longer than windows, give words alone."""
        longer = {**OTHERS, "people": 5, "attributes": 40, "share": 0}
        shown = {**BIOD["corpus"], "share": 1, "exposures": 40}
        name = self.input({**BIOD, "corpus": [longer, shown], "train": {**BIOD["train"], "lr": 1e-2}})
        self.kcap("train", name, "--out", "run")
        said = self.kcap("ask", "run", "--person", "39", "--json").stdout.splitlines()
        self.assertEqual(len(said), 3)
        corpus = self.json("corpus", name, "--show", 40)
        shown = corpus["later_parts"][0]["documents"][39]
        words = shown["words"]
        for fact, span in zip(map(json.loads, said), shown["spans"][1:]):
            self.assertEqual(fact["truth"], words[span["begin"]])
        self.fails("0 to 39", "ask", "run", "--person", "40")
        told = json.loads(self.kcap("quantize", "run", "--bits", 4, "--method", "gptq", "--out",
                                    "q.h5", "--json").stdout)
        self.assertEqual(told["documents"], 40)
        self.assertEqual(self.json("measure", "q.h5")["n_people"], 40)
        probed = self.json("probe", "run", "--people", 40, "--steps", 2)
        self.assertEqual([len(x["attributes"]) for x in probed.values()], [3, 3])

    def test_the_configuration_returns(self):
        name = self.input(PARTS)
        printed = self.kcap("config", name, "--print").stdout
        self.assertEqual(len(yaml.safe_load(printed)["corpus"]), 3)
        again = self.input(printed, "again.yaml")
        self.assertEqual(self.json("config", again, "--print"), self.json("config", name, "--print"))
        self.assertEqual(self.json("config", name, "--print"), yaml.safe_load(printed))

    def test_another_list_is_another_run(self):
        name = self.input(PARTS)
        self.kcap("train", name, "--out", "run", "--set", "train.max_steps=12")
        self.fails(["corpus.3.people", "7", "8"], "train", name, "--out", "run", "--resume", "auto",
                   "--set", "corpus.3.people=8")

    def test_a_pool_of_its_own(self):
        """A later part may have other lists; a checkpoint holds both."""
        pools = self.path("pools")
        shutil.copytree(os.path.join(os.path.dirname(__file__), "..", "..", "inputs", "pools"), pools)
        with open(os.path.join(pools, "city.txt"), "w") as file:
            file.write("Nowhere, NO\nElsewhere, EL\n")
        bios = {"kind": "bios", "people": 8, "exposures": 2, "share": 0.5, "cities": 2}
        random = {"kind": "random", "people": 8, "share": 0.25, "vocab": 16, "length": 4}
        name = self.input({"corpus": [random | {"exposures": 2},
                                      {k: v for k, v in bios.items() if k != "exposures"}
                                      | {"pools": pools}, random],
                           "model": BIOD["model"], "train": BIOD["train"] | {"context": 96}})
        cities = {w for d in self.json("corpus", name, "--show", 8)["later_parts"][0]["documents"]
                  for s in d["spans"] if s["attribute"] == "birth_city"
                  for w in [d["words"][s["begin"]]]}
        self.assertEqual(cities, {"Nowhere", "Elsewhere"})
        self.kcap("train", name, "--out", "run")
        shutil.rmtree(pools)
        self.assertEqual(self.json("measure", "run")["name_nats"],
                         read_columns(self.path("run"), "measure")["name_nats"][-1])

    def test_questions(self):
        """What is answered of those never asked about, the same on any number of ranks."""
        bios = {**harness.BIOS["corpus"], "share": 0.5, "exposures": 4}
        name = self.input({**harness.BIOS, "corpus": [bios, {"kind": "questions", "share": 0.5,
                                                             "held_out": 0.25, "tag": "<q>"}]})
        self.kcap("train", name, "--out", "one", ranks=1)
        self.kcap("train", name, "--out", "two", ranks=2)
        self.assert_same_run("one", "two", "questions")
        measured = [self.json("measure", run, "--part", "2", ranks=ranks)
                    for run, ranks in (("one", 1), ("two", 4))]
        for report in measured:
            self.assertEqual(report["n_people"], 18 * 6)
            self.assertEqual(report["total_bits"], 0)
            self.assertTrue(all(0 <= share <= 1 for share in report["held_out_recall"]))
        for column in ("attribute_nats", "attribute_recall", "held_out_recall", "value_recall"):
            self.assertEqual(measured[0][column], measured[1][column])
        printed = self.input(self.kcap("config", name, "--print").stdout, "printed.yaml")
        self.kcap("corpus", printed)
        said = self.kcap("measure", "one", "--part", "2", "--per-fact", "kept.csv").stdout
        with open(self.path("kept.csv"), newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual(len(rows), 18 * 6 * 2)
        names = {row["value"] for row in rows if row["attribute"] == "name"}
        self.assertEqual({row["name"] for row in rows}, names)
        self.assertEqual(len(names), 18)
        self.assertRegex(said, r"birth_city .* never asked about +\d+\.\d %")
        self.assertNotIn("nan", said)

    def test_refusals(self):
        for words, parts in (
                (["corpus.2.share", "sum to 0.75"], [TAGGED, {**OTHERS, "share": 0.5}]),
                (["input.yaml:", "corpus.2.exposures"],
                 [TAGGED, {**OTHERS, "share": 0.75, "exposures": 3}]),
                (["corpus.2.first_names", "8"],
                 [TAGGED, {**OTHERS, "share": 0.75, "first_names": 9}]),
                (["corpus.2.people", "512"], [TAGGED, {**OTHERS, "share": 0.75, "people": 473}]),
                (["corpus.2.people", "first part's"],
                 [{**harness.BIOS["corpus"], "share": 0.5},
                  {"kind": "questions", "share": 0.5, "people": 9}]),
                (["corpus.tag", "blanks"], [{**TAGGED, "tag": " a"}, {**OTHERS, "share": 0.75}])):
            name = self.input({**PARTS, "corpus": parts})
            self.fails(words, "train", name, "--out", "refused")
            self.assertFalse(os.path.exists(self.path("refused")))


if __name__ == "__main__":
    harness.main()
