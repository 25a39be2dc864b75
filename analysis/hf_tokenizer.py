# SPDX-License-Identifier: BSD-3-Clause
"""The byte pairs of a folder from elsewhere, as kcap reads them: vocab.json and merges.txt, or
tokenizer.json. A text is then measured in the model's own tokens."""

import json
import re
import unicodedata
from pathlib import Path

from exact_json import Members, read_object, short, shown, whole
from hf_words import BLANK_BEFORE, BYTES, EOS
from kcap_files import FileError

MOST = 1 << 28
CHARS = {byte: char for char, byte in BYTES.items()}


# What ByteLevel cuts by itself.
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"

# Of a regular expression: what means the same to the library behind tokenizer.json (Oniguruma) and to
# kcap's (PCRE2). Letters, numbers and blanks of Unicode, classes of them, groups, alternatives,
# what must follow or not, repeats.
_ATOM = r"\\[pP]\{[LMNPSZC][a-z]?\}|\\[sSdDrntf]|\\[^\w\s]"
_EXPRESSION = re.compile(
    rf"(?:{_ATOM}|\[\^?(?:{_ATOM}|[^\\\[\]&]|&(?!&))+\]|\((?:\?(?:i?:|[=!]))?|[)|]|[?*+][?+]?|"
    r"\{\d+(?:,\d*)?\}(?![?+])|[^\\\[\](){}|?*+.^])+")
_END = re.compile(r"\\.|\[(?:\\.|[^\\\]])*\]|\$", re.DOTALL)
PLAIN = ("GPT2Tokenizer", "GPT2TokenizerFast")


def _type(value):
    return value.get("type") if isinstance(value, Members) else value


def _shown(value):
    """A part of tokenizer.json in a few words: its types."""
    if _type(value) == "Sequence":
        steps = value.get("pretokenizers") or value.get("normalizers") or []
        return short(f"Sequence of {', '.join(str(_type(step)) for step in steps)}")
    return short(str(_type(value)))


def _refuse(path, key, value):
    raise FileError(f"{path}: {key} is {value}: kcap cuts texts as GPT-2 does, with ByteLevel alone, or by "
                    "Splits (Regex, Isolated) and Digits before a ByteLevel, and merges bytes; it would "
                    "read this model in tokens that are not its own")


def _need(path, step, rights):
    """Members of a step {name: (what it is where it is left out, what it must be)}."""
    for key, (left_out, right) in rights.items():
        if step.get(key, left_out) != right:
            _refuse(path, f"pre_tokenizer: {key}", shown(step.get(key, left_out)))


def _split(path, step):
    _need(path, step, {"behavior": (None, "Isolated"), "invert": (False, False)})
    found = step.get("pattern")
    expression = found.get("Regex") if isinstance(found, Members) else None
    if not isinstance(expression, str) or not _EXPRESSION.fullmatch(expression):
        _refuse(path, "pre_tokenizer: pattern", f"{short(str(expression), 200)}, which other libraries may "
                "read in another way")
    # A line is an expression; Oniguruma's $ is the end of any line.
    return _END.sub(lambda x: r"(?=\n|\z)" if x[0] == "$" else x[0], expression).replace("\n", r"\n")


def _digits(path, step):
    """What Rust takes for numeric is what Unicode has as N."""
    one = step.get("individual_digits")
    if not isinstance(one, bool):
        _refuse(path, "pre_tokenizer: individual_digits", shown(one))
    return r"\p{N}" if one else r"\p{N}+"


STEPS = {"Split": _split, "Digits": _digits}


def pattern_of(path, before):
    """The regular expressions of a pre-tokenizer, a line each; "": GPT-2's."""
    if _type(before) == "ByteLevel":
        _need(path, before, {"use_regex": (True, True)})
        return ""
    steps = before.get("pretokenizers") if _type(before) == "Sequence" else None
    if not isinstance(steps, list) or not steps or _type(steps[-1]) != "ByteLevel" or \
            any(_type(step) not in STEPS for step in steps[:-1]):
        _refuse(path, "pre_tokenizer", _shown(before))
    lines = [STEPS[_type(step)](path, step) for step in steps[:-1]]
    _need(path, steps[-1], {"add_prefix_space": (True, False)})
    if steps[-1].get("use_regex", True) is not False:
        lines.append(GPT2)
    if not lines:
        _refuse(path, "pre_tokenizer.use_regex", "false")
    return "" if lines == [GPT2] else "\n".join(lines)


def _check(path, found):
    """How a tokenizer.json cuts texts: (pattern, whole, nfc). Tokens of another tokenizer would be
    wrong, and nothing would tell."""
    model, normal = found.get("model"), found.get("normalizer")
    if not isinstance(model, Members) or model.get("type", "BPE") != "BPE":
        _refuse(path, "model.type", _shown(model))
    for key in ("byte_fallback", "dropout", "end_of_word_suffix", "continuing_subword_prefix"):
        if model.get(key) not in (None, False, "", 0):
            _refuse(path, f"model.{key}", shown(model[key]))
    if normal not in (None, BLANK_BEFORE, {"type": "NFC"}):
        _refuse(path, "normalizer", _shown(normal))
    return (pattern_of(path, found.get("pre_tokenizer")), model.get("ignore_merges") is True,
            _type(normal) == "NFC")


