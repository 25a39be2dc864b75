# SPDX-License-Identifier: BSD-3-Clause
"""Writes a run.h5 without kcap, laid out by the tables of include/kcap/types."""

import re
from pathlib import Path

import h5py
import numpy as np

TABLES_OF = Path(__file__).resolve().parents[2] / "include" / "kcap"
NAMES = ("name", "id1", "id2")
TABLES = (("steps", "types/columns.def", "KC_COLUMNS_STEP"),
          ("measure", "types/columns.def", "KC_COLUMNS_EVENT"),
          ("measure", "measure/capacity.def", "KC_COLUMNS_CAPACITY"),
          ("measure", "measure/capacity.def", "KC_LISTS_CAPACITY"))
CONFIG = """run: {{name: {name}, seed: 1}}
corpus: {{kind: biod, people: 2000, exposures: 1000}}
model: {{arch: gpt2, layers: 2, heads: 1, head_dim: 32}}
"""


def rows(file, macro):
    """(type, name, unit, description) of each row of one X-macro table."""
    text = (TABLES_OF / file).read_text(encoding="utf-8")
    body = re.search(rf"#define {macro}\(.\)(.*?[^\\])\n(?!\s)", text + "\n", re.S).group(1)
    found = re.findall(r'\b[CLS]\((INT|REAL|TEXT), (\w+),\s*(?:\w+, )?(?:"([^"]*)",)?\s*"([^"]*)"\)',
                       body)
    assert found, f"{macro}: no row found in {file}"
    return found


def columns():
    """(group, name) of each column that an older file may lack: all but those that tell rows apart."""
    return [(group, row[1]) for group, file, macro in TABLES for row in rows(file, macro)
            if row[1] not in ("step", "expert_load")]


def stamp(name, exposures):
    """Root attributes: the columns that matter with a value, the others with a placeholder."""
    known = {"config": CONFIG.format(name=name), "run_name": name, "n_params": 34400,
             "n_vocab": 279, "item_word": "person", "items_word": "people",
             "terms": "names values diversity", "law_bits_per_param": 2.0, "law": "2 bits",
             "n_people": 2000, "corpus_bits": 95636.0, "ranks": 2, "threads": 1,
             "max_bits_per_param": 95636.0 / 34400, "started_utc": f"after {exposures}"}
    blank = {"TEXT": "x", "INT": 1, "REAL": 1.0}
    return {key: known.get(key, blank[kind]) for kind, key, _, _ in rows("types/stamp.def", "KC_STAMPS")}


def measured(name, exposures):
    """A column of /measure, in the shape capacity runs show: fast first, then a plateau."""
    share = 0.7 * (1 - np.exp(-exposures / 300))
    bits = {"name_bits": 0.2, "value_bits": 0.85, "diversity_bits": -0.05, "total_bits": 1.0}
    if name in bits:
        return bits[name] * share * 95636
    return {"step": 60 * exposures, "exposures": exposures,
            "bits_per_param": share * 95636 / 34400,
            "max_bits_per_param": np.full(len(exposures), 95636 / 34400),
            "first_chunk_nats": np.full(len(exposures), np.nan)}.get(name, share)


def stepped(name, steps):
    """A column of /steps."""
    return {"step": steps, "tokens": 512 * steps, "exposures": steps / 60,
            "loss": 5 * np.exp(-steps / 3000) + 1, "seconds": np.full(len(steps), 0.002),
            "tokens_per_second": np.full(len(steps), 256000.0)}.get(name, np.ones(len(steps)))


def write_column(group, row, values):
    kind, name, unit, description = row
    data = group.create_dataset(name, data=values, maxshape=(None,) + np.shape(values)[1:],
                                chunks=True, dtype="i8" if kind == "INT" else "f8")
    data.attrs["unit"], data.attrs["description"] = unit, description


def write_run(folder, name="toy", exposures=(50, 100, 200, 400, 700, 1000), steps=600):
    """Write folder/run.h5; returns the open file, so that a test can leave it unclosed."""
    folder.mkdir(parents=True, exist_ok=True)
    file = h5py.File(folder / "run.h5", "w", libver="latest")
    for key, value in stamp(name, exposures).items():
        file.attrs[key] = value
    events = np.asarray(exposures, dtype=float)
    for group, table, macro in TABLES:
        for row in rows(table, macro):
            if row[1] == "expert_load":  # of a mixture
                continue
            values = stepped(row[1], np.arange(1, steps + 1)) if group == "steps" \
                else measured(row[1], events)
            if "attribute" in row[1]:
                values = np.outer(values, np.array([0.5, 1.0, 1.2])).reshape(len(events), len(NAMES))
            write_column(file.require_group(group), row, values)
    file["measure"].create_dataset("attribute_names", data=[n.encode() for n in NAMES])
    return file
