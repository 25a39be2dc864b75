# SPDX-License-Identifier: BSD-3-Clause
"""The plots of a law, each a PNG with its numbers in a CSV beside it."""

import math

import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # pylint: disable=wrong-import-position

from law_fits import PUBLISHED, smooth_minimum  # pylint: disable=wrong-import-position
from law_families import MARKERS, families_of, series  # pylint: disable=wrong-import-position
from plot import COLOURS, INK, save, shown  # pylint: disable=wrong-import-position
from report import write_csv  # pylint: disable=wrong-import-position

GUIDES = (2.0, 1.0, 0.5)
INSIDE_MOST = 8  # entries of a legend that stands in the plot


def draw_all(result, cells, out):
    """Draw what there is data for; returns a dict a plot: title, alt, file and csv, or why not."""
    headline = result["peak_exposures"]
    at_headline = [c for c in cells if c["exposures"] == headline]
    return [
        bits_vs_params(result, at_headline, cells, headline, out),
        r_vs_rmax(result, at_headline, cells, headline, out),
        r_vs_exposures(result, cells, out),
        mixtures(cells, out),
        residuals(result, out),
        forecast(result, at_headline, out)]


def frame(axes, x, y):
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(True, which="major", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def start(x, y):
    figure, axes = plt.subplots(figsize=(7, 4.6), dpi=150)
    frame(axes, x, y)
    return figure, axes


def legend(axes):
    """Inside where there is room, else below."""
    entries = axes.get_legend_handles_labels()[1]
    if len(entries) <= INSIDE_MOST:
        axes.legend(loc="best", frameon=True, framealpha=0.9, edgecolor="none", fontsize=9)
        return
    columns = 1 if max(map(len, entries)) > 55 else 2 if max(map(len, entries)) > 30 else 3
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncol=columns, frameon=False,
                fontsize=8)


def finish(figure, out, name, title, alt, columns):
    """Save the figure and its numbers. The title is for the page."""
    save(figure, out / f"{name}.png", metadata={"Software": None}, bbox_inches="tight")
    write_csv(out / f"{name}.csv", {k: np.asarray(v) for k, v in columns.items()}, ())
    return {"title": title, "alt": alt, "file": f"{name}.png", "csv": f"{name}.csv", "why": None}


def left_out(title, why):
    return {"title": title, "alt": "", "file": None, "csv": None, "why": why}


def columns_of(cells):
    names = ("n_params", "n_people", "exposures", "seeds", "bits_per_param", "sd",
             "max_bits_per_param", "total_bits")
    return {name: [c[name] for c in cells] for name in names}


def fit_at(fits, exposures):
    return next((f for f in fits if f["exposures"] == exposures and f["fitted"]), None)


def guides(axes, x):
    for each in GUIDES:
        axes.plot(x, [each * v for v in x], ":", color="#999999", linewidth=1.2, zorder=1)
        axes.annotate(f"{each:g} bit{'s' if each != 1 else ''}/parameter", (x[0], each * x[0]),
                      xytext=(4, -11), textcoords="offset points", fontsize=8, color="#777777")


def bits_vs_params(result, cells, everything, exposures, out):
    title = f"Bits stored after {exposures} exposures"
    cells = [c for c in cells if c["total_bits"] > 0]
    if not cells:
        return left_out(title, "no cell stores anything")
    figure, axes = start("parameters P", "bits stored")
    sizes = np.array(sorted({c["n_params"] for c in cells}), dtype=float)
    ends = [0.8 * sizes[0], 1.25 * sizes[-1]]
    guides(axes, ends)
    for label, own, how in series(cells, lambda c: c["n_people"], lambda c: f"N = {c['n_people']:,}",
                                  everything):
        error = [0 if not math.isfinite(c["sd"]) else c["sd"] * c["n_params"] for c in own]
        axes.errorbar([c["n_params"] for c in own], [c["total_bits"] for c in own], yerr=error,
                      markersize=4, capsize=2, label=label, zorder=3, **how)
    fit = fit_at(result["growth"], exposures)
    if fit:
        y = [10 ** (fit["log10_c"] + fit["g"] * math.log10(x)) for x in ends]
        axes.plot(ends, y, "--", color=INK, linewidth=1.3,
                  label=f"fit to the over-filled: bits ~ P^{fit['g']:.2f}")
    axes.set_xscale("log")
    axes.set_yscale("log")
    legend(axes)
    return finish(figure, out, "bits_vs_params", title,
                  "Bits stored against parameters, both logarithmic, one curve a corpus size",
                  columns_of(cells))


