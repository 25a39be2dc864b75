# SPDX-License-Identifier: BSD-3-Clause
"""Muon in float64, from its description (kellerjordan.github.io/posts/muon) with the scale and decay
of arXiv 2502.16982."""
import torch


def orthogonal(u):
    """Five iterations of p(x) = 3.4445 x - 4.7750 x^3 + 2.0315 x^5 on the singular values of u over
    its norm."""
    left, x, right = torch.linalg.svd(u, full_matrices=False)
    x = x / (torch.linalg.vector_norm(u) + 1e-7)
    for _ in range(5):
        x = 3.4445 * x - 4.7750 * x ** 3 + 2.0315 * x ** 5
    return left @ torch.diag(x) @ right


class Muon:
    """Of tensors [layers, rows, columns], of which the columns of several matrices lie side by
    side."""

    def __init__(self, tensors, widths, momentum, decay):
        self.tensors, self.widths, self.momentum, self.decay = tensors, widths, momentum, decay
        self.m = {name: torch.zeros_like(w) for name, w in tensors.items()}

    @torch.no_grad()
    def step(self, rate):
        for name, w in self.tensors.items():
            self.m[name] = self.momentum * self.m[name] + w.grad
            nesterov = w.grad + self.momentum * self.m[name]
            w.mul_(1 - rate * self.decay)
            for layer, whole in zip(w, nesterov):
                for to, u in zip(layer.split(self.widths[name], dim=-1),
                                 whole.split(self.widths[name], dim=-1)):
                    to -= 0.2 * max(u.shape) ** 0.5 * rate * orthogonal(u)
