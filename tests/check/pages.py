# SPDX-License-Identifier: BSD-3-Clause
"""pages.py [ROOT]: do the pages (*.md) hold together? Every link and #anchor leads somewhere, every
file and symbol that a page or a comment in C names is there, lines keep to the budget."""

import re
import sys
from pathlib import Path

COLUMNS, README_LINES = 100, 170
C, CODE = (".c", ".h", ".def"), (".c", ".h", ".def", ".sh", ".slurm", ".pbs", ".cmake")
OTHERS = re.compile(r"(build.*|runs|\.git|__pycache__)$")     # folders that are not of the tree
FENCED = re.compile(r"^```.*?^```[^\n]*$|^ {4}[^\n]*$", re.M | re.S)
LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)")
FILE = re.compile(r"(?<![\w<>*./-])(?:[\w.-]+/)*[\w-]+\.(?:c|h|def|py|sh|slurm|pbs|cmake|yaml|md)\b"
                  r"(?![\w*]|\.\w)")
SYMBOL = re.compile(r"\b(?:KC_[A-Z0-9_]+|kc_\w+)(?![\w*])|\bKC_[A-Z0-9]+(?=s\b)")
SAMPLE = re.compile(r"(?:.*/)?(?:[A-Z]+\.(?!md)|[a-z]\.)")       # INPUT.yaml, x.c
COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|(/\*.*?\*/|//[^\n]*)', re.S)


def tree(root):
    """Every file of the tree, from its root."""
    for path in sorted(root.iterdir()):
        if path.is_file():
            yield path
        elif not OTHERS.match(path.name):
            yield from tree(path)


def blank(match):
    """The same lines, empty, so that rows still count."""
    return "\n" * match.group().count("\n")


def anchors(text):
    """What #anchors GitHub gives to the headings of a page."""
    seen = {}
    for heading in re.findall(r"^#+ +(.*?) *$", FENCED.sub(blank, text), re.M):
        words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        seen[slug] = seen.get(slug, -1) + 1
        yield slug if not seen[slug] else f"{slug}-{seen[slug]}"


def links(path, text):
    """Links of a page that lead nowhere."""
    prose = re.sub(r"`[^`]*`", lambda m: "x" + blank(m), FENCED.sub(blank, text))
    for match in LINK.finditer(prose):
        target, _, anchor = match.group(1).partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        row = prose.count("\n", 0, match.start()) + 1
        there = path.parent / target if target else path
        if not there.exists():
            yield f"{row}: {match.group(1)}: no such file"
        elif anchor and anchor not in anchors(there.read_text(encoding="utf-8")):
            yield f"{row}: {match.group(1)}: no such heading"


def names(text, spans, files, symbols):
    """Files and symbols named in these spans of a text that the tree does not have."""
    def missing(pattern, span):
        for match in pattern.finditer(span.group()):
            yield text.count("\n", 0, span.start() + match.start()) + 1, match.group()
    for span in spans:
        for row, name in missing(FILE, span):
            if not SAMPLE.match(name) and not any(f"/{x}".endswith(f"/{name}") for x in files):
                yield f"{row}: {name}: no such file in the tree"
        for row, name in missing(SYMBOL, span):
            if name not in symbols:
                yield f"{row}: {name}: no such name in the code"


def budget(name, text):
    """Lines that are too wide, and a front page that is too long."""
    lines = text.splitlines()
    for row, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            yield f"{row}: {len(line)} columns of at most {COLUMNS}"
    if name == "README.md" and len(lines) > README_LINES:
        yield f"{len(lines)}: lines of at most {README_LINES}"


def check(root):
    """All breaches, one line each."""
    paths = {path.relative_to(root).as_posix(): path for path in tree(root)}
    texts = {name: path.read_text(encoding="utf-8") for name, path in paths.items()
             if path.suffix in (".md", *CODE) or path.name == "CMakeLists.txt"}
    if "README.md" not in texts:
        return [f"{root}: no README.md: nothing was checked"]
    ignored = (root / ".gitignore").read_text(encoding="utf-8").split() \
        if ".gitignore" in paths else []
    files = [*paths, *(line.strip("/") for line in ignored)]
    symbols = set(SYMBOL.findall("\n".join(
        COMMENT.sub(lambda m: "" if m.group(1) else m.group(), text) if name.endswith(C) else text
        for name, text in texts.items() if not name.endswith(".md"))))
    found = []
    for name, text in texts.items():
        rules = []
        if name.endswith(".md"):
            prose = FENCED.sub(blank, text)
            rules = [links(paths[name], text), budget(name, text),
                     names(prose, re.finditer(r"`[^`]+`", prose), files, symbols)]
        elif name.endswith(C):
            spoken = (m for m in COMMENT.finditer(text) if m.group(1))
            rules = [names(text, spoken, files, symbols)]
        found += [f"{name}:{line}" for rule in rules for line in rule]
    return found


if __name__ == "__main__":
    breaches = check(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]))
    print("\n".join(breaches))
    sys.exit(bool(breaches))
