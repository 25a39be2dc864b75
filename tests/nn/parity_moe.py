# SPDX-License-Identifier: BSD-3-Clause
"""parity_moe.py PROGRAM: a lane through mixtures of experts against PyTorch in float64.

Written from the formulas in kcap/nn/moe.h, from Switch Transformers (arXiv 2101.03961), ST-MoE
(arXiv 2202.08906) and Mixtral (arXiv 2401.04088): token by token and expert by expert, with none of
the program's sorting of rows.
"""
import math
import subprocess
import sys

import numpy as np
import torch
import torch.nn.functional as F

import parity
from records import read

# What every case has unless it says otherwise; T, d and f are no multiple of anything.
BASE = {"train.context": 70, "train.batch": 2, "train.lanes": 1, "model.layers": 2,
        "model.heads": 2, "model.head_dim": 10, "model.mlp_width": 17, "model.rotary_fraction": 0.4,
        "model.experts": 5, "model.experts_topk": 1, "model.experts_gate": "softmax",
        "model.capacity_factor": 64, "model.capacity_factor_measure": 64,
        "model.balance_loss": 0.7, "model.z_loss": 0.3}
MIXTRAL = {"model.arch": "mistral", "model.heads": 4, "model.kv_heads": 2, "model.experts_topk": 2,
           "model.rotary_fraction": 1, "model.experts_gate": "renormalised"}
TIGHT = {"model.capacity_factor": 0.6, "model.capacity_factor_measure": 0.5}
CASES = {
    "top 1": {},
    "top 1, no router losses": {"model.balance_loss": 0, "model.z_loss": 0},
    "top 1, drops": TIGHT,
    "top 2": {"model.experts_topk": 2},
    "top 2, drops": {"model.experts_topk": 2, **TIGHT},
    "top 2, renormalised": {"model.experts_topk": 2, "model.experts_gate": "renormalised"},
    "Mixtral": MIXTRAL,
    "Mixtral, drops": {**MIXTRAL, **TIGHT},
    "Mixtral, three windows, drops late": {**MIXTRAL, "train.batch": 3, "train.context": 41,
                                           "model.experts": 8, "model.capacity_factor": 1.1},
    "top 3 of 7, learned positions, silu, drops": {
        "model.experts": 7, "model.experts_topk": 3, "model.position": "learned",
        "model.activation": "silu", "model.embeddings": "untied", **TIGHT},
    "all of 3, renormalised": {"model.experts": 3, "model.experts_topk": 3,
                               "model.experts_gate": "renormalised"},
    "top 2, Canon layers": {"model.experts_topk": 2, "model.canon": "ABC"},
    "one expert, drops": {"model.experts": 1, "model.capacity_factor": 0.4},
    "more experts than tokens, drops": {"model.experts": 45, "train.context": 20, "train.batch": 1,
                                 "model.experts_topk": 2, "model.capacity_factor": 1},
}
V = 53

# Largest difference allowed, by what is compared; in brackets the largest measured.
BOUND = {"logits": 1e-5,   # absolute                                     [2.4e-6]
         "loss": 1e-7,     # relative                                     [1.4e-8]
         "grad": 5e-6,     # absolute, over the tensor's largest element  [8.4e-7]
         "balance": 2e-7,  # relative                                     [2.4e-8]
         "entropy": 5e-7}  # absolute, nats summed over windows and blocks [8.3e-8]
# Scores in float32 are this sure to be in the order of those in float64.
MARGIN = 2e-5


