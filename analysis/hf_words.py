# SPDX-License-Identifier: BSD-3-Clause
"""The vocabulary as Hugging Face's programs read it: vocab.json, tokenizer.json and
tokenizer_config.json.

The tokenizer makes kcap's tokens of a text: <eos> first, then words parted by blanks, where each of
, . ; : ! ? at a word's end is a word of its own, in corpora that have it as a word (bios; the id1:
of biod is one word); decoding is the inverse. Its limits: a word that the corpus has not is an
error, and of tokens with the same word, such as a first and a middle name of biod, a text's word is
always the first; kcap alone tells them apart. Those after it are named word#token."""

from exact_json import read_object, short, whole
from kcap_files import FileError

EOS = "<eos>"
STOPS = ",.;:!?"


def names_of(words):
    """A name for each token: its word, or word#token where an earlier token has the same."""
    first = {}
    for token, word in enumerate(words):
        first.setdefault(word, token)
    used, names = set(first), []
    for token, word in enumerate(words):
        name = word
        while first[word] != token and name in used:
            name = f"{word}#{token}" if name == word else name + "#"
        used.add(name)
        names.append(name)
    return names


def vocabulary(words):
    """{name: token} of the words of a checkpoint, which are bytes."""
    texts = []
    for token, word in enumerate(words):
        try:
            texts.append(word.decode())
        except UnicodeDecodeError:
            raise FileError(f"vocab.json: word {token} of the corpus is not UTF-8, as JSON "
                            "demands") from None
    return {name: token for token, name in enumerate(names_of(texts))}


def check(path, words, wanted):
    """Is this vocab.json the corpus's? Where there is no such file nothing is said against it."""
    if not path.exists():
        return
    found, right = read_object(path, 1 << 28), list(vocabulary(words))
    for name, value in found.items():
        token = whole(value)
        there = right[token] if token is not None and token < len(right) else None
        if there != name:
            number = value if isinstance(value, (int, float)) else -1
            here = "no word" if there is None else short(there, 80)
            raise FileError(f"{path}: {short(name)} is token {number:.15g}; the corpus of {wanted} "
                            f"has {here} there")
    if len(found) != len(right):
        raise FileError(f"{path}: {len(found)} words; the corpus of {wanted} has {len(right)}")


def _stops(names):
    """Patterns of those that are words of this vocabulary: a stop that nothing but stops follows in
    its word, and the blank before one. None where there are none."""
    known = "".join(stop for stop in STOPS if stop in names)
    return [(f"[{known}](?![{known}]*[^{known}])", f" (?=[{known}](?![^ ]))")] if known else []


def tokenizer(names):
    """tokenizer.json of the tokenizers library, of {name: token}."""
    stops = _stops(names)
    eos = {"id": 0, "content": EOS, "single_word": False, "lstrip": False, "rstrip": False,
           "normalized": False, "special": True}
    begin = {"SpecialToken": {"id": EOS, "type_id": 0}}
    one, two = ([begin, {"Sequence": {"id": text, "type_id": 0}}] for text in "AB")
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [eos],
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": " "}, "behavior": "Removed", "invert": False},
            *({"type": "Split", "pattern": {"Regex": at_end}, "behavior": "Isolated",
               "invert": False}
              for at_end, _ in stops)]},
        "post_processor": {
            "type": "TemplateProcessing", "single": one, "pair": one + two,
            "special_tokens": {EOS: {"id": EOS, "ids": [0], "tokens": [EOS]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "WordPiece", "prefix": "##", "cleanup": False},
            {"type": "Fuse"},
            *({"type": "Replace", "pattern": {"Regex": blank_before}, "content": ""}
              for _, blank_before in stops)]},
        "model": {"type": "WordLevel", "vocab": names, "unk_token": "<unk>"}}


def tokenizer_config(s):
    """tokenizer_config.json: the class that takes tokenizer.json as it is, whatever the model's."""
    return {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": EOS, "eos_token": EOS,
            "model_max_length": s.T, "clean_up_tokenization_spaces": False}
