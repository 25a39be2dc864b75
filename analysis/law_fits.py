# SPDX-License-Identifier: BSD-3-Clause
"""Fits of the capacity law to cells of a sweep (law_cells): a cell, not a run, is the unit, because
cells deviate from a law by more than their seeds do from each other. Each fit is a dict; one without
enough data has fitted = False and says why; an interval of too few data is [None, None]."""

import math

import numpy as np
from scipy import optimize, stats

from law_cells import held_out, points_of

MISS = 0.05           # of intervals called 95 %
JACKKNIFE_LEAST = 5   # cells; of fewer its errors are too rough for an interval
FREE_LEAST = 2        # degrees of freedom below which an interval says nothing: t is 12.7 at 1
OVERFILLED = 1.8      # R_max from which a model and not its corpus is measured (2404.05405, result 1)
KEPT_MOST = 0.95      # and of which it may keep no more: a corpus kept whole says nothing of the model
SPAN_LEAST = 1.5  # largest size or R_max over smallest, for a line through them to mean anything
PUBLISHED = 2.0       # bits a parameter after 1000 exposures, the same
TARGETS = (1e9, 7e9, 70e9)


def not_fitted(reason):
    return {"fitted": False, "reason": reason}


def values_of(cell):
    return np.array([p["bits_per_param"] for p in cell["points"]])


def mean_bits(cell):
    return float(np.mean(values_of(cell)))


def interval(middle, error, free):
    """95 % by Student's t with `free` degrees of freedom."""
    if free < FREE_LEAST or not math.isfinite(error):
        return [None, None]
    half = stats.t.ppf(1 - MISS / 2, free) * error
    return [float(middle - half), float(middle + half)]


def peak_interval(rivals):
    """Of the largest true mean among the rivals, each with the t of its own seeds. Any of n rivals may
    read too high, each with an (n + 1)th of the 5 %; the one that has the largest may read too low, with
    the n other parts. Covers 95 % where one stands out or all are equal, more in between."""
    if min(len(c["points"]) for c in rivals) <= FREE_LEAST:
        return [None, None]
    share = MISS / (len(rivals) + 1)
    means = np.array([mean_bits(c) for c in rivals])
    errors = np.array([values_of(c).std(ddof=1) / math.sqrt(len(c["points"])) for c in rivals])
    free = np.array([len(c["points"]) - 1 for c in rivals])
    low = means - stats.t.ppf(1 - share, free) * errors
    high = means + stats.t.ppf(1 - share * len(rivals), free) * errors
    return [float(low.max()), float(high.max())]


def peak(cells):
    """The largest R: each seed is read in the cell that the other seeds call the best. Cells whose corpus
    has less than that cannot hold it."""
    best = max(cells, key=mean_bits)
    rivals = [c for c in cells if c["max_bits_per_param"] >= mean_bits(best)] or [best]
    held = [p["bits_per_param"] for seed, c in held_out(rivals) for p in points_of(c, seed)]
    return {"fitted": True, "exposures": best["exposures"], "bits_per_param": float(np.mean(held)),
            "interval": peak_interval(rivals), "cell": best["name"], "n_params": best["n_params"],
            "seeds": len(best["points"]), "rivals": len(rivals)}


def smooth_minimum(r_max, capacity, k):
    """R of a model that can hold `capacity` of a corpus that has r_max, bits a parameter."""
    least = np.minimum(r_max, capacity)  # in front, so that no power overflows
    return least * ((least / r_max) ** k + (least / capacity) ** k) ** (-1 / k)


def of_logarithms(r_max, log_capacity, log_k):
    """smooth_minimum, with k from 0.5 to 100, by what the search changes."""
    return smooth_minimum(r_max, np.exp(np.clip(log_capacity, -3, 3)),
                          np.exp(np.clip(log_k, math.log(0.5), math.log(100))))


def jackknife(curve, x, y, start):
    """Least squares of y = curve(x, *values): the values, and the first one's standard error from leaving
    out each cell in turn, which holds however unequally cells deviate."""
    def search(x, y, start):
        return optimize.leastsq(lambda values: curve(x, *values) - y, start, maxfev=2000)[0]

    values, n = search(x, y, start), len(x)
    if n < JACKKNIFE_LEAST:
        return values, math.nan
    less = np.array([search(np.delete(x, i), np.delete(y, i), values)[0] for i in range(n)])
    return values, math.sqrt((n - 1) / n * ((less - less.mean()) ** 2).sum())


def saturation(cells):
    """R = (R_max^-k + C^-k)^(-1/k) over the cells. Of C alone there is an interval: it rests on the cells
    whose corpus has more than C, and k on the one or two near the knee."""
    x = np.array([c["max_bits_per_param"] for c in cells])
    y = np.array([mean_bits(c) for c in cells])
    if len(np.unique(x.round(6))) < 4:
        return not_fitted("fewer than 4 different R_max")
    if max(x) < SPAN_LEAST * min(x):
        return not_fitted(f"R_max spans a factor of {max(x) / min(x):.2f}; at least {SPAN_LEAST} is "
                          "needed")
    if max(y) <= 0:
        return not_fitted("no cell stores anything")
    values, error = jackknife(of_logarithms, x, y, (math.log(max(y)), math.log(5)))
    C, k = (float(np.exp(v)) for v in values)
    low, high = interval(values[0], error, int((x > C).sum()) - 1)
    return {"fitted": True, "formula": "R = (R_max^-k + C^-k)^(-1/k)", "n": len(cells), "C": C,
            "C_interval": [low and math.exp(low), high and math.exp(high)], "k": min(max(k, 0.5), 100.0),
            "residuals": residuals(cells, y - of_logarithms(x, *values))}


