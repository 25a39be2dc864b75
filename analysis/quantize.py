#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""quantize.py RUN|CHECKPOINT.h5 ... --out DIR: how many bits of knowledge are left of how many bits a weight.

Each checkpoint (of several: runs that differ in their seed) is quantised by `kcap quantize` at all bits,
methods and groups, and measured by `kcap measure`; of what was measured already DIR keeps the JSON, so
that a run that was broken off goes on. Writes DIR/quantize.csv and quantize.png, and prints the table:
means over checkpoints, and their standard deviation."""

import argparse
import csv
import itertools
import json
import math
import statistics
import sys
from pathlib import Path

from needed import libraries

with libraries("quantize"):
    import kcap_program
    from kcap_files import FileError
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

# arXiv 2404.05405, Result 8: GPTQ of models of 2 bits a parameter.
PAPER = {8: "no loss", 4: "more than 2 times less (0.7 bits a parameter)"}


def arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("checkpoint", nargs="+", metavar="RUN|CHECKPOINT.h5")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    parser.add_argument("--bits", default="16,8,6,5,4,3,2", metavar="N,...")
    parser.add_argument("--method", default="rtn,gptq", metavar="NAME,...")
    parser.add_argument("--group", default="0,16", metavar="N,...",
                        help="inputs that share a scale; 0: all of an output")
    parser.add_argument("--embeddings", action="store_true",
                        help="embeddings, positions and output head too")
    parser.add_argument("--act-order", action="store_true", help="gptq: largest inputs first")
    parser.add_argument("--kcap", metavar="PATH", help="the program; else $KCAP or this tree's")
    given = parser.parse_args(words)
    for name in "bits", "group":
        try:
            setattr(given, name, [int(x) for x in getattr(given, name).split(",")])
        except ValueError:
            parser.error(f"--{name} {getattr(given, name)}: whole numbers, parted by commas")
    given.method = given.method.split(",")
    for name in given.method:
        if name not in ("rtn", "gptq"):
            parser.error(f"--method {name}: there are rtn and gptq")
    return given


def measured(program, given, i, settings):
    """The JSON of a checkpoint, quantised so; settings None: as it is."""
    name = f"{i}_whole" if settings is None else f"{i}_{settings[1]}{settings[0]}_g{settings[2]}" + \
        ("_embeddings" if given.embeddings else "") + ("_act" if given.act_order else "")
    kept = given.out / f"{name}.json"
    if kept.exists():
        return json.loads(kept.read_text(encoding="utf-8"))
    where = given.checkpoint[i]
    if settings is not None:
        bits, method, group = settings
        packed = given.out / f"{name}.h5"
        for left in packed, packed.with_suffix(".manifest"):
            left.unlink(missing_ok=True)
        more = (["--group", group] if group else []) + \
            (["--embeddings"] if given.embeddings else []) + \
            (["--act-order"] if given.act_order and method == "gptq" else [])
        kcap_program.run(program, "quantize", where, "--bits", bits, "--method", method, "--out",
                         packed, *more)
        where = packed
    text = kcap_program.run(program, "measure", where, "--json")
    partial = kept.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.rename(kept)
    return json.loads(text)


def row_of(found, settings):
    """Means over the checkpoints."""
    bits, method, group = settings or (32, "-", 0)
    kept = [x["bits_per_param"] for x in found]
    return {"bits": bits, "method": method, "group": group, "checkpoints": len(found),
            "stored_bits_per_param": statistics.mean(x["stored_bits_per_param"] for x in found),
            "bits_per_param": statistics.mean(kept),
            "sd": statistics.stdev(kept) if len(kept) > 1 else math.nan,
            "bits_per_stored_bit": statistics.mean(x["bits_per_stored_bit"] for x in found)}


def table(rows, embeddings):
    """The lines a person reads."""
    whole = rows[0]["bits_per_param"]
    yield ("norms and biases as they were, embeddings " +
           ("quantised too" if embeddings else "as they were") +
           f"; {rows[0]['checkpoints']} checkpoint(s), mean and sd")
    yield "  bits  method  group  stored bits  bits a parameter      sd   of 32 bit  bits a stored bit"
    for r in rows:
        sd = "     -" if math.isnan(r["sd"]) else f"{r['sd']:6.3f}"
        yield (f"  {r['bits']:>4}  {r['method']:>6}  {r['group'] or 'all':>5}  "
               f"{r['stored_bits_per_param']:11.3f}  {r['bits_per_param']:16.3f}  {sd}  "
               f"{100 * r['bits_per_param'] / whole:8.1f} %  {r['bits_per_stored_bit']:17.4f}")
    yield "arXiv 2404.05405, Result 8 (GPTQ): " + "; ".join(
        f"{bits} bits {said}" for bits, said in PAPER.items())


def plot(rows, path):
    """Bits a parameter, and below them bits a stored bit, over bits a weight; below 0 is cut off."""
    figure, axes = pyplot.subplots(2, 1, sharex=True, figsize=(7, 8), layout="constrained")
    for axis, name, label in ((axes[0], "bits_per_param", "bits kept a parameter"),
                              (axes[1], "bits_per_stored_bit", "bits kept a stored bit")):
        whole = rows[0][name]
        axis.axhline(whole, color="grey", linestyle=":", label="32 bits")
        for key in dict.fromkeys((r["method"], r["group"]) for r in rows[1:]):
            of = sorted((r["bits"], r[name]) for r in rows[1:] if (r["method"], r["group"]) == key)
            axis.plot(*zip(*of), marker="o", label=f"{key[0]}, " +
                      (f"groups of {key[1]}" if key[1] else "a scale an output"))
        axis.set_ylim(bottom=0)
        axis.set_ylabel(label)
    axes[0].plot([8, 4], [rows[0]["bits_per_param"], 0.35 * rows[0]["bits_per_param"]], "kx",
                 label="arXiv 2404.05405: at 8 bits all, at 4 bits 0.7 of 2")
    axes[0].legend(loc="lower right")
    axes[1].set_xlabel("bits a weight")
    figure.savefig(path, dpi=120)


def main(words=None):
    given = arguments(words)
    program = kcap_program.find(given.kcap)
    given.out.mkdir(parents=True, exist_ok=True)
    everything = [None, *itertools.product(given.bits, given.method, given.group)]
    rows = [row_of([measured(program, given, i, settings) for i in range(len(given.checkpoint))],
                   settings) for settings in everything]
    with open(given.out / "quantize.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    plot(rows, given.out / "quantize.png")
    print("\n".join(table(rows, given.embeddings)))


if __name__ == "__main__":
    try:
        main()
    except (FileError, OSError) as e:
        print(f"quantize: {e}", file=sys.stderr)
        sys.exit(2)
