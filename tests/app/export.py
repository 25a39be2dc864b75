# SPDX-License-Identifier: BSD-3-Clause
"""kcap export and import: what is exported computes kcap's logits in PyTorch models of the classes'
own definitions, comes back bit for bit, and files that are damaged or foreign are refused."""
import json
import os
import shutil
import struct
import subprocess
import sys

import h5py
import numpy as np
import yaml

import harness
import hf_models
from harness import BIOD, BIOS, checkpoints, merged, one_object
from hf_models import read_safetensors, write_safetensors

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "nn"))
import records  # pylint: disable=wrong-import-position

LOGITS = None

# Weights that differ from each other and from their start: large deviation, a few large steps.
TRAIN = {"train": {"max_steps": 12, "lr": 2.0e-2, "warmup_steps": 1}, "measure": {"every_exposures": 0}}
SMALL = {"layers": 2, "heads": 4, "head_dim": 8, "init_std": 0.2}


def of(base, **model):
    return merged(merged(base, **TRAIN), model={**SMALL, **model})


# name: class, input file
CASES = {
    "neox": ("GPTNeoXForCausalLM", of(BIOS)),
    "neox_odd": ("GPTNeoXForCausalLM", of(BIOD, heads=3, head_dim=14, rotary_fraction=0.43,
                                          rotary_base=500.0, embeddings="untied", mlp_width=50,
                                          activation="silu")),
    "gpt2": ("GPT2LMHeadModel", of(BIOS, position="learned")),
    "gpt2_untied": ("GPT2LMHeadModel", of(BIOD, position="learned", embeddings="untied",
                                          mlp_ratio=1.5)),
    "llama": ("LlamaForCausalLM", of(BIOS, arch="llama")),
    "llama_tied": ("LlamaForCausalLM", of(BIOD, arch="llama", embeddings="tied", biases="all",
                                          kv_heads=2, activation="gelu")),
    "mistral": ("MistralForCausalLM", of(BIOS, arch="mistral", kv_heads=2, head_dim=10)),
    "mixtral": ("MixtralForCausalLM", of(BIOD, arch="mistral", experts=4, experts_topk=2,
                                         experts_gate="renormalised", mlp_width=20)),
    "experts": ("KcapForCausalLM", of(BIOD, experts=4, mlp_ratio=1)),
    "plain": ("KcapForCausalLM", of(BIOD, arch="llama", norm="layernorm", position="none")),
    "random": ("KcapForCausalLM", merged(of(BIOS, mlp="none"), corpus={"kind": "random",
               "length": 30, "vocab": 40})),
}


class ExportTest(harness.AppTest):
    def trained(self, case, name="run"):
        self.input(CASES[case][1])
        self.kcap("train", "input.yaml", "--out", name, threads=1)
        return checkpoints(self.path(name))[12]

    def read_json(self, *parts):
        with open(self.path(*parts), encoding="utf-8") as file:
            return json.load(file)

    def listing(self):
        return sorted(os.path.join(place, name) for place, folders, names in os.walk(self.folder)
                      for name in folders + names)

    def refused(self, words, *args, code=2, ranks=()):
        """One line with these words, the code, nothing written; the same line on each rank count."""
        before, lines = self.listing(), set()
        for n in (0,) + tuple(ranks):
            done = self.kcap(*args, ranks=n, threads=1, code=code)
            said = [line for line in done.stderr.splitlines() if line.startswith("kcap: ")]
            self.assertEqual(len(said), 1, f"{args}: {done.stderr}")
            for word in words:
                self.assertIn(word, said[0])
            self.assertNotIn("Signal", done.stderr)
            self.assertEqual(self.listing(), before, f"{args} has written something")
            lines.add(said[0])
        self.assertEqual(len(lines), 1, lines)
        return lines.pop()

    def open_hf(self):
        with open(self.path("hf", "model.safetensors"), "rb") as file:
            self.raw = file.read()
        size, = struct.unpack("<Q", self.raw[:8])
        self.header, self.data = json.loads(self.raw[8:8 + size]), self.raw[8 + size:]

    def put(self, raw):
        with open(self.path("hf", "model.safetensors"), "wb") as file:
            file.write(raw)

    def framed(self, header, data=None):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        return struct.pack("<Q", len(text)) + text + (self.data if data is None else data)

    def reconfigured(self, **sections):
        """A header whose kcap.config has other keys."""
        texts = self.header["__metadata__"]
        config = merged(yaml.safe_load(texts["kcap.config"]), **sections)
        return {**self.header, "__metadata__": {**texts, "kcap.config": yaml.safe_dump(config)}}

    def write_json(self, name, value):
        with open(self.path("hf", name), "w", encoding="utf-8") as file:
            file.write(value if isinstance(value, str) else json.dumps(value))


