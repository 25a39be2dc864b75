# SPDX-License-Identifier: BSD-3-Clause
"""Fits of the capacity law to points of a sweep. A point is a dict with the keys of law.point(); a
cell holds the points that differ in their seeds alone. Each fit is a dict; one without enough data
has fitted = False and says why."""

import math

import numpy as np
from scipy import optimize, stats

RESAMPLES = 2000
OVERFILLED = 1.8      # R_max from which a model and not its corpus is measured (2404.05405, result 1)
KEPT_MOST = 0.95      # and of which it may keep no more: a corpus kept whole says nothing of the model
SPAN_LEAST = 1.5  # largest size or R_max over smallest, for a line through them to mean anything
PUBLISHED = 2.0       # bits a parameter after 1000 exposures, the same
TARGETS = (1e9, 7e9, 70e9)


def not_fitted(reason):
    return {"fitted": False, "reason": reason}


def mean_bits(cell):
    return float(np.mean([p["bits_per_param"] for p in cell["points"]]))


def interval(samples):
    """The middle 95 % of bootstrap samples."""
    low, high = np.percentile(samples, (2.5, 97.5))
    return [float(low), float(high)]


def resampled_means(cells, chance):
    """[RESAMPLES, cells]: each cell's mean R over seeds drawn anew from its own."""
    columns = []
    for cell in cells:
        values = np.array([p["bits_per_param"] for p in cell["points"]])
        columns.append(values[chance.integers(len(values), size=(RESAMPLES, len(values)))].mean(1))
    return np.stack(columns, axis=1)


def peak(cells, seed):
    """The cell with the largest mean R; the interval is that of the largest mean when seeds are
    drawn anew in every cell."""
    best = max(cells, key=mean_bits)
    samples = resampled_means(cells, np.random.default_rng(seed)).max(axis=1)
    return {"fitted": True, "exposures": best["exposures"], "bits_per_param": mean_bits(best),
            "interval": interval(samples), "cell": best["name"], "n_params": best["n_params"],
            "seeds": len(best["points"]),
            "all_cells_have_several_seeds": all(len(c["points"]) > 1 for c in cells)}


def smooth_minimum(r_max, capacity, k):
    """R of a model that can hold `capacity` of a corpus that has r_max, bits a parameter."""
    least = np.minimum(r_max, capacity)  # in front, so that no power overflows
    return least * ((least / r_max) ** k + (least / capacity) ** k) ** (-1 / k)


def with_errors(names, values, covariance, n):
    """Parameters with 95 % intervals by Student's t."""
    t = stats.t.ppf(0.975, max(1, n - len(names)))
    errors = np.sqrt(np.diag(covariance))
    found = {}
    for name, value, error in zip(names, values, errors):
        half = t * error
        found[name] = float(value)
        found[name + "_interval"] = ([float(value - half), float(value + half)]
                                     if math.isfinite(half) else [None, None])
    return found


def saturation(cells):
    """R = (R_max^-k + C^-k)^(-1/k) over all points of the cells."""
    points = [p for c in cells for p in c["points"] if p["bits_per_param"] > 0]
    if len({round(p["max_bits_per_param"], 6) for p in points}) < 4:
        return not_fitted("fewer than 4 different R_max with R > 0")
    x = np.array([p["max_bits_per_param"] for p in points])
    if max(x) < SPAN_LEAST * min(x):
        return not_fitted(f"R_max spans a factor of {max(x) / min(x):.2f}; at least {SPAN_LEAST} is "
                          "needed")
    y = np.array([p["bits_per_param"] for p in points])
    try:
        values, covariance = optimize.curve_fit(smooth_minimum, x, y, p0=(np.clip(max(y), 0.1, 19.0), 5.0),
                                                bounds=((0.05, 0.5), (20.0, 100.0)))
    except (RuntimeError, ValueError) as e:
        return not_fitted(str(e))
    fit = {"fitted": True, "formula": "R = (R_max^-k + C^-k)^(-1/k)", "n": len(points)}
    fit |= with_errors(("C", "k"), values, covariance, len(points))
    fit["residuals"] = residuals(points, y - smooth_minimum(x, *values))
    return fit


def residuals(points, values):
    return [{"name": p["name"], "residual": float(v)} for p, v in zip(points, values)]


def capacity_cells(cells):
    """For each P the cell that stores most, of those whose corpus over-fills it."""
    best = {}
    for cell in cells:
        r_max = cell["max_bits_per_param"]
        if r_max < OVERFILLED or not 0 < mean_bits(cell) <= KEPT_MOST * r_max:
            continue
        if cell["n_params"] not in best or mean_bits(cell) > mean_bits(best[cell["n_params"]]):
            best[cell["n_params"]] = cell
    return [best[P] for P in sorted(best)]


