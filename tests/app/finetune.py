# SPDX-License-Identifier: BSD-3-Clause
"""A run that begins with the weights of another: what it changes, what it must not, what it refuses."""
import shlex
import shutil
import tempfile

import numpy as np

import harness
from harness import checkpoints, merged, read_attributes, read_columns, read_tensors

PEOPLE = {"kind": "bios", "people": 12, "exposures": 20, "share": 1, "first_names": 6,
          "middle_names": 6, "last_names": 6, "birth_years": 4, "cities": 10, "universities": 8,
          "majors": 8, "employers": 8, "sentences": 2}
PRETRAIN = {
    "run": {"name": "before", "seed": 5},
    "corpus": [PEOPLE, {"kind": "questions", "share": 0}],
    "model": {"layers": 2, "heads": 2, "head_dim": 8},
    "train": {"context": 64, "batch": 8, "lanes": 4, "warmup_steps": 5, "lr": 3.0e-3},
}
# Of the same corpus, questions alone: 36 of them, 8 times.
ASKED = {"exposures": 8, "kind": "questions", "share": 1}


def asking(first=None, second=None, **sections):
    people = {name: value for name, value in PEOPLE.items() if name != "exposures"}
    base = dict(PRETRAIN, corpus=[dict(people, share=0, **first or {}), dict(ASKED, **second or {})])
    return dict(merged({k: v for k, v in base.items() if k != "corpus"},
                       checkpoint={"every_steps": 4}, **sections), corpus=base["corpus"])


class Begun(harness.AppTest):
    """Runs that begin with the same checkpoint."""

    config = PRETRAIN
    made = None

    def setUp(self):
        """The checkpoint that all begin with is made once."""
        super().setUp()
        if not self.made:
            type(self).made = tempfile.mkdtemp(prefix="kcap_app_")
            self.addClassCleanup(shutil.rmtree, self.made)
            self.kcap_train(self.made, threads=1)

    def finetune(self, out, config, *args, ranks=1, **more):
        return self.kcap("finetune", self.made, self.input(config, out + ".yaml"), "--out", out,
                         *args, ranks=ranks, threads=1, **more)

    def weights(self, out):
        return {name: t for name, t in self.last(out).items() if name.startswith("params/")}

    def last(self, out):
        return read_tensors(checkpoints(self.path(out))[max(checkpoints(self.path(out)))])

    def figures(self, run, part):
        """What kcap measure says of a part, without what says when and how fast."""
        said = self.json("measure", run, "--part", part)
        self.assertIn("value_recall", said)
        return {name: value for name, value in said.items() if name in (
            "name_nats", "value_nats", "total_bits", "value_recall", "attribute_nats",
            "attribute_recall", "attribute_first", "held_out_recall")}

    def same_in_stages(self, config):
        self.finetune("whole", config)
        self.finetune("parts", config, "--set", "train.max_steps=6", ranks=2)
        shutil.move(self.made, self.made + ".gone")  # a run that goes on has its weights already
        self.addCleanup(shutil.move, self.made + ".gone", self.made)
        self.finetune("parts", config, "--resume", "auto", ranks=4)
        self.assert_same_bits(self.last("whole"), self.last("parts"), "in stages")
        whole, parts = (read_attributes(self.path(out, "run.h5")) for out in ("whole", "parts"))
        for name in ("finetuned_from", "finetuned_hash", "config_hash"):
            self.assertEqual(whole[name], parts[name])


class Finetune(Begun):
    def test_rate_0_changes_nothing(self):
        self.finetune("still", asking(train={"lr": 0}))
        self.assert_same_bits(self.weights(self.made), self.weights("still"), "weights")
        for part in (1, 2):
            self.assertEqual(self.figures(self.made, part), self.figures("still", part))

    def test_it_learns_what_it_is_asked(self):
        """And says where it came from; its own schedule begins anew."""
        self.finetune("asked", asking())
        steps = read_columns(self.path("asked"), "steps")
        self.assertEqual(steps["step"][0], 1)
        self.assertAlmostEqual(steps["exposures"][-1], 8)
        self.assertLess(steps["loss"][-1], steps["loss"][0] - 0.1)
        origin = checkpoints(self.made)[max(checkpoints(self.made))]
        with open(origin[:-3] + ".manifest", encoding="utf-8") as file:
            said = dict(line.split(": ", 1) for line in file.read().splitlines() if ": " in line)
        for path in (self.path("asked", "run.h5"), *checkpoints(self.path("asked")).values()):
            stamp = read_attributes(path)
            self.assertEqual(stamp["finetuned_from"], origin)
            self.assertIn(stamp["finetuned_hash"], said.values())
        rows = read_columns(self.path("asked"), "measure")
        self.assertEqual(rows["exposures"][-1], 8)
        self.assertEqual(rows["part_exposures"][-1].tolist(), [0, 8])
        self.assertTrue(np.isfinite(rows["held_out_recall"]).all())

    def test_resumed_on_other_ranks(self):
        self.same_in_stages(asking())

    def test_by_key_and_in_a_sweep(self):
        """run.from is a key: kcap train and a sweep do the same."""
        self.finetune("verb", asking())
        self.kcap("train", "verb.yaml", "--set", f"run.from={self.made}", "--out", "key", threads=1)
        self.assert_same_bits(self.last("verb"), self.last("key"), "by key")
        self.input({"base": "verb.yaml", "out": "points", "set": {"run.from": self.made},
                    "axes": {"train.lr": [0.001, 0.003]}}, "sweep.yaml")
        self.kcap("sweep", "sweep.yaml", "--farm", ranks=2, threads=1)
        self.assert_same_bits(self.last("verb"), self.last("points/lr=0.003"), "of a sweep")
        said = self.kcap("sweep", "sweep.yaml", "--status").stdout
        self.assertIn("2 done, 0 partial", said)

    def test_the_line_to_go_on_with(self):
        """Of a run that was stopped, and it does go on."""
        said = self.finetune("run", asking(second={"exposures": 2000}), "--max-time", "0:0:1", "--json",
                             code=75).stdout
        line = harness.one_object(said)["go_on"]
        self.assertTrue(line.endswith(" --resume auto"), line)
        words = shlex.split(line)
        self.kcap(*words[words.index("finetune"):], code=75)

    def test_what_is_refused(self):
        for words, config in (
                ("run.seed: 5 in the checkpoint, 6 in this input", asking(run={"seed": 6})),
                ("model.layers: 2 in the checkpoint, 3 in this", asking(model={"layers": 3})),
                ("corpus.cities: 10 in the checkpoint, 9 in this", asking({"cities": 9})),
                ("corpus.2.kind: questions in the checkpoint, bios in this",
                 asking(second={**PEOPLE, "kind": "bios", "exposures": 8})),
                ("corpus: 2 parts in the checkpoint, 1 in this", PRETRAIN | {"corpus": PEOPLE})):
            self.fails(["run.from: ", words], "finetune", self.made, self.input(config, "bad.yaml"),
                       "--out", "bad")
        self.fails("no such checkpoint or folder", "finetune", "nowhere", "bad.yaml")
        self.fails("no checkpoint there", "finetune", self.folder, self.input(asking(), "ok.yaml"))


if __name__ == "__main__":
    harness.main()