class RoundTrip(ExportTest):
    def logits_of(self, checkpoint):
        subprocess.run([LOGITS, checkpoint, self.path("logits")], env=harness.environment(1),
                       check=True, timeout=60)
        found = records.read(self.path("logits"))
        return found["tokens"], found["logits"]

    def measured(self, run):
        result = one_object(self.kcap("measure", run, "--json", threads=1).stdout)
        for name in ("checkpoint", "seconds", "run_id", "imported_from", "started_utc"):
            result.pop(name)
        return result

    def check_tensors(self, first, second, moments):
        """Every tensor of /params and the cursors are the same, bit for bit; moments are zero."""
        a, b = harness.read_tensors(first), harness.read_tensors(second)
        kept = {n for n in a if n.startswith("params/") or (moments and n == "lanes/cursor")}
        self.assert_same_bits({n: a[n] for n in kept}, {n: b[n] for n in kept}, "import")
        self.assertEqual(set(a), set(b))
        for name in b:
            if name[:2] in ("m/", "v/"):
                self.assertFalse(b[name].any(), name)

    def check_case(self, case):
        wanted, config = CASES[case]
        first = self.trained(case)
        done = one_object(self.kcap("export", "run", "hf", "--json", threads=1).stdout)
        self.assertEqual((done["status"], done["class"], done["step"]), ("exported", wanted, 12))
        self.assertEqual(sorted(os.listdir(self.path("hf"))),
                         ["config.json", "model.safetensors", "vocab.json"])
        tensors, metadata, data = read_safetensors(self.path("hf", "model.safetensors"))
        self.assertEqual(data % 8, 0)
        self.assertEqual(sum(t.size for t in tensors.values()), done["n_params"])
        self.assertEqual(metadata["format"], "pt")
        self.assertEqual(metadata["kcap.step"], "12")
        self.assertEqual(self.read_json("hf", "config.json")["architectures"], [wanted])
        tokens, logits = self.logits_of(first)
        if wanted == "KcapForCausalLM":
            with h5py.File(first) as file:
                self.assert_same_bits({n: d[()] for n, d in file["params"].items()}, tensors, case)
        else:
            # float32 against double: sums of some hundred products, logits of some units.
            found = hf_models.logits(self.path("hf"), tokens)
            self.assertGreater(np.abs(logits).max(), 0.5)
            self.assertLess(np.abs(found - logits).max() / np.abs(logits).max(), 1e-5)
        self.kcap("import", "hf", "--out", "back", threads=1)
        second = checkpoints(self.path("back"))[12]
        self.check_tensors(first, second, moments=True)
        self.assertEqual(self.measured("run"), self.measured("back"))
        self.assertTrue((logits == self.logits_of(second)[1]).all())
        # Without kcap's metadata: another program's file.
        os.rename(self.path("hf", "model.safetensors"), self.path("kcaps"))
        write_safetensors(self.path("hf", "model.safetensors"), dict(reversed(tensors.items())))
        self.refused(["metadata", "INPUT.yaml"], "import", "hf", "--out", "other")
        self.kcap("import", "hf", "input.yaml", "--out", "other", threads=1)
        self.check_tensors(first, checkpoints(self.path("other"))[0], moments=False)

    def test_vocabulary(self):
        """Every token has a name of its own: that of its word, or where an earlier one has it with
        the token behind it. biod's first and middle names are often the same."""
        for case, doubles in ("neox", False), ("neox_odd", True):
            self.trained(case, case)
            self.kcap("export", case, "hf_" + case)
            vocabulary = self.read_json("hf_" + case, "vocab.json")
            self.assertEqual(list(vocabulary.values()), list(range(len(vocabulary))))
            shown = one_object(self.kcap("corpus", "input.yaml", "--show", "5", "--json").stdout)
            self.assertEqual(len(vocabulary), shown["n_vocab"])
            for document in shown["documents"]:
                for word, token in zip(document["words"], document["token_ids"]):
                    self.assertIn(token, (vocabulary[word], vocabulary.get(f"{word}#{token}")))
            marked = {word: token for word, token in vocabulary.items() if "#" in word}
            self.assertEqual(bool(marked), doubles)
            for word, token in marked.items():
                self.assertLess(vocabulary[word.removesuffix(f"#{token}")], token)

    def test_ranks(self):
        """The same files from any number of ranks, and back."""
        first = self.trained("mistral")
        self.kcap("export", "run", "one", threads=1)
        self.kcap("export", first, "two", ranks=2, threads=1)
        for name in os.listdir(self.path("one")):
            with open(self.path("one", name), "rb") as a, open(self.path("two", name), "rb") as b:
                self.assertEqual(a.read(), b.read(), name)
        for n in (2, 3):
            self.kcap("import", "two", "--out", f"back{n}", ranks=n, threads=1)
            self.check_tensors(first, checkpoints(self.path(f"back{n}"))[12], moments=True)

    def test_no_run_goes_on(self):
        self.trained("neox")
        self.kcap("export", "run", "hf")
        self.kcap("import", "hf", "--out", "back")
        self.refused(["imported from", "model.safetensors", "moments"], "train", "input.yaml",
                     "--out", "back", "--resume", "auto", ranks=(2,))
        self.refused(["imported from"], "train", "input.yaml", "--out", "new", "--resume", "back")
        self.kcap("export", "back", "again")
        self.kcap("import", "again", "--out", "third")
        self.assertEqual(self.measured("run"), self.measured("third"))