def _check_class(path):
    """Without tokenizer.json the class alone says how texts are cut."""
    if path.exists():
        name = read_object(path, 1 << 24).get("tokenizer_class", PLAIN[0])
        if name not in PLAIN:
            raise FileError(f"{path}: tokenizer_class is {short(str(name))}, and there is no "
                            "tokenizer.json that says how it cuts texts; save the folder with one")


def _merges(path):
    try:
        lines = path.read_text("utf-8").splitlines()
    except UnicodeDecodeError:
        raise FileError(f"{path}: not UTF-8") from None
    return [line for line in lines if line and not line.startswith("#version")]


def _read(folder):
    """(path, {token: row}, the merges as lines, how texts are cut, added tokens)."""
    vocabulary, merges, path = (folder / x for x in ("vocab.json", "merges.txt", "tokenizer.json"))
    both, cut, added = vocabulary.exists() and merges.exists(), ("", False, False), {}
    if path.exists():
        found = read_object(path, MOST)
        cut = _check(path, found)
        added = {each["content"]: each["id"] for each in found.get("added_tokens") or []
                 if isinstance(each, Members) and isinstance(each.get("content"), str)}
    elif both:
        _check_class(folder / "tokenizer_config.json")
    else:
        raise FileError(f"{folder}: neither vocab.json and merges.txt nor tokenizer.json, which "
                        "vocab.kind gpt2 without vocab.merges takes the tokens from")
    if both:
        return vocabulary, read_object(vocabulary, MOST), _merges(merges), cut, added
    model = found["model"]
    if not isinstance(model.get("vocab"), Members) or not isinstance(model.get("merges"), list):
        raise FileError(f"{path}: its model is no BPE with vocab and merges")
    return path, {**model["vocab"], **added}, [
        pair if isinstance(pair, str) else " ".join(map(str, pair)) for pair in model["merges"]], cut, added


def _check_whole(path, found, merges, added):
    """Pieces are taken whole where they are symbols, which bytes and merges make."""
    made = {*BYTES, *(line.replace(" ", "") for line in merges)}
    for text in found.keys() - added.keys() - made:
        raise FileError(f"{path}: {short(text)} is made by no merge; with ignore_merges kcap would not "
                        "find it in a text")


def _printable(text):
    """A token as byte pairs have it; an added one, of plain text, is made such."""
    if text and all(char in BYTES for char in text):
        return text
    return "".join(CHARS[byte] for byte in text.encode())


class Tokens:
    """A folder's tokens for kcap, whose token 0 is <eos>.
        merges, tokens    texts of the files vocab.merges and vocab.tokens
        pattern, whole    of the keys vocab.pattern and vocab.whole
        nfc               its texts are brought into NFC first
        rows              which row of the model each of kcap's tokens is"""

    def __init__(self, folder, n_vocab, eos):
        path, found, merges, (self.pattern, self.whole, self.nfc), added = _read(Path(folder))
        if self.whole:
            _check_whole(path, found, merges, added)
        names = [None] * n_vocab
        for text, row in found.items():
            number = whole(row)
            if number is None or number < 0:
                raise FileError(f"{path}: {short(text)} has no row")
            if number < n_vocab:  # tokens without a row of the model are not those of any text
                names[number] = _printable(text)
        if eos is None or not 0 <= eos < n_vocab:
            raise FileError(f"{Path(folder) / 'config.json'}: bos_token_id, or where there is none "
                            f"eos_token_id, is none of the rows 0 to {n_vocab - 1}; kcap begins each "
                            "document with that token")
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
        """Write both files; returns what sets them, as YAML that any text and path is safe in."""
        values = {"pattern": self.pattern, "whole": "yes" if self.whole else "no"}
        for name, text in ("merges", self.merges), ("tokens", self.tokens):
            path = Path(folder) / f"{name}.txt"
            path.write_text(text, encoding="utf-8")
            values[name] = str(path)
        return [f"vocab.{key}={json.dumps(value)}" for key, value in values.items()]

    def check_texts(self, files):
        """Refuse texts {name: text} that its normaliser would change: kcap takes them as they are."""
        for name, text in files.items() if self.nfc else ():
            if unicodedata.is_normalized("NFC", text):
                continue
            line = next((n for n, line in enumerate(text.split("\n"), 1)
                         if not unicodedata.is_normalized("NFC", line)), 1)
            raise FileError(f"{name}:{line}: not in NFC, which this model's tokenizer makes of a text; "
                            "convert it: uconv -x nfc")
