# SPDX-License-Identifier: BSD-3-Clause
"""Time kcap and PyTorch in turn on the same weights and tokens, and compare the losses they reach."""
import argparse
import json
import math
import os
import re
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
AVX512 = "avx512f" in Path("/proc/cpuinfo").read_text(encoding="ascii")
BLAS = (("libblis.so.4", {}), *((("libblis.so.4", {"BLIS_ARCH_TYPE": "0"}),) if AVX512 else ()),
        ("libopenblas.so.0", {}), ("libbench_sgemm_onednn.so", {}))
# Processes x threads, environment. By default OpenMP's threads spin while they wait, on the cores
# that the installed BLAS wants for its own: a third of the speed.
INSTALLED = ((1, 2), {"OMP_WAIT_POLICY": "passive"})


def arguments():
    p = argparse.ArgumentParser(prog="tests/bench/run.sh", description=__doc__)
    p.add_argument("build", help=argparse.SUPPRESS)
    p.add_argument("config", nargs="*", default=list(STEPS),
                   help=f"of inputs/bench, or input files (default: {' '.join(STEPS)})")
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


def mpirun_of(kcap, *bound):
    """The mpirun of its build, with its options for ranks bound to cores, or to none and crowded."""
    said = subprocess.run([kcap, "--version"], capture_output=True, text=True, check=True).stdout
    mpirun = re.search(r"^mpirun +(.+)$", said, re.M)[1]
    crowded = ("--oversubscribe",) if "Open MPI" in said and not bound else ()
    return [mpirun, *crowded, "--bind-to", *(bound or ("none",)), "-n"]


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
        kcap = self.build / "kcap"
        command = [*mpirun_of(kcap), str(ranks), kcap, "bench", self.input,
                   "--seconds", "86400", "--json"]
        command += [word for each in sets for word in ("--set", each)]
        return object_of(command, {})

    def peer(self, choice, steps=None):
        (ranks, threads), env = choice
        return object_of(["/usr/bin/python3", HERE / "peer.py", self.dump, str(ranks), str(threads),
                          str(steps or self.steps)], env)

    def best_peer(self, layouts):
        """The fastest choice, by short trials: the BLAS and the processes first, then what else may
        pay with them."""
        trial_steps = max(4, self.steps // 4)

        def speed(choice):
            try:
                return self.peer(choice, trial_steps)["tokens_per_second"]
            except SystemExit as e:
                print(f"left out: {e}", file=sys.stderr)
                return 0

        def fastest(choices):
            return max(choices, key=speed)

        grids = [LAYOUTS[name] for name in layouts if name != "1x1"]
        blas = [{}]
        for library, more in BLAS:
            found = [path for folder in ("/usr/lib/x86_64-linux-gnu", self.build / "tests")
                     for path in sorted(Path(folder).glob(f"**/{library}"))]
            if found:
                blas.append({"LD_PRELOAD": str(found[0]), **more})
        widest = {"ATEN_CPU_CAPABILITY": "avx512"} if AVX512 else {}
        best = fastest([(grid, {**INSTALLED[1], **widest, **each})
                        for grid in grids for each in blas])
        for more in ({"OMP_WAIT_POLICY": "active"}, {"ATEN_CPU_CAPABILITY": "avx2"}, MALLOC):
            best = fastest([best, (best[0], {**best[1], **more})])
        return best


def medians(runs, key):
    return statistics.median(run[key] for run in runs)


def measure(args, config, folder):
    case = Case(args, config, folder)
    layouts = case.layouts()
    best = INSTALLED if args.quick else case.best_peer(layouts)
    rounds = 1 if args.quick else args.rounds
    runs = {name: [] for name in (*layouts, "installed", "tuned")}
    loaded = 0.0
    for _ in range(rounds):
        loaded = max(loaded, others_share())
        for name in runs:
            runs[name].append(case.kcap(name) if name in LAYOUTS else
                              case.peer(best if name == "tuned" else INSTALLED))
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
            "tuned_layout": "{}x{}".format(*best[0]),
            "tuned_environment": best[1], "loss": loss, "peer_loss": peer_loss,
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