def add_case(case):
    setattr(RoundTrip, f"test_{case}", lambda self: self.check_case(case))


for each in CASES:
    add_case(each)


class Mixtral(ExportTest):
    def setUp(self):
        super().setUp()
        self.trained("mixtral")
        self.kcap("export", "run", "hf", threads=1)

    def factor(self, factor):
        return self.input(merged(CASES["mixtral"][1], model={"capacity_factor_measure": factor}),
                          "factor.yaml")

    def test_what_drops_tokens(self):
        """The class drops none: nor may measuring. 2 of 4 experts: a factor of 2 is the least."""
        self.refused(["config.json", "MixtralForCausalLM", "from 1.9 to at least 2)", "factor.yaml"],
                     "import", "hf", self.factor(1.9), "--out", "back", ranks=(2,))
        self.kcap("import", "hf", self.factor(2.0), "--out", "back")
        self.kcap("train", self.factor(1.9), "--out", "drops", threads=1)
        said = self.kcap("export", "drops", "plain", threads=1).stdout
        self.assertIn("KcapForCausalLM", said)
        self.assertIn("from 1.9 to at least 2)", said)

    def test_more_tensors_than_the_file_has(self):
        """A list of them all would take 40 GB."""
        self.open_hf()
        self.put(self.framed(self.reconfigured(model={
            "layers": 1000, "experts": 65536, "capacity_factor_measure": 65536.0})))
        self.write_json("config.json", {**self.read_json("hf", "config.json"),
                                        "num_hidden_layers": 1000, "num_local_experts": 65536})
        # Of a block: two norms, four matrices of attention, the router, three of each expert.
        all_of_them = 1000 * (7 + 3 * 65536) + 3
        self.refused(["model.layers.2.input_layernorm.weight is missing", f"one of {all_of_them}",
                      f"this file has {len(self.header) - 1}"], "import", "hf", "--out", "back",
                     ranks=(2,))


