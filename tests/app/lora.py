# SPDX-License-Identifier: BSD-3-Clause
"""Low-rank updates of a checkpoint's weights: what is trained, what is not, and how it is derived."""
import numpy as np
import torch

import harness
from finetune import PRETRAIN, Begun, asking
from harness import checkpoints, read_attributes, read_columns

WIDTH = 16


def lora(rank, embedding, **train):
    return asking(train={"method": "lora", "lora_rank": rank, "lora_embedding_rank": embedding,
                         "lr": 1.0e-2, **train})


class Adapted(Begun):
    def check_gradient(self, more):
        """At rate 0 the first moments after a step are a tenth of the gradients, full and low-rank."""
        still = {"lr": 0, "clip": 0, "weight_decay": 0, "max_steps": 1}
        self.finetune("full", asking(train=still) | more)
        self.finetune("low", lora(3, 5, lora_scale=0.5, **still) | more, ranks=2)
        full, low = self.last("full"), self.last("low")
        zero = [name for name in low if name.startswith("adapters/") and not low[name].any()]
        self.assertEqual(zero, ["adapters/embedding_a", "adapters/query_b", "adapters/value_b"])
        for what, tensor, at in (("embedding", "wte", 0), ("query", "attn_qkv", 0),
                                 ("value", "attn_qkv", 2 * WIDTH)):
            a, b = (torch.tensor(low[f"adapters/{what}_{side}"], dtype=torch.float64,
                                 requires_grad=True) for side in "ab")
            of = torch.tensor(full["m/" + tensor][..., at:at + WIDTH], dtype=torch.float64)
            (of * (0.5 * a @ b)).sum().backward()
            for side, x in (("a", a), ("b", b)):
                found, scale = low[f"adapters_m/{what}_{side}"], x.grad.abs().max().item()
                np.testing.assert_allclose(found, x.grad.numpy(), rtol=0, atol=1e-5 * scale)
                self.assertEqual(bool(found.any()), side != zero[0][-1] if what != "embedding"
                                 else side == "a", "of the side that is not zero")


class Lora(Adapted):
    def test_what_the_weights_are(self):
        """W + s A B in the embedding and in the columns of queries and values, and nowhere else."""
        self.finetune("run", lora(3, 5, lora_scale=0.5))
        t, before = self.last("run"), self.weights(self.made)
        self.assert_same_bits(before, {"params" + name[7:]: value for name, value in t.items()
                                       if name.startswith("masters/")}, "masters")
        for name, old in before.items():
            new = np.float64(t[name])
            wanted = np.float64(old)
            if name == "params/wte":
                wanted += 0.5 * np.float64(t["adapters/embedding_a"]) @ t["adapters/embedding_b"]
            elif name == "params/attn_qkv":
                for what, at in (("query", 0), ("value", 2 * WIDTH)):
                    wanted[..., at:at + WIDTH] += 0.5 * (
                        np.float64(t[f"adapters/{what}_a"]) @ t[f"adapters/{what}_b"])
                np.testing.assert_array_equal(t[name][..., WIDTH:2 * WIDTH],
                                              old[..., WIDTH:2 * WIDTH], "keys")
            else:
                np.testing.assert_array_equal(t[name], old, name)
            np.testing.assert_allclose(new, wanted, rtol=0, atol=1e-6, err_msg=name)
        stamp = read_attributes(self.path("run", "run.h5"))
        self.assertEqual(stamp["n_trained"], t["adapters/embedding_a"].size +
                         5 * WIDTH + 2 * 2 * 3 * 2 * WIDTH)

    def test_gradient_against_pytorch(self):
        self.check_gradient({})

    def test_rank_0_is_frozen(self):
        self.finetune("frozen", lora(0, 0))
        self.assert_same_bits(self.weights(self.made), self.weights("frozen"), "weights")
        self.assertEqual(self.figures(self.made, 2), self.figures("frozen", 2))
        self.assertEqual(read_attributes(self.path("frozen", "run.h5"))["n_trained"], 0)
        self.assertEqual(read_columns(self.path("frozen"), "steps")["grad_norm"].max(), 0)

    def test_full_rank_does_what_all_weights_do(self):
        """Of so small a model at full rank: most of what goes of the loss with all weights goes."""
        long = {"exposures": 100}
        first, last = {}, {}
        for name, config in (("full", asking(second=long, train={"lr": 1e-2})),
                             ("low", lora(WIDTH, WIDTH)), ("one", lora(1, 0))):
            config["corpus"][1]["exposures"] = 100
            self.finetune(name, config)
            loss = read_columns(self.path(name), "steps")["loss"]
            first[name], last[name] = loss[0], loss[-20:].mean()
        gone = {name: first[name] - last[name] for name in first}
        self.assertGreater(gone["low"], 0.85 * gone["full"], gone)
        self.assertLess(gone["one"], 0.5 * gone["full"], gone)

    def test_resumed_on_other_ranks(self):
        self.same_in_stages(lora(3, 5))

    def test_measured_and_stripped(self):
        """Every verb reads the weights it has become; without what it was made of nothing goes on."""
        self.finetune("run", lora(3, 5))
        path = checkpoints(self.path("run"))[max(checkpoints(self.path("run")))]
        self.kcap("transform", "strip", path, "--out", "bare.h5")
        self.assertEqual(self.figures("run", 2), self.figures("bare.h5", 2))
        self.fails("without the optimiser's", "finetune", self.made, "run.yaml", "--out", "more",
                   "--resume", "bare.h5")

    def test_what_is_refused(self):
        for words, config in (
                ("train.lora_rank: 17 of a model of width 16; at most 16", lora(17, 5)),
                ("train.lora_embedding_rank: 17 of a model of width 16", lora(3, 17))):
            self.fails(words, "finetune", self.made, self.input(config, "bad.yaml"), "--out", "bad")
        self.fails("an update of weights that there are none of", "train",
                   self.input(lora(3, 5), "bad.yaml"), "--out", "bad")


class OfExperts(Adapted):
    """Of a model with experts and Canon layers."""

    model = {"experts": 4, "experts_topk": 2, "canon": "ABC"}
    config = {**PRETRAIN, "model": {**PRETRAIN["model"], **model}}

    def of_them(self, **train):
        return lora(3, 5, **train) | {"model": self.config["model"]}

    def test_spread_over_ranks_and_resumed(self):
        """The same bits wherever the experts are, which themselves stay as they were."""
        ep = ("--set", "parallel.ep=2")
        self.finetune("one", self.of_them())
        self.finetune("parts", self.of_them(), *ep, "--set", "train.max_steps=6", ranks=2)
        self.finetune("parts", self.of_them(), *ep, "--resume", "auto", ranks=4)
        self.assertEqual(read_attributes(self.path("parts", "run.h5"))["ep"], 2)
        self.assert_same_bits(self.last("one"), self.last("parts"), "in stages")
        new, old = self.weights("one"), self.weights(self.made)
        moved = {name[7:] for name in new if (new[name] != old[name]).any()}
        self.assertEqual(moved, {"wte", "attn_qkv"})

    def test_gradient_against_pytorch(self):
        self.check_gradient({"model": self.config["model"]})


if __name__ == "__main__":
    harness.main()
