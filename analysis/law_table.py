# SPDX-License-Identifier: BSD-3-Clause
"""A law as lines that a person reads."""

import math

from law_page import span


def table(result):
    """The lines a person reads."""
    lines = [f"peak after {result['peak_exposures']} exposures: "
             f"{result['peak_bits_per_param']:.3f} bits a parameter, 95 %: "
             f"{span(result['peak_interval'])}", "",
             "  parameters        N  exposures  seeds      R      sd    R_max   of it  points"]
    for c in result["cells"]:
        sd = "      -" if not math.isfinite(c["sd"]) else f"{c['sd']:7.4f}"
        lines.append(f"  {c['n_params']:>10,}  {c['n_people']:>7,}  {c['exposures']:>9}  "
                     f"{c['seeds']:>5}  {c['bits_per_param']:6.3f} {sd}  "
                     f"{c['max_bits_per_param']:6.3f}  {100 * c['share']:5.1f} %  {c['label']}")
    return lines + [""] + fit_lines(result) + [
        f"  left out: {x['name']}: {x['reason']}" for x in result["left_out"]]


def fit_lines(result):
    """The fits, a line each."""
    lines = [f"  P = {fit['n_params']:,}: the largest R over N = {min(fit['n_people'])} to "
             f"{max(fit['n_people'])} strings: {fit['bits_per_param']:.3f} ({span(fit['interval'])}), "
             f"in {fit['cell']}" for fit in result["capacities"]]
    for fit in result["saturation"]:
        if fit["fitted"]:
            lines.append(f"  {fit['exposures']} exposures: {fit['formula']}: C = {fit['C']:.3f} "
                         f"({span(fit['C_interval'])}), k = {fit['k']:.2f}")
    for fit in result["growth"]:
        if fit["fitted"]:
            lines.append(f"  {fit['exposures']} exposures: {fit['formula']}: g = {fit['g']:.3f} "
                         f"({span(fit['g_interval'])}); g = 1: {fit['proportional_c']:.3f} bits "
                         f"a parameter ({span(fit['proportional_interval'])})")
    for fit in result["exposure_laws"]:
        lines.append(f"  P = {fit['n_params']:,}, N = {fit['n_people']:,}: {fit['formula']}: "
                     f"alpha = {fit['alpha']:.3f} ({span(fit['alpha_interval'])}), "
                     f"R1000 = {fit['R1000']:.3f}")
    if result["forecast"]["fitted"]:
        for row in result["forecast"]["rows"]:
            lines.append(f"  {row['n_params']:.0e} parameters, {row['decades_beyond']:.1f} decades "
                         f"beyond the data: {row['proportional_bits']:.3g} bits in proportion "
                         f"({span(row['proportional_interval'], '{:.3g}')}), {row['free_bits']:.3g} "
                         f"along g ({span(row['free_interval'], '{:.3g}')})")
    return lines
