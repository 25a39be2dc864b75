# SPDX-License-Identifier: BSD-3-Clause
"""The vocabulary as Hugging Face's programs read it: vocab.json, tokenizer.json and
tokenizer_config.json, and of byte pairs merges.txt.

The tokenizer makes kcap's tokens of a text: <eos> first, then words parted by blanks, where each of
, . ; : ! ? at a word's end is a word of its own, in corpora that have it as a word (bios; the id1:
of biod is one word); decoding is the inverse. Its limits: a word that the corpus has not is an
error, and of tokens with the same word, such as a first and a middle name of biod, a text's word is
always the first; kcap alone tells them apart. Those after it are named word#token.

Of byte pairs it is GPT-2's or that of vocab.pattern, with a blank in front of the text. kcap cuts a
name, a value and what stands between them apart, so its limit is a value that ends in a mark before a mark of the sentence,
as in `Yahoo!.`, where the tokenizer may make one token of both. Merges need all that they make, so
tokens that the corpus has not come after those of the model, which has no rows for them. A marker of
a table is an added token."""

from exact_json import read_object, short, whole
from kcap_files import FileError

EOS = "<eos>"
STOPS = ",.;:!?"
MERGES = "vocab/merges.txt"  # among the files of a checkpoint

_SEEN = [byte for byte in range(256) if chr(byte).isprintable() and byte != 32]
_HIDDEN = [byte for byte in range(256) if byte not in _SEEN]
BYTES = {chr(byte): byte for byte in _SEEN} | {
    chr(256 + i): byte for i, byte in enumerate(_HIDDEN)}


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


def pairs_of(files):
    """The pairs that a run's merges merge; None where its vocabulary is of words."""
    if MERGES not in files:
        return None
    return [tuple(line.split(" ")) for line in files[MERGES].splitlines()
            if line and not line.startswith("#version")]


def _made(pairs):
    """What stands in texts of byte pairs: bytes, as GPT-2 shows them, and what merges make."""
    return [*BYTES, *(left + right for left, right in pairs)]


def _marks(words, pairs):
    """Tokens that no text has, but for <eos>, with the blank before them: {token: text}."""
    made = set(_made(pairs))
    return {token: bytes(BYTES[char] for char in word).decode()
            for token, word in enumerate(words) if token and word not in made}


def vocabulary(words, pairs=None):
    """{name: token} of the words of a checkpoint, which are bytes; of byte pairs with what merges
    make and the corpus has not."""
    texts = []
    for token, word in enumerate(words):
        try:
            texts.append(word.decode())
        except UnicodeDecodeError:
            raise FileError(f"vocab.json: word {token} of the corpus is not UTF-8, as JSON "
                            "demands") from None
    if pairs is None:
        return {name: token for token, name in enumerate(names_of(texts))}
    for token, text in _marks(texts, pairs).items():
        texts[token] = text
    names = {name: token for token, name in enumerate(names_of(texts))}
    for name in _made(pairs):
        names.setdefault(name, len(names))
    return names


def check(path, words, pairs, wanted):
    """Is this vocab.json the corpus's? Where there is no such file nothing is said against it."""
    if not path.exists():
        return
    found, right = read_object(path, 1 << 28), list(vocabulary(words, pairs))
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


def _added(token, text, special):
    return {"id": token, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
            "normalized": False, "special": special}


def _words_model(names):
    """What a tokenizer of words is, beside what all are."""
    stops = _stops(names)
    return {
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": " "}, "behavior": "Removed", "invert": False},
            *({"type": "Split", "pattern": {"Regex": at_end}, "behavior": "Isolated",
               "invert": False}
              for at_end, _ in stops)]},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "WordPiece", "prefix": "##", "cleanup": False},
            {"type": "Fuse"},
            *({"type": "Replace", "pattern": {"Regex": blank_before}, "content": ""}
              for _, blank_before in stops)]},
        "model": {"type": "WordLevel", "vocab": names, "unk_token": "<unk>"}}


# The blank in front of a text: ByteLevel would put one before each piece of a Split.
BLANK_BEFORE = {"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": " "},
    {"type": "Replace", "pattern": {"Regex": r"\A  "}, "content": " "}]}


def _pairs_model(names, pairs, vocab):
    bytes_of = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True,
                "use_regex": True}
    pattern = vocab.get("pattern")
    split = {"normalizer": BLANK_BEFORE, "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
        *({"type": "Split", "pattern": {"Regex": each}, "behavior": "Isolated", "invert": False}
          for each in pattern.split("\n") if each),
        bytes_of | {"add_prefix_space": False, "use_regex": False}]}} if pattern else {}
    return {
        "pre_tokenizer": bytes_of, "decoder": bytes_of, **split,
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": "", "end_of_word_suffix": "", "fuse_unk": False,
                  "ignore_merges": vocab.get("whole") == "yes",
                  "vocab": names, "merges": [" ".join(pair) for pair in pairs]}}


def tokenizer(names, words=(), pairs=None, vocab=None):
    """tokenizer.json of the tokenizers library, of {name: token}; of byte pairs their words too, and
    the keys of vocab that say how texts are cut."""
    marks = _marks([word.decode() for word in words], pairs) if pairs is not None else {}
    begin = {"SpecialToken": {"id": EOS, "type_id": 0}}
    one, two = ([begin, {"Sequence": {"id": text, "type_id": 0}}] for text in "AB")
    return {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [_added(0, EOS, True),
                         *(_added(token, text, False) for token, text in marks.items())],
        "normalizer": None,
        "post_processor": {
            "type": "TemplateProcessing", "single": one, "pair": one + two,
            "special_tokens": {EOS: {"id": EOS, "ids": [0], "tokens": [EOS]}}},
        **(_words_model(names) if pairs is None else _pairs_model(names, pairs, vocab or {}))}


def tokenizer_config(s):
    """tokenizer_config.json: the class that takes tokenizer.json as it is, whatever the model's."""
    return {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": EOS, "eos_token": EOS,
            "model_max_length": s.T, "clean_up_tokenization_spaces": False}
