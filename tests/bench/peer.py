# SPDX-License-Identifier: BSD-3-Clause
"""peer.py DUMP PROCESSES THREADS STEPS: the run of a dump in PyTorch, written for speed; prints one JSON object.

Same weights, same tokens, same steps as kcap: GPT-2 with rotary positions, AdamW with a constant
rate, no clipping. Products in the layout PyTorch is fastest in (nn.functional.linear), additive
mask inside baddbmm, multi-tensor AdamW, gradients set to None. Several processes share the windows
of a step and add up their gradients in one piece (gloo).
"""
import json
import math
import sys
import tempfile
import time
from pathlib import Path

import torch
import torch.distributed as dist
import torch.multiprocessing as processes
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


def add_up(model, ranks):
    """The mean of the ranks' gradients, which is that of all windows: each rank has as many targets."""
    flat = torch.cat([p.grad.view(-1) for p in model.w.values()])
    dist.all_reduce(flat)
    flat /= ranks
    for p, total in zip(model.w.values(), flat.split([p.numel() for p in model.w.values()])):
        p.grad = total.view_as(p)


def train(rank, ranks, meeting, dump, threads, steps):
    torch.set_num_threads(threads)
    if ranks > 1:
        dist.init_process_group("gloo", init_method=f"file://{meeting}/ranks", rank=rank,
                                world_size=ranks)
    records = read(dump)
    tokens = torch.tensor(records["tokens"], dtype=torch.int64)
    targets = torch.tensor(records["targets"], dtype=torch.int64)
    mine = slice(tokens.shape[1] * rank // ranks, tokens.shape[1] * (rank + 1) // ranks)
    model = Model(records, tokens.shape[-1])
    adam = optimiser(model, records)
    seconds = []
    for step in range(steps):
        start = time.perf_counter()
        loss = model(tokens[step, mine], targets[step, mine])
        adam.zero_grad(set_to_none=True)
        loss.backward()
        if ranks > 1:
            add_up(model, ranks)
        adam.step()
        seconds.append(time.perf_counter() - start)
    loss = loss.detach()
    if ranks > 1:
        dist.all_reduce(loss)
        dist.barrier()  # gloo aborts who still waits for a process that has ended
        dist.destroy_process_group()
    timed = sorted(seconds[max(1, len(seconds) // 10):])
    if rank == 0:
        print(json.dumps({"loss": loss.item() / ranks, "steps": len(seconds),
                          "tokens_per_second": tokens[0].numel() / timed[len(timed) // 2]}))


def main(dump, ranks, threads, steps):
    ranks, threads, steps = int(ranks), int(threads), int(steps)
    with tempfile.TemporaryDirectory() as meeting:
        if ranks == 1:
            train(0, 1, meeting, dump, threads, steps)
        else:
            processes.spawn(train, (ranks, meeting, dump, threads, steps), nprocs=ranks)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
