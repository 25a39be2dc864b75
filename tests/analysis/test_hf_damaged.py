# SPDX-License-Identifier: BSD-3-Clause
"""hf.py import: folders that are damaged, or of another model, are refused in one line before
anything is written."""
import json
import os
import random
import shutil
import signal
import struct

import numpy as np

import hf_harness
import harness
from harness import checkpoints, merged
from hf_export import export
from hf_harness import CASES, HfTest
from kcap_files import FileError


class Damaged(HfTest):
    def setUp(self):
        super().setUp()
        self.export("llama_tied")
        self.open_hf()

    @staticmethod
    def end_of_export(path):
        """How a process of its own ends that exports: HDF5 1.10 itself may die of a damaged file."""
        child = os.fork()
        if child:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        code = 1
        try:
            export(path, "new", harness.KCAP)
            code = 0
        except FileError:
            code = 2
        finally:
            os._exit(code)

    def test_checkpoints(self):
        """Bytes flipped under a manifest that fits: exported, or refused, and nothing else."""
        numbers, refused = random.Random(4), 0
        path = list(checkpoints(self.path("run")).values())[-1]
        with open(path, "rb") as file:
            whole = file.read()
        for _ in range(40):
            raw = bytearray(whole)
            for _ in range(numbers.choice((1, 3, 30))):
                raw[numbers.randrange(len(raw))] ^= 1 << numbers.randrange(8)
            self.put(raw, path)
            hf_harness.seal(path)
            shutil.rmtree("new", ignore_errors=True)
            end = self.end_of_export(path)
            self.assertIn(end, (0, 2, -signal.SIGSEGV, -signal.SIGABRT))
            self.assertEqual(os.path.exists("new"), end == 0)
            refused += end != 0
        self.assertGreater(refused, 3)

    def changed(self, name, **members):
        """A header in which some members of a tensor are others, None: left out."""
        header = json.loads(json.dumps(self.header))
        entry = header.setdefault(name, {})
        entry.update(members)
        header[name] = {key: value for key, value in entry.items() if value is not None}
        return header

    def without(self, *names):
        return {name: entry for name, entry in self.header.items() if name not in names}

    def of_files(self, text):
        """(what the message says, bytes): lengths and JSON."""
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
        for wrong in (text[:-1], text + b"{}", text + b"\n",
                      b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}",
                      b'{"a": NaN}', b'{"a": 1' + b"0" * 5000 + b"}", b'{"\\ud800": 1}'):
            yield ["one JSON object"], self.framed(wrong)
        yield ["UTF-8"], self.framed(text + b"\0")
        yield ["UTF-8"], self.framed(text.replace(b"model.norm", b"model.norm\\u0000"))
        yield ["UTF-8"], self.framed(text.replace(b"model.norm", b"model.n\xFFrm"))
        n = len(self.data)
        yield ["data_offsets", f"{n - 1}, the bytes of data"], self.raw[:-1]
        yield ["data_offsets", "bytes of data"], self.raw[:-4]
        yield ["data_offsets", "bytes of data"], self.framed(self.header, b"")
        yield [f"{n + 4} bytes of data", "nothing may follow"], self.raw + b"\0" * 4

    def of_members(self, name, text):
        """dtype and shape, and what else may not stand there."""
        shape = self.header[name]["shape"]

        def shaped(*values):
            return self.framed(self.changed(name, shape=list(values)))
        for said, members in (
                (["its shape needs"], {"dtype": "F16"}), (["its shape needs"], {"dtype": "F64"}),
                (["dtype I32; kcap reads F32, F16 and BF16"], {"dtype": "I32"}),
                (["dtype X1; kcap reads"], {"dtype": "X1"}), (["dtype is no text"], {"dtype": 32}),
                (["each once"], {"dtype": None}), (["each once"], {"data_offsets": None}),
                (["each once"], {"more": 1}), (["shape", "no list"], {"shape": 6})):
            yield [name] + said, self.framed(self.changed(name, **members))
        yield [name, "each once"], self.framed({**self.header, name: [1, 2]})
        yield [name, "each once"], self.framed(text.replace(
            json.dumps(name).encode() + b': {"dtype": "F32", "shape": ',
            json.dumps(name).encode() + b': {"dtype": "F32", "dtype": '))
        for values in ((-shape[0], *shape[1:]), (*shape[:-1], 0.5), (*shape[:-1], "2"), (2 ** 64,),
                       (True, *shape)):
            yield [name, "shape", "whole numbers"], shaped(*values)
        yield [name, "shape", "overflow"], shaped(2 ** 32, 2 ** 32, 2 ** 32)
        yield [name, "shape", "overflow"], shaped(2 ** 52, 2 ** 9)
        yield [name, "more than 8"], shaped(*([1] * 9))
        yield [name, "its shape needs"], shaped(*shape[:-1], shape[-1] + 1)

    def of_places(self, name, last, other):
        """Where tensors lie."""
        begin, end = self.header[name]["data_offsets"]
        n = len(self.data)

        def offsets(*values):
            return self.framed(self.changed(name, data_offsets=list(values)))
        yield [name, "its shape needs"], offsets(begin, end - 4)
        yield [name, "bytes of data"], offsets(begin, n + 4)
        yield [name, "bytes of data"], offsets(end, begin)
        for values in ((-4, end - begin - 4), (begin,), (begin, end, end), (begin + 0.5, end + 0.5),
                       (2 ** 63, 2 ** 63 + end - begin)):
            yield [name, "two whole numbers"], offsets(*values)
        yield [name, "overlaps nor holes"], offsets(begin + 4, end + 4)
        yield [name, "overlaps nor holes"], offsets(begin - 4, end - 4)
        if self.header[other]["shape"] == self.header[name]["shape"]:
            yield ["overlaps nor holes"], offsets(*self.header[other]["data_offsets"])
        yield ["overlaps nor holes"], self.framed(self.without(name))
        yield ["nothing may follow"], self.framed(self.without(last))
        yield [last, "is missing", "needs it as"], self.framed(
            self.without(last), self.data[:self.header[last]["data_offsets"][0]])

    def of_names(self, name, other, text):
        """Tensors that are there twice, or none of the model's."""
        n, norm = len(self.data), "model.norm.weight"
        for what in "extra", "extra\n" + "x" * 500, "transformer.h.0.attn.bias", "embed_out.weight":
            yield [what[:5], "none of LlamaForCausalLM"], self.framed(
                {**self.header, what: {"dtype": "F32", "shape": [1], "data_offsets": [n, n + 4]}},
                self.data + b"\0" * 4)
        yield ["extra", "none of"], self.framed(
            {**self.header, "extra": {"dtype": "F32", "shape": [0], "data_offsets": [n, n]}})
        yield ["is there twice"], self.framed(text.replace(other.encode(), name.encode()))
        yield ["is there twice"], self.framed(text[:-1] + b', "\\u006dodel.norm.weight": ' +
                                              json.dumps(self.header[norm]).encode() + b"}")
        yield [norm, "is [1, 32]", "needs [32]"], self.framed(self.changed(norm, shape=[1, 32]))
        embed = "model.embed_tokens.weight"
        turned = self.header[embed]["shape"][::-1]
        yield [embed, "needs ["], self.framed(self.changed(embed, shape=turned))

    def of_texts(self, text):
        """The metadata."""
        meta = self.header["__metadata__"]

        def metadata(**changes):
            texts = {k: v for k, v in {**meta, **changes}.items() if v is not None}
            return self.framed({**self.header, "__metadata__": texts})
        yield ["__metadata__", "no object"], self.framed({**self.header, "__metadata__": ["pt"]})
        yield ["__metadata__", "kcap.step", "no text"], metadata(**{"kcap.step": 12})
        yield ["__metadata__", "format", "twice"], self.framed(
            text.replace(b'"format": "pt"', b'"format": "pt", "format": "pt"'))
        lanes = meta["kcap.lanes"]
        outside = {"kcap.files": "../x.txt\n", "kcap.file.../x.txt": ""}
        for said, changes in ((["kcap.step", "whole number"], {"kcap.step": "-1"}),
                              (["kcap.step", "whole number"], {"kcap.step": "1" * 40}),
                              (["kcap.step", "whole number"], {"kcap.step": "\u0661"}),
                              (["kcap.tokens", "missing"], {"kcap.tokens": None}),
                              (["kcap.lanes", "five numbers"], {"kcap.lanes": lanes[:-5]}),
                              (["kcap.lanes", "five numbers"], {"kcap.lanes": lanes * 2}),
                              (["kcap.files", "list of names"], {"kcap.files": "x" * 100 + "\n"}),
                              (["kcap.files", "list of names"],
                               {"kcap.files": "a\n" * 17, "kcap.file.a": ""}),
                              (["kcap.files", "is missing"], {"kcap.files": None}),
                              (["kcap.file.absent", "missing"], {"kcap.files": "absent\n"}),
                              (["kcap.file.../x.txt", "none of the names"], outside),
                              (["kcap.config"], {"kcap.config": None}),
                              (["hf/model.safetensors", "model.layers"],
                               {"kcap.config": "model: {layers: 0}"})):
            yield said, metadata(**changes)
        yield ["config.json", "num_hidden_layers is 2", "needs 3"], metadata(
            **{"kcap.config": meta["kcap.config"].replace("layers: 2", "layers: 3")})

    def of_corpora(self):
        """One that cannot be made, or is far too large, is not made for files that do not fit."""
        n = len(self.data)
        yield ["config.json", "num_hidden_layers is 2", "needs 3"], self.framed(
            self.reconfigured(model={"layers": 3}, corpus={"first_names": 999999}))
        no_corpus = self.reconfigured(corpus={"first_names": 999999})
        yield ["extra", "none of"], self.framed(
            {**no_corpus, "extra": {"dtype": "F32", "shape": [0], "data_offsets": [n, n]}})
        yield ["first_name", "999999"], self.framed(no_corpus)
        yield ["config.json", "vocab_size is ", "needs "], self.framed(
            self.reconfigured(corpus={"first_names": 9}))

    def test_tensors(self):
        text = json.dumps(self.header).encode()
        name, other, last = (list(self.header)[i] for i in (3, 4, -1))
        damages = [*self.of_files(text), *self.of_members(name, text),
                   *self.of_places(name, last, other), *self.of_names(name, other, text),
                   *self.of_texts(text), *self.of_corpora()]
        self.assertGreater(len(damages), 80)
        for i, (words, raw) in enumerate(damages):
            with self.subTest(i=i, words=words):
                self.put(raw)
                self.refused_import(["hf/"] + words)
        os.remove("hf/model.safetensors")
        os.mkfifo("hf/model.safetensors")
        self.refused_import(["is no regular file"])
        os.remove("hf/model.safetensors")
        self.put(self.raw)
        self.hf("import", "hf", "--out", "back")

    def test_what_is_not_finite(self):
        """Is refused; what is odd and finite comes through."""
        begin, end = self.header["model.norm.weight"]["data_offsets"]
        for last in 0x7FC00000, 0x7F800001, 0xFFC12345, 0x7F800000, 0x7F7FFFFF:
            odd = np.resize(np.array([0x80000000, 1, 0x007FFFFF, last], "<u4"), (end - begin) // 4)
            odd[-1] = last
            self.put(self.framed(self.header, self.data[:begin] + odd.tobytes() + self.data[end:]))
            if last != 0x7F7FFFFF:
                self.refused_import(["model.norm.weight holds values that are not finite"])
        self.hf("import", "hf", "--out", "back")
        self.assertEqual(self.params("back")["lnf_gain"].tobytes(), odd.tobytes())

    def test_vocabulary(self):
        words = self.read_json("hf", "vocab.json")
        first, second = list(words)[5:7]
        pairs = list(words.items())

        def ending(last):
            return "{%s}" % ",".join(f"{json.dumps(word)}: {token}"
                                     for word, token in pairs[:-1] + [last])
        for said, changed in (
                (["is token 6", first], {**words, first: 6, second: 5}),
                (["is token 4096", "no word"], {**words, second: 4096}),
                (["words; the corpus"], dict(pairs[:-1])),
                (["<eos> is there twice"], ending(("<eos>", 0))),
                (["is there twice"], ending((pairs[4][0], 4.5))),
                ([f"is token {len(pairs) - 0.5}", "no word"],
                 ending((pairs[-1][0], len(pairs) - 0.5))),
                (["is token -1", "no word"], ending((pairs[-1][0], '"x"'))),
                (["one JSON object"], "no")):
            self.write_json(changed, "hf", "vocab.json")
            self.refused_import(["vocab.json"] + said)
        os.remove("hf/vocab.json")
        self.hf("import", "hf", "--out", "back")

    def test_foreign(self):
        self.input(merged(CASES["llama_tied"][1], corpus={"attributes": 4}), "other.yaml")
        self.refused_import(["vocab_size", "other.yaml"], "other.yaml")


if __name__ == "__main__":
    hf_harness.main()
