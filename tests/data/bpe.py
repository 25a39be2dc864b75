# SPDX-License-Identifier: BSD-3-Clause
"""bpe.py PROGRAM [MERGES]: byte pairs as PROGRAM, bpe.c, makes and learns them against GPT-2's own
description: patterns as another library's regular expressions, pairs merged one kind after the
other. MERGES: a file of merges to compare with besides those learnt here, such as GPT-2's
vocab.bpe."""

import os
import random
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter
from pathlib import Path

import regex

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
ENDS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
BLANKS = r"\s*[\r\n]+|\s+(?!\S)|\s+"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
FRONT = r"[^\r\n\p{L}\p{N}]?"
# As tokenizer.json has them: of Llama 3 (cl100k_base), of Qwen 2, of o200k_base; and one that does
# not take every text, whose rest are pieces too.
PATTERNS = [
    *(rf"{ENDS}|{FRONT}\p{{L}}+|{number}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{BLANKS}"
      for number in (r"\p{N}{1,3}", r"\p{N}")),
    rf"{FRONT}{UPPER}*{LOWER}+{ENDS}?|{FRONT}{UPPER}+{LOWER}*{ENDS}?|\p{{N}}{{1,3}}|"
    rf" ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{BLANKS}",
    r"(?<=\s)\p{L}+(?!\p{M})|\d{2}",
    # Several, as those of SmolLM and StarCoder (Digits, then GPT-2's) and of DeepSeek: in a piece nothing is seen of
    # the text around it.
    "\\p{N}\n" + GPT2, "[\\r\\n]\n\\s?\\p{L}+\n\n\\s?[!-/:-~]+\n\\s+$\n\\p{N}+\n(?<=\\p{L}) |^.\n"]
SEEN = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
HIDDEN = [byte for byte in range(256) if byte not in SEEN]
CHAR = {byte: chr(byte) for byte in SEEN} | {byte: chr(256 + i) for i, byte in enumerate(HIDDEN)}
WORDS = ("The the St. don't he'll 'tis 's It's 1996, 12345 naïve Straße ２０ Ⅷ x² États-Unis 東京 "
         "العربية हिन्दी क्षि e\u0301 👩\u200d🚀 🇩🇪 \u00a0 \u2003 \u3000 \u0085 \u1680 \t \n \r\n "
         "a.b@c.de C++ #1 '' ''s 'S 'LL 'Re '\u017f McDonald's iPHONEs ǅ ª \x1c \u180e \u2028 \ufeff zzzzzzzzz aaaaaaaaaaaaaaaaaaaaaaaaaaaa").split(" ")


def printable(text):
    return tuple(CHAR[byte] for byte in text.encode())


def cut(text, expression):
    """What it takes, and what lies between."""
    cuts = [0, *(at for found in regex.finditer(expression, text) for at in found.span()), len(text)]
    return [text[a:b] for a, b in zip(cuts, cuts[1:]) if a < b]


def pieces(text, pattern=""):
    """Each line of the pattern cuts what those before it have made."""
    texts = [text]
    for expression in filter(None, (pattern or GPT2).split("\n")):
        texts = [piece for text in texts for piece in cut(text, expression)]
    return [printable(text) for text in texts]


def merged(symbols, pair):
    """All of one pair, from the left."""
    out, i = [], 0
    while i < len(symbols):
        here = symbols[i:i + 2] == pair
        out.append(symbols[i] + symbols[i + 1] if here else symbols[i])
        i += 1 + here
    return tuple(out)


def encode(symbols, ranks):
    while True:
        pair = min(zip(symbols, symbols[1:]), key=lambda p: ranks.get(p, len(ranks)), default=None)
        if pair not in ranks:
            return symbols
        symbols = merged(symbols, pair)


def learn(texts, n):
    """Merges by recounting everything after each."""
    words = Counter(piece for text in texts for piece in pieces(text))
    byte_of = {char: byte for byte, char in CHAR.items()}
    merges = []
    for _ in range(n):
        pairs = Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], *([byte_of[c] for c in s] for s in p)))
        merges.append(best)
        fresh = Counter()
        for word, count in words.items():
            fresh[merged(word, best)] += count
        words = fresh
    return merges


def text_of(draw):
    """Words, and characters of any script that this Python's Unicode knows."""
    parts = []
    for _ in range(draw.randrange(1, 12)):
        kind = draw.randrange(4)
        if kind == 0:
            char = chr(draw.choice((draw.randrange(1, 0x3000), draw.randrange(1, 0x20000))))
            known = unicodedata.category(char) not in ("Cn", "Cs")
            parts.append(char * draw.choice((1, 1, 3)) if known else "x")
        elif kind == 1:
            parts.append(" " * draw.randrange(1, 4))
        else:
            parts.append(draw.choice(WORDS) + draw.choice(("", " ", "'s", ".")))
    return "".join(parts)


def run(program, texts, *arguments, **environment):
    given = b"".join(text.encode() + b"\0" for text in texts)
    return subprocess.run([program, *arguments], input=given, capture_output=True, check=True,
                          env=os.environ | environment).stdout.decode()


def read_merges(text):
    return [tuple(line.split(" ")) for line in text.split("\n")[1:-1]]


def compare(program, path, texts, pattern="", **whole):
    ranks = {pair: rank for rank, pair in enumerate(read_merges(path.read_text("utf-8")))}
    made = {left + right for left, right in ranks} if whole else ()
    lines = run(program, texts, str(path), PATTERN=pattern, **whole).split("\n")[:-1]
    assert len(lines) == len(texts), f"{len(lines)} lines of {len(texts)} texts"
    for text, line in zip(texts, lines):
        right = " ".join(s for piece in pieces(text, pattern) for s in (
            ["".join(piece)] if "".join(piece) in made else encode(piece, ranks)))
        assert line == right, f"{pattern!r} {text!r}\n  is {line}\n  not {right}"
        assert "".join(printable(text)) == line.replace(" ", ""), f"{text!r}: bytes are lost"


def main(program, *files):
    draw = random.Random(13)
    texts = [text_of(draw) for _ in range(4000)]
    corpus = texts[:400]
    said = run(program, corpus, "--learn", "300")
    right = learn(corpus, 300)
    assert read_merges(said) == right, [pair for pair in zip(read_merges(said), right)
                                        if pair[0] != pair[1]][:1]
    # Everything is one symbol a piece in the end, and there it stops.
    few = ["abab abc aaaaaaa aaaaa", "aaaaaaaaa abc"]
    assert read_merges(run(program, few, "--learn", "1000")) == learn(few, 1000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "merges.txt"
        path.write_text(said, "utf-8")
        for each in (path, *map(Path, files)):
            compare(program, each, texts)
        for pattern in PATTERNS:
            compare(program, path, texts[:1000], pattern)
        # A symbol that its text is not merged to: `te` takes what it needs.
        path.write_text("#version: 0.2\nt e\ni t\na it\nait e\n", "utf-8")
        assert run(program, ["aite"], str(path)) == "a i te\n"
        compare(program, path, ["aite xaite aite", "ait aites 12", "aite"])
        compare(program, path, ["aite xaite aite", "ait aites 12", "aite"], PATTERNS[0], WHOLE="yes")


if __name__ == "__main__":
    main(*sys.argv[1:])
