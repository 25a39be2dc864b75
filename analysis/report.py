#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""What runs of kcap have stored: a table, CSV files and a plot of bits per parameter."""

import argparse
import csv
import json
import math
import os
import re
import sys
from pathlib import Path

from needed import ADVICE, ended, libraries

with libraries("report"):
    from kcap_files import FileError, path_given, path_text, read_run
    from new_folder import new_file
    import plot

PARTS = ("name_bits", "value_bits", "diversity_bits")  # of what is stored, in the order of `terms`


def summary(run):
    """The run in numbers, under the names of the HDF5 attributes and columns."""
    heads, head_dim = run.setting("model", "heads"), run.setting("model", "head_dim")
    row = {name: value for name, value in run.stamp.items() if name != "config"}
    row |= {"finished": run.finished, "kind": run.setting("corpus", "kind"),
            "arch": run.setting("model", "arch"), "layers": run.setting("model", "layers"),
            "heads": heads, "width": heads * head_dim,
            "experts": run.config["model"].get("experts", 0),
            "experts_topk": run.config["model"].get("experts_topk", 1),
            "steps": last(run.steps["step"]), "loss": last(run.steps["loss"]),
            "train_seconds": float(run.steps["seconds"].sum())}
    row["mean_tokens_per_second"] = ratio(last(run.steps["tokens"]), row["train_seconds"])
    row |= {group: {name: last(column) for name, column in columns.items()}
            for group, columns in run.others.items() if len(columns["step"])}
    row["measured"] = bool(len(run.measure["step"]))
    if not row["measured"]:
        return row
    row |= {name: last(column) for name, column in run.measure.items() if column.ndim == 1}
    row["share_of_maximum"] = ratio(row["total_bits"], row["corpus_bits"])
    for name, column in run.measure.items():
        if column.ndim == 2:
            row[name] = dict(zip(run.attribute_names, (float(x) for x in column[-1])))
    return row


def last(column):
    """The newest entry as a plain number; None when there is none."""
    return column[-1].item() if len(column) else None


def ratio(a, b):
    """a / b; None where it has no value."""
    return a / b if a is not None and b else None


def stored(row):
    """What is stored, part by part."""
    parts = [(word, part) for word, part in zip(row["terms"].split(), PARTS) if word != "-"]
    parts += [("total", "total_bits")] if len(parts) > 1 else []
    return [entry(word, f"{row[part]:,.0f} bits") for word, part in parts]


def table(row):
    """The lines a person reads, without those about files."""
    lines = [f"{row['run_name']}" + ("" if row["finished"] else "  (running, or killed)"),
             line("model", f"{row['arch']}, {count(row['layers'], 'layer')}, width {row['width']}, "
                  f"{count(row['heads'], 'head')}, {row['n_params']:,} parameters"),
             *experts(row),
             line("corpus", f"{row['kind']}, {row['n_people']:,} "
                  f"{row['items_word']}, {row['corpus_bits']:,.0f} bits, {row['n_vocab']:,} words"),
             line("training", training(row))]
    if not row["measured"]:
        return lines + [line("stored", "not measured yet")]
    lines.append(f"  stored after {row['exposures']:g} exposures")
    lines += stored(row)
    lines += [entry("per parameter", f"{row['bits_per_param']:.3f} bits"),
              entry("  at most", f"{row['max_bits_per_param']:.3f} bits"),
              entry("of the maximum", percent(row["share_of_maximum"])),
              f"  recalled exactly, share of {row['items_word']}"]
    return lines + [entry(name, percent(x)) for name, x in row["attribute_recall"].items()]


def others(run):
    """What other measures read last, a line a column."""
    lines = []
    for group, columns in run.others.items():
        if len(columns["step"]):
            lines.append(f"  {group}, step {last(columns['step']):,}")
            lines += [entry(name, f"{last(column):.6g} {run.units[f'{group}/{name}']}")
                      for name, column in columns.items() if name != "step"]
    return lines


def experts(row):
    """Of a mixture of experts, what one token goes through."""
    if not row["experts"]:
        return []
    return [line("experts", f"{row['experts']}, a token goes to {row['experts_topk']}: "
                 f"{row['n_params_used']:,} parameters")]


def line(head, text):
    return f"  {head:<10}{text}"


def entry(head, text):
    return f"    {head:<16}{text:>16}"


def count(n, what):
    return f"{n} {what}" + ("" if n == 1 else "s")


def percent(share):
    return "none" if share is None else f"{100 * share:.1f} %"


