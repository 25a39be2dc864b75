# SPDX-License-Identifier: BSD-3-Clause
"""hf.py import of what other programs and versions write: configurations of transformers 4.40 to 5,
sharded folders, bfloat16 and float16, buffers of older versions, heads of tied embeddings."""
import json
import os

import numpy as np
import torch

import hf_harness
from hf_harness import HfTest
from hf_models import read_safetensors, write_safetensors


class Config(HfTest):
    def tried(self, said, change):
        """config.json with some members changed, None: left out; `said` by the refusal, or None."""
        changed = {k: v for k, v in {**self.config, **change}.items() if v is not None}
        self.write_json(changed, "hf", "config.json")
        with self.subTest(change=change):
            if said:
                self.refused(["config.json"] + said, "import", "hf", "--out", "back")
            else:
                self.hf("import", "hf", "--out", f"back{len(self.listing())}")

    def exported(self, case):
        self.trained(case)
        self.hf("export", "run", "hf")
        self.config = self.read_json("hf", "config.json")

    def test_members(self):
        self.exported("llama_tied")
        for said, change in (
                (["hidden_size is 33", "needs 32"], {"hidden_size": 33}),
                (["num_key_value_heads is left out", "needs 2"], {"num_key_value_heads": None}),
                (["hidden_act is \"gelu\"", "gelu_new"], {"hidden_act": "gelu"}),
                (["rms_norm_eps is left out", "1e-05"], {"rms_norm_eps": None}),
                (["tie_word_embeddings is left out", "true"], {"tie_word_embeddings": None}),
                (["mlp_bias is false"], {"mlp_bias": False}),
                (["mlp_bias is 1"], {"mlp_bias": 1}),
                (["vocab_size is left out", "whole number"], {"vocab_size": None}),
                (["vocab_size is 0.5", "whole number"], {"vocab_size": 0.5}),
                (["vocab_size is true", "whole number"], {"vocab_size": True}),
                (["vocab_size is 10000000000", "2147483647"], {"vocab_size": 10 ** 10}),
                (["embed_tokens", "vocab_size of config.json"], {"vocab_size": 7}),
                (["model_type is bloom", "mistral"], {"model_type": "bloom"}),
                (["model_type is missing"], {"model_type": None}),
                (["MistralForCausalLM", "no biases"], {"model_type": "mistral"}),
                (["GPT2LMHeadModel", "layernorm", "learned"], {"model_type": "gpt2"}),
                (None, {"hidden_act": "gelu_pytorch_tanh", "more": 1, "head_dim": None})):
            self.tried(said, change)
        for text, said in ((', "hidden_size": 32}', "hidden_size is there twice"),
                           (', "m\\u006fre": 1, "more": 1}', "more is there twice"),
                           (', "rope_parameters": {"rope_type": 1, "rope_type": "default"}}',
                            "is there twice")):
            self.write_json(json.dumps(self.config)[:-1] + text, "hf", "config.json")
            self.refused(["config.json", said], "import", "hf", "--out", "back")
        for text in "", "[]", "{", "{} {}", '{"a": Infinity}':
            self.write_json(text, "hf", "config.json")
            self.refused(["config.json", "one JSON object"], "import", "hf", "--out", "back")
        os.remove("hf/config.json")
        self.refused(["config.json", "No such file"], "import", "hf", "--out", "back")

    def test_rotary_positions(self):
        """Wherever a version may have put them; all places that say something agree."""
        self.exported("llama_tied")
        default, theta = {"rope_type": "default"}, {"rope_theta": 10000.0}
        four = {"rope_parameters": None, "dtype": None}
        five = {"rope_theta": None, "rope_scaling": None, "torch_dtype": None}
        for said, change in (
                (None, four),
                (None, {**four, "rope_theta": None}),
                (None, {**four, "rope_scaling": default}),
                (None, {**four, "rope_scaling": {"type": "default", **theta}}),
                (None, {**five, "rope_parameters": {**default, **theta}}),
                (None, {**five, "rope_parameters": {**default, **theta, "partial_rotary_factor": 1.0}}),
                (None, {**five, "partial_rotary_factor": 1}),
                (["rope_theta is 500000", "needs 10000.0"], {**four, "rope_theta": 500000}),
                (["rope_theta is 500000", "needs 10000.0"], {"rope_theta": 500000}),
                (["rope_theta is \"1e4\""], {"rope_theta": "1e4"}),
                (["rope_parameters.rope_theta is 500000"],
                 {"rope_parameters": {**default, "rope_theta": 500000}}),
                (["rope_scaling.rope_theta is 500000"], {"rope_scaling": {"rope_theta": 500000}}),
                (["rope_scaling.type is \"linear\""], {"rope_scaling": {"type": "linear", "factor": 2.0}}),
                (["rope_parameters.rope_type is \"yarn\""],
                 {"rope_parameters": {**theta, "rope_type": "yarn", "factor": 4.0}}),
                (["rope_parameters.full_attention is "], {"rope_parameters": {"full_attention": default}}),
                (["rope_parameters is []; "], {"rope_parameters": []}),
                (["rope_parameters.partial_rotary_factor is 0.5"],
                 {"rope_parameters": {**default, **theta, "partial_rotary_factor": 0.5}}),
                (["partial_rotary_factor is 0.25"], {"partial_rotary_factor": 0.25})):
            self.tried(said, change)

    def test_rotary_part(self):
        """GPT-NeoX has names of its own; 6 of 14 dimensions are rotated, with a base of 500."""
        self.exported("neox_odd")
        share = self.config["rotary_pct"]
        five = {"rotary_pct": None, "rotary_emb_base": None, "rope_scaling": None}
        for said, change in (
                (None, {"rope_parameters": None}), (None, five),
                (None, {**five, "rope_parameters": None, "rope_theta": 500, "partial_rotary_factor": share}),
                (["rotary_emb_base is left out"], {**five, "rope_parameters": {
                    "partial_rotary_factor": share}}),
                (["rotary_pct is left out"], {**five, "rope_parameters": {"rope_theta": 500}}),
                (["rotary_pct is 0.5"], {"rotary_pct": 0.5}),
                (["rope_theta is 10000"], {"rope_theta": 10000}),
                (["rope_parameters.partial_rotary_factor is 0.25"], {"rope_parameters": {
                    "rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.25}})):
            self.tried(said, change)

    def test_windows(self):
        """A sliding window that no window of the model reaches over is none. T is 64."""
        self.exported("mistral")
        for said, change in ((None, {"sliding_window": 64}), (None, {"sliding_window": None}),
                             (["sliding_window is 63", "needs null"], {"sliding_window": 63}),
                             (["sliding_window is true"], {"sliding_window": True})):
            self.tried(said, change)


class Tensors(HfTest):
    def exported(self, case):
        self.trained(case)
        self.hf("export", "run", "hf")
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
            odd = torch.tensor([0, -0.0, np.inf, -np.inf, 6e-8, -65504.0, 2.0 ** -14, 1e-7]).to(kind)
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
            write_safetensors(f"hf/{file}", {name: self.tensors[name] for name in names[i::n]}, {"format": "pt"})
        os.remove("hf/model.safetensors")
        return {"metadata": {"total_size": sum(t.nbytes for t in self.tensors.values())},
                "weight_map": {name: files[i % n] for i, name in enumerate(names)}}

    def test_shards(self):
        self.exported("mixtral")
        index = self.shard()
        self.write_json(index, "hf", "model.safetensors.index.json")
        self.refused(["index.json: not written by kcap", "INPUT.yaml"], "import", "hf", "--out", "back")
        self.assert_same_bits(self.wanted, self.imported("input.yaml"), "shards")
        self.assertEqual(self.measured("run")["total_bits"],
                         self.measured([x for x in os.listdir() if x.startswith("back")][0])["total_bits"])

    def test_damaged_index(self):
        self.exported("mixtral")
        index = self.shard()
        listed = index["weight_map"]
        name, other = list(listed)[:2]
        one, two = listed[name], listed[other]
        text = json.dumps(index)

        def mapped(**changes):
            return {**index, "weight_map": {k: v for k, v in {**listed, **changes}.items() if v is not None}}
        damages = [
            (["one JSON object"], x) for x in ("", "[]", "{", text[:-1], text + "{}", "nul", '{"a": NaN}')] + [
            (["weight_map is no object"], x) for x in ({}, {"weight_map": []}, {"weight_map": {}},
                                                       {"weight_map": None})] + [
            (["is there twice"], text.replace(json.dumps(other), json.dumps(name))),
            (["is there twice"], text[:-1] + ', "weight_map": {}}'),
            (["is here", f"has it in {two}"], mapped(**{name: two})),
            (["is here", "has it nowhere"], mapped(**{name: None})),
            (["more is missing"], mapped(more=one)),
            (["absent.safetensors: cannot be opened"], mapped(more="absent.safetensors"))]
        damages += [(["a file beside it"], mapped(**{name: x})) for x in (
            1, ["x"], {}, "", "x", "../x.safetensors", "/etc/x.safetensors", "a/b.safetensors", ".safetensors",
            "..safetensors", "x.safetensors\0", "x.safetensors\n", "\u00e9.safetensors", "x" * 300 + ".safetensors",
            "pytorch_model.bin")]
        for i, (words, value) in enumerate(damages):
            with self.subTest(i=i, words=words):
                self.write_json(value, "hf", "model.safetensors.index.json")
                self.refused(words, "import", "hf", "input.yaml", "--out", "back")
        self.put(b"\xff" + text.encode(), "model.safetensors.index.json")
        self.refused(["one JSON object"], "import", "hf", "input.yaml", "--out", "back")
        # Every cut and many flips of the index: refused in one line, or still whole.
        raw = text.encode()
        chance = np.random.default_rng(1)
        for i in range(0, len(raw), 97):
            self.put(raw[:i], "model.safetensors.index.json")
            self.refused(["index.json"], "import", "hf", "input.yaml", "--out", "back")
        for _ in range(100):
            flipped = bytearray(raw)
            flipped[chance.integers(raw.index(b"weight_map") + 14, len(raw))] ^= 1 << chance.integers(8)
            self.put(flipped, "model.safetensors.index.json")
            self.refused(["hf/"], "import", "hf", "input.yaml", "--out", "back")
        self.write_json(index, "hf", "model.safetensors.index.json")
        write_safetensors("hf/model.safetensors", self.tensors)
        self.refused(["beside model.safetensors"], "import", "hf", "input.yaml", "--out", "back")
        os.remove("hf/model.safetensors")
        os.truncate(f"hf/{two}", os.path.getsize(f"hf/{two}") - 8)
        self.refused([two, "bytes of data"], "import", "hf", "input.yaml", "--out", "back")

    def check_buffers(self, case, right, wrong):
        self.exported(case)
        for name, value in right.items():
            self.write({name: value})
            self.assert_same_bits(self.wanted, self.imported("input.yaml"), name)
        self.write(right)
        self.assert_same_bits(self.wanted, self.imported("input.yaml"), "all")
        for said, name, value in wrong:
            self.write({name: value})
            self.refused([name, said], "import", "hf", "input.yaml", "--out", "back")

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
            ("none of LlamaForCausalLM", "model.layers.1.self_attn.bias", np.ones((1, 1, 4, 4), "<f4"))])

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
        for value in other, wte[:-1], ("F16", wte.shape, wte.astype("<f2").tobytes()), ("I32", wte.shape,
                                                                                         wte.tobytes()):
            self.write({head: value})
            self.refused([head, "differs from " + embedding], "import", "hf", "input.yaml", "--out", "back")

    def test_tied_heads(self):
        self.check_head("llama_tied", "lm_head.weight", "model.embed_tokens.weight")

    def test_tied_heads_of_gpt_neox(self):
        self.check_head("neox", "embed_out.weight", "gpt_neox.embed_in.weight")

    def test_tied_heads_of_gpt2(self):
        self.check_head("gpt2", "lm_head.weight", "transformer.wte.weight")


if __name__ == "__main__":
    hf_harness.main()
