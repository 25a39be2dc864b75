# SPDX-License-Identifier: BSD-3-Clause
"""Time kcap and PyTorch in turn on the same weights and tokens, and compare the losses they reach."""
import argparse
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
INPUTS = HERE.parent.parent / "inputs" / "bench"
STEPS = {"d64": 200, "d128": 60, "d256": 24, "d768": 6}
LAYOUTS = {"2x1": (2, 1), "1x2": (1, 2), "1x1": (1, 1)}  # ranks x threads
SAME_LOSS = 1e-3
# What PyTorch is tried with: each choice may pay or not, by CPU and size.
MALLOC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "4000000000",
          "MALLOC_TOP_PAD_": "500000000"}
BLAS = (("libblis.so.4", {}), ("libblis.so.4", {"BLIS_ARCH_TYPE": "0"}),
        ("libopenblas.so.0", {}))


def arguments():
    p = argparse.ArgumentParser(prog="tests/bench/run.sh", description=__doc__)
    p.add_argument("build", help=argparse.SUPPRESS)
    p.add_argument("config", nargs="*", default=list(STEPS),
                   help="of inputs/bench, or input files (default: %(default)s)")
    p.add_argument("--steps", type=int, help="optimiser steps of a run")
    p.add_argument("--rounds", type=int, default=3, help="runs of each program (default: 3)")
    p.add_argument("--quick", action="store_true", help="one short round, no trial of PyTorch's")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                   help="a key of the input, for both programs")
    return p.parse_intermixed_args()


def others_share(seconds=0.5):
    """How much of the cores other processes use now."""
    def idle_and_all():
        with open("/proc/stat") as file:
            times = list(map(int, file.readline().split()[1:9]))
        return times[3] + times[4], sum(times)
    idle0, all0 = idle_and_all()
    time.sleep(seconds)
    idle1, all1 = idle_and_all()
    return 1 - (idle1 - idle0) / max(1, all1 - all0)


def object_of(command, env):
    done = subprocess.run(command, env=dict(os.environ, **env), stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}")
    return json.loads(done.stdout)


class Case:
    def __init__(self, args, config, folder):
        self.name = Path(config).stem
        self.input = Path(config) if config.endswith(".yaml") else INPUTS / f"{config}.yaml"
        if not self.input.exists():
            sys.exit(f"{config}: no such input; those of inputs/bench are {', '.join(STEPS)}")
        self.steps = args.steps or STEPS.get(self.name, 20)
        self.args, self.build = args, Path(args.build)
        self.dump = Path(folder) / "dump"
        subprocess.run([self.build / "tests" / "bench_dump", self.input, str(self.steps), self.dump,
                        *args.set], check=True)

    def layouts(self):
        """Those whose ranks can share the lanes."""
        words = [word for each in self.args.set for word in ("--set", each)]
        config = object_of([self.build / "kcap", "config", "--print", self.input, "--json", *words],
                           {})
        return [name for name, (ranks, _) in LAYOUTS.items()
                if config["train"]["lanes"] % ranks == 0]

    def kcap(self, layout):
        ranks, threads = LAYOUTS[layout]
        sets = [f"train.max_steps={self.steps}", f"parallel.threads={threads}", *self.args.set]
        command = ["mpirun", "--oversubscribe", "--bind-to", "none", "-n", str(ranks),
                   self.build / "kcap", "bench", self.input, "--seconds", "86400", "--json"]
        command += [word for each in sets for word in ("--set", each)]
        return object_of(command, {})

    def peer(self, env, steps=None, threads=2):
        return object_of(["/usr/bin/python3", HERE / "peer.py", self.dump, str(threads),
                          str(steps or self.steps)], env)

    def best_peer(self):
        """The fastest of all combinations, by a short trial of each."""
        choices = [{}]
        for library, more in BLAS:
            found = list(Path("/usr/lib/x86_64-linux-gnu").glob(f"*/{library}"))
            if found:
                choices.append({"LD_PRELOAD": str(found[0]), **more})
        results = []
        for blas, isa, malloc in itertools.product(
                choices, ({}, {"ATEN_CPU_CAPABILITY": "avx512"}), ({}, MALLOC)):
            env = {**blas, **isa, **malloc}
            trial = self.peer(env, max(3, self.steps // 5))
            results.append((trial["tokens_per_second"], env))
        return max(results, key=lambda r: r[0])[1]


def medians(runs, key):
    return statistics.median(run[key] for run in runs)


def measure(args, config, folder):
    case = Case(args, config, folder)
    best = {} if args.quick else case.best_peer()
    rounds = 1 if args.quick else args.rounds
    layouts = case.layouts()
    runs = {name: [] for name in (*layouts, "installed", "tuned")}
    loaded = 0.0
    for _ in range(rounds):
        loaded = max(loaded, others_share())
        for name in runs:
            runs[name].append(case.kcap(name) if name in LAYOUTS else
                              case.peer(best if name == "tuned" else {}))
    speed = {name: medians(each, "tokens_per_second") for name, each in runs.items()}
    fastest = max((name for name in layouts if name != "1x1"), key=speed.get)
    flop = runs[fastest][0]["flop_per_token"]
    peak = medians(runs[fastest], "peak_flop_per_second")
    loss, peer_loss = runs[fastest][0]["loss"], runs["tuned"][0]["loss"]
    return {"config": case.name, "set": args.set, "steps": case.steps, "rounds": rounds,
            "kernel": runs[fastest][0]["kernel"], "layout": fastest,
            "tokens_per_second": speed, "gflop_per_second": 1e-9 * flop * speed[fastest],
            "peak_share": flop * speed[fastest] / peak, "peak_gflop_per_second": 1e-9 * peak,
            "ratio_tuned": speed[fastest] / speed["tuned"],
            "ratio_installed": speed[fastest] / speed["installed"],
            "scaling_2x1": speed.get("2x1", math.nan) / speed["1x1"],
            "scaling_1x2": speed["1x2"] / speed["1x1"],
            "tuned_environment": best, "loss": loss, "peer_loss": peer_loss,
            "same_loss": abs(loss - peer_loss) <= SAME_LOSS, "others_share": loaded}


def row(r):
    s = r["tokens_per_second"]
    notes = ("" if r["same_loss"] else "  FAILED: other loss") + (
        f"  LOADED: others use {100 * r['others_share']:.0f} %" if r["others_share"] > 0.05 else "")
    return (f"{r['config']:<8} {s[r['layout']]:>9.0f} {r['gflop_per_second']:>8.1f} "
            f"{100 * r['peak_share']:>6.1f} %  {r['ratio_tuned']:>6.2f}x {r['ratio_installed']:>8.2f}x "
            f" {r['scaling_2x1']:>5.2f} {r['scaling_1x2']:>5.2f}  {r['loss']:.5f} "
            f"{r['peer_loss']:.5f}{notes}")


def main():
    args = arguments()
    rows = []
    for config in args.config:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(measure(args, config, folder))
        known = {key: None if value != value else value for key, value in rows[-1].items()}
        print(json.dumps(known), flush=True)
    print("\nconfig   tokens/s  GFLOP/s  of peak  /tuned  /installed  2x1   1x2   loss    PyTorch's")
    print("\n".join(row(r) for r in rows))
    return 0 if all(r["same_loss"] for r in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
