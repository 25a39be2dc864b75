# SPDX-License-Identifier: BSD-3-Clause
"""A checkpoint's tensors, read with h5py and run through a forward pass written in PyTorch from the
published description (GPT-2 with rotary positions), give the losses, gradient norms and
measurements that the run wrote."""
import math

import numpy as np
import torch
import torch.nn.functional as F

import harness
from harness import BIOD, BIOS, checkpoints, merged, one_object, read_columns

torch.set_num_threads(1)

# One attribute: a document has one order of its parts, so exposures and measurement show the same.
FIXED = merged(BIOD, corpus={"attributes": 1, "chunks": 2, "length": 2, "people": 16,
                             "exposures": 30},
               model={"layers": 3, "heads": 2, "head_dim": 16, "rotary_fraction": 0.5},
               train={"lr": 1.0e-2}, measure={"every_exposures": 5})


class Model:
    """Pre-LN GPT-2 with half-split rotary embedding, in double precision."""

    def __init__(self, path, keys):
        self.heads, self.base = keys["model"]["heads"], keys["model"]["rotary_base"]
        self.rotated = round(keys["model"]["rotary_fraction"] * keys["model"]["head_dim"])
        tensors = harness.read_tensors(path)
        self.p = {name[len("params/"):]: torch.tensor(value, dtype=torch.float64,
                                                      requires_grad=True)
                  for name, value in tensors.items() if name.startswith("params/")}

    def rotate(self, x):
        """x [heads, T, head_dim]: pair j turns with j + rotated / 2 by t base^(-2 j / rotated)."""
        half = self.rotated // 2
        angle = (torch.arange(x.shape[1], dtype=torch.float64)[:, None]
                 * self.base ** (-2 * torch.arange(half, dtype=torch.float64) / self.rotated))
        a, b, rest = x[..., :half], x[..., half:2 * half], x[..., 2 * half:]
        cos, sin = angle.cos(), angle.sin()
        return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], -1)

    def attention(self, x, layer):
        T, d = x.shape
        qkv = x @ self.p["attn_qkv"][layer] + self.p["attn_qkv_bias"][layer]
        q, k, v = (part.reshape(T, self.heads, -1).transpose(0, 1) for part in qkv.split(d, dim=1))
        scores = self.rotate(q) @ self.rotate(k).transpose(1, 2) / math.sqrt(d // self.heads)
        scores = scores.masked_fill(torch.ones(T, T).triu(1).bool(), -math.inf)
        y = (scores.softmax(-1) @ v).transpose(0, 1).reshape(T, d)
        return y @ self.p["attn_out"][layer] + self.p["attn_out_bias"][layer]

    def norm(self, x, name, layer=...):
        gain, bias = self.p[name + "_gain"][layer], self.p[name + "_bias"][layer]
        return F.layer_norm(x, x.shape[-1:], gain, bias, 1e-5)

    def nats(self, tokens, targets):
        """-ln Pr[target t | tokens 0 ... t] for each t."""
        x = self.p["wte"][torch.tensor(tokens)]
        for layer in range(len(self.p["attn_qkv"])):
            x = x + self.attention(self.norm(x, "ln1", layer), layer)
            up = self.norm(x, "ln2", layer) @ self.p["mlp_up"][layer] + self.p["mlp_up_bias"][layer]
            x = x + F.gelu(up, approximate="tanh") @ self.p["mlp_down"][layer] \
                + self.p["mlp_down_bias"][layer]
        logits = self.norm(x, "lnf") @ self.p["wte"].T
        return F.cross_entropy(logits, torch.tensor(targets), reduction="none")


def windows_of(documents, context):
    """Whole documents packed in order, as many as fit a window."""
    windows, used = [], context
    for document in documents:
        used += len(document["token_ids"])
        if used > context:
            windows.append([])
            used = len(document["token_ids"])
        windows[-1].append(document)
    return windows


def attribute_nats(model, documents, context, people):
    """Mean over people of each attribute's summed nats."""
    sums = {}
    with torch.no_grad():
        for window in windows_of(documents, context):
            tokens = [t for d in window for t in d["token_ids"]]
            nats = model.nats(tokens[:-1], tokens[1:]).numpy()
            at = 0
            for d in window:
                for span in d["spans"]:
                    loss = nats[at + span["begin"] - 1:at + span["end"] - 1].sum()
                    sums[span["attribute"]] = sums.get(span["attribute"], 0) + loss / people
                at += len(d["token_ids"])
    return sums


class Forward(harness.AppTest):
    def train(self, config):
        self.input(config)
        self.kcap("train", "input.yaml", "--out", "out", ranks=2, threads=1)
        keys = one_object(self.kcap("config", "--print", "input.yaml", "--json").stdout)
        shown = one_object(self.kcap("corpus", "input.yaml", "--json", "--show",
                                     config["corpus"]["people"]).stdout)
        files = checkpoints(self.path("out"))
        return keys, shown, {step: Model(path, keys) for step, path in files.items()}

    def test_measured_nats(self):
        """Several documents a window: positions and attention across documents count."""
        keys, shown, models = self.train(FIXED)
        rows = read_columns(self.path("out"), "measure")
        names = shown["attribute_names"]
        self.assertEqual(names, ["name", "id1"])
        self.assertGreaterEqual(keys["train"]["context"], 3 * shown["max_doc_tokens"])
        nats = attribute_nats(models[max(models)], shown["documents"], 32, 16)
        for i, name in enumerate(names):
            self.assertLess(abs(rows["attribute_nats"][-1][i] - nats[name]), 1e-4, name)
        self.assertLess(abs(rows["name_nats"][-1] - nats["name"]), 1e-4)
        self.assertLess(abs(rows["value_nats"][-1] - nats["id1"]), 1e-4)
        self.assertLess(nats["id1"], 0.8 * math.log(16) * 4, "the model has learnt nothing")
        first = dict.fromkeys(names, 0)
        for window in windows_of(shown["documents"], 32):
            for d in window:
                for span in d["spans"]:
                    first[span["attribute"]] += 1
        self.assertEqual(first, {"name": 16, "id1": 16})
        bits = 16 * (math.log2(512) - nats["name"] / math.log(2))
        self.assertLess(abs(rows["name_bits"][-1] - bits), 1e-2)

    def test_training_loss_and_gradient_norm(self):
        """A lane a person and windows as long as a document: step s + 1 shows every document once,
        from its <eos> to the next one's. Its loss and gradient norm follow from the weights after
        step s."""
        length = 9
        keys, shown, models = self.train(merged(
            FIXED, train={"batch": 16, "lanes": 16, "context": length},
            checkpoint={"every_steps": 1, "keep": 100}))
        self.assertEqual(shown["max_doc_tokens"], length)
        steps = read_columns(self.path("out"), "steps")
        self.assertEqual(len(steps["step"]), 30)
        for s in (1, 10, 28):
            model = models[s]
            losses = [model.nats(d["token_ids"], d["token_ids"][1:] + [0])
                      for d in shown["documents"]]
            loss = torch.cat(losses).mean()
            loss.backward()
            norm = math.sqrt(sum(float((p.grad ** 2).sum()) for p in model.p.values()))
            self.assertLess(abs(steps["loss"][s] / float(loss.detach()) - 1), 1e-5)
            self.assertLess(abs(steps["grad_norm"][s] / norm - 1), 1e-4)
        self.assertLess(steps["loss"][-1], 0.8 * steps["loss"][0])

    def test_adamw(self):
        """From one checkpoint to the next by AdamW, with clipping and decay of matrices."""
        keys, shown, models = self.train(merged(
            FIXED, train={"batch": 16, "lanes": 16, "context": 9, "clip": 0.05,
                          "weight_decay": 0.3},
            checkpoint={"every_steps": 1, "keep": 100}))
        steps = read_columns(self.path("out"), "steps")
        files = checkpoints(self.path("out"))
        for s in (2, 11):
            model = models[s]
            loss = torch.cat([model.nats(d["token_ids"], d["token_ids"][1:] + [0])
                              for d in shown["documents"]]).mean()
            loss.backward()
            before, after = (harness.read_tensors(files[step]) for step in (s, s + 1))
            scale = min(1, 0.05 / steps["grad_norm"][s])
            self.assertLess(scale, 1)
            for name, p in model.p.items():
                g = p.grad.numpy() * scale
                m = 0.9 * before["m/" + name].astype(float) + 0.1 * g
                v = 0.98 * before["v/" + name].astype(float) + 0.02 * g * g
                w = before["params/" + name].astype(float)
                matrix = name in ("wte", "attn_qkv", "attn_out", "mlp_up", "mlp_down")
                lr, t = steps["lr"][s], s + 1
                step = (m / (1 - 0.9 ** t)) / (np.sqrt(v / (1 - 0.98 ** t)) + 1e-6)
                expected = w * (1 - lr * 0.3 * matrix) - lr * step
                self.assertLess(np.abs(after["m/" + name] - m).max(), 1e-6, name)
                self.assertLess(np.abs(after["v/" + name] - v).max(), 1e-7, name)
                # A tiny gradient over a tiny root tells nothing.
                sure = np.sqrt(v) > 1e-5
                difference = np.abs(after["params/" + name] - expected)
                self.assertLess(difference.max(), 2.1 * lr, name)
                if sure.any():
                    self.assertLess(difference[sure].max(), 0.02 * lr, name)

    def test_bios_names(self):
        """The name stands first whatever sentences follow; one document a window."""
        keys, shown, models = self.train(merged(
            BIOS, corpus={"sentences": 1, "exposures": 60}, train={"context": 64, "lr": 1.0e-2}))
        self.assertGreater(2 * min(len(d["token_ids"]) for d in shown["documents"]), 64)
        rows = read_columns(self.path("out"), "measure")
        model = models[max(models)]
        nats = attribute_nats(model, shown["documents"], 64, 24)
        self.assertLess(abs(rows["name_nats"][-1] - nats["name"]), 1e-4)
        # Measured and shown documents differ in their order, so in their losses, but not by much.
        values = sum(nats[name] for name in shown["attribute_names"]
                     if name not in ("name", "working_city"))
        self.assertLess(abs(rows["value_nats"][-1] / values - 1), 0.3)
        loss = read_columns(self.path("out"), "steps")["loss"]
        self.assertLess(loss[-1], 0.4 * loss[0], "the model has learnt nothing")


if __name__ == "__main__":
    harness.main()
