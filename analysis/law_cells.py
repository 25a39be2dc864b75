# SPDX-License-Identifier: BSD-3-Clause
"""Cells of a law: runs that differ in their seeds alone; and of cells that differ in how they were trained, the best."""

import json
import math

# Sections that say where and how fast, and keys that only follow the number of exposures.
FREE_SECTIONS = ("run", "parallel", "measure", "checkpoint")
FREE_KEYS = (("train", "max_steps"), ("corpus", "pools"), ("corpus", "templates"))
FOLLOW_EXPOSURES = (("corpus", "exposures"), ("train", "warmup_steps"))


def key_of(config, also_without=()):
    """The configuration as a text that equals another's where nothing but chance differs."""
    without = FREE_KEYS + tuple(also_without)
    kept = {section: {key: value for key, value in keys.items() if (section, key) not in without}
            for section, keys in config.items() if section not in FREE_SECTIONS}
    return json.dumps(kept, sort_keys=True)


def label_of(names):
    """What names of points say but for the seed; where they differ, each of them."""
    columns = zip(*(name.split(",") for name in names))
    parts = ["/".join(dict.fromkeys(column)) for column in columns]
    return ",".join(part for part in parts if not part.startswith("seed="))


def cell_of(group):
    """One cell of all its points."""
    first = group[0]
    corpus = json.loads(first["cell_key"]).get("corpus", {})
    values = [p["bits_per_param"] for p in group]
    mean = sum(values) / len(values)
    sd = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - 1)) \
        if len(values) > 1 else math.nan
    return {"n_params": first["n_params"], "layers": first["layers"], "width": first["width"],
            "n_people": first["n_people"], "exposures": first["exposures"], "seeds": len(group),
            "bits_per_param": mean, "sd": sd, "max_bits_per_param": first["max_bits_per_param"],
            "share": mean / first["max_bits_per_param"],
            "total_bits": sum(p["total_bits"] for p in group) / len(group),
            "kind": corpus.get("kind", ""), "useful_share": corpus.get("share", 1), "tag": corpus.get("tag", ""),
            "label": label_of([p["name"] for p in group]), "law_key": first["law_key"], "points": group}


def gather(points, key):
    """Lists of the points of which key(point) is equal, in the order of their firsts."""
    groups = {}
    for p in points:
        groups.setdefault(key(p), []).append(p)
    return list(groups.values())


def cells_of(points):
    """All cells, in the order of size, N, exposures."""
    cells = [cell_of(group) for group in gather(points, lambda p: p["cell_key"])]
    cells.sort(key=lambda c: (c["exposures"], c["n_params"], c["n_people"], c["law_key"]))
    for n, cell in enumerate(cells):
        cell["name"] = f"cell {n}"
        for p in cell["points"]:
            p["cell"] = cell["name"]
    return cells


def mean_without(cell, seed):
    """Mean R of a cell's runs of other seeds; of its only seed, where there is no other."""
    others = [p["bits_per_param"] for p in cell["points"] if p["seed"] != seed]
    return sum(others) / len(others) if others else cell["bits_per_param"]


def held_out(rivals):
    """For each seed that a rival has (seed, cell): the cell whose other seeds store most. Who takes the
    largest of several means and reads that mean reads too much; the seed left out knows nothing of
    the choice."""
    found = []
    for seed in sorted({p["seed"] for c in rivals for p in c["points"]}):
        having = [c for c in rivals if any(p["seed"] == seed for p in c["points"])]
        judged = [c for c in having if c["seeds"] > 1] or having
        found.append((seed, max(judged, key=lambda c: mean_without(c, seed))))
    return found


def points_of(cell, seed):
    return [p for p in cell["points"] if p["seed"] == seed]


def best_points(points, keys):
    """Of cells that differ in `keys` (section, key) alone one: each seed's points of the cell that is
    best on the other seeds; and the other points as (point, why). What is kept follows one law, and
    is one cell, whatever its keys are."""
    def but_keys(text):
        return key_of(json.loads(text), keys)

    kept, left_out = [], []
    for rivals in gather(points, lambda p: but_keys(p["cell_key"])):
        cells = cells_of(rivals)
        for seed, best in held_out(cells):
            kept += [p | {"cell_key": but_keys(p["cell_key"]), "law_key": but_keys(p["law_key"])}
                     for p in points_of(best, seed)]
            left_out += [(p, f"{best['label']} stores more, by the other seeds: "
                             f"{mean_without(best, seed):.3f} > {mean_without(cell, seed):.3f}")
                         for cell in cells if cell is not best for p in points_of(cell, seed)]
    return kept, left_out