def residuals(cells, values):
    return [{"name": c["name"], "residual": float(v)} for c, v in zip(cells, values)]


def capacity_cells(cells):
    """For each P the cell with the largest corpus, of those that over-fill it: chosen by what it was given,
    not by what it stored, which would take the luckiest."""
    largest = {}
    for cell in cells:
        r_max = cell["max_bits_per_param"]
        if r_max < OVERFILLED or not 0 < mean_bits(cell) <= KEPT_MOST * r_max:
            continue
        P = cell["n_params"]
        if P not in largest or r_max > largest[P]["max_bits_per_param"]:
            largest[P] = cell
    return [largest[P] for P in sorted(largest)]


def growth(cells):
    """Bits against parameters on the over-filled cells: log10 bits = log10 c + g log10 P, with g
    free, and with g = 1."""
    chosen = capacity_cells(cells)
    if len(chosen) < 3:
        return not_fitted(f"{len(chosen)} sizes have a corpus of R_max of at least {OVERFILLED} and "
                          f"keep at most {KEPT_MOST:.0%} of it; at least 3 are needed")
    sizes = [c["n_params"] for c in chosen]
    if max(sizes) < SPAN_LEAST * min(sizes):
        return not_fitted(f"the sizes span a factor of {max(sizes) / min(sizes):.2f}; at least "
                          f"{SPAN_LEAST} is needed")
    R = np.array([mean_bits(c) for c in chosen])
    x, y = np.log10(sizes), np.log10(R * sizes)
    line, n = stats.linregress(x, y), len(chosen)
    return {"fitted": True, "formula": "log10 bits = log10 c + g log10 P", "n": n,
            "sizes": sizes, "g": float(line.slope),
            "g_interval": interval(line.slope, line.stderr, n - 2),
            "log10_c": float(line.intercept), "proportional_c": float(R.mean()),
            "proportional_interval": interval(R.mean(), R.std(ddof=1) / math.sqrt(n), n - 1),
            "residuals": residuals(chosen, y - line.intercept - line.slope * x),
            "_regression": {"x": x.tolist(), "y": y.tolist()}}


def forecast(fit):
    """Bits at large sizes: in proportion, and along the fitted exponent with the 95 % interval of a
    new cell, which widens with the distance from the data."""
    if not fit["fitted"]:
        return not_fitted("no fit of bits against parameters: " + fit["reason"])
    x, y = (np.array(fit["_regression"][k]) for k in "xy")
    n, spread = len(x), float(((x - x.mean()) ** 2).sum())
    noise = math.sqrt(float(((y - fit["log10_c"] - fit["g"] * x) ** 2).sum()) / (n - 2))
    rows = []
    for target in TARGETS:
        at = math.log10(target)
        middle = fit["log10_c"] + fit["g"] * at
        error = noise * math.sqrt(1 + 1 / n + (at - x.mean()) ** 2 / spread)
        rows.append({"n_params": target, "decades_beyond": at - float(x.max()),
                     "proportional_bits": fit["proportional_c"] * target,
                     "proportional_interval": [v and v * target for v in fit["proportional_interval"]],
                     "free_bits": 10 ** middle,
                     "free_interval": [v and 10 ** v for v in interval(middle, error, n - 2)],
                     "published_bits": PUBLISHED * target})
    return {"fitted": True, "rows": rows}


def exposure_law(cells):
    """R = R1000 (E / 1000)^alpha over cells of E in 10 ... 1000 by least squares on R itself, which needs no
    R > 0: to leave out what was read below 0 would bend the curve. Of alpha alone there is an interval:
    R1000 is what the cell of most exposures says."""
    cells = [c for c in cells if 10 <= c["exposures"] <= 1000]
    if len({c["exposures"] for c in cells}) < 3:
        return not_fitted("fewer than 3 exposure counts in 10 ... 1000")
    x = np.array([c["exposures"] / 1000 for c in cells])
    y = np.array([mean_bits(c) for c in cells])
    if y[x.argmax()] <= 0:
        return not_fitted("nothing is stored after the most exposures")

    def curve(x, alpha, R1000):
        return R1000 * x ** np.clip(alpha, -10, 10)
    values, error = jackknife(curve, x, y, (0.5, y[x.argmax()]))
    return {"fitted": True, "formula": "R = R1000 (E / 1000)^alpha", "n": len(cells),
            "n_params": cells[0]["n_params"], "n_people": cells[0]["n_people"],
            "alpha": float(values[0]), "alpha_interval": interval(values[0], error, len(cells) - 2),
            "R1000": float(values[1]), "published_alpha": math.log10(2),
            "residuals": residuals(cells, y - curve(x, *values))}
