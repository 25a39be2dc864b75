# SPDX-License-Identifier: BSD-3-Clause
"""kcap init: the weights training starts from, as a checkpoint; the words that checkpoints hold."""
import os
import subprocess

import h5py

import harness
from harness import BIOD, BIOS, checkpoints, merged, read_tensors


def words_of(checkpoint):
    with h5py.File(checkpoint) as file:
        return file["vocab/words"][()].decode().removesuffix("\n").split("\n")


class Init(harness.AppTest):
    def test_weights(self):
        """A step of rate 0 leaves them as they were."""
        still = merged(BIOD, model={"experts": 4}, measure={"every_exposures": 0},
                       train={"lr": 0.0, "weight_decay": 0.0, "max_steps": 1})
        self.input(still)
        self.kcap_train("run")
        there = read_tensors(checkpoints(self.path("run"))[1])
        for ranks in (0, 2, 3):
            out = f"start{ranks}"
            done = self.json("init", "input.yaml", "--out", out, ranks=ranks)
            start = read_tensors(self.path(done["checkpoint"]))
            self.assertEqual(checkpoints(self.path(out)), {0: self.path(done["checkpoint"])})
            self.assertEqual(sum(x.size for n, x in start.items() if n.startswith("params/")),
                             done["n_params"])
            self.assert_same_bits({n: x for n, x in start.items() if n.startswith("params/")},
                                  {n: x for n, x in there.items() if n.startswith("params/")}, out)
            self.assertEqual({n for n in start if not n.startswith("params/")}, {"lanes/cursor"})
            self.assertFalse(start["lanes/cursor"].any())
        self.kcap("measure", "start0")
        self.assertIn("without the optimiser's moments", self.kcap_train("start0", "--resume",
                                                                         "auto", code=2).stderr)

    def test_few_people_in_a_window_are_warned_of(self):
        """16 documents of 16 tokens, 8 a window: 6.098 bits of names by elimination, of 876.1."""
        inputs = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "inputs")
        warning = ("  warning            can read up to 0.7 % above the maximum: windows hold 8 of "
                   "the 16 people\n")
        for name, people, warned in (("quickstart", 16, True), ("quickstart", 2000, False),
                                     ("bios_small", 320, False), ("random_small", 250, False)):
            out = f"{name}_{people}"
            self.kcap("init", os.path.join(inputs, name + ".yaml"), "--out", out, "--set",
                      f"corpus.people={people}")
            said = self.kcap("measure", out).stdout
            self.assertIn("bits a parameter", said)
            self.assertEqual("warning" in said, warned, said)
            self.assertEqual(warning in said, warned, said)

    def test_words(self):
        for name, config in ("biod", BIOD), ("bios", BIOS):
            self.input(config)
            self.kcap("init", "input.yaml", "--out", name)
            words = words_of(checkpoints(self.path(name))[0])
            shown = self.json("corpus", "input.yaml", "--show", "9")
            self.assertEqual(len(words), shown["n_vocab"])
            for document in shown["documents"]:
                self.assertEqual([words[token] for token in document["token_ids"]],
                                 document["words"])
        # A run's checkpoints have them too, also those written after a resume.
        self.input(merged(BIOD, checkpoint={"every_steps": 4}))
        self.kcap_train("run", "--set", "train.max_steps=4")
        self.kcap_train("run", "--set", "train.max_steps=8", "--resume", "auto")
        words = words_of(checkpoints(self.path("biod"))[0])
        for step in (4, 8):
            self.assertEqual(words_of(checkpoints(self.path("run"))[step]), words)

    def test_refused(self):
        self.input(BIOD)
        self.fails("at most 2^48 = 2.81e+14 can be numbered", "init", "input.yaml", "--out",
                   "absurd", "--set", "model.experts=65536", "--set", "model.heads=1000", "--set",
                   "model.layers=1000")
        os.mkdir(self.path("full"))
        self.input(BIOD, "full/input.yaml")
        for said, args in (("--out is missing", ["input.yaml"]),
                           ("full: not empty", ["input.yaml", "--out", "full"]),
                           ("absent.yaml", ["absent.yaml", "--out", "new"]),
                           ("first_names", ["input.yaml", "--out", "new", "--set",
                                            "corpus.first_names=999999"])):
            self.fails(said, "init", *args)
        self.assertFalse(os.path.exists(self.path("new")))

    def test_full_disk(self):
        """Nothing is left, so that the same line does when there is room."""
        self.input(merged(BIOD, model={"layers": 10, "head_dim": 64}))
        line = f"ulimit -f 5000; exec {harness.KCAP} init input.yaml --out new"
        done = subprocess.run(["bash", "-c", line], cwd=self.folder, env=harness.environment(1), text=True,
                              stderr=subprocess.PIPE, check=False, timeout=60)
        self.assertEqual(done.returncode, 4)
        self.assertIn("step_0000000000.h5.partial: no room for ", done.stderr)
        self.assertFalse(os.path.exists(self.path("new")))

    def test_after_a_kill(self):
        """What it left of the checkpoint is not in the way, a file of somebody's is."""
        self.input(merged(BIOD))
        os.makedirs(self.path("new", "checkpoints"))
        left = self.path("new", "checkpoints", "step_0000000000.h5.partial")
        with open(left, "w", encoding="ascii") as file:
            file.write("x")
        self.kcap("init", "input.yaml", "--out", "new", ranks=2)
        self.assertEqual(sorted(os.listdir(os.path.dirname(left))),
                         ["step_0000000000.h5", "step_0000000000.manifest"])
        self.fails("new: not empty", "init", "input.yaml", "--out", "new")


if __name__ == "__main__":
    harness.main()
