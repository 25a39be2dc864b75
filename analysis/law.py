#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""The capacity law of one or more sweeps: fits, plots, tables and one page from folders of runs."""

import argparse
import json
import math
import multiprocessing
import os
import shlex
import signal
import sys
from collections import Counter
from pathlib import Path

from needed import ADVICE, ended, libraries

with libraries("law"):
    from exact_json import read_object
    from kcap_files import FileError, path_given, read_run
    import law_cells
    import law_families
    import law_fits as fits
    from law_page import page
    import law_plots
    import law_table
    from new_folder import new_file
    from report import finite, last, write_csv

NO_LIST = ": kcap sweep writes it anew when it runs a point; without it the folders count"
POINT_COLUMNS = ("sweep", "name", "cell", "n_params", "layers", "width", "n_people", "exposures", "seed",
                 "bits_per_param", "max_bits_per_param", "total_bits", "corpus_bits", "loss", "tokens",
                 "train_seconds", "stands_for")


class LawError(Exception):
    """Nothing to make a law of."""


def listed_points(folder):
    """The points a sweep has, from its list where there is one, else from its folders."""
    path = folder / "sweep.json"
    if not folder.is_dir():
        raise LawError(f"{folder}: no such folder: give the folder that a sweep writes")
    if os.path.lexists(path):
        try:
            found = read_object(path)
        except FileError as e:
            raise LawError(f"{e}{NO_LIST}") from None
        points = found.get("points")
        if not isinstance(points, list) or not all(
                isinstance(p, dict) and isinstance(p.get("name"), str) for p in points):
            raise LawError(f"{path}: has no list of points with names{NO_LIST}")
        return str(found.get("sweep", folder)), points
    names = sorted(each.parent.name for each in folder.glob("*/run.h5"))
    return str(folder), [{"name": name} for name in names]


def made_by(stamp):
    """The program that wrote a run, in words."""
    return (f"kcap {stamp.get('kcap_version', '(no version)')}, commit "
            f"{stamp.get('git_commit', 'unknown')}, {stamp.get('kernel', 'unknown')} kernels")


def command(arguments):
    """The line that makes the same again."""
    return shlex.join(["analysis/law.py", *map(str, arguments.sweep),
                       *(word for key in arguments.best for word in ("--best", key))]) + " --out DIR"


def point(run, sweep, entry):
    """One finished run as a row."""
    config, stamp = run.config, run.stamp
    return {"sweep": sweep, "name": entry["name"], "n_params": int(stamp["n_params"]),
            "layers": run.setting("model", "layers"),
            "width": run.setting("model", "heads") * run.setting("model", "head_dim"),
            "n_people": int(stamp["n_people"]), "exposures": run.setting("corpus", "exposures"),
            "seed": run.setting("run", "seed"),
            "bits_per_param": last(run.measure["bits_per_param"]),
            "max_bits_per_param": float(stamp["max_bits_per_param"]),
            "total_bits": last(run.measure["total_bits"]),
            "corpus_bits": float(stamp["corpus_bits"]), "loss": last(run.steps["loss"]),
            "tokens": last(run.steps["tokens"]),
            "train_seconds": float(run.steps["seconds"].sum()),
            "stands_for": entry.get("stands_for", ""), "config": stamp["config"],
            "run_name": stamp["run_name"], "made_by": made_by(stamp),
            "config_hash": stamp.get("config_hash"),
            "cell_key": law_cells.key_of(config),
            "law_key": law_cells.key_of(config, law_cells.FOLLOW_EXPOSURES)}


def reason_left_out(folder, run):
    """Why a run that can be read is no point, or None."""
    if not run.finished:
        return "not finished: still running, or killed"
    if not len(run.measure["step"]) or last(run.measure["step"]) != last(run.steps["step"]):
        return "not measured at its end"
    planned, shown = run.setting("corpus", "exposures"), last(run.measure["exposures"])
    if shown < planned:
        return f"stopped after {shown:g} of {planned} exposures"
    if not math.isfinite(last(run.measure["bits_per_param"])):
        return "its bits are not a number"
    return None


