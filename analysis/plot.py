# SPDX-License-Identifier: BSD-3-Clause
"""Bits per parameter against exposures, as a PNG."""

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # pylint: disable=wrong-import-position
from new_folder import new_file  # pylint: disable=wrong-import-position

INK = "#333333"
CELL, CELLS_MOST = 0.34, 64  # inches of a cell of a heat map; with more there are no numbers in them
COLOURS = ("#0067a5", "#c7522a", "#2e8540", "#7b4ea3", "#8a6d00", "#c2185b", "#00838f", "#5d4037",
           "#e69f00", "#56b4e9", "#222222", "#9aa000")


def shown(text, most=60):
    """A name as a plot shows it: a `$` begins no formula, one that begins with `_` stands in the
    legend too, and a long one or one of several lines leaves room for the plot."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    text = text if len(text) <= most else text[:most - 3] + "..."
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


def save(figure, path, **how):
    """A PNG that is there whole or not at all; the figure is done with."""
    with new_file(path, "wb") as file:
        figure.savefig(file, format="png", **how)
    plt.close(figure)


def bits_per_param(runs, path):
    """Draw runs, pairs of a label and a kcap_files.Run, into one plot."""
    runs = [(shown(label), run) for label, run in runs]
    figure, axes = plt.subplots(figsize=(8, 5), dpi=150)
    published = laws(runs)
    top = max(value for value, _ in published)
    for i, (label, run) in enumerate(runs):
        x, y = run.measure["exposures"], run.measure["bits_per_param"]
        keep = np.isfinite(x) & np.isfinite(y)
        axes.plot(x[keep], y[keep], "o-", color=COLOURS[i % len(COLOURS)], markersize=4,
                  linewidth=2, label=f"{label}: {_end(y[keep])}", zorder=3)
        top = max(top, run.stamp["max_bits_per_param"], *y[keep])
    _frame(axes, runs, top)
    for value, text in published:
        _level(axes, value, ":", INK, "left", text)
    for value, names in _maxima(runs):
        whose = "corpus's maximum" + ("" if len(names) == len(runs) else f", {', '.join(names)}")
        _level(axes, value, "--", _colour(runs, names), "right", f"{whose}: {value:.2f}")
    axes.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none")
    figure.tight_layout()
    save(figure, path)


def expert_load(load, name, step, path):
    """Heat map of one event of the run `name`: blocks downwards, experts across; 1 is an expert's
    even share."""
    blocks, experts = load.shape
    share = load * experts
    figure, axes = plt.subplots(figsize=(max(4, 1.8 + CELL * min(experts, CELLS_MOST)),
                                         1.6 + CELL * min(blocks, CELLS_MOST)), dpi=150)
    image = axes.imshow(share, cmap="viridis", vmin=0, aspect="auto", interpolation="nearest")
    if max(blocks, experts) <= CELLS_MOST:
        _numbers(axes, share)
    axes.set_xlabel("expert")
    axes.set_ylabel("block")
    axes.set_title(f"{shown(name, max(36, 4 * experts))}\nload of the experts, step {step:,}",
                   loc="left", color=INK, fontsize=9)
    axes.set_xticks(range(0, experts, max(1, experts // 16)))
    axes.set_yticks(range(0, blocks, max(1, blocks // 16)))
    figure.colorbar(image, ax=axes, label="over the even share", pad=0.02)
    figure.tight_layout()
    save(figure, path)


def shares(panels, name, path):
    """Heat maps of shares from 0 to 1, one below the other: (title, matrix, names of rows, of
    columns)."""
    heights = [1.2 + CELL * len(matrix) for _, matrix, _, _ in panels]
    wide = max(matrix.shape[1] for _, matrix, _, _ in panels)
    figure, all_axes = plt.subplots(len(panels), 1, squeeze=False, dpi=150, layout="constrained",
                                    figsize=(max(5, 2.4 + 0.6 * wide), 0.4 + sum(heights)),
                                    gridspec_kw={"height_ratios": heights})
    for axes, (title, matrix, rows, columns) in zip(all_axes[:, 0], panels):
        axes.imshow(matrix, cmap="viridis", vmin=0, vmax=1, aspect="auto", interpolation="nearest")
        if max(matrix.shape) <= CELLS_MOST:
            _numbers(axes, matrix, bright=0.6)
        axes.set_xticks(range(len(columns)), [shown(text, 16) for text in columns], rotation=30,
                        ha="right", fontsize=7)
        axes.set_yticks(range(len(rows)), [shown(text, 16) for text in rows], fontsize=7)
        axes.set_title(shown(title), loc="left", color=INK, fontsize=9)
    figure.suptitle(f"{shown(name)}: share of people held out whose value is read off", color=INK,
                    fontsize=9)
    save(figure, path)


def _numbers(axes, share, bright=None):
    """Each cell's value in it, dark on what is bright; nothing where nothing is known."""
    bright = 0.6 * np.nanmax(share, initial=0) if bright is None else bright
    for (block, expert), value in np.ndenumerate(share):
        if np.isnan(value):
            continue
        axes.text(expert, block, f"{value:.2f}" if value < 9.995 else f"{value:.1f}", fontsize=6,
                  ha="center", va="center", color="black" if value > bright else "white")


def laws(runs):
    """The published figures that these runs can be held against."""
    return sorted({(run.stamp["law_bits_per_param"], f"published: {run.stamp['law']}")
                   for _, run in runs})


def _end(y):
    return f"{y[-1]:.2f} bits/parameter" if len(y) else "not measured yet"


def _maxima(runs):
    """Each maximum once, with the labels of the runs that share it to two decimals."""
    found = {}
    for label, run in runs:
        found.setdefault(f"{run.stamp['max_bits_per_param']:.2f}", []).append((label, run))
    return [(those[0][1].stamp["max_bits_per_param"], [label for label, _ in those])
            for those in found.values()]


def _colour(runs, names):
    """A maximum takes its run's colour; one that runs share takes none's."""
    if len(names) > 1:
        return "#777777"
    return COLOURS[[label for label, _ in runs].index(names[0]) % len(COLOURS)]


def _frame(axes, runs, top):
    """Axes from zero; negative readings of the first exposures are cut off below a quarter."""
    most = max([1.0] + [float(x) for _, run in runs for x in run.measure["exposures"][-1:]])
    lowest = min([0.0] + [float(np.nanmin(run.measure["bits_per_param"])) for _, run in runs
                          if np.isfinite(run.measure["bits_per_param"]).any()])
    axes.set_xlim(0, 1.03 * most)
    axes.set_ylim(max(1.05 * lowest, -0.25 * top), 1.1 * top)
    items = " or ".join(sorted({run.stamp["item_word"] for _, run in runs}))
    axes.set_xlabel(f"exposures of each {items}")
    axes.set_ylabel("bits stored per parameter")
    axes.set_title("Knowledge stored", loc="left", color=INK, fontweight="bold")
    axes.grid(True, color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    if lowest < 0:
        axes.axhline(0, color="#999999", linewidth=0.8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _level(axes, value, style, colour, side, text):
    """A level line; the published one is named at the left, maxima at the right, apart."""
    axes.axhline(value, linestyle=style, color=colour, linewidth=1.3, zorder=2)
    axes.annotate(text, (0.012 if side == "left" else 0.988, value),
                  xycoords=("axes fraction", "data"), xytext=(0, 3), textcoords="offset points",
                  color=colour, fontsize=9, ha=side, va="bottom")
