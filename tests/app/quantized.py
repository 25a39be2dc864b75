# SPDX-License-Identifier: BSD-3-Clause
"""train.method quantized: what the model computes with, what a step acts on, and packing without loss."""
import numpy as np

import harness
from harness import BIOD, checkpoints, merged, read_tensors
from quantize import BLOCKS, MOE, nearest


def rounded(bits, group=0, **train):
    return {"method": "quantized", "quantize_bits": bits, "quantize_group": group, **train}


class Quantized(harness.AppTest):
    def last(self, run):
        there = checkpoints(self.path(run))
        return read_tensors(there[max(there)])

    def train(self, out, config, *args, **how):
        self.input(config, f"{out}.yaml")
        self.kcap("train", f"{out}.yaml", "--out", out, *args, **how)
        return self.last(out)

    def assert_rounded(self, tensors, blocks, bits, group, asymmetric):
        """The blocks' matrices are the nearest codes of their masters, all else is its master."""
        for name in [name[7:] for name in tensors if name.startswith("params/")]:
            master = tensors[f"masters/{name}"]
            wanted = nearest(master, bits, group, -2, asymmetric) if name in blocks else master
            self.assert_same_bits({name: wanted}, {name: tensors[f"params/{name}"]}, name)

    def test_what_the_weights_are(self):
        for config, blocks in (BIOD, BLOCKS), (MOE, BLOCKS[:2] + ("exp_up", "exp_down")):
            for bits, group, codes in (3, 0, "symmetric"), (4, 8, "asymmetric"):
                got = self.train(f"run{bits}_{blocks[2]}", merged(config, train=rounded(
                    bits, group, max_steps=20, lr=1e-2, quantize_codes=codes)))
                self.assert_rounded(got, blocks, bits, group, codes == "asymmetric")

    def test_straight_through(self):
        """The first step changes masters by what it changes the rounded weights by, were they the weights."""
        still = {"max_steps": 1, "weight_decay": 0}
        config = merged(BIOD, train=rounded(3, 0, **still))
        self.input(BIOD)
        self.kcap("init", "input.yaml", "--out", "start")
        self.kcap("quantize", "start", "--bits", "3", "--out", "rounded.h5")
        start, got = self.last("start"), self.train("run", config)
        plain = self.train("plain", merged(BIOD, train=still,
                                           run={"from": self.path("rounded.h5")}))
        for name in [name[7:] for name in start if name.startswith("params/")]:
            w = start[f"params/{name}"]
            by = np.float64(got[f"masters/{name}"]) - w
            as_it_were = np.float64(plain[f"params/{name}"]) - (
                nearest(w, 3, 0, -2) if name in BLOCKS else w)
            np.testing.assert_allclose(by, as_it_were, rtol=0, atol=1e-7, err_msg=name)
            self.assertTrue(by.any(), name)

    def test_same_bits_on_any_ranks_and_in_stages(self):
        config = merged(BIOD, train=rounded(3, 8, max_steps=30))
        one = self.train("one", config)
        for ranks in (2, 4):
            self.assert_same_bits(one, self.train(f"on{ranks}", config, ranks=ranks), f"{ranks} ranks")
        self.train("stages", merged(config, train={"max_steps": 11}), ranks=2)
        self.assert_same_bits(one, self.train("stages", config, "--resume", "auto"), "resumed")

    def test_packed_without_loss(self):
        """Of the same bits and group a packed file has the weights that were trained, not these rounded anew."""
        self.train("run", merged(BIOD, corpus={"exposures": 40}, train=rounded(
            3, 8, lr=1e-2, quantize_codes="asymmetric")))
        self.kcap("quantize", "run", "--bits", "3", "--group", "8", "--asymmetric", "--out", "packed.h5")
        whole, packed = self.json("measure", "run"), self.json("measure", "packed.h5")
        self.assertEqual(whole["bits_per_param"], packed["bits_per_param"])
        self.assertEqual(whole["attribute_nats"], packed["attribute_nats"])
        one, two = (self.json("measure", "packed.h5", "--recall", "12", **how)["recall"]
                    for how in ({}, {"ranks": 2, "threads": 1}))
        self.assertEqual({**one, "seconds": 0}, {**two, "seconds": 0})
        self.kcap("transform", "strip", "run", "--out", "bare.h5")
        self.assertEqual(whole["bits_per_param"], self.json("measure", "bare.h5")["bits_per_param"])


if __name__ == "__main__":
    harness.main()
