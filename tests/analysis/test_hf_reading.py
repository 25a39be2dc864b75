# SPDX-License-Identifier: BSD-3-Clause
"""hf.py import of what other programs and versions write: sharded folders, bfloat16 and float16,
buffers of older versions, heads of tied embeddings."""
import json
import os

import numpy as np
import torch

import hf_harness
from hf_harness import HfTest
from hf_models import read_safetensors, write_safetensors


class Tensors(HfTest):
    def exported(self, case):
        self.export(case)
        self.wanted = self.params("run")
        self.tensors, self.texts, _ = read_safetensors("hf/model.safetensors")

    def imported(self, *args):
        self.hf("import", "hf", *args, "--out", f"back{len(self.listing())}")
        return self.params(sorted(x for x in os.listdir() if x.startswith("back"))[-1], 0)

    def write(self, dtypes, path="hf/model.safetensors"):
        """All tensors and those of `dtypes` {name: (dtype, shape, bytes)}."""
        header, data = {}, b""
        for name, value in {**self.tensors, **dtypes}.items():
            dtype, shape, raw = value if isinstance(value, tuple) else \
                ("F32", value.shape, np.ascontiguousarray(value).tobytes())
            header[name] = {"dtype": dtype, "shape": list(shape),
                            "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
        with open(path, "wb") as file:
            file.write(hf_harness.framed(header, data))

    def test_halves(self):
        """bfloat16 and float16 are read exactly, as PyTorch widens them."""
        self.exported("llama")
        for dtype, kind in ("BF16", torch.bfloat16), ("F16", torch.float16):
            narrow = {name: torch.tensor(value).to(kind) for name, value in self.tensors.items()}
            odd = torch.tensor([0, -0.0, 65504.0, 2.0 ** -24, 6e-8, -65504.0, 2.0 ** -14, 1e-7])
            odd = odd.to(kind)
            narrow["model.norm.weight"][:8] = odd
            self.write({name: (dtype, value.shape, value.view(torch.int16).numpy().tobytes())
                        for name, value in narrow.items()})
            found = self.imported("input.yaml")
            write_safetensors("hf/model.safetensors",
                              {name: value.float().numpy() for name, value in narrow.items()})
            self.assert_same_bits(self.imported("input.yaml"), found, dtype)
            self.assertEqual(found["lnf_gain"][:8].tobytes(), odd.float().numpy().tobytes())

    def shard(self, n=3):
        """The tensors in turn into n files, and the index of them."""
        names = list(self.tensors)
        files = [f"model-{i + 1:05d}-of-{n:05d}.safetensors" for i in range(n)]
        for i, file in enumerate(files):
            write_safetensors(f"hf/{file}", {name: self.tensors[name] for name in names[i::n]},
                              {"format": "pt"})
        os.remove("hf/model.safetensors")
        return {"metadata": {"total_size": sum(t.nbytes for t in self.tensors.values())},
                "weight_map": {name: files[i % n] for i, name in enumerate(names)}}

    def test_shards(self):
        self.exported("mixtral")
        index = self.shard()
        self.write_json(index, "hf", "model.safetensors.index.json")
        self.refused_import(["index.json: not written by kcap", "INPUT.yaml"])
        self.assert_same_bits(self.wanted, self.imported("input.yaml"), "shards")
        back, = (x for x in os.listdir() if x.startswith("back"))
        self.assertEqual(self.measured("run")["total_bits"], self.measured(back)["total_bits"])

    def test_damaged_index(self):
        self.exported("mixtral")
        index = self.shard()
        listed = index["weight_map"]
        name, other = list(listed)[:2]
        one, two = listed[name], listed[other]
        text = json.dumps(index)

        def mapped(**changes):
            return {**index, "weight_map": {k: v for k, v in {**listed, **changes}.items()
                                            if v is not None}}
        damages = [
            (["one JSON object"], x) for x in ("", "[]", "{", text[:-1], text + "{}", "nul",
                                               '{"a": NaN}')] + [
            (["weight_map is no object"], x) for x in ({}, {"weight_map": []}, {"weight_map": {}},
                                                       {"weight_map": None})] + [
            (["is there twice"], text.replace(json.dumps(other), json.dumps(name))),
            (["is there twice"], text[:-1] + ', "weight_map": {}}'),
            (["is here", f"has it in {two}"], mapped(**{name: two})),
            (["is here", "has it nowhere"], mapped(**{name: None})),
            (["more is missing"], mapped(more=one)),
            (["absent.safetensors: cannot be opened"], mapped(more="absent.safetensors"))]
        damages += [(["a file beside it"], mapped(**{name: x})) for x in (
            1, ["x"], {}, "", "x", "../x.safetensors", "/etc/x.safetensors", "a/b.safetensors",
            ".safetensors", "..safetensors", "x.safetensors\0", "x.safetensors\n",
            "\u00e9.safetensors", "x" * 300 + ".safetensors", "pytorch_model.bin")]
        for i, (words, value) in enumerate(damages):
            with self.subTest(i=i, words=words):
                self.write_json(value, "hf", "model.safetensors.index.json")
                self.refused_import(words, "input.yaml")
        self.put(b"\xff" + text.encode(), "model.safetensors.index.json")
        self.refused_import(["one JSON object"], "input.yaml")
        # Every cut and many flips of the index: refused in one line, or still whole.
        raw = text.encode()
        chance = np.random.default_rng(1)
        for i in range(0, len(raw), 97):
            self.put(raw[:i], "model.safetensors.index.json")
            self.refused_import(["index.json"], "input.yaml")
        for _ in range(100):
            flipped = bytearray(raw)
            at = chance.integers(raw.index(b"weight_map") + 14, len(raw))
            flipped[at] ^= 1 << chance.integers(8)
            self.put(flipped, "model.safetensors.index.json")
            self.refused_import(["hf/"], "input.yaml")
        self.write_json(index, "hf", "model.safetensors.index.json")
        write_safetensors("hf/model.safetensors", self.tensors)
        self.refused_import(["beside model.safetensors"], "input.yaml")
        os.remove("hf/model.safetensors")
        os.truncate(f"hf/{two}", os.path.getsize(f"hf/{two}") - 8)
        self.refused_import([two, "bytes of data"], "input.yaml")

    def check_buffers(self, case, right, wrong):
        self.exported(case)
        for name, value in right.items():
            self.write({name: value})
            self.assert_same_bits(self.wanted, self.imported("input.yaml"), name)
        self.write(right)
        self.assert_same_bits(self.wanted, self.imported("input.yaml"), "all")
        for said, name, value in wrong:
            self.write({name: value})
            self.refused_import([name, said], "input.yaml")

    @staticmethod
    def inverse(n, base=10000.0):
        return (base ** -(np.arange(0, n, 2) / n)).astype("<f4")

    def test_buffers_of_llama(self):
        """head_dim is 8."""
        wide = self.inverse(8)
        name, old = "model.rotary_emb.inv_freq", "model.layers.1.self_attn.rotary_emb.inv_freq"
        half = torch.tensor(wide).bfloat16().view(torch.int16).numpy().tobytes()
        self.check_buffers("llama", {name: wide, old: ("BF16", (4,), half),
                                     "model.layers.0.self_attn.rotary_emb.inv_freq": wide}, [
            ("of the rotary base 10000", name, self.inverse(8, 500000.0)),
            ("of the rotary base 10000", old, np.full(4, np.nan, "<f4")),
            ("none of LlamaForCausalLM", name, self.inverse(16)),
            ("dtype I32", name, ("I32", (4,), bytes(16))),
            ("none of LlamaForCausalLM", "model.layers.01.self_attn.rotary_emb.inv_freq", wide),
            ("none of LlamaForCausalLM", "model.layers.1.self_attn.bias",
             np.ones((1, 1, 4, 4), "<f4"))])

    def test_buffers_of_gpt_neox(self):
        """14 dimensions, 6 rotated."""
        layer = "gpt_neox.layers.1.attention."
        self.check_buffers("neox_odd", {
            layer + "rotary_emb.inv_freq": self.inverse(6, 500.0),
            layer + "bias": ("BOOL", (1, 1, 32, 32), bytes(1024)),
            layer + "masked_bias": np.float32(-1e9).reshape(())}, [
            ("none of GPTNeoX", layer + "bias", np.ones((1, 1, 32, 31), "<f4")),
            ("none of GPTNeoX", layer + "masked_bias", np.ones(2, "<f4")),
            ("none of GPTNeoX", layer + "dense.bias2", np.ones(2, "<f4"))])

    def test_buffers_of_gpt2(self):
        self.check_buffers("gpt2", {
            "transformer.h.0.attn.bias": ("U8", (1, 1, 64, 64), bytes(4096)),
            "transformer.h.1.attn.masked_bias": ("F16", (), bytes(2))}, [
            ("none of GPT2", "transformer.h.0.attn.bias", np.ones((2, 1, 4, 4), "<f4")),
            ("none of GPT2", "h.0.attn.bias", np.ones((1, 1, 4, 4), "<f4"))])

    def check_head(self, case, head, embedding):
        self.exported(case)
        wte = self.tensors[embedding]
        self.write({head: wte})
        self.assert_same_bits(self.wanted, self.imported("input.yaml"), case)
        other = wte.copy()
        other.view("<u4")[-1, -1] ^= 1
        for value in (other, wte[:-1], ("F16", wte.shape, wte.astype("<f2").tobytes()),
                      ("I32", wte.shape, wte.tobytes())):
            self.write({head: value})
            self.refused_import([head, "differs from " + embedding], "input.yaml")

    def test_tied_heads(self):
        self.check_head("llama_tied", "lm_head.weight", "model.embed_tokens.weight")

    def test_tied_heads_of_gpt_neox(self):
        self.check_head("neox", "embed_out.weight", "gpt_neox.embed_in.weight")

    def test_tied_heads_of_gpt2(self):
        self.check_head("gpt2", "lm_head.weight", "transformer.wte.weight")


if __name__ == "__main__":
    hf_harness.main()
