# SPDX-License-Identifier: BSD-3-Clause
"""solve.py SOLVE: GPTQ against its definition. Of the inputs that are left (arXiv 2210.17323, equations 2 and
3) one is rounded, and the others take the change that makes up for it best: from the inverse of what
is left of the Hessian, computed afresh for each input, without Cholesky."""
import subprocess
import sys
import unittest

import numpy as np

SOLVE = None


def grid_of(part, bits, asymmetric):
    """(scale, zero point) of each column: the scale as a float of 16 bits, upwards."""
    if asymmetric:
        least, most = np.minimum(part.min(0), 0).astype("f8"), np.maximum(part.max(0), 0).astype("f8")
        wide = ((most - least) / (2 ** bits - 1)).astype("f4")
    else:
        wide = np.abs(part).max(0) / np.float32(2 ** (bits - 1) - 0.5)
    scale = ((wide.view("u4").astype("u8") + 0xffff) & 0xffff0000).astype("u4").view("f4")
    if not asymmetric:
        return scale, 2 ** (bits - 1)
    return scale, np.rint(-least / np.where(scale > 0, scale, 1))


def reference(H, w, bits, group, act_order, damping, asymmetric=False):
    """The quantised weights, slowly."""
    n = len(w)
    scales, zeros = np.empty((2, *w.shape))
    for first in range(0, n, group or n):
        part = slice(first, first + (group or n))
        scales[part], zeros[part] = grid_of(w[part], bits, asymmetric)
    left = w.astype("f8")
    H = H + damping * np.diag(H).mean() * np.eye(n)
    order = np.argsort(-np.diag(H), kind="stable") if act_order else np.arange(n)
    for k, i in enumerate(order):
        rest = order[k:]
        inverse = np.linalg.inv(H[np.ix_(rest, rest)])
        code = np.clip(np.rint(left[i] / scales[i]), -zeros[i], 2 ** bits - 1 - zeros[i])
        change = (left[i] - code * scales[i]) / inverse[0, 0]
        left[rest] -= np.outer(inverse[:, 0], change)
        left[i] = code * scales[i]
    return left


class Solve(unittest.TestCase):
    def test_against_the_definition(self):
        random = np.random.default_rng(5)
        for bits, group, act_order, damping, n, m, asymmetric in (
                (4, 0, 0, 0.01, 48, 20, 0), (3, 16, 0, 0.01, 48, 33, 0), (2, 20, 1, 0.1, 50, 64, 0),
                (8, 0, 1, 0.001, 33, 40, 0), (16, 7, 1, 0.01, 30, 5, 0), (2, 0, 0, 0.01, 48, 33, 1),
                (4, 7, 1, 0.01, 50, 20, 1)):
            with self.subTest(bits=bits, group=group, act_order=act_order, asymmetric=asymmetric):
                x = random.standard_normal((120, n)) @ random.standard_normal((n, n))
                H, w = x.T @ x, random.standard_normal((n, m)).astype("f4")
                done = subprocess.run(
                    [SOLVE, *map(str, (bits, group, act_order, damping, n, m, asymmetric))], check=True,
                    input=H.tobytes() + w.tobytes(), stdout=subprocess.PIPE, timeout=60)
                found = np.frombuffer(done.stdout, "f4").reshape(n, m)
                wanted = reference(H, w, bits, group, act_order, damping, asymmetric)
                # Rounding of a value that lies between two codes may go either way.
                self.assertTrue(np.isclose(found, wanted, rtol=1e-6, atol=0).mean() > 0.998)
                self.assertGreater(np.abs(found - w).max(), 0)


if __name__ == "__main__":
    SOLVE = sys.argv.pop(1)
    unittest.main(verbosity=2)
