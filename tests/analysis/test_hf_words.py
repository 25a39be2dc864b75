# SPDX-License-Identifier: BSD-3-Clause
"""The vocabulary that hf.py export writes: every token has a name of its own, and tokenizer.json,
carried out here as the tokenizers library does, makes kcap's tokens of a text."""
import re
import shutil
import sys
from pathlib import Path

import hf_harness
import hf_words
from harness import merged
from hf_harness import CASES, HfTest

sys.path.insert(0, str(Path(__file__).parents[1] / "data"))
import bpe  # noqa: E402, which makes tokens as GPT-2 does


def split(rule, pieces):
    """One Split of a pre-tokeniser."""
    pattern = rule["pattern"]["Regex"]
    assert rule["type"] == "Split" and rule["invert"] is False
    keep = {"Isolated": True, "Removed": False}[rule["behavior"]]
    for piece in pieces:
        at = 0
        for match in re.finditer(pattern, piece):
            yield piece[at:match.start()]
            yield match.group() if keep else ""
            at = match.end()
        yield piece[at:]


def encode(tokenizer, text):
    """Tokens of a text without special words."""
    pieces = [text]
    assert tokenizer["pre_tokenizer"]["type"] == "Sequence" and tokenizer["normalizer"] is None
    for rule in tokenizer["pre_tokenizer"]["pretokenizers"]:
        pieces = [piece for piece in split(rule, pieces) if piece]
    vocabulary, out = tokenizer["model"]["vocab"], []
    for piece in tokenizer["post_processor"]["single"]:
        if "SpecialToken" in piece:
            out += tokenizer["post_processor"]["special_tokens"][piece["SpecialToken"]["id"]]["ids"]
        else:
            out += [vocabulary[word] for word in pieces]
    return out


def decode(tokenizer, tokens):
    """The text of tokens, special ones left out."""
    names = {token: name for name, token in tokenizer["model"]["vocab"].items()}
    special = {each["id"] for each in tokenizer["added_tokens"] if each["special"]}
    words = [names[token] for token in tokens if token not in special]
    for rule in tokenizer["decoder"]["decoders"]:
        if rule["type"] == "WordPiece":
            words = [word if i == 0 else word.removeprefix(rule["prefix"])
                     if word.startswith(rule["prefix"])
                     else " " + word for i, word in enumerate(words)]
        elif rule["type"] == "Fuse":
            words = ["".join(words)]
        else:
            words = [re.sub(rule["pattern"]["Regex"], rule["content"], word) for word in words]
    return "".join(words)


def running(words):
    """As kcap corpus --show prints them: no blank before a stop."""
    return "".join(word if word in ",.;:!?" else " " + word for word in words).strip()