def r_vs_rmax(result, cells, everything, exposures, out):
    title = f"Bits a parameter against what the corpus has, {exposures} exposures"
    figure, axes = start("R_max: the corpus's bits a parameter", "R: bits stored a parameter")
    top = 1.05 * max(c["max_bits_per_param"] for c in cells)
    axes.plot([0, top], [0, top], ":", color="#999999", label="all of it")
    axes.axhline(PUBLISHED, linestyle="--", color="#999999", linewidth=1.2,
                 label="published: 2 bits a parameter")
    for label, own, how in series(cells, lambda c: c["n_params"], lambda c: f"P = {c['n_params']:,}",
                                  everything):
        own.sort(key=lambda c: c["max_bits_per_param"])
        axes.errorbar([c["max_bits_per_param"] for c in own], [c["bits_per_param"] for c in own],
                      yerr=[c["sd"] if math.isfinite(c["sd"]) else 0 for c in own], markersize=4,
                      capsize=2, label=label, zorder=3, **how)
    fit = fit_at(result["saturation"], exposures)
    if fit:
        x = np.linspace(0.05, top, 200)
        axes.plot(x, smooth_minimum(x, fit["C"], fit["k"]), color=INK, linewidth=1.3,
                  label=f"fit: C = {fit['C']:.2f}, k = {fit['k']:.1f}")
    axes.set_xlim(0, top)
    axes.set_ylim(bottom=min(0, min(c["bits_per_param"] for c in cells)))
    legend(axes)
    return finish(figure, out, "r_vs_rmax", title,
                  "Bits stored a parameter against bits the corpus has a parameter",
                  columns_of(cells))


def r_vs_exposures(result, cells, out):
    title = "Bits a parameter against exposures"
    groups = {}
    for c in cells:
        groups.setdefault(c["law_key"], []).append(c)
    groups = [g for g in groups.values() if len({c["exposures"] for c in g}) > 1]
    if not groups:
        return left_out(title, "no model was trained with more than one number of exposures")
    figure, axes = start("exposures E", "R: bits stored a parameter")
    alphas = {fit["_law_key"]: fit for fit in result["exposure_laws"]}
    for label, own, how in series([c for g in groups for c in g],
                                  lambda c: (c["n_params"], c["n_people"], c["law_key"]),
                                  lambda c: f"P = {c['n_params']:,}, N = {c['n_people']:,}", cells):
        own.sort(key=lambda c: c["exposures"])
        fit = alphas.get(own[0]["law_key"])
        if fit:
            x = np.geomspace(10, 1000, 50)
            axes.plot(x, fit["R1000"] * (x / 1000) ** fit["alpha"], ":", color=how["color"], linewidth=1.6)
            label += f", dotted: E^{fit['alpha']:.2f}"
        axes.errorbar([c["exposures"] for c in own], [c["bits_per_param"] for c in own],
                      yerr=[c["sd"] if math.isfinite(c["sd"]) else 0 for c in own], markersize=4,
                      capsize=2, zorder=3, label=label, **how)
    axes.plot([100, 1000], [1, 2], "*", color=INK, markersize=10, label="published (2404.05405)")
    axes.set_xscale("log")
    legend(axes)
    return finish(figure, out, "r_vs_exposures", title,
                  "Bits stored a parameter against exposures, exposures logarithmic",
                  columns_of([c for g in groups for c in g]))


def fields_of(cells, exposures, shares):
    """Mean R by exposures and share, NaN where there is no cell."""
    fields = np.full((len(exposures), len(shares)), np.nan)
    for y, x in np.ndindex(fields.shape):
        own = [c["bits_per_param"] for c in cells
               if (c["exposures"], c["useful_share"]) == (exposures[y], shares[x])]
        fields[y, x] = sum(own) / len(own) if own else np.nan
    return fields


def mixtures(cells, out):
    """R over share of useful tokens and exposures, a panel a tag; a field is the mean of its cells."""
    title = "Useful documents among others"
    cells = [c for c in cells if c["useful_share"] < 1]
    shares = sorted({c["useful_share"] for c in cells})
    exposures = sorted({c["exposures"] for c in cells})
    tags = sorted({c["tag"] for c in cells})
    if len(shares) < 2:
        return left_out(title, "no corpora of several parts with different shares")
    figure, grid = plt.subplots(1, len(tags), figsize=(0.8 + (0.5 + 0.8 * len(shares)) * len(tags),
                                                       1.5 + 0.5 * len(exposures)), dpi=150,
                                squeeze=False, sharey=True, layout="constrained")
    values = [c["bits_per_param"] for c in cells]
    for axes, tag in zip(grid.flat, tags):
        fields = fields_of([c for c in cells if c["tag"] == tag], exposures, shares)
        image = axes.imshow(fields, origin="lower", aspect="auto", cmap="Blues", vmin=min(values),
                            vmax=max(values))
        for (y, x), value in np.ndenumerate(fields):
            dark = value > (min(values) + max(values)) / 2
            axes.text(x, y, f"{value:.2f}" if math.isfinite(value) else "", ha="center", va="center",
                      color="white" if dark else INK, fontsize=8)
        axes.set_xticks(range(len(shares)), [f"{s:.3g}" for s in shares])
        axes.set_yticks(range(len(exposures)), [f"{E:,}" for E in exposures])
        axes.set_title(f"tag {shown(tag)}" if tag else "no tag", loc="left", color=INK, fontsize=10)
        axes.set_xlabel("useful share of the tokens")
    grid[0, 0].set_ylabel("exposures")
    figure.colorbar(image, ax=list(grid.flat), label="R: bits stored a parameter")
    return finish(figure, out, "mixtures", title,
                  "Bits stored a parameter over the useful share of all tokens and exposures",
                  columns_of(cells) | {k: [c[k] for c in cells] for k in ("useful_share", "tag")})


