# SPDX-License-Identifier: BSD-3-Clause
"""bpe_npm.py PROGRAM FOLDER: tokens of PROGRAM, bpe.c, against those of released tokenizers, and of
pre-tokenizers of several steps against the library tokenizers, on 15,000 lines of any UTF-8. FOLDER is where `npm install gpt-tokenizer gpt-3-encoder tiktoken tokenizers` was
called. No test: it needs the network. Lines where libraries do not have to agree are counted apart:
characters newer than this Python's Unicode, and U+0085 and U+FEFF, of which JavaScript says the
opposite of Unicode when asked for white space."""

import base64
import json
import random
import subprocess
import sys
import unicodedata
from pathlib import Path

import bpe

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "analysis"))
from exact_json import Members  # noqa: E402
from hf_tokenizer import pattern_of  # noqa: E402

LINES = 15000
CASES = {"cl100k_base": bpe.PATTERNS[0], "o200k_base": bpe.PATTERNS[2]}


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def bytes_of(regex):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": regex}


def digits(one):
    return {"type": "Digits", "individual_digits": one}


# With cl100k_base's merges: as SmolLM and StarCoder have it; as DeepSeek has it, with fewer scripts and marks.
SEQUENCES = {
    "digits": [digits(True), bytes_of(True)], "numbers": [digits(False), bytes_of(True)],
    "splits": [split("[\r\n]"), split("\\s?\\p{L}+"), split("\\s?[!-/:-~]+"), split("\\s+$"),
               split("[\u4e00-\u9fa5\u3040-\u30ff]+"), digits(True), bytes_of(False)],
    "three": [split(r"\p{N}{1,3}"), split(r"[#-'&]+|\s+$"), split(r" ?[\p{P}\p{S}]+[\r\n]*|[\p{L}\p{M}]+"),
              bytes_of(False)]}
NODE = """
const fs = require('fs'), folder = process.argv[1] + '/', need = x => require(folder + 'node_modules/' + x);
const read = x => JSON.parse(fs.readFileSync(folder + x));
const [lines, sure] = read('lines.json'), {get_encoding} = need('tiktoken'), {Tokenizer} = need('tokenizers');
const need_sequences = process.argv[2].split(',');
const say = (name, ours, theirs) => {
  const differs = i => JSON.stringify(ours[i]) !== JSON.stringify([...theirs[i]]);
  const other = [...lines.keys()].filter(differs), wrong = other.filter(i => sure[i]);
  console.log(`${name}: ${other.length} of ${lines.length} lines differ, ${wrong.length} of ` +
              `${sure.filter(x => x).length} where all must agree`);
  for (const i of wrong.slice(0, 5)) console.log('  ' + JSON.stringify(lines[i]));
};
(async () => {
  for (const name of ['cl100k_base', 'o200k_base']) {
    const ours = read(name + '.ours.json'), tiktoken = get_encoding(name);
    say('tiktoken ' + name, ours, lines.map(x => tiktoken.encode_ordinary(x)));
    const gpt = need('gpt-tokenizer/cjs/encoding/' + name);
    say('gpt-tokenizer ' + name, ours, lines.map(x => gpt.encode(x)));
    const hf = Tokenizer.fromFile(folder + name + '.tokenizer.json');
    say('tokenizers ' + name, ours, (await hf.encodeBatch(lines)).map(x => x.getIds()));
  }
  for (const name of need_sequences) {
    const hf = Tokenizer.fromFile(folder + name + '.tokenizer.json');
    say('tokenizers ' + name, read(name + '.ours.json'), (await hf.encodeBatch(lines)).map(x => x.getIds()));
  }
  say('gpt-3-encoder', read('gpt2.ours.json'), lines.map(x => need('gpt-3-encoder').encode(x)));
})();
"""


def char(draw):
    """Any of all planes."""
    code = 0xD800
    while 0xD800 <= code < 0xE000:
        code = draw.randrange(1, draw.choice((0x80, 0x3000, 0x10000, 0x20000, 0x110000)))
    return chr(code)


def line(draw):
    parts = []
    for _ in range(draw.randrange(1, 14)):
        parts.append(draw.choice((
            lambda: char(draw) * draw.choice((1, 1, 3)),
            lambda: "".join(draw.choices("\r\n\t ", k=draw.randrange(1, 5))),
            lambda: "".join(draw.choices("0123456789", k=draw.randrange(1, 9))),
            lambda: draw.choice("\u0301\u0327\u20dd\u094d"),
            lambda: draw.choice(bpe.WORDS) + draw.choice(("", " ", "'s", "."))))())
    return "".join(parts)


def lay(folder, name, sequences):
    """tokenizer.json of tiktoken's ranks: the merges are all ways to cut a token into two."""
    rows = (folder / f"node_modules/gpt-tokenizer/data/{name}.tiktoken").read_text().split("\n")
    ranks = {base64.b64decode(token): int(rank) for token, rank in map(str.split, filter(None, rows))}
    merges = []
    for token, rank in ranks.items():
        cuts = ((token[:i], token[i:]) for i in range(1, len(token)))
        merges += [(rank, ranks[a], ranks[b], a, b) for a, b in cuts if a in ranks and b in ranks]
    text = ["".join(bpe.CHAR[byte] for byte in a) + " " + "".join(bpe.CHAR[byte] for byte in b)
            for *_, a, b in sorted(merges)]
    numbers = {"".join(bpe.CHAR[byte] for byte in token): rank for token, rank in ranks.items()}
    (folder / f"{name}.txt").write_text("\n".join(["#version: 0.2", *text, ""]), "utf-8")
    for each, steps in sequences.items():
        (folder / f"{each}.tokenizer.json").write_text(json.dumps({
            "version": "1.0", "added_tokens": [],
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": steps},
            "model": {"type": "BPE", "ignore_merges": True, "vocab": numbers, "merges": text}}))
    return numbers


def main(program, folder):
    folder = Path(folder).resolve()
    draw = random.Random(2026)
    lines = [line(draw) for _ in range(LINES)]
    sure = [not any(x in "\x85\ufeff" or unicodedata.category(x) == "Cn" for x in text)
            for text in lines]
    (folder / "lines.json").write_text(json.dumps([lines, sure]))

    def keep(name, numbers, merges, **how):
        said = bpe.run(program, lines, str(merges), **how).split("\n")[:-1]
        (folder / f"{name}.ours.json").write_text(
            json.dumps([[numbers[token] for token in x.split(" ")] for x in said]))
    for name, pattern in CASES.items():
        numbers = lay(folder, name, {name: [split(pattern), bytes_of(False)]})
        keep(name, numbers, folder / f"{name}.txt", PATTERN=pattern, WHOLE="yes")
    numbers = lay(folder, "cl100k_base", SEQUENCES)
    for name, steps in SEQUENCES.items():
        said = json.dumps({"type": "Sequence", "pretokenizers": steps})
        keep(name, numbers, folder / "cl100k_base.txt", WHOLE="yes",
             PATTERN=pattern_of(name, json.loads(said, object_pairs_hook=Members)))
    gpt2 = folder / "node_modules/gpt-3-encoder"
    keep("gpt2", json.loads((gpt2 / "encoder.json").read_text()), gpt2 / "vocab.bpe")
    subprocess.run(["node", "-e", NODE, str(folder), ",".join(SEQUENCES)], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