class Refused(ExportTest):
    def setUp(self):
        super().setUp()
        self.trained("llama_tied")
        self.kcap("export", "run", "hf", threads=1)
        self.open_hf()

    def changed(self, name, **members):
        """A header in which some members of a tensor are others, None: left out."""
        header = json.loads(json.dumps(self.header))
        entry = header.setdefault(name, {})
        entry.update(members)
        header[name] = {key: value for key, value in entry.items() if value is not None}
        return header

    def without(self, *names):
        return {name: entry for name, entry in self.header.items() if name not in names}

    def damages(self):
        """(what the message says, bytes of the file)."""
        text = json.dumps(self.header).encode()
        name, last = list(self.header)[3], list(self.header)[-1]
        shape, (begin, end) = self.header[name]["shape"], self.header[name]["data_offsets"]
        n = len(self.data)
        other = list(self.header)[4]
        swapped = self.changed(name, data_offsets=self.header[other]["data_offsets"])
        meta = self.header["__metadata__"]

        def offsets(*values):
            return self.framed(self.changed(name, data_offsets=list(values)))

        def shaped(*values):
            return self.framed(self.changed(name, shape=list(values)))

        def metadata(**changes):
            texts = {k: v for k, v in {**meta, **changes}.items() if v is not None}
            return self.framed({**self.header, "__metadata__": texts})
        yield ["0 bytes"], b""
        yield ["7 bytes"], self.raw[:7]
        yield ["header of", "this file has 0"], self.raw[:8]
        yield ["header of", "this file has 92"], self.raw[:100]
        yield ["at most 100000000"], struct.pack("<Q", 2 ** 63) + self.raw[8:]
        yield ["at most 100000000"], struct.pack("<Q", 2 ** 64 - 1) + self.raw[8:]
        yield ["at most 100000000"], struct.pack("<Q", 100000001) + self.raw[8:]
        yield ["this file has"], struct.pack("<Q", len(self.raw)) + self.raw[8:]
        yield ["begin with {"], struct.pack("<Q", 0) + self.raw[8:]
        yield ["begin with {"], self.framed(b" " + text)
        yield ["begin with {"], self.framed(b"[]")
        yield ["one JSON object"], self.framed(text[:-1])
        yield ["one JSON object"], self.framed(text + b"{}")
        yield ["one JSON object"], self.framed(text + b"\n")
        yield ["one JSON object"], self.framed(b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}")
        yield ["UTF-8"], self.framed(text + b"\0")
        yield ["UTF-8"], self.framed(text.replace(b"model.norm", b"model.norm\\u0000"))
        yield ["UTF-8"], self.framed(text.replace(b"model.norm", b"model.n\xFFrm"))
        yield ["data_offsets", f"{n - 1}, the bytes of data"], self.raw[:-1]
        yield ["data_offsets", "bytes of data"], self.raw[:-4]
        yield ["data_offsets", "bytes of data"], self.framed(self.header, b"")
        yield [f"{n + 4} bytes of data", "nothing may follow"], self.raw + b"\0" * 4
        yield [name, "dtype F16", "F32"], self.framed(self.changed(name, dtype="F16"))
        yield [name, "dtype BF16"], self.framed(self.changed(name, dtype="BF16"))
        yield [name, "dtype is no text"], self.framed(self.changed(name, dtype=32))
        yield [name, "each once"], self.framed(self.changed(name, dtype=None))
        yield [name, "each once"], self.framed(self.changed(name, data_offsets=None))
        yield [name, "each once"], self.framed(self.changed(name, more=1))
        yield [name, "each once"], self.framed({**self.header, name: [1, 2]})
        yield [name, "each once"], self.framed(text.replace(
            json.dumps(name).encode() + b': {"dtype": "F32", "shape": ',
            json.dumps(name).encode() + b': {"dtype": "F32", "dtype": '))
        yield [name, "shape", "no list"], self.framed(self.changed(name, shape=6))
        yield [name, "shape", "whole numbers"], shaped(-shape[0], *shape[1:])
        yield [name, "shape", "whole numbers"], shaped(*shape[:-1], 0.5)
        yield [name, "shape", "whole numbers"], shaped(*shape[:-1], "2")
        yield [name, "shape", "whole numbers"], shaped(2 ** 64)
        yield [name, "shape", "overflow"], shaped(2 ** 32, 2 ** 32, 2 ** 32)
        yield [name, "shape", "overflow"], shaped(2 ** 52, 2 ** 9)
        yield [name, "more than 8"], shaped(*([1] * 9))
        yield [name, "its shape needs"], shaped(*shape[:-1], shape[-1] + 1)
        yield [name, "its shape needs"], offsets(begin, end - 4)
        yield [name, "bytes of data"], offsets(begin, n + 4)
        yield [name, "bytes of data"], offsets(end, begin)
        yield [name, "two whole numbers"], offsets(-4, end - begin - 4)
        yield [name, "two whole numbers"], offsets(begin)
        yield [name, "two whole numbers"], offsets(begin, end, end)
        yield [name, "two whole numbers"], offsets(begin + 0.5, end + 0.5)
        yield [name, "two whole numbers"], offsets(2 ** 63, 2 ** 63 + end - begin)
        yield [name, "overlaps nor holes"], offsets(begin + 4, end + 4)
        yield [name, "overlaps nor holes"], offsets(begin - 4, end - 4)
        if self.header[other]["shape"] == shape:
            yield ["overlaps nor holes"], self.framed(swapped)
        yield ["overlaps nor holes"], self.framed(self.without(name))
        yield ["nothing may follow"], self.framed(self.without(last))
        yield [last, "is missing", "needs it as"], self.framed(
            self.without(last), self.data[:self.header[last]["data_offsets"][0]])
        yield ["extra", "none of LlamaForCausalLM"], self.framed(
            {**self.header, "extra": {"dtype": "F32", "shape": [1], "data_offsets": [n, n + 4]}},
            self.data + b"\0" * 4)
        yield ["extra", "none of"], self.framed(
            {**self.header, "extra": {"dtype": "F32", "shape": [0], "data_offsets": [n, n]}})
        yield ["is there twice"], self.framed(text.replace(other.encode(), name.encode()))
        yield ["is there twice"], self.framed(
            text[:-1] + b', "\\u006dodel.norm.weight": ' +
            json.dumps(self.header["model.norm.weight"]).encode() + b"}")
        yield ["model.norm.weight", "is [1, 32]", "needs [32]"], self.framed(
            self.changed("model.norm.weight", shape=[1, 32]))
        yield ["model.embed_tokens.weight", "needs ["], self.framed(
            self.changed("model.embed_tokens.weight",
                         shape=self.header["model.embed_tokens.weight"]["shape"][::-1]))
        yield ["__metadata__", "no object"], self.framed({**self.header, "__metadata__": ["pt"]})
        yield ["__metadata__", "kcap.step", "no text"], metadata(**{"kcap.step": 12})
        yield ["__metadata__", "format", "twice"], self.framed(
            text.replace(b'"format": "pt"', b'"format": "pt", "format": "pt"'))
        yield ["kcap.step", "whole number"], metadata(**{"kcap.step": "-1"})
        yield ["kcap.step", "whole number"], metadata(**{"kcap.step": "1" * 40})
        yield ["kcap.tokens", "missing"], metadata(**{"kcap.tokens": None})
        yield ["kcap.lanes", "four numbers"], metadata(**{"kcap.lanes": meta["kcap.lanes"][:-2]})
        yield ["kcap.lanes", "four numbers"], metadata(**{"kcap.lanes": meta["kcap.lanes"] * 2})
        yield ["kcap.files", "list of names"], metadata(**{"kcap.files": "x" * 100 + "\n"})
        yield ["kcap.files", "list of names"], metadata(**{"kcap.files": "a\n" * 17,
                                                               "kcap.file.a": ""})
        yield ["kcap.file.absent", "missing"], metadata(**{"kcap.files": "absent\n"})
        yield ["kcap.config"], metadata(**{"kcap.config": None})
        yield ["model.layers"], metadata(**{"kcap.config": "model: {layers: 0}"})
        yield ["config.json", "num_hidden_layers is 2", "needs 3"], metadata(
            **{"kcap.config": meta["kcap.config"].replace("layers: 2", "layers: 3")})

        # A corpus that cannot be made, or is far too large, is not made for files that do not fit.
        yield ["config.json", "num_hidden_layers is 2", "needs 3"], self.framed(
            self.reconfigured(model={"layers": 3}, corpus={"first_names": 999999}))
        no_corpus = self.reconfigured(corpus={"first_names": 999999})
        yield ["extra", "none of"], self.framed(
            {**no_corpus, "extra": {"dtype": "F32", "shape": [0], "data_offsets": [n, n]}})
        yield ["first_name", "999999"], self.framed(no_corpus)
        yield ["config.json", "vocab_size is ", "needs "], self.framed(
            self.reconfigured(corpus={"first_names": 9}))

    def test_damaged_tensors(self):
        damages = list(self.damages())
        self.assertGreater(len(damages), 60)
        for i, (words, raw) in enumerate(damages):
            with self.subTest(i=i, words=words):
                self.put(raw)
                self.refused(["hf/"] + words, "import", "hf", "--out", "back",
                             ranks=(2,) if i % 8 == 0 else ())
        self.put(self.raw)
        self.kcap("import", "hf", "--out", "back")

    def test_what_is_not_finite_comes_through(self):
        name = "model.norm.weight"
        begin, end = self.header[name]["data_offsets"]
        size = (end - begin) // 4
        odd = np.array([0x7FC00000, 0x7F800001, 0xFFC12345, 0x7F800000, 0x80000000, 1], "<u4")
        odd = np.resize(odd, size)
        self.put(self.framed(self.header, self.data[:begin] + odd.tobytes() + self.data[end:]))
        self.kcap("import", "hf", "--out", "back")
        with h5py.File(checkpoints(self.path("back"))[12]) as file:
            self.assertEqual(file["params/lnf_gain"][()].tobytes(), odd.tobytes())

    def test_config_and_vocabulary(self):
        config, words = self.read_json("hf", "config.json"), self.read_json("hf", "vocab.json")
        for said, change in (
                (["hidden_size is 33", "needs 32"], {"hidden_size": 33}),
                (["num_key_value_heads is 4", "needs 2"], {"num_key_value_heads": None}),
                (["hidden_act is \"gelu\"", "gelu_new"], {"hidden_act": "gelu"}),
                (["rms_norm_eps is left out", "1e-05"], {"rms_norm_eps": None}),
                (["rope_theta is 500000"], {"rope_theta": 500000}),
                (["rope_scaling"], {"rope_scaling": {"type": "linear", "factor": 2.0}}),
                (["tie_word_embeddings is left out", "true"], {"tie_word_embeddings": None}),
                (["mlp_bias is false"], {"mlp_bias": False}),
                (["mlp_bias is 1"], {"mlp_bias": 1}),
                (["vocab_size is left out", "whole number"], {"vocab_size": None}),
                (["vocab_size is 0.5", "whole number"], {"vocab_size": 0.5}),
                (["vocab_size is 10000000000", "2147483647"], {"vocab_size": 10 ** 10}),
                (["embed_tokens", "vocab_size of config.json"], {"vocab_size": 7}),
                (["model_type is bloom", "mistral"], {"model_type": "bloom"}),
                (["model_type is missing"], {"model_type": None}),
                (["MistralForCausalLM", "no biases"], {"model_type": "mistral"}),
                (["GPT2LMHeadModel", "layernorm", "learned"], {"model_type": "gpt2"})):
            changed = {k: v for k, v in {**config, **change}.items() if v is not None}
            if change == {"num_key_value_heads": None}:
                said = ["num_key_value_heads is left out", "needs 2"]
            self.write_json("config.json", changed)
            self.refused(["config.json"] + said, "import", "hf", "--out", "back")
        for text, said in ((', "hidden_size": 32}', "hidden_size is there twice"),
                           (', "m\\u006fre": 1, "more": 1}', "more is there twice"),
                           (', "rope_parameters": {"rope_type": 1, "rope_type": "default"}}',
                            "rope_type is there twice")):
            self.write_json("config.json", json.dumps(config)[:-1] + text)
            self.refused(["config.json", said], "import", "hf", "--out", "back")
        for text in ("", "[]", "{", "{} {}"):
            self.write_json("config.json", text)
            self.refused(["config.json", "one JSON object"], "import", "hf", "--out", "back")
        os.remove(self.path("hf", "config.json"))
        self.refused(["config.json", "No such file"], "import", "hf", "--out", "back", ranks=(2,))
        self.write_json("config.json", config)
        first, second = list(words)[5:7]
        for said, changed in ((["is token 6", first], {**words, first: 6, second: 5}),
                              (["is token 4096", "no word"], {**words, second: 4096}),
                              (["words; the corpus"], dict(list(words.items())[:-1]))):
            self.write_json("vocab.json", changed)
            self.refused(["vocab.json"] + said, "import", "hf", "--out", "back")
        pairs = list(words.items())
        for said, last in ((["<eos> is there twice"], ("<eos>", 0)),
                           (["is there twice"], (pairs[4][0], 4.5)),
                           ([f"is token {len(pairs) - 0.5}", "no word"],
                            (pairs[-1][0], len(pairs) - 0.5))):
            self.write_json("vocab.json", "{%s}" % ",".join(
                f"{json.dumps(word)}: {token}" for word, token in pairs[:-1] + [last]))
            self.refused(["vocab.json"] + said, "import", "hf", "--out", "back")
        self.write_json("vocab.json", "no")
        self.refused(["vocab.json", "one JSON object"], "import", "hf", "--out", "back")
        # No vocabulary; other words for the same; the members of transformers 5.
        os.remove(self.path("hf", "vocab.json"))
        config.update(hidden_act="gelu_pytorch_tanh", more=1,
                      rope_parameters={"rope_type": "default", "rope_theta": config["rope_theta"]})
        del config["rope_theta"], config["rope_scaling"], config["head_dim"]
        self.write_json("config.json", config)
        self.kcap("import", "hf", "--out", "back", ranks=2)
        self.kcap("measure", "back")

    def test_foreign(self):
        other = merged(CASES["llama_tied"][1], corpus={"attributes": 4})
        self.refused(["vocab_size", "other.yaml"], "import", "hf", self.input(other, "other.yaml"),
                     "--out", "back", ranks=(2,))
        self.refused(["absent.yaml"], "import", "hf", "absent.yaml", "--out", "back", ranks=(2,))
        self.refused(["absent/model.safetensors"], "import", "absent", "--out", "back", ranks=(2,))

    def test_places(self):
        os.makedirs(self.path("full", "inside"))
        os.symlink("hf", self.path("link"))
        for words, args in ((["full: not empty"], ["export", "run", "full"]),
                            (["hf: not empty"], ["export", "run", "hf/"]),
                            (["input.yaml", "no folder"], ["export", "run", "input.yaml"]),
                            (["link", "no folder"], ["export", "run", "link"]),
                            ([".", "no folder"], ["export", "run", "."]),
                            (["folder to write is missing"], ["export", "run"]),
                            (["what to read is missing"], ["export"]),
                            (["third", "one input"], ["export", "run", "new", "third"]),
                            (["no such checkpoint"], ["export", "absent", "new"]),
                            (["no checkpoint there"], ["export", "full", "new"]),
                            (["run: not empty"], ["import", "hf", "--out", "run"]),
                            (["--out is missing"], ["import", "hf"]),
                            (["not an option of export"], ["export", "run", "--out", "new"])):
            with self.subTest(args=args):
                self.refused(words, *args, ranks=(2,) if args[-1] in ("full", "absent") else ())
        os.mkdir(self.path("empty"))
        # What a kill leaves, another export writes or is someone's own.
        os.mkdir(self.path("new.partial"))
        shutil.copy(self.path("input.yaml"), self.path("new.partial", "config.json"))
        self.refused(["new.partial", "delete it", "another folder"], "export", "run", "new",
                     ranks=(2,))
        with open(self.path("input.yaml"), "rb") as a:
            with open(self.path("new.partial", "config.json"), "rb") as b:
                self.assertEqual(a.read(), b.read())
        shutil.rmtree(self.path("new.partial"))
        self.kcap("export", "run", "empty/")
        self.kcap("export", "run", "new")
        self.assertFalse(os.path.exists(self.path("new.partial")))
        for name in os.listdir(self.path("hf")):
            with open(self.path("hf", name), "rb") as a, open(self.path("new", name), "rb") as b:
                self.assertEqual(a.read(), b.read())

    def test_a_full_disk(self):
        """A limit of file size acts as a full disk does: exit 4 and nothing left. The limit is
        larger than the files that MPI maps, which it must leave alone."""
        self.input(merged(CASES["plain"][1], model={"layers": 8, "heads": 8, "head_dim": 64}))
        self.kcap("train", "input.yaml", "--out", "large", "--set", "train.max_steps=1")
        script = self.path("limited")
        with open(script, "w", encoding="utf-8") as file:
            file.write("#!/bin/bash\ntrap '' XFSZ\nulimit -f 40000\nexec \"$@\"\n")
        os.chmod(script, 0o755)
        self.kcap("export", "large", "largehf")
        before = self.listing()
        for args in (["export", "large", "new"], ["import", "largehf", "--out", "new"]):
            done = subprocess.run([script] + harness.command(args), cwd=self.folder, text=True,
                                  env=harness.environment(1), capture_output=True, timeout=60,
                                  check=False)
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("File too large", done.stderr)
            self.assertEqual(self.listing(), before)


