# SPDX-License-Identifier: BSD-3-Clause
"""parity.py PROGRAM: kcap's model, gradients and ten AdamW steps against PyTorch in float64.

The model below is written from the description of GPT-2 and of rotary positions alone.
"""

import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from records import read

# T, layers, heads, head_dim, V, rotary fraction, rotated dimensions that follow
SHAPES = ((64, 2, 1, 32, 279, 1.0, 32),
          (96, 2, 3, 20, 101, 0.5, 10),
          (130, 1, 2, 16, 33, 0.25, 4),
          (200, 3, 4, 8, 50, 0.0, 0))

# Largest difference allowed, by what is compared; in brackets the largest measured.
BOUND = {"logits": 1e-5,  # absolute                                     [2.9e-6]
         "loss": 1e-7,    # relative                                     [1.5e-8]
         "grad": 5e-6,    # absolute, over the tensor's largest element  [1.0e-6]
         "norm": 2e-6,    # relative                                     [3.7e-7]
         "after": 6e-5}   # absolute; the weights move by up to 3e-2     [2.2e-5]


def rotate(x, rot, base):
    """Turn dimensions j and j + rot/2 of x [B, h, T, hd] by t base^(-2j/rot)."""
    if rot == 0:
        return x
    half = rot // 2
    rate = base ** (-2 * torch.arange(half, dtype=torch.float64) / rot)
    angle = torch.arange(x.shape[-2], dtype=torch.float64)[:, None] * rate
    turn = torch.polar(torch.ones_like(angle), angle)
    z = torch.complex(x[..., :half], x[..., half:rot]) * turn
    return torch.cat((z.real, z.imag, x[..., rot:]), dim=-1)


class Model:
    """GPT-2 with rotary positions over the tensors of a file."""

    def __init__(self, records, heads, rot, base):
        self.w = {name[7:]: torch.tensor(value, dtype=torch.float64, requires_grad=True)
                  for name, value in records.items() if name.startswith("weight.")}
        self.heads, self.rot, self.base = heads, rot, base
        self.layers, self.d = self.w["ln1_gain"].shape

    def norm(self, x, name, layer=None):
        gain, bias = self.w[name + "_gain"], self.w[name + "_bias"]
        if layer is not None:
            gain, bias = gain[layer], bias[layer]
        return F.layer_norm(x, (self.d,), gain, bias, eps=1e-5)

    def linear(self, x, name, layer):
        return x @ self.w[name][layer] + self.w[name + "_bias"][layer]

    def attention(self, x, layer):
        windows, length, d = x.shape
        q, k, v = (y.view(windows, length, self.heads, d // self.heads).transpose(1, 2)
                   for y in self.linear(x, "attn_qkv", layer).split(d, dim=-1))
        q, k = rotate(q, self.rot, self.base), rotate(k, self.rot, self.base)
        score = q @ k.transpose(-1, -2) / math.sqrt(d // self.heads)
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        out = score.masked_fill(future, -math.inf).softmax(-1) @ v
        return self.linear(out.transpose(1, 2).reshape(windows, length, d), "attn_out", layer)

    def mlp(self, x, layer):
        u = self.linear(x, "mlp_up", layer)
        g = 0.5 * u * (1 + torch.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u ** 3)))
        return self.linear(g, "mlp_down", layer)

    def logits(self, tokens):
        x = self.w["wte"][tokens]
        for layer in range(self.layers):
            x = x + self.attention(self.norm(x, "ln1", layer), layer)
            x = x + self.mlp(self.norm(x, "ln2", layer), layer)
        return self.norm(x, "lnf") @ self.w["wte"].T

    def loss(self, tokens, targets):
        """Summed over the targets that count."""
        logits = self.logits(tokens)
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1,
                                       reduction="sum")


def steps(model, records, tokens, targets, count):
    """AdamW as PyTorch has it, warm-up and cosine by hand. Returns the norms before clipping."""
    def hyper(name):
        return float(records[name])
    matrices = ("wte", "attn_qkv", "attn_out", "mlp_up", "mlp_down")
    groups = [{"params": [model.w[name] for name in model.w if name in matrices],
               "weight_decay": hyper("weight_decay")},
              {"params": [model.w[name] for name in model.w if name not in matrices],
               "weight_decay": 0.0}]
    adam = torch.optim.AdamW(groups, lr=0.0, betas=(hyper("beta1"), hyper("beta2")),
                             eps=hyper("eps"))
    norms = []
    for step in range(count):
        adam.zero_grad()
        loss = model.loss(tokens, targets)[1] / (targets >= 0).sum()
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(list(model.w.values()), hyper("clip"))))
        cosine = (1 + math.cos(math.pi * step / count)) / 2
        rate = hyper("lr") * (hyper("lr_final") + (1 - hyper("lr_final")) * cosine)
        rate *= min(1, (step + 1) / hyper("warmup_steps"))
        for group in adam.param_groups:
            group["lr"] = rate
        adam.step()
    return norms


def differences(records, heads, rot):
    """(kind, name, difference) of everything compared."""
    model = Model(records, heads, rot, float(records["rotary_base"]))
    tokens = torch.tensor(records["tokens"], dtype=torch.int64)
    targets = torch.tensor(records["targets"], dtype=torch.int64)
    logits, loss = model.loss(tokens, targets)
    loss.backward()
    yield "logits", "logits", np.abs(logits.detach().numpy() - records["logits"]).max()
    yield "loss", "loss", abs(loss.item() / float(records["loss"]) - 1)
    for name, weight in model.w.items():
        right = weight.grad.numpy()
        assert np.abs(right).max() > 1e-4, f"{name}: no gradient to compare"
        yield "grad", name, np.abs(right - records["grad." + name]).max() / np.abs(right).max()
    norms = steps(model, records, tokens, targets, len(records["norms"]))
    assert max(norms) > float(records["clip"]), "no step was clipped"
    yield "norm", "norm", np.abs(records["norms"] / norms - 1).max()
    for name, weight in model.w.items():
        right, moved = weight.detach().numpy(), records["weight." + name]
        assert np.abs(right - moved).max() > 1e-2, f"{name}: has not moved"
        yield "after", name, np.abs(right - records["after." + name]).max()


def main(program):
    worst, failed = {}, 0
    with tempfile.TemporaryDirectory() as folder:
        for seed, (*shape, rot) in enumerate(SHAPES, start=1):
            path = Path(folder) / "out"
            subprocess.run([program, *map(str, shape), str(seed), path], check=True)
            records = read(path)
            assert "grad.wte" in records and len(records) > 45
            for kind, name, size in differences(records, shape[2], rot):
                worst[kind] = max(worst.get(kind, 0), size)
                if not size <= BOUND[kind]:
                    failed += 1
                    print(f"{shape}: {kind} of {name}: {size:.3g} apart, allowed {BOUND[kind]:g}")
    assert worst.keys() == BOUND.keys()
    print(", ".join(f"{kind} {size:.2g}" for kind, size in worst.items()))
    return 1 if failed else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
