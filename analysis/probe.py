#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""probe.py RUN|FILE --out DIR: where, and when, an attribute can be read off the hidden states.

Of a run with measure.probe_every its linear probes: for each attribute layers x places of the text after
the last measurement, and the last block over all measurements. Of what `kcap probe RUN` kept (--out
FILE.h5, also while it goes on) or printed (--json >FILE.json) P-probing, places x attributes, and
Q-probing. Writes DIR/probe.csv, a row a number with its control, and DIR/probe.png, heat maps of the
whole value."""

import argparse
import csv
import math
import sys
from pathlib import Path

from needed import ADVICE, ended, libraries

with libraries("probe"):
    from exact_json import read_object
    import numpy as np
    from kcap_files import FileError, path_given, path_text, read_probes, read_run
    from new_folder import new_file
    import plot

HEADS = ("probe", "step", "layer", "position", "attribute", "first", "control_first", "chance_first",
         "value", "control_value", "chance_value")
NOTHING = "no attribute has four learners to a value, so none was asked: more people would do"
KINDS = {"p": "P-probing, from the text", "q": "Q-probing, from the name alone"}


def places(n):
    """What stands before: the name's end, then the token before each value."""
    return ["name"] + [f"value {i}" for i in range(1, n)]


def layers_of(n):
    """Layer 0 is the embedding, the last one the last norm's output."""
    return ["embedding"] + [f"block {i}" for i in range(1, n - 1)] + ["last norm"]


def of_run(where):
    """(rows of the CSV, panels) of a run's /probe."""
    run = read_run(where)
    columns, lists = run.others.get("probe"), run.lists.get("probe")
    if columns is None or not len(columns["step"]):
        raise FileError(f"{run.path}: no linear probes in it: set measure.probe_every, or give what "
                        "kcap probe RUN kept or printed")
    L, p, a = (int(columns[name][-1]) for name in ("layers", "positions", "attributes"))
    cube = {name: lists[name].reshape(-1, L, p, a) for name in
            ("first", "control_first", "value", "control_value")}
    names = run.attribute_names[1:1 + a]
    rows = [("linear", int(step), layer, place, names[k], *(
        x for kind in ("first", "value") for x in (
            cube[kind][e, i, j, k], cube[f"control_{kind}"][e, i, j, k], lists[f"chance_{kind}"][e, k])))
            for e, step in enumerate(columns["step"]) for i, layer in enumerate(layers_of(L))
            for j, place in enumerate(places(p)) for k in range(a)]
    last = cube["value"][-1]
    asked = [k for k in range(a) if np.isfinite(last[..., k]).any()]
    if not asked:
        raise FileError(f"{run.path}: {NOTHING} (measure.probe_people)")
    panels = [(names[k], last[..., k], layers_of(L), places(p)) for k in asked]
    over = cube["value"][:, L - 2][..., asked].mean(axis=2)
    panels.append((f"mean of these, block {L - 2}, by exposures", over,
                   [f"{x:.4g}" for x in columns["exposures"]], places(p)))
    return rows, panels


def of_kinds(found):
    """The same of P- and Q-probing: {kind: (names, {first, control_first, ...: [places, attributes]},
    {first, value: chance [attributes]})}."""
    rows, panels = [], []
    for kind, (names, grid, chance) in found.items():
        p = len(grid["value"])
        rows += [(kind, None, "last block", place if kind == "p" else "end", names[k], *(
            y for each in ("first", "value") for y in (
                grid[each][j, k], grid[f"control_{each}"][j, k], chance[each][k])))
                 for j, place in enumerate(places(p)) for k in range(len(names))]
        panels.append((KINDS[kind], grid["value"], places(p) if kind == "p" else ["end"], names))
    return rows, panels


def of_json(path):
    """What was printed."""
    found, kinds = read_object(path), {}
    try:
        for kind in sorted(KINDS.keys() & found.keys()) or KINDS:
            x, names = found[kind], found[kind]["attributes"]
            grid = {name: np.array(x[name], float).reshape(int(x["positions"]), len(names)) for name in
                    ("first", "control_first", "value", "control_value")}
            kinds[kind] = names, grid, {each: x[f"chance_{each}"] for each in ("first", "value")}
        if not any(np.isfinite(grid["value"]).any() for _, grid, _ in kinds.values()):
            raise FileError(f"{path}: {NOTHING} (--people)")
        return of_kinds(kinds)
    except (ArithmeticError, ValueError, KeyError, TypeError) as e:
        raise FileError(f"{path}: not what kcap probe RUN --json prints: {e!r}") from None


def of_probes(probes):
    """What was kept: a row a task, the first tokens of all attributes before the whole values."""
    kinds, n = {}, len(probes.names)
    for kind, columns in probes.kinds.items():
        def table(name, missing=2 * n - len(columns["task"]), columns=columns):
            """Both halves; NaN for tasks that are not trained yet."""
            rest = np.full((missing, *columns[name].shape[1:]), np.nan)
            return dict(zip(("first", "value"), np.split(np.concatenate([columns[name], rest]), 2)))
        grid = {each: x.T for each, x in table("accuracy").items()}
        grid |= {f"control_{each}": x.T for each, x in table("control").items()}
        kinds[kind] = probes.names, grid, table("chance")
    return of_kinds(kinds)


def cell(value):
    """Nothing where nothing was asked."""
    return "" if value is None or isinstance(value, float) and math.isnan(value) else value


def probe(given):
    where = Path(given.of)
    printed = where.suffix == ".json"
    kept = read_probes(where) if where.is_file() and not printed else None
    rows, panels = of_json(where) if printed else of_probes(kept) if kept else of_run(where)
    given.out.mkdir(parents=True, exist_ok=True)
    with new_file(given.out / "probe.csv") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADS)
        writer.writerows([cell(x) for x in row] for row in rows)
    plot.shares(panels, where.stem if printed or kept else where.name, given.out / "probe.png")
    print(f"  files   {given.out / 'probe.csv'}\n          {given.out / 'probe.png'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("of", type=path_text, metavar="RUN|FILE")
    parser.add_argument("--out", type=path_given, required=True, metavar="DIR")
    given = parser.parse_args()
    return ended("probe", lambda: probe(given), FileError, ADVICE)


if __name__ == "__main__":
    sys.exit(main())
