# SPDX-License-Identifier: BSD-3-Clause
"""growth.py KCAP OUT.png: how the time of a token grows with the width, as operations a second.

Four layers, d = 64 ... 1024, heads of 64, V = 3000, T = 512, 2048 tokens a step, 2 ranks x 1
thread. Prints a row each and draws rate and share of the multiply-add peak.
"""
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from run import INPUTS, mpirun_of, object_of  # noqa: E402

INPUT = INPUTS / "d256.yaml"
WIDTHS = (64, 128, 256, 512, 1024)


def bench(kcap, width):
    # Large models need more than their share of a second a step.
    seconds = max(6, 20 * (width / 512) ** 2)
    command = [*mpirun_of(kcap, "core"), "2", kcap, "bench", INPUT, "--json",
               "--seconds", str(seconds), "--set", f"model.heads={width // 64}",
               "--set", "parallel.threads=1"]
    return object_of(command, {"OMPI_ALLOW_RUN_AS_ROOT": "1",
                               "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"})


def main(kcap, out):
    rows = [bench(kcap, width) for width in WIDTHS]
    print("    d  FLOP/token   tokens/s   GFLOP/s  of peak")
    for width, r in zip(WIDTHS, rows):
        print(f"{width:5} {r['flop_per_token']:11.4g} {r['tokens_per_second']:10.0f} "
              f"{1e-9 * r['flop_per_second']:9.1f} {100 * r['peak_share']:6.1f} %")
    figure, left = plt.subplots(figsize=(7, 4.2))
    left.plot(WIDTHS, [1e-9 * r["flop_per_second"] for r in rows], "o-", color="tab:blue")
    left.axhline(1e-9 * rows[0]["peak_flop_per_second"], color="tab:gray", linestyle="--")
    left.annotate("multiply-add peak of the two cores", (WIDTHS[0], 0.965e-9 *
                  rows[0]["peak_flop_per_second"]), color="tab:gray", va="top")
    left.set(xscale="log", xlabel="width d (4 layers, V = 3000, T = 512)",
             ylabel="tokens/s x FLOP/token, in GFLOP/s", ylim=(0, None))
    left.set_xticks(WIDTHS, WIDTHS)
    left.set_xticks([], minor=True)
    right = left.twinx()
    right.plot(WIDTHS, [r["tokens_per_second"] for r in rows], "s:", color="tab:orange")
    right.set(yscale="log")
    right.set_ylabel("tokens/s", color="tab:orange")
    figure.tight_layout()
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
