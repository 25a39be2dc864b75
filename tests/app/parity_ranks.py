# SPDX-License-Identifier: BSD-3-Clause
"""Training by kcap on 1, 2 and 4 ranks against PyTorch in float64: three AdamW steps from the same
initial weights on the same tokens (written by bench/dump.c) by the models of tests/nn, which are
written from the papers. Called as `parity_ranks.py KCAP MPIRUN DUMP [test names]`."""
import os
import subprocess
import sys

import numpy as np
import torch

import harness
from harness import BIOD, checkpoints, merged, read_columns

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "nn"))
import parity  # pylint: disable=wrong-import-position
import parity_moe  # pylint: disable=wrong-import-position
import records  # pylint: disable=wrong-import-position

DUMP = None
STEPS = 3
# With this seed scores of experts are far enough apart for float32 to choose as float64 does.
DENSE = merged(BIOD, run={"seed": 5}, model={"rotary_fraction": 0.5, "init_std": 0.1},
               train={"batch": 8, "lanes": 4, "lr": 5.0e-3, "lr_final": 1, "warmup_steps": 2,
                      "weight_decay": 0.1, "clip": 0.5, "max_steps": STEPS},
               measure={"every_exposures": 0})
EXPERTS = merged(DENSE, model={"arch": "gpt2", "experts": 8, "balance_loss": 0.05, "z_loss": 0.02})
SWITCH = merged(EXPERTS, model={"experts_topk": 1, "experts_gate": "softmax", "mlp_ratio": 1,
                                "capacity_factor": 0.8})
# Four times its share is every token of a lane.
PAIRS = merged(EXPERTS, model={"experts_topk": 2, "experts_gate": "renormalised",
                               "capacity_factor": 4})

# Largest difference allowed, by what is compared; in brackets the largest measured. The bounds of one
# step in nn/parity.py and nn/parity_moe.py; weights after three steps, not ten.
BOUND = {"loss": parity.BOUND["loss"],           # relative                    [8.4e-9]
         "norm": parity.BOUND["norm"],           # relative                    [5.3e-8]
         "routing": parity_moe.BOUND["balance"],  # absolute, values of 1 to 2  [6.7e-9]
         "after": 1e-5}                          # absolute, of every weight   [1.2e-6]


class Dense:
    """The model of nn/parity.py; columns of experts are NaN."""

    def __init__(self, found, config):
        spec = parity.Spec.of(config["model"], config["train"]["context"], found)
        self.model, self.margin = parity.Model(found, spec), np.inf

    def step(self, tokens, targets):
        """Summed cross-entropy, what is minimised in its place, and columns of /steps."""
        loss = self.model.loss(tokens, targets)[1]
        return loss, loss, dict.fromkeys(("balance_loss", "router_entropy", "dropped"), np.nan)


class Experts:
    """The lane of nn/parity_moe.py: the lanes of a step in turn, each with its own capacity."""

    def __init__(self, found, config):
        self.factor, self.lanes = config["model"]["capacity_factor"], config["train"]["lanes"]
        self.model, self.margin = parity_moe.Lane(found, config["model"]), np.inf

    def step(self, tokens, targets):
        lane, loss, whole = self.model, 0, 0
        balance, entropy, dropped, pairs = 0, 0, 0, 0
        windows = len(tokens) // self.lanes
        for first in range(0, len(tokens), windows):
            lane.begin(self.factor, windows * tokens.shape[1])
            nats, minimised = lane.losses(tokens[first:first + windows],
                                          targets[first:first + windows])
            loss, whole = loss + nats, whole + minimised
            balance, entropy = balance + lane.balance, entropy + lane.entropy
            dropped, pairs = dropped + sum(lane.drops), pairs + lane.pairs
            self.margin = min(self.margin, lane.margin)
        n = len(tokens) * lane.layers
        return loss, whole, {"balance_loss": balance / n, "router_entropy": entropy / n,
                             "dropped": dropped / pairs}