class RefusedExperts(ExportTest):
    """Mixtral's experts are tensors of their own: of each there must be one, and no other."""

    def setUp(self):
        super().setUp()
        self.trained("mixtral")
        self.kcap("export", "run", "hf", threads=1)
        self.file = self.path("hf", "model.safetensors")
        self.tensors = read_safetensors(self.file)[0]

    @staticmethod
    def name(layer, expert, matrix):
        return f"model.layers.{layer}.block_sparse_moe.experts.{expert}.{matrix}.weight"

    def refused_import(self, words, ranks=()):
        self.refused(["hf/model.safetensors"] + words, "import", "hf", "input.yaml",
                     "--out", "back", ranks=ranks)

    def test_lost(self):
        for n, at in enumerate(((0, 0, "w1"), (1, 2, "w3"), (1, 3, "w2"))):
            name = self.name(*at)
            write_safetensors(self.file, {k: v for k, v in self.tensors.items() if k != name})
            self.refused_import([f"tensor {name} is missing", "needs it as ["],
                                ranks=(2,) if n == 0 else ())
        names = [self.name(layer, 3, w) for layer in (0, 1) for w in ("w1", "w2", "w3")]
        write_safetensors(self.file, {k: v for k, v in self.tensors.items() if k not in names})
        self.refused_import(["model.layers.0.block_sparse_moe.experts.3.", "is missing"])
        write_safetensors(self.file, self.tensors)
        self.kcap("import", "hf", "input.yaml", "--out", "back")

    def test_doubled(self):
        """One name twice: as the name of another expert, whose own is lost, and as one more."""
        with open(self.file, "rb") as file:
            raw = file.read()
        first, other = self.name(1, 2, "w1"), self.name(1, 3, "w1")
        self.assertEqual(raw.count(first.encode()), 1)
        with open(self.file, "wb") as file:
            file.write(raw.replace(other.encode(), first.encode()))
        self.refused_import([first, "is there twice"], ranks=(2,))
        size, = struct.unpack("<Q", raw[:8])
        header = json.loads(raw[8:8 + size])
        value, end = self.tensors[first].tobytes(), len(raw) - 8 - size
        entry = {**header[first], "data_offsets": [end, end + len(value)]}
        text = json.dumps(header)[:-1].encode() + b", " + json.dumps({first: entry})[1:].encode()
        with open(self.file, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text + raw[8 + size:] + value)
        self.refused_import([first, "is there twice"])

    def test_foreign(self):
        """An expert, a block or a matrix more than the model has; a shape of another expert."""
        value = self.tensors[self.name(0, 0, "w1")]
        for n, at in enumerate(((0, 9, "w1"), (1, 4, "w2"), (2, 0, "w1"), (0, 0, "w4"),
                                (0, "00", "w1"), (0, -1, "w1"))):
            name = self.name(*at)
            write_safetensors(self.file, {**self.tensors, name: value})
            self.refused_import([f"tensor {name} is none of MixtralForCausalLM's"],
                                ranks=(2,) if n == 0 else ())
        # In the place of one that belongs there.
        lost, foreign = self.name(0, 3, "w1"), self.name(0, 9, "w1")
        write_safetensors(self.file, {foreign if k == lost else k: v
                                      for k, v in self.tensors.items()})
        self.refused_import([f"tensor {lost} is missing"])
        name = self.name(1, 1, "w2")
        turned = {**self.tensors, name: np.ascontiguousarray(self.tensors[name].T)}
        write_safetensors(self.file, turned)
        self.refused_import([f"tensor {name} is [", "needs ["])


if __name__ == "__main__":
    if len(sys.argv) > 3:
        LOGITS = os.path.abspath(sys.argv.pop(3))
    harness.main()