class Lane(parity.Model):
    """Windows in turn; how many tokens each expert of each block has taken so far."""

    def __init__(self, records, keys):
        """With the keys of the section `model` of an input."""
        super().__init__(records, parity.Spec.of(keys, len(records["tokens"][-1]), records))
        self.keys, self.layers = keys, keys["layers"]
        self.E, self.k = keys["experts"], keys["experts_topk"]
        self.begin(1, 1)

    def begin(self, factor, tokens):
        """A new lane of so many tokens."""
        self.capacity = max(1, math.ceil(factor * self.k * tokens / self.E))
        self.taken = [[0] * self.E for _ in range(self.layers)]
        self.load = np.zeros((self.layers, self.E))
        self.drops, self.pairs, self.margin = [], 0, math.inf
        self.balance, self.entropy = 0.0, 0.0

    def choices(self, score):
        """[T][k] experts by falling score, of equal ones the first; notes how sure they are."""
        result = []
        for row in score.detach().tolist():
            order = sorted(range(self.E), key=lambda e: (-row[e], e))
            for a, b in zip(order[:self.k], order[1:]):
                self.margin = min(self.margin, row[a] - row[b])
            result.append(order[:self.k])
        return result

    def feed(self, x, layer):
        """Experts in place of an MLP, x [1, T, d]; adds to the router's losses of this window."""
        x, T = x[0], x.shape[1]
        score = x @ self.w["router"][layer]
        p = torch.exp(score - torch.logsumexp(score, -1, keepdim=True))
        choice = self.choices(score)
        y = [torch.zeros(x.shape[1], dtype=torch.float64) for _ in range(T)]
        drops = 0
        for j in range(self.k):
            for t in range(T):
                e = choice[t][j]
                self.load[layer][e] += 1
                if self.taken[layer][e] == self.capacity:
                    drops += 1
                    continue
                self.taken[layer][e] += 1
                gate = p[t, e]
                if self.keys["experts_gate"] == "renormalised":
                    gate = gate / p[t, choice[t]].sum()
                y[t] = y[t] + gate * self.mlp(x[t], "exp", layer, e)
        share = np.bincount(np.ravel(choice), minlength=self.E) / (T * self.k)
        balance = self.E * (torch.tensor(share) * p.mean(0)).sum()
        self.drops.append(drops)
        self.pairs += T * self.k
        self.balance += float(balance)
        self.entropy += float(-(p * torch.log(p)).sum(-1).mean())
        self.router = self.router + self.keys["balance_loss"] * balance + \
            self.keys["z_loss"] * (torch.logsumexp(score, -1) ** 2).mean()
        return torch.stack(y)[None]

    def window(self, tokens):
        """Logits [T, V], and the router's losses summed over blocks."""
        self.router = 0
        return self.logits(tokens[None])[0], self.router

    def losses(self, windows, targets):
        """Summed cross-entropy of windows in turn, and what is minimised in its place."""
        loss, whole = 0, 0
        for window, target in zip(windows, targets):
            logits, router = self.window(window)
            nats = F.cross_entropy(logits, target, ignore_index=-1, reduction="sum")
            loss, whole = loss + nats, whole + nats + int((target >= 0).sum()) * router
        return loss, whole


def compare(case, keys, records):
    """(kind, name, difference) of everything compared."""
    lane = Lane(records, {name.removeprefix("model."): value for name, value in keys.items()})
    tokens = torch.tensor(records["tokens"], dtype=torch.int64)
    targets = torch.tensor(records["targets"], dtype=torch.int64)
    T = tokens.shape[1]
    with torch.no_grad():
        measured = []
        for window in tokens:
            lane.begin(keys["model.capacity_factor_measure"], T)
            measured.append(lane.window(window)[0])
            assert lane.margin > MARGIN, f"{case}: scores {lane.margin} apart, choose another seed"
    yield "logits", "logits", float((torch.stack(measured) - torch.tensor(records["logits"]))
                                    .abs().max())

    lane.begin(keys["model.capacity_factor"], tokens.numel())
    loss, whole = lane.losses(tokens, targets)
    assert lane.margin > MARGIN, f"{case}: scores {lane.margin} apart, choose another seed"
    counts = (targets >= 0).sum(1).tolist()
    assert len(set(counts)) == len(counts), "windows must differ in weight"
    whole.backward()
    yield "loss", "loss", abs(float(records["loss"]) / loss.item() - 1)
    for name, value in lane.w.items():
        grad = torch.tensor(records["grad." + name], dtype=torch.float64)
        scale = float(value.grad.abs().max())
        if scale == 0:  # of one expert the softmax is constant
            assert name == "router" and not grad.any(), f"{case}: {name}"
            continue
        yield "grad", name, float((value.grad - grad).abs().max()) / scale
    yield "balance", "balance", abs(float(records["balance"]) / lane.balance - 1)
    yield "entropy", "entropy", abs(float(records["entropy"]) - lane.entropy)
    check_counts(case, keys, records, lane)


def check_counts(case, keys, records, lane):
    """What is counted must be equal; where a case is of drops there must be some."""
    windows = len(records["tokens"])
    assert np.array_equal(records["load"], lane.load), f"{case}: {records['load']} {lane.load}"
    assert int(records["sent"]) == lane.pairs, case
    assert int(records["layers_of_windows"]) == windows * lane.layers, case
    assert int(records["dropped"]) == sum(lane.drops), f"{case}: {records['dropped']} {lane.drops}"
    share = sum(lane.drops) / lane.pairs
    by_window = np.reshape(lane.drops, (windows, -1)).sum(1)
    print(f"{case}: {share:.1%} dropped, by window {by_window.tolist()}, margin {lane.margin:.1g}")
    tight = keys["model.capacity_factor"] < BASE["model.capacity_factor"]
    assert share > 0.02 if tight else share == 0, case
    if tight and windows > 1:  # the first window's rows still fill the experts
        assert by_window[-1] > by_window[0], case


def cases(program, path):
    """(case, differences) in turn."""
    for seed, (case, more) in enumerate(CASES.items(), start=1):
        keys = {**BASE, **more}
        subprocess.run([program, path, str(V), str(seed),
                        *(f"{name}={value}" for name, value in keys.items())], check=True)
        records = read(path)
        names = {name for name in records if name.startswith("grad.")}
        assert {"grad.router", "grad.exp_up", "grad.exp_down"} < names, names
        yield case, compare(case, keys, records)


if __name__ == "__main__":
    sys.exit(parity.main(cases, BOUND))
