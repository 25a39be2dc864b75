# SPDX-License-Identifier: BSD-3-Clause
"""Mixtures of experts through the command line: the same bits on any dp x ep, also resumed on
another one; what is refused; what memory they take."""
import os
import shutil

import h5py
import numpy as np

import harness
from errors import ErrorTest
from harness import BIOD, checkpoints, merged, read_attributes, read_columns, read_tensors

# Two of eight experts, so few rows for each that some tokens find theirs full; 150 people are two
# groups of a measurement.
MOE = merged(BIOD, corpus={"people": 150, "exposures": 4},
             model={"experts": 8, "experts_topk": 2, "capacity_factor": 0.8, "z_loss": 0.01,
                    "experts_gate": "renormalised", "init_std": 0.1},
             train={"batch": 8, "lanes": 4}, measure={"every_exposures": 2})
EXPERTS = {"exp_up", "exp_up_bias", "exp_down", "exp_down_bias"}


def ep(n):
    return ("--set", f"parallel.ep={n}")


class ExpertsTest(harness.AppTest):
    config = MOE

    def check_grids(self, grids):
        """Rows, measurements and every checkpoint are those of one rank; grids are (ranks, ep,
        threads)."""
        self.train("one", 0, 1)
        for ranks, spread, threads in grids:
            out, what = f"out_{ranks}_{spread}", f"{ranks} ranks, ep {spread}, {threads} threads"
            self.train(out, ranks, spread, threads=threads)
            stamp = read_attributes(self.path(out, "run.h5"))
            self.assertEqual((stamp["dp"], stamp["ep"]), (ranks // spread, spread))
            self.assert_same_run("one", out, what)
            self.assert_same_checkpoints("one", out, what)

    def train(self, out, ranks, spread, *args, threads=1):
        return self.kcap_train(out, *ep(spread), *args, ranks=ranks, threads=threads)


class SameBits(ExpertsTest):
    def test_grids(self):
        """On every dp x ep of up to four ranks."""
        self.check_grids(((1, 1, 2), (2, 1, 1), (2, 2, 2), (4, 1, 1), (4, 2, 2), (4, 4, 1)))
        steps = read_columns(self.path("one"), "steps")
        self.assertGreater(len(steps["step"]), 20)
        self.assertLess(steps["loss"][-1], 0.95 * steps["loss"][0], "nothing was learnt")
        self.assertGreater(steps["dropped"].min(), 0)
        self.assertLess(steps["dropped"].max(), 0.8)
        self.assertGreater(steps["balance_loss"].min(), 1 - 1e-6)
        self.assertLess(steps["router_entropy"].max(), np.log(8) + 1e-6)
        self.assertEqual(len(read_columns(self.path("one"), "measure")["step"]), 2)
        tensors = read_tensors(max(checkpoints(self.path("one")).values()))
        self.assertLess({"params/" + name for name in EXPERTS}, set(tensors))
        self.assertEqual(tensors["params/exp_up"].shape, (2, 8, 16, 64))
        self.assertEqual(tensors["m/router"].shape, (2, 16, 8))

    def test_one_window_a_rank(self):
        """A rank of one lane of one window adds up what its sources send at once; Canon layers see
        its own tokens alone."""
        self.input(merged(MOE, model={"canon": "ABC"}, train={"batch": 4, "lanes": 4}))
        self.check_grids(((2, 2, 1), (4, 1, 1), (4, 2, 2), (4, 4, 1)))

    def test_one_expert_a_token(self):
        """The paper's routing, top-1 weighted by its probability, with room for too few and for
        all tokens."""
        for factor, drops, grids in ((0.8, True, ((2, 1), (2, 2), (4, 1), (4, 2), (4, 4))),
                                     (8, False, ((2, 2), (4, 1), (4, 2)))):
            self.input(merged(MOE, corpus={"exposures": 1},
                              model={"experts_topk": 1, "experts_gate": "softmax", "mlp_ratio": 1,
                                     "capacity_factor": factor},
                              measure={"every_exposures": 0}))
            one = f"one_{factor}"
            self.train(one, 0, 1)
            dropped = read_columns(self.path(one), "steps")["dropped"]
            self.assertGreaterEqual(len(dropped), 5)
            self.assertEqual((dropped > 0).all() if drops else dropped.any(), drops)
            for ranks, spread in grids:
                out = f"out_{factor}_{ranks}_{spread}"
                self.train(out, ranks, spread)
                self.assert_same_run(one, out, out, groups=["steps"])

    def test_a_model_without_experts_has_no_such_figures(self):
        self.input(BIOD)
        self.kcap_train("out", "--set", "train.max_steps=2")
        steps = read_columns(self.path("out"), "steps")
        for name in ("balance_loss", "router_entropy", "dropped"):
            self.assertTrue(np.isnan(steps[name]).all(), name)

    def test_measured_from_the_checkpoint_alone(self):
        """By as many ranks as share the experts, by fewer, and by some that they do not divide."""
        self.train("out", 4, 4, "--set", "train.max_steps=6")
        for ranks, threads in ((0, 2), (2, 1), (3, 1), (4, 2)):
            report = self.json("measure", "out", ranks=ranks, threads=threads)
            self.assert_last_row(report, "out", f"{ranks} ranks")


class Resume(ExpertsTest):
    def staged(self, *stages):
        """A run in stages (stop, ranks, ep) beside one that is not interrupted."""
        self.train("whole", 1, 1)
        for stop, ranks, spread in stages:
            self.train("parts", ranks, spread, "--resume", "auto", "--set",
                       f"train.max_steps={stop}")
            stamp = read_attributes(self.path("parts", "run.h5"))
            self.assertEqual((stamp["ranks"], stamp["ep"]), (ranks, spread))
        self.assert_same_run("whole", "parts", f"{stages}", groups=["steps"])

    def test_from_four_to_fewer(self):
        self.staged((7, 4, 4), (12, 1, 1), (17, 4, 4), (0, 2, 2))

    def test_from_one_to_more(self):
        self.staged((5, 1, 1), (9, 4, 2), (13, 4, 1), (0, 4, 4))

    def test_another_number_of_experts_is_refused(self):
        self.train("out", 2, 2, "--set", "train.max_steps=3")
        for key, then, now in (("model.experts", "8", "4"), ("model.experts_topk", "2", "1"),
                               ("model.capacity_factor", "0.8", "0.9"),
                               ("model.experts_gate", "renormalised", "softmax")):
            for ranks, spread in ((0, 1), (2, 2)):
                done = self.kcap_train("out", *ep(spread), "--resume", "auto", "--set",
                                       f"{key}={now}", ranks=ranks, threads=1, code=2)
                said = self.complaint(done)
                for word in (key, then, now):
                    self.assertIn(word, said)


class Damage(ErrorTest):
    """A checkpoint whose experts are not those that were written is none, whoever reads it."""

    @staticmethod
    def lose(path, group, name):
        """The last expert of a tensor; its dataset is one shorter."""
        with h5py.File(path, "r+") as file:
            values = file[group][name][()]
            attributes = dict(file[group][name].attrs)
            del file[group][name]
            file[group].create_dataset(name, data=values[:, :-1]).attrs.update(attributes)

    @staticmethod
    def double(path, group, name):
        """Expert 3 once more in the place of expert 5; sizes and shapes stay."""
        with h5py.File(path, "r+") as file:
            values = file[group][name][()]
            assert values[:, 5].tobytes() != values[:, 3].tobytes()
            values[:, 5] = values[:, 3]
            file[group][name][...] = values

    def test_an_expert_lost_or_doubled(self):
        self.input(MOE)
        self.kcap_train("whole", *ep(2), "--set", "train.max_steps=3", "--set",
                        "measure.every_exposures=0", ranks=2, threads=1)
        name = os.path.relpath(checkpoints(self.path("whole"))[3], self.path("whole"))
        for n, (change, group, tensor) in enumerate((
                (self.lose, "params", "exp_up"), (self.double, "params", "exp_up"),
                (self.double, "m", "exp_down_bias"))):
            with self.subTest(change=change.__name__, tensor=tensor):
                shutil.rmtree(self.path("out"), ignore_errors=True)
                shutil.copytree(self.path("whole"), self.path("out"))
                change(self.path("out", name), group, tensor)
                before = self.listing()
                for ranks in (0, 2) if n == 0 else (0,):
                    for args in (["train", "input.yaml", "--out", "out", "--resume", "auto"],
                                 ["measure", "out"]):
                        done = self.kcap(*args, ranks=ranks, threads=1, code=2)
                        said = done.stderr.splitlines()
                        self.assertTrue(said[0].startswith(
                            f"kcap: warning: checkpoint passed over: out/{name}: damaged"), said)
                        self.assertTrue(any(line.startswith(
                            "kcap: no undamaged checkpoint; the newest: "
                            f"out/{name}: damaged: its manifest says") for line in said), said)
                self.assertEqual(self.listing(), before)


class Refused(ErrorTest):
    def test_keys(self):
        self.input(MOE)
        for words, *sets in (
                (["parallel.ep=3: 3 ranks cannot share model.experts 8", "1, 2, 4, 8 would do"],
                 "parallel.ep=3"),
                (["parallel.ep=16: 16 ranks cannot share", "1, 2, 4, 8 would do"],
                 "parallel.ep=16"),
                (["model.experts_topk", "cannot go to 9 of model.experts 8", "1 to 8 would do"],
                 "model.experts_topk=9"),
                (["model.experts: experts stand in place of an MLP", "model.mlp none"],
                 "model.mlp=none"),
                (["parallel.ep=2: 2 ranks cannot share the experts of a model without any",
                  "model.experts 0", "1 would do"], "parallel.ep=2", "model.experts=0"),
                (["model.experts_gate", "softmax|renormalised", "hard"], "model.experts_gate=hard"),
                (["model.capacity_factor", "0.001"], "model.capacity_factor=0"),
                (["parallel.ep", "0", "65536"], "parallel.ep=0")):
            with self.subTest(sets=sets):
                self.refused(words, "train", "input.yaml", "--out", "out",
                             *(word for s in sets for word in ("--set", s)), ranks=(2,))

    def test_ranks_that_groups_do_not_divide(self):
        self.input(merged(MOE, train={"batch": 12, "lanes": 6}))
        for n, spread, would_do in ((3, 2, "1"), (2, 4, "1, 2"), (6, 4, "1, 2")):
            for verb in (["train", "input.yaml", "--out", "out", *ep(spread)],
                         ["train", "input.yaml", "--dry-run", *ep(spread)]):
                done = self.kcap(*verb, ranks=n, threads=1, code=2)
                said = self.complaint(done)
                self.assertIn(f"parallel.ep: {n} ranks are not divided by groups of {spread}", said)
                self.assertIn(f" {would_do} would do", said)
            said = self.kcap("plan", "input.yaml", "--ranks", n, *ep(spread), code=2).stderr
            self.assertIn(f"groups of {spread}", said)
        self.assertEqual(self.listing(), [self.path("input.yaml")])

    def test_weights_that_explode(self):
        """The same words on every grid: step and tensor, of an expert its number."""
        self.input(merged(MOE, train={"clip": 0, "lr": 10, "weight_decay": 10, "warmup_steps": 0}))
        said = set()
        for ranks, spread in ((1, 1), (2, 2), (4, 2), (4, 4)):
            done = self.kcap_train(f"out{ranks}{spread}", *ep(spread), ranks=ranks, threads=1,
                                   code=3)
            said.add(self.complaint(done))
        self.assertEqual(len(said), 1, said)
        self.assertRegex(said.pop(), r"step \d+: loss .*(layer \d+|out of range)")


class Memory(ExpertsTest):
    def plan(self, ranks, spread, *sets):
        return self.json("plan", "input.yaml", "--ranks", ranks, "--threads", 1, *ep(spread), *sets)

    @staticmethod
    def expert_floats(layers, d, f):
        """One expert with its biases, in blocks of 16 floats a tensor and 4096 in all."""
        def up(n, unit):
            return -(-n // unit) * unit
        return up(sum(layers * up(n, 16) for n in (d * f, f, f * d, d)), 4096)

    def test_a_rank_holds_its_share(self):
        """Of experts' weights, gradients and moments, on R ranks with ep = R, 1/R of one rank's."""
        self.input(merged(MOE, model={"head_dim": 16}))
        each = 4 * self.expert_floats(2, 32, 128)
        one = self.plan(1, 1)
        for R in (2, 4):
            spread, apart = self.plan(R, R), self.plan(R, 1)
            for name in ("weights_bytes", "transposed_bytes"):
                self.assertEqual(one[name] - spread[name], (8 - 8 // R) * each, name)
                self.assertEqual(apart[name], one[name])
            # Dense moments are shared by all ranks, in blocks of 4096.
            dense = (one["weights_bytes"] - 8 * each) // (4 * 4096)
            self.assertEqual(one["moments_bytes"], 2 * (8 * each + dense * 4 * 4096))
            self.assertEqual(spread["moments_bytes"],
                             2 * (8 // R * each + -(-dense // R) * 4 * 4096))
            # Gradients too, where each rank has one lane of one window; else one of all experts for
            # each lane in flight and each level of the tree, wherever they are.
            lanes = ("--set", f"train.lanes={R}", "--set", f"train.batch={R}")
            self.assertEqual(self.plan(R, 1, *lanes)["gradients_bytes"], one["weights_bytes"])
            self.assertEqual(self.plan(R, R, *lanes)["gradients_bytes"], spread["weights_bytes"])
            self.assertEqual(self.plan(R, R, *lanes, "--set", f"train.batch={2 * R}")
                             ["gradients_bytes"], one["weights_bytes"])
            self.assertEqual(spread["n_params"], one["n_params"])
            self.assertEqual(spread["checkpoint_bytes"], 12 * one["n_params"])

    def test_the_papers_mixture(self):
        """GPT-2 with 32 experts d -> d -> d, top-1 (arXiv 2404.05405, Result 9): all parameters and
        those of one token by hand. Of the blocks' a token uses 6 of 68 in the end, 8.8 %."""
        self.input(merged(MOE, model={"experts": 32, "experts_topk": 1, "mlp_ratio": 1,
                                      "experts_gate": "softmax"}))
        apart = []
        for layers, heads, head_dim in ((2, 2, 8), (1, 1, 24), (12, 12, 64), (96, 64, 128)):
            p = self.plan(1, 1, "--memory", 100000, "--set", f"model.layers={layers}", "--set",
                          f"model.heads={heads}", "--set", f"model.head_dim={head_dim}")
            l, d, E = layers, heads * head_dim, 32
            # Attention with biases and two norms; up and down with biases; scores of the experts.
            dense, expert, router = 4 * d * d + 8 * d, 2 * d * d + 2 * d, d * E
            outside = p["n_vocab"] * d + 2 * d
            self.assertEqual(p["n_params"], l * (dense + E * expert + router) + outside)
            self.assertEqual(p["n_params"],
                             l * (4 * d ** 2 + 8 * d + E * (2 * d ** 2 + 3 * d)) + outside)
            self.assertEqual(p["n_params_used"], l * (dense + expert + router) + outside)
            self.assertEqual(p["flop_per_token"],
                             6 * (l * (4 * d * d + 2 * d * d + d * E) + p["n_vocab"] * d
                                  + l * d * 32))
            share = (p["n_params_used"] - outside) / (p["n_params"] - outside)
            apart.append(share / (6 / 68) - 1)
        self.assertEqual(apart, sorted(apart, reverse=True))
        self.assertLess(abs(apart[-1]), 1e-3)

    def test_params(self):
        """P counts all experts: plain MLPs with biases, 2 d f + f + d each; and d E of router."""
        for many, few in ((8, 2), (4, 2)):
            a, b = (self.plan(1, 1, "--set", f"model.experts={n}")["n_params"] for n in (many, few))
            self.assertEqual(a - b, 2 * (many - few) * (2 * 16 * 64 + 64 + 16 + 16))


if __name__ == "__main__":
    harness.main()