def training(row):
    if row["steps"] is None:
        return "no step yet"
    speed = row["mean_tokens_per_second"]
    return (f"{row['steps']:,} steps, loss {row['loss']:.4f} nat/token, "
            f"{row['train_seconds']:,.1f} s" + (f", {speed:,.0f} tokens/s" if speed else "") +
            f" on {count(row['ranks'], 'rank')} x {count(row['threads'], 'thread')}")


def write_csv(path, columns, attribute_names):
    """One row an entry; a column of attributes becomes one column each."""
    heads, flat = [], []
    for name, column in columns.items():
        if column.ndim == 1:
            heads.append(name)
            flat.append(column)
        else:
            heads += [f"{name}.{attribute}" for attribute in attribute_names]
            flat += list(column.T)
    with new_file(path) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(heads)
        writer.writerows(zip(*(column.tolist() for column in flat)))


def write_loads(run, folder):
    """The experts' loads of every event as CSV, those of the last one as a heat map."""
    events, blocks, experts = run.loads.shape
    if not events or not blocks:
        return {}
    files = {"expert_load_csv": str(folder / "expert_load.csv"),
             "expert_load_png": str(folder / "expert_load.png")}
    with new_file(files["expert_load_csv"]) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["step", "block", *(f"expert_{i}" for i in range(experts))])
        for step, event in zip(run.measure["step"].tolist(), run.loads.tolist()):
            writer.writerows([step, block, *row] for block, row in enumerate(event))
    plot.expert_load(run.loads[-1], run.stamp["run_name"], last(run.measure["step"]),
                     files["expert_load_png"])
    return files


def finite(value):
    """JSON knows no NaN: null stands for it."""
    if isinstance(value, dict):
        return {name: finite(x) for name, x in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def labels(runs):
    """The runs' names, told apart by their folders where two are the same."""
    names = [run.stamp["run_name"] for run in runs]
    if len(set(names)) < len(names):
        names = [run.folder.resolve().name for run in runs]
    if len(set(names)) < len(names):
        names = [f"{name}-{i}" for i, name in enumerate(names, 1)]
    return names


def folders(runs, names, out):
    """Where each run's CSV files go, and the plot."""
    if out is None:
        each = [run.folder for run in runs]
        return each, Path(os.path.commonpath([folder.resolve() for folder in each]))
    if len(runs) == 1:
        return [out], out
    safe = [re.sub(r"^\.|[/\\\x00-\x1f]", "_", name[:200]) or "_" for name in names]
    if len(set(safe)) < len(safe):
        safe = [f"{name}-{i}" for i, name in enumerate(safe, 1)]
    return [out / name for name in safe], out


def report(arguments):
    runs = [read_run(where) for where in arguments.run]
    names = labels(runs)
    each, common = folders(runs, names, arguments.out)
    rows = []
    for run, folder in zip(runs, each):
        folder.mkdir(parents=True, exist_ok=True)
        row = summary(run)
        row["files"] = {"run": str(run.path)}
        tables = {"measure": run.measure, **({"steps": run.steps} if arguments.steps else {}),
                  **run.others}
        for group, columns in tables.items():
            row["files"][f"{group}_csv"] = str(folder / f"{group}.csv")
            write_csv(folder / f"{group}.csv", columns, run.attribute_names)
        row["files"] |= write_loads(run, folder)
        rows.append(row)
    png = common / "bits_per_param.png"
    plot.bits_per_param(list(zip(names, runs)), png)
    if arguments.json:
        print(json.dumps({"runs": [finite(row) for row in rows], "plot": str(png)}, indent=1))
        return
    for row, run in zip(rows, runs):
        if not arguments.brief:
            print("\n".join(table(row) + others(run)))
        print("\n".join(line("files" * (i == 0), path)
                        for i, path in enumerate(row["files"].values())))
    print(line("plot", png))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", nargs="+", type=path_text,
                        help="a run's folder or its run.h5, running or not")
    parser.add_argument("--out", type=path_given, metavar="DIR",
                        help="write CSV and PNG there (default: each run's folder; the plot of "
                             "several runs in the folder they share)")
    parser.add_argument("--steps", action="store_true",
                        help="steps.csv too: a row a step, every column of /steps")
    parser.add_argument("--brief", action="store_true", help="no table, only where the files are")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout, no table")
    given = parser.parse_args()
    return ended("report", lambda: report(given), FileError, ADVICE)


if __name__ == "__main__":
    sys.exit(main())
