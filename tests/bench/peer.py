# SPDX-License-Identifier: BSD-3-Clause
"""peer.py DUMP THREADS STEPS: the run of a dump in PyTorch, written for speed; prints one JSON object.

Same weights, same tokens, same steps as kcap: GPT-2 with rotary positions, AdamW with a constant
rate, no clipping. Products in the layout PyTorch is fastest in (nn.functional.linear), additive
mask inside baddbmm, multi-tensor AdamW, gradients set to None.
"""
import json
import math
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "nn"))
from records import read  # noqa: E402

MATRICES = ("attn_qkv", "attn_out", "mlp_up", "mlp_down")


class Model(torch.nn.Module):
    def __init__(self, records, length):
        super().__init__()
        weights = {name[7:]: torch.tensor(value) for name, value in records.items()
                   if name.startswith("weight.")}
        self.layers, self.d = weights["ln1_gain"].shape
        self.heads, self.rot = int(records["heads"]), int(records["rot"])
        self.w = torch.nn.ParameterDict()
        for name, value in weights.items():
            if name in ("wte", "lnf_gain", "lnf_bias"):
                self.w[name] = torch.nn.Parameter(value)
                continue
            for layer in range(self.layers):
                one = value[layer].t() if name in MATRICES else value[layer]
                self.w[f"{name}_{layer}"] = torch.nn.Parameter(one.contiguous())
        half = self.rot // 2
        rate = float(records["rotary_base"]) ** (-2 * torch.arange(half, dtype=torch.float64)
                                                 / max(self.rot, 1))
        angle = torch.arange(length, dtype=torch.float64)[:, None] * rate
        self.cos, self.sin = angle.cos().float(), angle.sin().float()
        self.mask = torch.full((length, length), -math.inf).triu(1)

    def rotate(self, x):
        half = self.rot // 2
        if not half:
            return x
        a, b = x[..., :half], x[..., half:self.rot]
        turned = (a * self.cos - b * self.sin, b * self.cos + a * self.sin)
        return torch.cat(turned + ((x[..., self.rot:],) if self.rot < x.shape[-1] else ()), -1)

    def attention(self, x, layer):
        windows, length, d = x.shape
        hd = d // self.heads
        qkv = F.linear(x, self.w[f"attn_qkv_{layer}"], self.w[f"attn_qkv_bias_{layer}"])
        qkv = qkv.view(windows, length, 3, self.heads, hd).permute(2, 0, 3, 1, 4)
        q, k, v = self.rotate(qkv[0]), self.rotate(qkv[1]), qkv[2]
        q, k = q.reshape(-1, length, hd), k.reshape(-1, length, hd)
        score = torch.baddbmm(self.mask, q, k.transpose(1, 2), alpha=1 / math.sqrt(hd))
        out = torch.bmm(score.softmax(-1), v.reshape(-1, length, hd))
        out = out.view(windows, self.heads, length, hd).transpose(1, 2).reshape(windows, length, d)
        return F.linear(out, self.w[f"attn_out_{layer}"], self.w[f"attn_out_bias_{layer}"])

    def norm(self, x, name):
        gain, bias = name
        return F.layer_norm(x, (self.d,), self.w[gain], self.w[bias], 1e-5)

    def forward(self, tokens, targets):
        x = F.embedding(tokens, self.w["wte"])
        for n in range(self.layers):
            x = x + self.attention(self.norm(x, (f"ln1_gain_{n}", f"ln1_bias_{n}")), n)
            y = self.norm(x, (f"ln2_gain_{n}", f"ln2_bias_{n}"))
            y = F.linear(y, self.w[f"mlp_up_{n}"], self.w[f"mlp_up_bias_{n}"])
            y = F.gelu(y, approximate="tanh")
            x = x + F.linear(y, self.w[f"mlp_down_{n}"], self.w[f"mlp_down_bias_{n}"])
        logits = F.linear(self.norm(x, ("lnf_gain", "lnf_bias")), self.w["wte"])
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1)


def optimiser(model, records):
    is_matrix = {name: name.rpartition("_")[0] in MATRICES or name == "wte" for name in model.w}
    groups = [{"params": [p for name, p in model.w.items() if is_matrix[name] == decays],
               "weight_decay": float(records["weight_decay"]) if decays else 0.0}
              for decays in (True, False)]
    return torch.optim.AdamW(groups, lr=float(records["lr"]), eps=float(records["eps"]),
                             betas=(float(records["beta1"]), float(records["beta2"])),
                             foreach=True)


def main(dump, threads, steps):
    torch.set_num_threads(int(threads))
    records = read(dump)
    tokens = torch.tensor(records["tokens"], dtype=torch.int64)
    targets = torch.tensor(records["targets"], dtype=torch.int64)
    model = Model(records, tokens.shape[-1])
    adam = optimiser(model, records)
    seconds = []
    for step in range(int(steps)):
        start = time.perf_counter()
        loss = model(tokens[step], targets[step])
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
        seconds.append(time.perf_counter() - start)
    timed = sorted(seconds[max(1, len(seconds) // 10):])
    print(json.dumps({"loss": loss.item(), "steps": len(seconds),
                      "tokens_per_second": tokens[0].numel() / timed[len(timed) // 2]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
