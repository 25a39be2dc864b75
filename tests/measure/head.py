# SPDX-License-Identifier: BSD-3-Clause
"""head.py HEAD: what a probe sets on hidden states against PyTorch's LayerNorm, BatchNorm1d and Linear in
float64: loss, gradients, running moments, guesses."""
import subprocess
import sys
import unittest

import numpy as np
import torch

HEAD = None


class Head(unittest.TestCase):
    def test_against_pytorch(self):
        for of_batch, n, d, classes in ((0, 9, 24, 5), (1, 9, 24, 5), (1, 2, 7, 3), (1, 64, 33, 17)):
            with self.subTest(of_batch=of_batch, n=n, d=d, classes=classes):
                self.compare(of_batch, n, d, classes)

    def compare(self, of_batch, n, d, classes):
        random = np.random.default_rng(n + d)
        tensors = [random.standard_normal(s).astype("f4") for s in ((d, classes), d, d, classes, (n, d), (n, d))]
        W, gain, bias, shift, x, y = (torch.tensor(t, dtype=torch.float64) for t in tensors)
        answers = random.integers(0, classes, n).astype("i4")
        done = subprocess.run([HEAD, *map(str, (of_batch, n, d, classes))], check=True, timeout=60,
                              input=b"".join(t.tobytes() for t in (*tensors, answers)), stdout=subprocess.PIPE)
        norm = torch.nn.BatchNorm1d(d) if of_batch else torch.nn.LayerNorm(d)
        linear = torch.nn.Linear(d, classes)
        head = torch.nn.Sequential(norm, linear).double()
        with torch.no_grad():
            norm.weight.copy_(gain), norm.bias.copy_(bias)
            linear.weight.copy_(W.T), linear.bias.copy_(shift)
        x.requires_grad_()
        loss = sum(torch.nn.functional.cross_entropy(head(x), torch.tensor(answers).long(), reduction="sum")
                   for _ in range(2))
        loss.backward()
        running = (norm.running_mean, norm.running_var) if of_batch else (torch.zeros(d), torch.ones(d))
        wanted = torch.cat([t.detach().ravel() for t in (
            linear.weight.grad.T, norm.weight.grad, norm.bias.grad, linear.bias.grad, x.grad, *running)]).numpy()
        self.assertAlmostEqual(np.frombuffer(done.stdout, "f8", 1)[0] / loss.item(), 1, delta=1e-5)
        found = np.frombuffer(done.stdout, "f4", len(wanted), 8)
        # Of two states a norm's gradient is what is left of terms that cancel.
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-4 if n == 2 else 2e-5)
        scores = head.eval()(y).detach().numpy()
        guesses = np.frombuffer(done.stdout, "i4", n, 8 + 4 * len(wanted))
        np.testing.assert_array_equal(guesses, scores.argmax(1))


if __name__ == "__main__":
    HEAD = sys.argv.pop(1)
    unittest.main()
