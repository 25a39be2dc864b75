#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""quantize.py RUN|CHECKPOINT.h5 ... --out DIR: how many bits of knowledge are left of how many bits a weight.

Each checkpoint (of several: runs that differ in their seed) is quantised by `kcap quantize` at all bits,
methods, groups and codes, and measured by `kcap measure`; of what was measured already DIR keeps the JSON, under
the checkpoint's hash, so that a run that was broken off goes on. Writes DIR/quantize.csv and quantize.png, and prints the table:
means over checkpoints, and their standard deviation."""

import argparse
import csv
import itertools
import math
import os
import statistics
import sys

from needed import ADVICE, ended, libraries

with libraries("quantize"):
    from exact_json import object_of, read_object
    import kcap_checkpoint
    import kcap_program
    from kcap_files import FileError, path_given, path_text
    from new_folder import new_file
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot

FIGURES = "bits_per_param", "stored_bits_per_param", "bits_per_stored_bit"
# arXiv 2404.05405, Result 8: GPTQ of models of 2 bits a parameter.
PAPER = {8: "no loss", 4: "more than 2 times less (0.7 bits a parameter)"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("checkpoint", nargs="+", type=path_text, metavar="RUN|CHECKPOINT.h5")
    parser.add_argument("--out", required=True, type=path_given, metavar="DIR")
    parser.add_argument("--bits", default="16,8,6,5,4,3,2", metavar="N,...")
    parser.add_argument("--method", default="rtn,gptq", metavar="NAME,...")
    parser.add_argument("--group", default="0,16", metavar="N,...",
                        help="inputs that share a scale; 0: all of an output")
    parser.add_argument("--codes", default="symmetric", metavar="NAME,...",
                        help="symmetric, asymmetric (with zero points), or both")
    parser.add_argument("--embeddings", action="store_true",
                        help="embeddings, positions and output head too")
    parser.add_argument("--act-order", action="store_true", help="gptq: largest inputs first")
    parser.add_argument("--kcap", type=path_text, metavar="PATH", help="the program; else $KCAP or this tree's")
    given = parser.parse_args()
    for name in "bits", "group":
        try:
            setattr(given, name, [int(x) for x in getattr(given, name).split(",")])
        except ValueError:
            parser.error(f"--{name} {getattr(given, name)}: whole numbers, parted by commas")
    for option, words in ("method", ("rtn", "gptq")), ("codes", ("symmetric", "asymmetric")):
        setattr(given, option, getattr(given, option).split(","))
        for name in getattr(given, option):
            if name not in words:
                parser.error(f"--{option} {name}: there are {' and '.join(words)}")
    return given


def checkpoint_of(where):
    """(its path, its hash)."""
    with kcap_checkpoint.find(where) as found:
        return found.path, found.hash


def figures(path, found):
    """The object that kcap measure --json has printed."""
    if all(isinstance(found.get(name), (float, int)) for name in FIGURES):
        return found
    raise FileError(f"{path}: not what kcap measure --json prints")


def measured(program, given, checkpoint, settings):
    """The figures of a checkpoint, quantised so; settings None: as it is."""
    where, name = checkpoint
    name += "_whole" if settings is None else f"_{settings[1]}{settings[0]}_g{settings[2]}" + \
        ("_asymmetric" if settings[3] == "asymmetric" else "") + \
        ("_embeddings" if given.embeddings else "") + ("_act" if given.act_order else "")
    kept = given.out / f"{name}.json"
    if os.path.lexists(kept):
        try:
            return figures(kept, read_object(kept))
        except FileError as e:
            raise FileError(f"{e}: delete it") from None
    if settings is not None:
        bits, method, group, codes = settings
        packed = given.out / f"{name}.h5"
        for left in packed, packed.with_suffix(".manifest"):
            left.unlink(missing_ok=True)
        more = (["--group", group] if group else []) + \
            (["--asymmetric"] if codes == "asymmetric" else []) + \
            (["--embeddings"] if given.embeddings else []) + \
            (["--act-order"] if given.act_order and method == "gptq" else [])
        kcap_program.run(program, "quantize", where, "--bits", bits, "--method", method, "--out",
                         packed, *more)
        where = packed
    text = kcap_program.run(program, "measure", where, "--json")
    found = figures(where, object_of(text.encode(), program))
    with new_file(kept) as file:
        file.write(text)
    return found


def row_of(found, settings):
    """Means over the checkpoints."""
    bits, method, group, codes = settings or (32, "-", 0, "-")
    kept = [x["bits_per_param"] for x in found]
    return {"bits": bits, "method": method, "group": group, "codes": codes, "checkpoints": len(found),
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
    yield ("  bits  method  group       codes  stored bits  bits a parameter      sd   of 32 bit  "
           "bits a stored bit")
    for r in rows:
        sd = "     -" if math.isnan(r["sd"]) else f"{r['sd']:6.3f}"
        yield (f"  {r['bits']:>4}  {r['method']:>6}  {r['group'] or 'all':>5}  "
               f"{r['codes']:>10}  "
               f"{r['stored_bits_per_param']:11.3f}  {r['bits_per_param']:16.3f}  {sd}  "
               f"{100 * r['bits_per_param'] / whole:8.1f} %  {r['bits_per_stored_bit']:17.4f}")
    yield "arXiv 2404.05405, Result 8 (GPTQ): " + "; ".join(
        f"{bits} bits {said}" for bits, said in PAPER.items())


def plot(rows, path):
    """Bits a parameter, and below them bits a stored bit, over bits a weight; below 0 is cut off."""
    figure, axes = pyplot.subplots(2, 1, sharex=True, figsize=(7, 8), layout="constrained")
    for axis, figure_of, label in ((axes[0], "bits_per_param", "bits kept a parameter"),
                                   (axes[1], "bits_per_stored_bit", "bits kept a stored bit")):
        whole = rows[0][figure_of]
        axis.axhline(whole, color="grey", linestyle=":", label="32 bits")
        series = {}
        for r in rows[1:]:
            of = series.setdefault((r["method"], r["group"], r["codes"]), [])
            of.append((r["bits"], r[figure_of]))
        colours = {key: f"C{i}" for i, key in enumerate(dict.fromkeys(key[:2] for key in series))}
        for (method, group, codes), of in series.items():
            name = f"{method}, " + (f"groups of {group}" if group else "a scale an output")
            axis.plot(*zip(*sorted(of)), marker="o", color=colours[method, group],
                      linestyle="-" if codes == "symmetric" else "--",
                      label=name + (", asymmetric" if codes == "asymmetric" else ""))
        axis.set_ylim(bottom=0)
        axis.set_ylabel(label)
    axes[0].plot([8, 4], [rows[0]["bits_per_param"], 0.35 * rows[0]["bits_per_param"]], "kx",
                 label="arXiv 2404.05405: at 8 bits all, at 4 bits 0.7 of 2")
    axes[0].legend(loc="lower right", fontsize="small")
    axes[1].set_xlabel("bits a weight")
    with new_file(path, "wb") as file:
        figure.savefig(file, format="png", dpi=120)


def quantize(given):
    program = kcap_program.find(given.kcap)
    checkpoints = [checkpoint_of(where) for where in given.checkpoint]
    given.out.mkdir(parents=True, exist_ok=True)
    everything = [None, *itertools.product(given.bits, given.method, given.group, given.codes)]
    rows = [row_of([measured(program, given, x, settings) for x in checkpoints], settings)
            for settings in everything]
    with new_file(given.out / "quantize.csv") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    plot(rows, given.out / "quantize.png")
    print("\n".join(table(rows, given.embeddings)))


def main():
    given = arguments()
    return ended("quantize", lambda: quantize(given), FileError, ADVICE)


if __name__ == "__main__":
    sys.exit(main())