def panels_of(result):
    """Fits of one kind side by side: (what, unit, the column that x is, fits)."""
    panels = []
    for kind, unit, column in (("saturation", "bits a parameter", "max_bits_per_param"),
                               ("growth", "log10 bits", "n_params")):
        panels += [(f"{kind}, {f['exposures']} exposures", unit, column, [f])
                   for f in result[kind] if f["fitted"]]
    laws = result["exposure_laws"]
    return panels + ([("exposures", "bits a parameter", "exposures", laws)] if laws else [])


def residuals(result, out):
    title = "Residuals of the fits"
    panels = panels_of(result)
    if not panels:
        return left_out(title, "nothing could be fitted")
    rows = (len(panels) + 1) // 2
    figure, grid = plt.subplots(rows, min(2, len(panels)), figsize=(4.2 * min(2, len(panels)),
                                                                   2.9 * rows), dpi=150, squeeze=False)
    cells = {c["name"]: c for c in result["cells"]}
    families = families_of(result["cells"])
    columns = {"fit": [], "of": [], "x": [], "residual": []}
    for axes, (what, unit, column, fits) in zip(grid.flat, panels):
        frame(axes, {"max_bits_per_param": "R_max", "n_params": "parameters P",
                     "exposures": "exposures E"}[column], f"residual, {unit}")
        axes.set_title(what, loc="left", color=INK, fontsize=10)
        axes.axhline(0, color="#777777", linewidth=1)
        for entry in (r for f in fits for r in f["residuals"]):
            of = cells[entry["name"]]
            n = families.index(of["family"])
            axes.plot(of[column], entry["residual"], MARKERS[n % len(MARKERS)], markersize=5,
                      color=COLOURS[n % len(COLOURS)], label=families[n], alpha=0.8)
            for name, value in zip(columns, (what, entry["name"], of[column], entry["residual"])):
                columns[name].append(value)
        if column != "max_bits_per_param":
            axes.set_xscale("log")
        axes.margins(0.08, 0.15)
    for axes in grid.flat[len(panels):]:
        axes.set_visible(False)
    if len(families) > 1:
        entries = {label: line for axes in grid.flat
                   for line, label in zip(*axes.get_legend_handles_labels())}
        figure.legend(entries.values(), map(shown, entries), loc="upper center", ncol=3,
                      bbox_to_anchor=(0.5, 0.0), frameon=False, fontsize=8)
    figure.tight_layout()
    return finish(figure, out, "residuals", title,
                  "What is measured less what each fit says, one panel a fit", columns)


def forecast(result, cells, out):
    title = "Forecast: bits of large models"
    rows = result["forecast"].get("rows")
    if not rows:
        return left_out(title, result["forecast"]["reason"])
    figure, axes = start("parameters P", "bits")
    axes.plot([c["n_params"] for c in cells], [c["total_bits"] for c in cells], "o",
              color=COLOURS[0], markersize=4, label="measured")
    x = [row["n_params"] for row in rows]
    axes.plot(x, [row["published_bits"] for row in rows], ":", color="#999999",
              label="published: 2 bits a parameter")
    for name, colour, text in (("free", COLOURS[1], "fitted exponent, 95 % of new cells"),
                               ("proportional", COLOURS[2], "in proportion, 95 % over cells")):
        middle = [row[f"{name}_bits"] for row in rows]
        low, high = np.array([row[f"{name}_interval"] for row in rows], dtype=float).T
        axes.errorbar(x, middle, yerr=[np.subtract(middle, low), np.subtract(high, middle)],
                      fmt="s-", color=colour, markersize=4, capsize=3, label=text)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.axvspan(max(c["n_params"] for c in cells), 1.2 * x[-1], color="#f4f4f4", zorder=0)
    legend(axes)
    return finish(figure, out, "forecast", title,
                  "Bits measured and forecast against parameters, both logarithmic; the shaded part "
                  "is beyond the data",
                  {k: [row[k] for row in rows] for k in
                   ("n_params", "decades_beyond", "proportional_bits", "free_bits",
                    "published_bits")} |
                  {f"{name}_{end}": np.array([row[f"{name}_interval"][i] for row in rows], dtype=float)
                   for name in ("proportional", "free") for i, end in enumerate(("low", "high"))})
