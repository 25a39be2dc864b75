# SPDX-License-Identifier: BSD-3-Clause
"""inputs/architectures: sizes, the same bits on any grid, and that none goes on as another."""
import os

import yaml

import harness
from harness import checkpoints, read_attributes, read_columns, read_tensors
from resume import snapshot

INPUTS = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "inputs"))
V, T = 279, 128  # 3 x 48 names, 6 markers, 128 characters, <eos>

# P by blocks l and width d; the MLP of LLaMA is rounded down, three heads of Mistral share d / 3.
CLOSED_FORMS = {
    "gpt2_learned": lambda l, d: l * (12 * d * d + 13 * d) + V * d + T * d + 2 * d,
    "gpt2_rotary": lambda l, d: l * (12 * d * d + 13 * d) + V * d + 2 * d,
    "gpt2_canon": lambda l, d: l * (12 * d * d + 49 * d) + V * d + 2 * d,
    "gpt2_quarter_mlp": lambda l, d: l * (6 * d * d + 10 * d) + V * d + 2 * d,
    "gpt2_no_mlp": lambda l, d: l * (4 * d * d + 6 * d) + V * d + 2 * d,
    "llama": lambda l, d: l * (4 * d * d + 3 * d * (8 * d // 3) + 2 * d) + 2 * V * d + d,
    "llama_plain_mlp": lambda l, d: l * (12 * d * d + 2 * d) + 2 * V * d + d,
    "llama_tied": lambda l, d: l * (4 * d * d + 3 * d * (8 * d // 3) + 2 * d) + V * d + d,
    "mistral": lambda l, d: l * (2 * d * d + 2 * d * d // 3 + 21 * d * d // 2 + 2 * d)
               + 2 * V * d + d,
    "moe": lambda l, d: l * (4 * d * d + 8 * d + 8 * (2 * d * d + 3 * d)) + V * d + 2 * d,
    "qwen2": lambda l, d: l * (2 * d * d + (d + 1) * d + d + 3 * d * 128 + 2 * d) + V * d + d,
    "qwen3": lambda l, d: l * (15 * d * d + 4 * d) + V * d + d,
    "llama3": lambda l, d: l * (14 * d * d + 2 * d * d // 3 + 2 * d) + V * d + d,
    "smollm": lambda l, d: l * (10 * d * d + 2 * d * d // 3 + 2 * d) + V * d + d,
    "pythia": lambda l, d: l * (12 * d * d + 13 * d) + 2 * V * d + 2 * d,
}
GRIDS = [(2, 1), (1, 2)]  # one after the other, an architecture each
STOP = ("--set", "train.max_steps=20", "--set", "train.warmup_steps=5",
        "--set", "measure.every_exposures=0")


def file_of(name):
    return os.path.join(INPUTS, "architectures", name + ".yaml")


def model_of(name):
    with open(file_of(name)) as file:
        return yaml.safe_load(file)["model"]


def width_of(name):
    model = model_of(name)
    return model.get("width", model["heads"] * model["head_dim"])


def size_of(name):
    return CLOSED_FORMS[name](model_of(name)["layers"], width_of(name))


class Inputs(harness.AppTest):
    def test_all_are_here(self):
        self.assertEqual(sorted(os.listdir(os.path.join(INPUTS, "architectures"))),
                         sorted(name + ".yaml" for name in CLOSED_FORMS))

    def test_sizes(self):
        """P is the closed form's, the comment's, and nearly the same in all: R is per parameter."""
        for name in CLOSED_FORMS:
            with self.subTest(name), open(file_of(name)) as file:
                text, P = file.read(), size_of(name)
                plan = self.json("plan", file_of(name))
                self.assertEqual((plan["n_params"], plan["n_vocab"]), (P, V))
                self.assertRegex(text, rf"\A(# .*\n)+# P = l \(.* = {P:,} with l = ")
                canon = 4 * 9 * 2 * 32 if name == "gpt2_canon" else 0  # kernels, beside the size
                self.assertLess(abs((P - canon) / 34400 - 1), 0.06)

    def test_only_the_model_differs(self):
        with open(os.path.join(INPUTS, "quickstart.yaml")) as file:
            quickstart = yaml.safe_load(file)
        for name in CLOSED_FORMS:
            with self.subTest(name), open(file_of(name)) as file:
                keys = yaml.safe_load(file)
                self.assertEqual(keys["run"], {"name": name, "seed": 1})
                self.assertAlmostEqual(
                    keys["model"]["init_std"] / (0.02 * (768 / width_of(name)) ** 0.5), 1, 1)
                for section in set(quickstart) - {"run", "model"}:
                    self.assertEqual(keys[section], quickstart[section])
                if name == "gpt2_rotary":
                    self.assertEqual(keys["model"], quickstart["model"])


class Architectures(harness.AppTest):
    def train(self, name, out, ranks=1, threads=1):
        self.kcap("train", file_of(name), "--out", out, *STOP, ranks=ranks, threads=threads)

    def test_same_bits(self):
        """Twenty steps: rows, tensors and measured bits; the checkpoint alone says the rest."""
        first = {}
        for number, name in enumerate(CLOSED_FORMS):
            for ranks, threads in (1, 1), GRIDS[number % 2]:
                out = f"{name}_{ranks}x{threads}"
                self.train(name, out, ranks, threads)
                stamp = read_attributes(self.path(out, "run.h5"))
                self.assertEqual((stamp["ranks"], stamp["threads"]), (ranks, threads))
                self.assert_same_run(f"{name}_1x1", out, out)
            out = f"{name}_1x1"
            loss = read_columns(self.path(out), "steps")["loss"]
            self.assertEqual(len(loss), 20)
            self.assertLess(loss[-1], loss[0], f"{name}: nothing was learnt")
            self.assertNotIn(loss[-1], first.values(), f"{name} is another architecture")
            first[name] = loss[-1]
            stored = read_tensors(checkpoints(self.path(out))[20])
            self.assertEqual(sum(t.size for n, t in stored.items() if n.startswith("params/")),
                             size_of(name))
            measured = self.json("measure", out, ranks=2)
            self.assertEqual(measured["total_bits"],
                             read_columns(self.path(out), "measure")["total_bits"][-1])

    def test_none_goes_on_as_another(self):
        self.train("gpt2_rotary", "out")
        before = snapshot(self.path("out"))
        for key, then, now in (
                ("arch", "gpt2", "llama"), ("arch", "gpt2", "mistral"),
                ("norm", "layernorm", "rmsnorm"), ("position", "rotary", "learned"),
                ("mlp", "plain", "none"), ("mlp_ratio", 4, 1), ("activation", "gelu", "silu"),
                ("biases", "all", "none"), ("canon", "none", "AC"), ("embeddings", "tied", "untied")):
            with self.subTest(key=key, now=now):
                words = f"model.{key}: {then} in the checkpoint, {now} in this input"
                for ranks in (1, 2):
                    done = self.kcap("train", file_of("gpt2_rotary"), "--out", "out", "--resume",
                                     "auto", "--set", f"model.{key}={now}", *STOP, ranks=ranks,
                                     code=2)
                    self.assertRegex(self.complaint(done),
                                     f"step_0000000020.h5: another experiment: {words}")
        for name in CLOSED_FORMS:
            if name != "gpt2_rotary":
                done = self.kcap("train", file_of(name), "--out", "out", "--resume", "auto",
                                 code=2)
                self.assertRegex(done.stderr, "another experiment: model.")
        self.assertEqual(snapshot(self.path("out")), before)

    def test_each_resumes(self):
        """Ten steps, then ten more on two ranks: the same as twenty."""
        for name in ("gpt2_learned", "llama", "mistral", "gpt2_no_mlp", "gpt2_canon"):
            self.train(name, f"{name}_whole")
            self.kcap("train", file_of(name), "--out", f"{name}_parts", *STOP, "--set",
                      "train.max_steps=10", threads=1)
            self.kcap("train", file_of(name), "--out", f"{name}_parts", *STOP, "--resume", "auto",
                      ranks=2, threads=1)
            self.assert_same_run(f"{name}_whole", f"{name}_parts", name, groups=())


if __name__ == "__main__":
    harness.main()