def read_point(folder, sweep, entry):
    """(point, None), or (None, why not). On a damaged file the HDF5 library may end the process."""
    where = folder / str(entry.get("name", ""))
    if not os.path.lexists(where / "run.h5"):
        error = where / "error.txt"
        return None, ("failed: " + error.read_text(encoding="utf-8", errors="replace").strip()
                      if error.is_file() else "missing")
    try:
        run = read_run(where, may_crash=True)
        why = reason_left_out(where, run)
        if why and (where / "error.txt").is_file():
            why = "failed: " + (where / "error.txt").read_text(encoding="utf-8",
                                                               errors="replace").strip()
        return (None, why) if why else (point(run, sweep, entry), None)
    except FileError as e:
        return None, f"damaged: {e}"
    except (KeyError, TypeError, ValueError) as e:
        return None, f"damaged: {where / 'run.h5'}: {e}"


def answer(pipe):
    """The process beside: a point for each question. An interrupt is for the one that asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        pipe.send(read_point(*pipe.recv()))


class Reader:
    """Reads in a process beside this one: on a damaged file the HDF5 library may crash, or not come
    to an end."""

    def __init__(self, seconds=30):
        self.seconds, self.process, self.pipe = seconds, None, None

    def read(self, folder, sweep, entry):
        """As read_point."""
        if not self.process:
            self.pipe, far = multiprocessing.Pipe()
            self.process = multiprocessing.get_context("fork").Process(
                target=answer, args=(far,), daemon=True)
            self.process.start()
            far.close()
        self.pipe.send((folder, sweep, entry))
        try:
            if self.pipe.poll(self.seconds):
                return self.pipe.recv()
            why = f"reading it takes more than {self.seconds} s"
        except EOFError:
            why = "the HDF5 library crashes on it"
        self.close()
        return None, f"damaged: {folder / str(entry.get('name', '')) / 'run.h5'}: {why}"

    def close(self):
        """End the process."""
        if self.process:
            self.process.kill()
            self.process.join()
            self.pipe.close()
        self.process = None


def read_sweeps(folders, reader=None):
    """All points, and those left out; a run that two sweeps or two folders share counts once."""
    points, left_out, seen = [], [], {}
    reader = reader or Reader()
    for folder in folders:
        sweep, entries = listed_points(folder)
        for entry in entries:
            found, why = reader.read(folder, sweep, entry)
            if found:
                key = found["config_hash"], found["cell_key"], found["seed"]
                first = seen.setdefault(key, found)
                why = None if first is found else \
                    f"the same run as {first['name']} of {first['sweep']}"
            if why:
                left_out.append({"sweep": sweep, "name": str(entry.get("name", "")), "reason": why})
            else:
                points.append(found)
    reader.close()
    return points, left_out


def analyse(points, left_out):
    """All that is known, as one object of plain values; and the cells."""
    cells = law_cells.cells_of(points)
    law_families.name_families(cells)
    by_exposures, by_law = {}, {}
    alone = [c for c in cells if c["useful_share"] == 1]  # a law is of models that see nothing else
    for cell in alone or cells:
        by_exposures.setdefault(cell["exposures"], []).append(cell)
    for cell in cells:
        by_law.setdefault(cell["law_key"], []).append(cell)
    headline = 1000 if 1000 in by_exposures else max(by_exposures)
    peaks = [fits.peak(by_exposures[E]) for E in sorted(by_exposures)]
    best = next(p for p in peaks if p["exposures"] == headline)
    growth = {E: fits.growth(by_exposures[E]) for E in sorted(by_exposures)}
    result = {"peak_bits_per_param": best["bits_per_param"], "peak_interval": best["interval"],
              "peak_exposures": headline, "peaks": peaks,
              "capacities": capacities(alone or cells),
              "saturation": [{"exposures": E} | fits.saturation(by_exposures[E])
                             for E in sorted(by_exposures)],
              "growth": [{"exposures": E} | growth[E] for E in sorted(by_exposures)],
              "exposure_laws": [fit | {"_law_key": key, "family": by_law[key][0]["family"]}
                                for key, fit in ((key, fits.exposure_law(group))
                                                 for key, group in by_law.items()) if fit["fitted"]],
              "forecast": {"exposures": headline} | fits.forecast(growth[headline]),
              "cells": [{k: v for k, v in c.items() if k not in ("points", "law_key")}
                        for c in cells],
              "points": [{k: p[k] for k in POINT_COLUMNS} for c in cells for p in c["points"]],
              "left_out": left_out}
    return result, cells


def capacities(cells):
    """For each size that memorises random strings the largest R over their number, whatever the exposures:
    what such a model can hold (arXiv 2505.24832, section 3.2)."""
    strings = [c for c in cells if c["kind"] == "random"]
    return [fits.peak(group) | {"n_people": [c["n_people"] for c in group]}
            for group in law_cells.gather(strings, lambda c: (c["n_params"], c["family"]))]


def without_private(value):
    """The object without what only the plots need."""
    if isinstance(value, dict):
        return {k: without_private(v) for k, v in value.items() if not k.startswith("_")}
    return [without_private(v) for v in value] if isinstance(value, list) else value


def strict(value):
    """JSON knows no NaN, in lists neither."""
    if isinstance(value, list):
        return [strict(v) for v in value]
    if isinstance(value, dict):
        return {k: strict(v) for k, v in value.items()}
    return finite(value)


def write_tables(result, out):
    """points.csv and cells.csv."""
    import numpy as np  # arrays are what report.write_csv takes
    for name, rows, columns in (("points", result["points"], POINT_COLUMNS),
                                ("cells", result["cells"], tuple(result["cells"][0]))):
        write_csv(out / f"{name}.csv", {k: np.array([row[k] for row in rows]) for k in columns}, ())


def setting_keys(texts, points):
    """section.key texts as pairs, all of which the points have."""
    keys = [tuple(text.rsplit(".", 1)) for text in texts]
    known = {(section, key) for p in points for section, settings in json.loads(p["cell_key"]).items()
             for key in settings}
    for text, key in zip(texts, keys):
        if key not in known:
            raise LawError(f"--best {text}: no key of these runs; theirs are "
                           + ", ".join(sorted(".".join(k) for k in known)))
    return keys


def run(arguments):
    points, left_out = read_sweeps(arguments.sweep)
    if not points:
        reasons = "; ".join(f"{x['name']}: {x['reason']}" for x in left_out[:5])
        raise LawError("no finished point in " + ", ".join(map(str, arguments.sweep)) +
                       (f" ({reasons})" if reasons else ""))
    if arguments.best:
        points, less = law_cells.best_points(points, setting_keys(arguments.best, points))
        left_out += [{"sweep": p["sweep"], "name": p["name"], "reason": why} for p, why in less]
    result, cells = analyse(points, left_out)
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    plots = law_plots.draw_all(result, cells, out)
    public = strict(without_private(result))
    public["best_of"] = arguments.best
    public["command"] = command(arguments)
    public["made_by"] = dict(Counter(p["made_by"] for p in points))
    public["files"] = ["law.json", "points.csv", "cells.csv", "report.html"] + \
        [name for plot in plots if plot["file"] for name in (plot["file"], plot["csv"])]
    text = json.dumps(public, indent=1, allow_nan=False)
    with new_file(out / "law.json") as file:
        file.write(text + "\n")
    write_tables(result, out)
    configs = {(p["sweep"], p["name"]): p["config"] for p in points}
    with new_file(out / "report.html") as file:
        file.write(page(public, plots, configs, out))
    if arguments.json:
        print(text)
    else:
        print("\n".join(law_table.table(result)))
        print(f"  files: {out / 'report.html'}, law.json, CSV and PNG beside it")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sweep", nargs="+", type=path_given, metavar="SWEEP_DIR",
                        help="folder of a sweep (its `out`): a folder for each point inside")
    parser.add_argument("--out", type=path_given, required=True, metavar="DIR", help="folder to write")
    parser.add_argument("--best", action="append", default=[], metavar="SECTION.KEY",
                        help="of cells that differ in this key alone (train.lr) use the one that stores "
                        "most, for each seed by the others; may be repeated: cells that differ in "
                        "any of them")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, no table")
    given = parser.parse_args()
    return ended("law", lambda: run(given), LawError, ADVICE)


if __name__ == "__main__":
    sys.exit(main())