class Words(HfTest):
    def test_names(self):
        for words, names in ((["a", "b", "a"], ["a", "b", "a#2"]),
                             (["a", "a#2", "a", "a#2"], ["a", "a#2", "a#2#", "a#2#3"]),
                             (["a", "a", "a#1"], ["a", "a#1#", "a#1"])):
            self.assertEqual(hf_words.names_of(words), names)

    def exported(self, case, **corpus):
        self.input(merged(CASES[case][1], corpus=corpus))
        self.kcap("init", "input.yaml", "--out", case)
        self.hf("export", case, "hf_" + case)
        shown = self.json("corpus", "input.yaml", "--show", "20")
        return self.read_json("hf_" + case, "vocab.json"), shown

    def test_vocabulary(self):
        """biod's first and middle names are often the same."""
        for case, doubles in ("neox", False), ("neox_odd", True), ("random", False):
            vocabulary, shown = self.exported(case)
            self.assertEqual(list(vocabulary.values()), list(range(shown["n_vocab"])))
            for document in shown["documents"]:
                for word, token in zip(document["words"], document["token_ids"]):
                    self.assertIn(token, (vocabulary[word], vocabulary.get(f"{word}#{token}")))
            marked = {word: token for word, token in vocabulary.items() if "#" in word}
            self.assertEqual(bool(marked), doubles)
            for word, token in marked.items():
                self.assertLess(vocabulary[word.removesuffix(f"#{token}")], token)

    def test_tokenizer(self):
        for case, corpus in (("neox", {"cities": 0, "employers": 0, "sentences": 0}),
                             ("neox_odd", {}), ("random", {})):
            vocabulary, shown = self.exported(case, **corpus)
            tokenizer = self.read_json("hf_" + case, "tokenizer.json")
            self.assertEqual(tokenizer["model"]["vocab"], vocabulary)
            first = {}
            for word, token in vocabulary.items():
                first[token] = vocabulary[re.sub(r"#\d+$", "", word)]
            for document in shown["documents"]:
                text, tokens = running(document["words"][1:]), document["token_ids"]
                found = encode(tokenizer, text)
                self.assertEqual(found, [first[token] for token in tokens])
                self.assertEqual(decode(tokenizer, found), text)
            self.assertEqual(self.read_json(f"hf_{case}", "tokenizer_config.json")["eos_token"],
                             "<eos>")

    def pairs_encode(self, tokenizer, text):
        """Tokens of byte pairs: added ones first."""
        model, rule = tokenizer["model"], tokenizer["pre_tokenizer"]
        self.assertEqual((model["type"], rule["type"], rule["use_regex"], rule["add_prefix_space"]),
                         ("BPE", "ByteLevel", True, True))
        ranks = {tuple(pair.split(" ")): rank for rank, pair in enumerate(model["merges"])}
        added = {each["content"]: each["id"] for each in tokenizer["added_tokens"]}
        tokens = [0]
        for part in re.split(f"({'|'.join(map(re.escape, added))})", text):
            if part in added:
                tokens.append(added[part])
            elif part:
                spaced = part if part.startswith(" ") else " " + part
                tokens += [model["vocab"][symbol] for piece in bpe.pieces(spaced)
                           for symbol in bpe.encode(piece, ranks)]
        return tokens

    def check_pairs(self, corpus, vocab):
        """What a tokenizer of byte pairs makes of running text is what kcap makes."""
        self.input({**merged(CASES["neox"][1], vocab=vocab, train={"context": 256}),
                    "corpus": corpus})
        for folder in ("pairs", "hf_pairs"):
            shutil.rmtree(self.path(folder), ignore_errors=True)
        self.kcap("init", "input.yaml", "--out", "pairs")
        self.hf("export", "pairs", "hf_pairs")
        tokenizer = self.read_json("hf_pairs", "tokenizer.json")
        vocabulary = self.read_json("hf_pairs", "vocab.json")
        shown = self.json("corpus", "input.yaml", "--show", "20")
        self.assertEqual(tokenizer["model"]["vocab"], vocabulary)
        self.assertGreaterEqual(len(vocabulary), shown["n_vocab"])
        for document in shown["documents"]:
            self.assertEqual(self.pairs_encode(tokenizer, document["text"][1:]),
                             document["token_ids"])
        return tokenizer

    def test_byte_pairs(self):
        corpus = {"kind": "bios", "people": 200}
        learnt = self.check_pairs(corpus, {"kind": "bpe", "size": 1500})
        self.hf("import", "hf_pairs", "--out", "back")
        self.kcap("measure", "back")
        merges = self.path("merges.txt")
        shutil.copy(self.path("hf_pairs", "merges.txt"), merges)
        self.assertEqual(self.check_pairs(corpus, {"kind": "gpt2", "merges": str(merges)}), learnt)

    def test_markers(self):
        """A marker of a table is an added token, a blank inside it or not."""
        Path(self.path("t.tsv")).write_text("name\tattribute\tvalue\n" + "".join(
            f"Zo\u00eb {i}\t{a}\tv{i % 7} \U0001f469\u200d\U0001f680\n"
            for i in range(30) for a in ("home page", "age")), encoding="utf-8")
        tokenizer = self.check_pairs({"kind": "facts", "file": str(self.path("t.tsv"))},
                                     {"kind": "bpe", "size": 120})
        self.assertEqual({each["content"] for each in tokenizer["added_tokens"]},
                         {"<eos>", " home page:", " age:"})

    def test_stops(self):
        """Blanks part words; stops at a word's end are words, others are not."""
        tokenizer = hf_words.tokenizer({word: i for i, word in enumerate(
            ["<eos>", "a", ",", ".", "St.Louis", "a.b", ";", "3:4", "!", "?", ":", "...a",
             "A\tb"])})
        for text, tokens in (("", []), ("  a   a ", [1, 1]), ("a.", [1, 3]),
                             ("St.Louis, a.b.", [4, 2, 5, 3]), ("a;:!?", [1, 6, 10, 8, 9]),
                             ("3:4:", [7, 10]), ("...", [3, 3, 3]), ("...a...", [11, 3, 3, 3]),
                             ("A\tb.", [12, 3])):
            self.assertEqual(encode(tokenizer, text), [0] + tokens, text)
            if text.strip() == text and "  " not in text and text != "...":
                self.assertEqual(decode(tokenizer, [0] + tokens), text)

    def test_not_utf8(self):
        """JSON cannot say the words of a checkpoint from before pools had to be UTF-8."""
        with self.assertRaisesRegex(hf_words.FileError, "vocab.json: word 1 of the corpus is not "
                                                        "UTF-8"):
            hf_words.vocabulary([b"<eos>", b"Jam\xe9s"])


if __name__ == "__main__":
    hf_harness.main()