def trained(torch_model, found, config):
    """Rows of the steps, and the weights after them."""
    keys, w = config["train"], torch_model.model.w
    adam = parity.adamw(w, found)
    rows = []
    for step in range(STEPS):
        tokens, targets = (torch.tensor(found[name][step], dtype=torch.int64)
                           for name in ("tokens", "targets"))
        counted = int((targets >= 0).sum())
        adam.zero_grad()
        loss, whole, row = torch_model.step(tokens, targets)
        (whole / counted).backward()
        norm = torch.nn.utils.clip_grad_norm_(list(w.values()), keys["clip"])
        rows.append({**row, "loss": float(loss.detach()) / counted, "grad_norm": float(norm)})
        for group in adam.param_groups:
            group["lr"] = keys["lr"] * min(1, (step + 1) / keys["warmup_steps"])
        adam.step()
    return rows, {name: value.detach().numpy() for name, value in w.items()}


class Parity(harness.AppTest):
    def differences(self, out, rows, after):
        """(kind, name, difference) of everything compared."""
        steps = read_columns(self.path(out), "steps")
        self.assertEqual(len(steps["step"]), STEPS)
        for i, row in enumerate(rows):
            for kind, name in (("loss", "loss"), ("norm", "grad_norm")):
                yield kind, f"step {i + 1}", abs(steps[name][i] / row[name] - 1)
            for name in ("balance_loss", "router_entropy"):
                if np.isnan(row[name]):
                    self.assertTrue(np.isnan(steps[name][i]))
                else:
                    yield "routing", f"{name} {i + 1}", abs(steps[name][i] - row[name])
            np.testing.assert_equal(steps["dropped"][i], row["dropped"])
        tensors = harness.read_tensors(checkpoints(self.path(out))[STEPS])
        self.assertEqual({name for name in tensors if name.startswith("params/")},
                         {f"params/{name}" for name in after})
        for name, value in after.items():
            yield "after", name, np.abs(tensors["params/" + name] - value).max()

    def check(self, torch_model, config, grids):
        """Compare runs on these (ranks, ep); returns PyTorch's rows."""
        self.input(config)
        subprocess.run([DUMP, self.path("input.yaml"), str(STEPS), self.path("dump")], check=True,
                       timeout=60)
        found, worst = records.read(self.path("dump")), {}
        model = torch_model(found, config)
        rows, after = trained(model, found, config)
        self.assertGreater(model.margin, parity_moe.MARGIN, "scores too close, another seed")
        self.assertGreater(max(row["grad_norm"] for row in rows), config["train"]["clip"])
        for name, value in after.items():
            moved = np.abs(value - found["weight." + name]).max()
            self.assertGreater(moved, config["train"]["lr"], f"{name} has not moved")
        for ranks, spread in grids:
            out = f"out_{ranks}_{spread}"
            self.kcap_train(out, "--set", f"parallel.ep={spread}", ranks=ranks, threads=1)
            for kind, name, size in self.differences(out, rows, after):
                worst[kind] = max(worst.get(kind, (0,)), (size, name, out))
        print(", ".join(f"{kind} {size:.2g} ({name})" for kind, (size, name, _) in worst.items()),
              f"margin {model.margin:.2g}", flush=True)
        for kind, (size, name, out) in worst.items():
            self.assertLessEqual(size, BOUND[kind], f"{kind} of {name} in {out}")
        return rows

    def test_top_1_with_drops(self):
        rows = self.check(Experts, SWITCH, ((1, 1), (2, 2), (4, 4), (4, 2)))
        self.assertGreater(min(row["dropped"] for row in rows), 0.02)

    def test_top_2_renormalised_without_drops(self):
        rows = self.check(Experts, PAIRS, ((1, 1), (2, 2), (4, 4), (4, 2)))
        self.assertEqual(max(row["dropped"] for row in rows), 0)

    def test_llama(self):
        """With all that newer models have beside it."""
        self.check(Dense, merged(DENSE, model={
            "arch": "llama", "width": 24, "kv_heads": 1, "qk_norm": "yes", "biases": "qkv",
            "residual": "parallel", "activation": "gelu_erf", "norm_eps": 1.0e-4,
            "rotary_scaling": "llama3", "rotary_context": 40}), ((1, 1), (2, 1), (4, 1)))


if __name__ == "__main__":
    torch.set_num_threads(1)  # these products are too small to share
    if len(sys.argv) > 3:
        DUMP = os.path.abspath(sys.argv.pop(3))
    harness.main()
