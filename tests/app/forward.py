# SPDX-License-Identifier: BSD-3-Clause
"""A checkpoint's tensors, read with h5py and run through a forward pass written in PyTorch from the
published description (GPT-2 with rotary positions), give the losses, gradient norms and
measurements that the run wrote."""
import math
import os
import sys

import numpy as np
import torch
import torch.nn.functional as F

import harness
from harness import BIOD, BIOS, checkpoints, merged, read_columns

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "nn"))
import parity  # pylint: disable=wrong-import-position

torch.set_num_threads(1)

# One attribute: a document has one order of its parts, so exposures and measurement show the same.
FIXED = merged(BIOD, corpus={"attributes": 1, "chunks": 2, "length": 2, "people": 16,
                             "exposures": 30},
               model={"layers": 3, "heads": 2, "head_dim": 16, "rotary_fraction": 0.5},
               train={"lr": 1.0e-2}, measure={"every_exposures": 5})


class Model(parity.Model):
    """That of nn/parity.py with the tensors of a checkpoint."""

    def __init__(self, path, keys):
        found = {name.replace("params/", "weight."): value
                 for name, value in harness.read_tensors(path).items()}
        super().__init__(found, parity.Spec.of(keys["model"], keys["train"]["context"], found))

    def nats(self, tokens, targets):
        """-ln Pr[target t | tokens 0 ... t] for each t."""
        return F.cross_entropy(self.logits(torch.tensor([tokens]))[0], torch.tensor(targets),
                               reduction="none")

    def backward(self, documents):
        """The mean loss of documents, each up to the next one's <eos>; gradients are made."""
        loss = torch.cat([self.nats(d["token_ids"], d["token_ids"][1:] + [0])
                          for d in documents]).mean()
        loss.backward()
        return loss.item()


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
        self.kcap_train("out", ranks=2, threads=1)
        keys = self.json("config", "--print", "input.yaml")
        shown = self.json("corpus", "input.yaml", "--show", config["corpus"]["people"])
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
            loss = model.backward(shown["documents"])
            norm = math.sqrt(sum(float((p.grad ** 2).sum()) for p in model.w.values()))
            self.assertLess(abs(steps["loss"][s] / loss - 1), 1e-5)
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
            model.backward(shown["documents"])
            before, after = (harness.read_tensors(files[step]) for step in (s, s + 1))
            scale = min(1, 0.05 / steps["grad_norm"][s])
            self.assertLess(scale, 1)
            for name, p in model.w.items():
                g = p.grad.numpy() * scale
                m = 0.9 * before["m/" + name].astype(float) + 0.1 * g
                v = 0.98 * before["v/" + name].astype(float) + 0.02 * g * g
                w = before["params/" + name].astype(float)
                matrix = name in parity.MATRICES
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
