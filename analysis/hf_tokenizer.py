# SPDX-License-Identifier: BSD-3-Clause
"""The byte pairs of a folder from elsewhere, as kcap reads them: vocab.json and merges.txt, or
tokenizer.json. A text is then measured in the model's own tokens."""

from pathlib import Path

from exact_json import Members, read_object, short, whole
from hf_words import BYTES, EOS
from kcap_files import FileError

MOST = 1 << 28
CHARS = {byte: char for char, byte in BYTES.items()}


def _plain(value):
    return value if isinstance(value, (str, int, type(None))) else \
        value.get("type") if isinstance(value, Members) else "a list"


def _check(path, found):
    """Does a tokenizer.json cut texts as GPT-2 does? Tokens of another pattern would be wrong, and
    nothing would tell."""
    model, before = found.get("model"), found.get("pre_tokenizer")
    if not isinstance(model, Members) or model.get("type", "BPE") != "BPE":
        return  # is refused for that
    said = {"normalizer": (_plain(found.get("normalizer")), (None,)),
            "pre_tokenizer": (_plain(before), ("ByteLevel",))}
    if isinstance(before, Members):
        said["pre_tokenizer.use_regex"] = (before.get("use_regex", True), (True,))
    said |= {f"model.{key}": (_plain(model.get(key)), (None, False, ""))
             for key in ("byte_fallback", "ignore_merges", "end_of_word_suffix",
                         "continuing_subword_prefix")}
    for key, (value, allowed) in said.items():
        if value not in allowed:
            raise FileError(f"{path}: {key} is {short(str(value))}: kcap cuts texts as GPT-2 does, with "
                            "a ByteLevel pre-tokenizer and nothing before it, and would read this "
                            "model in tokens that are not its own")


def _read(folder):
    """{token: row} and the merges as lines."""
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    if (folder / "tokenizer.json").exists():
        _check(folder / "tokenizer.json", read_object(folder / "tokenizer.json", MOST))
    if vocabulary.exists() and merges.exists():
        try:
            lines = merges.read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            raise FileError(f"{merges}: not UTF-8") from None
        return vocabulary, read_object(vocabulary, MOST), [
            line for line in lines if line and not line.startswith("#version")]
    path = folder / "tokenizer.json"
    if not path.exists():
        raise FileError(f"{folder}: neither vocab.json and merges.txt nor tokenizer.json, which "
                        "vocab.kind gpt2 without vocab.merges takes the tokens from")
    found = read_object(path, MOST)
    model = found.get("model")
    if not isinstance(model, Members) or model.get("type", "BPE") != "BPE" or \
            not isinstance(model.get("vocab"), Members) or not isinstance(model.get("merges"), list):
        raise FileError(f"{path}: its model is no BPE with vocab and merges")
    added = {each["content"]: each["id"] for each in found.get("added_tokens") or []
             if isinstance(each, Members) and isinstance(each.get("content"), str)}
    return path, {**model["vocab"], **added}, [
        pair if isinstance(pair, str) else " ".join(map(str, pair)) for pair in model["merges"]]


def _printable(text):
    """A token as byte pairs have it; an added one, of plain text, is made such."""
    if text and all(char in BYTES for char in text):
        return text
    return "".join(CHARS[byte] for byte in text.encode())


class Tokens:
    """A folder's tokens for kcap, whose token 0 is <eos>.
        merges, tokens    texts of the files vocab.merges and vocab.tokens
        rows              which row of the model each of kcap's tokens is"""

    def __init__(self, folder, n_vocab, eos):
        path, found, merges = _read(Path(folder))
        names = [None] * n_vocab
        for text, row in found.items():
            number = whole(row)
            if number is None or number < 0:
                raise FileError(f"{path}: {short(text)} has no row")
            if number < n_vocab:  # tokens without a row of the model are not those of any text
                names[number] = _printable(text)
        if eos is None or not 0 <= eos < n_vocab:
            raise FileError(f"{Path(folder) / 'config.json'}: eos_token_id is none of the rows 0 to "
                            f"{n_vocab - 1}; kcap begins each document with that token")
        self.rows = [eos, *(row for row in range(n_vocab) if row != eos)]
        used = set()
        for row in range(n_vocab):
            names[row] = names[row] or f"<row{row}>"
            names[row] += f"#{row}" if names[row] in used else ""
            used.add(names[row])
        self.merges = "".join(f"{line}\n" for line in ["#version: 0.2", *merges])
        self.tokens = "".join(f"{name}\n" for name in
                              [EOS, *(names[row] for row in self.rows[1:])])

    def lay(self, folder):
        """Write both files; returns what sets them."""
        sets = []
        for name, text in ("merges", self.merges), ("tokens", self.tokens):
            path = Path(folder) / f"{name}.txt"
            path.write_text(text, encoding="utf-8")
            sets.append(f"vocab.{name}={path}")
        return sets
