# SPDX-License-Identifier: BSD-3-Clause
"""What tells the models of a law apart besides their size: a name, a colour and a marker for each."""

import json
from collections import Counter

from plot import COLOURS, shown

# What follows the size, or is it.
SIZE_KEYS = ("layers", "heads", "head_dim", "kv_heads", "mlp_width", "init_std")
MARKERS = "osD^vPX*<>hd"
LINES = ("-", "--", "-.", ":")


def switches_of(cell):
    """The architecture of a cell without its size, {key: value}."""
    model = json.loads(cell["law_key"]).get("model", {})
    return {key: value for key, value in model.items() if key not in SIZE_KEYS}


def own_name(cell):
    """run.name where the sweep says one that all points of the cell share, else nothing."""
    names = {p["run_name"] for p in cell["points"]}
    return names.pop() if len(names) == 1 and cell["points"][0]["name"] not in names else ""


def name_families(cells):
    """Give each cell `family`: the name that its sweep has for it, or the preset and the switches that
    are not as in most architectures of that preset."""
    kinds = {}
    for cell in cells:
        switches, name = switches_of(cell), own_name(cell)
        kinds.setdefault((json.dumps(switches, sort_keys=True), name), (switches, [])) \
            [1].append(cell)
    times = Counter(name for _, name in kinds)
    for (_, name), (switches, those) in kinds.items():
        said = _described(switches, [s for (_, other), (s, cells) in kinds.items()
                                     if bool(other) == bool(name) for _ in cells])
        for cell in those:
            cell["family"] = said if not name else name if times[name] == 1 else f"{name}: {said}"


def _described(switches, others):
    """The preset, and what differs from most of `others`, a dict of switches a cell."""
    arch = str(switches.get("arch", "model"))
    rivals = [s for s in others if s.get("arch") == switches.get("arch")]
    usual = {key: Counter(str(s.get(key)) for s in rivals).most_common(1)[0][0] for key in switches}
    return ", ".join([arch] + [f"{key} {value}" for key, value in switches.items()
                               if str(value) != usual[key]])


def families_of(cells):
    """The names, each once, in the order of the cells."""
    return list(dict.fromkeys(cell["family"] for cell in cells))


def series(cells, value, text, everything=None):
    """Curves to draw: (label, cells, how) for each architecture and each value(cell), in words
    text(cell). With several architectures colour and marker say which, also in other plots of
    `everything`; with one the colour tells values apart."""
    families = families_of(everything or cells)
    several = len(families) > 1
    for n, family in enumerate(families):
        those = [c for c in cells if c["family"] == family]
        for i, each in enumerate(sorted({value(c) for c in those})):
            own = [c for c in those if value(c) == each]
            label = f"{shown(family, 40)}, {text(own[0])}" if several else text(own[0])
            yield label, own, {"color": COLOURS[(n if several else i) % len(COLOURS)],
                               "marker": MARKERS[n % len(MARKERS)],
                               "linestyle": LINES[i % len(LINES)] if several else "-"}
