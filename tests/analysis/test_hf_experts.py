# SPDX-License-Identifier: BSD-3-Clause
"""hf.py import of mixtures: every expert once, and none that the model has not."""
import json

import numpy as np

import hf_harness
from harness import merged
from hf_harness import CASES, HfTest
from hf_models import read_safetensors, write_safetensors


class Experts(HfTest):
    """Mixtral's experts are tensors of their own: of each there must be one, and no other."""

    def setUp(self):
        super().setUp()
        self.export("mixtral")
        self.file = "hf/model.safetensors"
        self.tensors = read_safetensors(self.file)[0]

    @staticmethod
    def name(layer, expert, matrix):
        return f"model.layers.{layer}.block_sparse_moe.experts.{expert}.{matrix}.weight"

    def refused_file(self, words):
        self.refused_import(["hf/model.safetensors"] + words, "input.yaml")

    def test_lost(self):
        for at in (0, 0, "w1"), (1, 2, "w3"), (1, 3, "w2"):
            name = self.name(*at)
            write_safetensors(self.file, {k: v for k, v in self.tensors.items() if k != name})
            self.refused_file([f"tensor {name} is missing", "needs it as ["])
        names = [self.name(layer, 3, w) for layer in (0, 1) for w in ("w1", "w2", "w3")]
        write_safetensors(self.file, {k: v for k, v in self.tensors.items() if k not in names})
        self.refused_file(["model.layers.0.block_sparse_moe.experts.3.", "is missing"])

    def test_doubled(self):
        """One name twice: as the name of another expert, whose own is lost, and as one more."""
        self.open_hf()
        first, other = self.name(1, 2, "w1"), self.name(1, 3, "w1")
        self.assertEqual(self.raw.count(first.encode()), 1)
        self.put(self.raw.replace(other.encode(), first.encode()))
        self.refused_file([first, "is there twice"])
        value, end = self.tensors[first].tobytes(), len(self.data)
        entry = {**self.header[first], "data_offsets": [end, end + len(value)]}
        text = (json.dumps(self.header)[:-1] + ", " + json.dumps({first: entry})[1:]).encode()
        self.put(self.framed(text, self.data + value))
        self.refused_file([first, "is there twice"])

    def test_foreign(self):
        """An expert, a block or a matrix more than the model has; a shape of another expert."""
        value = self.tensors[self.name(0, 0, "w1")]
        for at in ((0, 9, "w1"), (1, 4, "w2"), (2, 0, "w1"), (0, 0, "w4"), (0, "00", "w1"),
                   (0, -1, "w1")):
            name = self.name(*at)
            write_safetensors(self.file, {**self.tensors, name: value})
            self.refused_file([f"tensor {name} is none of MixtralForCausalLM's"])
        # In the place of one that belongs there.
        lost, foreign = self.name(0, 3, "w1"), self.name(0, 9, "w1")
        write_safetensors(self.file, {foreign if k == lost else k: v
                                      for k, v in self.tensors.items()})
        self.refused_file([f"tensor {lost} is missing"])
        name = self.name(1, 1, "w2")
        write_safetensors(self.file, {**self.tensors,
                                      name: np.ascontiguousarray(self.tensors[name].T)})
        self.refused_file([f"tensor {name} is [", "needs ["])

    def test_what_drops_tokens(self):
        """The class drops none: nor may measuring. 2 of 4 experts: a factor of 2 is the least."""
        def factor(number):
            return self.input(merged(CASES["mixtral"][1],
                                     model={"capacity_factor_measure": number}),
                              "factor.yaml")
        self.refused_import(["config.json", "MixtralForCausalLM", "from 1.9 to at least 2)",
                             "factor.yaml"], factor(1.9))
        self.hf("import", "hf", factor(2.0), "--out", "back")
        self.kcap("init", factor(1.9), "--out", "drops")
        said = self.hf("export", "drops", "plain").stdout
        self.assertIn("KcapForCausalLM", said)
        self.assertIn("from 1.9 to at least 2)", said)

    def test_more_tensors_than_the_file_has(self):
        """A list of them all would take gigabytes."""
        self.open_hf()
        self.put(self.framed(self.reconfigured(model={
            "layers": 1000, "experts": 65536, "capacity_factor_measure": 65536.0})))
        self.write_json({**self.read_json("hf", "config.json"), "num_hidden_layers": 1000,
                         "num_local_experts": 65536}, "hf", "config.json")
        # Of a block: two norms, four matrices of attention, the router, three of each expert.
        self.refused_import(["model.layers.2.input_layernorm.weight is missing",
                             f"one of {1000 * (7 + 3 * 65536) + 3}",
                             f"this file has {len(self.header) - 1}"])


if __name__ == "__main__":
    hf_harness.main()
