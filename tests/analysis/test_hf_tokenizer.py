# SPDX-License-Identifier: BSD-3-Clause
"""hf.py import with the folder's own tokens: a model trained here, exported, its rows shuffled and
everything of kcap's taken away, measures as before."""

import os
import random
from pathlib import Path

import numpy as np
import yaml

import hf_harness
from hf_harness import CASES, HfTest
from hf_tokenizer import GPT2

TABLE = "name\tattribute\tvalue\n" + "".join(
    f"{place}\t{what}\t{i * 7 % 13} {unit}\n" for i, place in enumerate(
        ("Åland", "Côte d'Ivoire", "日本", "San José", "São Tomé", "Ukraine 🇺🇦", "Tōkyō"))
    for what, unit in (("home page", "https://x.org/"), ("area", "km²"), ("name", "'s")))


# What GPT-4o cuts texts by; as YAML it would begin a list.
WORD = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]%s[\p{Ll}\p{Lm}\p{Lo}\p{M}]%s(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
# SmolLM's and StarCoder's: each digit for itself, then as GPT-2.
DIGITS = "\\p{N}\n" + GPT2
PATTERN = (WORD % ("*", "+") + "|" + WORD % ("+", "*") +
           r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")


class Tokenizer(HfTest):
    def setUp(self):
        super().setUp()
        Path("t.tsv").write_text(TABLE, encoding="utf-8")
        self.config = {**CASES["gpt2"][1],
                       "corpus": {"kind": "facts", "file": self.path("t.tsv"), "exposures": 10}}

    def stranger(self, **vocab):
        """Trains, exports and disguises the model; what its run measures."""
        self.input({**self.config, "vocab": {"kind": "bpe", "size": 150, **vocab}})
        self.kcap("train", "input.yaml", "--out", "run", threads=1)
        self.hf("export", "run", "hf")
        config, names = self.read_json("hf", "config.json"), self.read_json("hf", "vocab.json")
        self.open_hf()
        order = list(range(config["vocab_size"]))
        random.Random(5).shuffle(order)  # order[token] is its row
        begin, end = self.header["transformer.wte.weight"]["data_offsets"]
        rows = np.frombuffer(self.data[begin:end], "<f4").reshape(len(order), -1)
        mixed = np.empty_like(rows)
        mixed[order] = rows
        del self.header["__metadata__"]
        self.put(self.framed(self.header, self.data[:begin] + mixed.tobytes() + self.data[end:]))
        moved = {name: order[at] if at < len(order) else at for name, at in names.items()}
        self.write_json(dict(sorted(moved.items(), key=lambda x: x[1])), "hf", "vocab.json")
        self.write_json({**config, "eos_token_id": order[0], "bos_token_id": order[0]},
                        "hf", "config.json")
        self.input({**self.config, "vocab": {"kind": "gpt2"}})
        return self.measured("run")

    def same(self, measured, out):
        """Everything but what tells whose run it is; numbers as float32 adds rows in any order."""
        found = self.measured(out)
        for name in measured.keys() - {"config", "config_hash", "step", "tokens", "exposures"}:
            if isinstance(measured[name], float):
                self.assertAlmostEqual(found[name], measured[name], msg=name,
                                       delta=1e-6 * max(1, abs(measured[name])))
            elif not isinstance(measured[name], list):
                self.assertEqual(found[name], measured[name], name)

    def test_own_tokens(self):
        measured = self.stranger()
        self.hf("import", "hf", "input.yaml", "--out", "back")
        self.same(measured, "back")
        self.hf("export", "back", "hf_back")
        self.hf("import", "hf_back", "--out", "back_again")
        self.assertEqual(self.measured("back_again"), self.measured("back"))
        tokenizer = self.read_json("hf", "tokenizer.json")
        tokenizer["model"]["vocab"] = self.read_json("hf", "vocab.json")
        for token in tokenizer["added_tokens"]:
            token["id"] = tokenizer["model"]["vocab"][token["content"]]
        tokenizer["model"]["merges"] = [x.split(" ") for x in tokenizer["model"]["merges"]]
        self.write_json(tokenizer, "hf", "tokenizer.json")
        os.remove("hf/vocab.json")
        self.hf("import", "hf", "input.yaml", "--out", "again")
        self.same(measured, "again")

    def test_texts_are_cut_as_the_folder_says(self):
        """By another pattern, whole pieces first; what kcap cannot do is refused: its tokens would be
        wrong in silence."""
        measured = self.stranger(pattern=PATTERN, whole="yes")
        self.hf("import", "hf", "input.yaml", "--out", "read")
        self.same(measured, "read")
        whole = self.read_json("hf", "tokenizer.json")
        split, bytes_of = whole["pre_tokenizer"]["pretokenizers"]
        for key, value, said in (
                ("normalizer", {"type": "Sequence", "normalizers": [{"type": "Replace"}]},
                 "normalizer is Sequence of Replace"),
                ("pre_tokenizer", {"type": "Metaspace"}, "pre_tokenizer is Metaspace"),
                ("pre_tokenizer", bytes_of, "pre_tokenizer: use_regex is false"),
                ("pre_tokenizer", [{"type": "Punctuation"}, bytes_of],
                 "pre_tokenizer is Sequence of Punctuation, ByteLevel"),
                ("pre_tokenizer", [bytes_of, {"type": "Digits"}], "Sequence of ByteLevel, Digits"),
                ("pre_tokenizer", [bytes_of], "pre_tokenizer.use_regex is false"),
                ("pre_tokenizer", [{"type": "Digits"}, bytes_of], "individual_digits is left out"),
                ("pre_tokenizer", [split, {**bytes_of, "add_prefix_space": True}],
                 "add_prefix_space is true"),
                ("pre_tokenizer", [{**split, "behavior": "Removed"}, bytes_of], "behavior is "),
                *(("pre_tokenizer", [{**split, "pattern": pattern}, bytes_of], "pattern is ")
                  for pattern in ({"String": "a"}, {"Regex": r"\p{Han}+"}, {"Regex": r"\w{1,3}+"},
                                  {"Regex": "[a&&b]"}, {"Regex": "a^"})),
                ("model", {**whole["model"], "byte_fallback": True}, "model.byte_fallback is true"),
                ("model", {"type": "Unigram"}, "model.type is Unigram")):
            value = {"type": "Sequence", "pretokenizers": value} if isinstance(value, list) else value
            self.write_json({**whole, key: value}, "hf", "tokenizer.json")
            self.refused_import(["tokenizer.json: ", said, "kcap cuts texts as GPT-2 does"],
                                "input.yaml")
        os.remove("hf/tokenizer.json")
        self.write_json({"tokenizer_class": "Qwen2Tokenizer"}, "hf", "tokenizer_config.json")
        self.refused_import(["tokenizer_class is ", "Qwen2Tokenizer"], "input.yaml")

    def test_texts_are_in_the_form_of_the_tokenizer(self):
        Path("t.tsv").write_text(TABLE.replace("Å", "A\u030a"), encoding="utf-8")
        self.stranger()
        whole = {**self.read_json("hf", "tokenizer.json"), "normalizer": {"type": "NFC"}}
        names = self.read_json("hf", "vocab.json")
        whole["model"] |= {"vocab": names | {"abab": len(names)}, "ignore_merges": True}
        self.write_json(whole, "hf", "tokenizer.json")
        self.write_json(whole["model"]["vocab"], "hf", "vocab.json")
        self.refused_import(["vocab.json: ", "abab", "is made by no merge"], "input.yaml")
        whole["model"]["ignore_merges"] = False
        self.write_json(whole, "hf", "tokenizer.json")
        self.refused_import(["facts/table:2: not in NFC"], "input.yaml")

    def test_steps_of_a_pre_tokenizer(self):
        """Each cuts what those before it have made; and what is no token is named."""
        measured = self.stranger(pattern=DIGITS)
        tokenizer = self.read_json("hf", "tokenizer.json")
        steps = tokenizer["pre_tokenizer"]["pretokenizers"]
        self.assertEqual([x["type"] for x in steps], ["Split", "Split", "ByteLevel"])
        tokenizer["pre_tokenizer"]["pretokenizers"] = [
            {"type": "Digits", "individual_digits": True}, {**steps[2], "use_regex": True}]
        self.write_json(tokenizer, "hf", "tokenizer.json")
        self.hf("import", "hf", "input.yaml", "--out", "read")
        self.same(measured, "read")
        config = yaml.safe_load(self.json("measure", "read", threads=1)["config"])
        self.assertEqual(config["vocab"]["pattern"], DIGITS)
        Path("t.tsv").write_text(TABLE + "Zürich\tarea\t88 km²\n", encoding="utf-8")
        self.refused_import(["vocab.tokens: the texts need `", "which is none of them"],
                            "input.yaml")
        config = self.read_json("hf", "config.json")
        self.write_json({**config, "bos_token_id": config["vocab_size"]}, "hf", "config.json")
        self.refused_import(["config.json: bos_token_id", "is none of the rows 0 to"], "input.yaml")
        os.remove("hf/vocab.json")
        self.write_json({"model": {"type": "WordLevel"}}, "hf", "tokenizer.json")
        self.refused_import(["tokenizer.json: model.type is WordLevel"],
                            "input.yaml")
        os.remove("hf/tokenizer.json")
        self.refused_import(["neither vocab.json and merges.txt nor tokenizer.json"], "input.yaml")


if __name__ == "__main__":
    hf_harness.main()