def growth(cells, seed):
    """Bits against parameters on the over-filled cells: log10 bits = log10 c + g log10 P, with g
    free, and with g = 1."""
    chosen = capacity_cells(cells)
    points = [p for c in chosen for p in c["points"] if p["bits_per_param"] > 0]
    if len(chosen) < 2 or len(points) < 3:
        return not_fitted(f"{len(chosen)} sizes have a corpus of R_max of at least {OVERFILLED} and "
                          f"keep at most {KEPT_MOST:.0%} of it; at least 2 and 3 points are needed")
    sizes = [c["n_params"] for c in chosen]
    if max(sizes) < SPAN_LEAST * min(sizes):
        return not_fitted(f"the sizes span a factor of {max(sizes) / min(sizes):.2f}; at least "
                          f"{SPAN_LEAST} is needed")
    x = np.log10([p["n_params"] for p in points])
    y = np.log10([p["total_bits"] for p in points])
    line = stats.linregress(x, y)
    t = stats.t.ppf(0.975, max(1, len(points) - 2))
    ratio = resampled_means(chosen, np.random.default_rng(seed)).mean(axis=1)
    return {"fitted": True, "formula": "log10 bits = log10 c + g log10 P", "n": len(points),
            "sizes": sizes, "g": float(line.slope),
            "g_interval": [float(line.slope - t * line.stderr),
                           float(line.slope + t * line.stderr)],
            "log10_c": float(line.intercept),
            "proportional_c": float(np.mean([mean_bits(c) for c in chosen])),
            "proportional_interval": interval(ratio),
            "residuals": residuals(points, y - line.intercept - line.slope * x),
            "_regression": {"x": x.tolist(), "y": y.tolist()}}


def forecast(fit):
    """Bits at large sizes: in proportion, and along the fitted exponent with the 95 % interval of a
    new point, which widens with the distance from the data."""
    if not fit["fitted"]:
        return not_fitted("no fit of bits against parameters: " + fit["reason"])
    x, y = (np.array(fit["_regression"][k]) for k in "xy")
    n, spread = len(x), float(((x - x.mean()) ** 2).sum())
    noise = math.sqrt(float(((y - fit["log10_c"] - fit["g"] * x) ** 2).sum()) / max(1, n - 2))
    t = stats.t.ppf(0.975, max(1, n - 2))
    rows = []
    for target in TARGETS:
        at = math.log10(target)
        middle = fit["log10_c"] + fit["g"] * at
        half = t * noise * math.sqrt(1 + 1 / n + (at - x.mean()) ** 2 / spread)
        low, high = fit["proportional_interval"]
        rows.append({"n_params": target, "decades_beyond": at - float(x.max()),
                     "proportional_bits": fit["proportional_c"] * target,
                     "proportional_interval": [low * target, high * target],
                     "free_bits": 10 ** middle,
                     "free_interval": [10 ** (middle - half), 10 ** (middle + half)],
                     "published_bits": PUBLISHED * target})
    return {"fitted": True, "rows": rows}


def exposure_law(cells):
    """R = R1000 (E / 1000)^alpha by least squares on log R, E in 10 ... 1000, R > 0."""
    points = [p for c in cells for p in c["points"]
              if 10 <= p["exposures"] <= 1000 and p["bits_per_param"] > 0]
    if len({p["exposures"] for p in points}) < 3:
        return not_fitted("fewer than 3 exposure counts in 10 ... 1000 with R > 0")
    x = np.log([p["exposures"] / 1000 for p in points])
    y = np.log([p["bits_per_param"] for p in points])
    line = stats.linregress(x, y)
    t = stats.t.ppf(0.975, max(1, len(points) - 2))
    return {"fitted": True, "formula": "R = R1000 (E / 1000)^alpha", "n": len(points),
            "n_params": cells[0]["n_params"], "n_people": cells[0]["n_people"],
            "alpha": float(line.slope),
            "alpha_interval": [float(line.slope - t * line.stderr),
                               float(line.slope + t * line.stderr)],
            "R1000": math.exp(line.intercept),
            "R1000_interval": [math.exp(line.intercept - t * line.intercept_stderr),
                               math.exp(line.intercept + t * line.intercept_stderr)],
            "published_alpha": math.log10(2),
            "residuals": residuals(points, y - line.intercept - line.slope * x)}
