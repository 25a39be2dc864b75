# SPDX-License-Identifier: BSD-3-Clause
"""Sweeps through the command line: points, arrays, farms with failures, kills and resumes."""
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import time

import harness
from harness import AppTest, BIOD, merged, read_attributes, read_columns

POINTS = """\
base: input.yaml
out: sweep
set: {measure.every_exposures: 0}
zip:
  - corpus.people: [20, 40, 20]
    model.head_dim: [8, 8, 16]
    train.warmup_steps: [3, 5, 3]
axes:
  run.seed: [1, 2]
"""
ONE = "base: input.yaml\nout: sweep\naxes: {run.seed: [1]}\n"
NAMES = ["people=20,head_dim=8,seed=1", "people=20,head_dim=8,seed=2",
         "people=40,head_dim=8,seed=1", "people=40,head_dim=8,seed=2",
         "people=20,head_dim=16,seed=1", "people=20,head_dim=16,seed=2"]


class Sweep(AppTest):
    def write(self, text=POINTS, base=None):
        self.input(base or BIOD)
        return self.input(text, "sweep.yaml")

    def states(self, file, *sets):
        shown = self.json("sweep", file, "--status", *sets)
        return {p["name"]: p["state"] for p in shown["points"]}

    def test_list_is_stable_and_costed(self):
        file = self.write()
        first = self.kcap("sweep", file, "--list", "--json").stdout
        self.assertEqual(first, self.kcap("sweep", file, "--list", "--json", ranks=2).stdout)
        points = json.loads(first)["points"]
        self.assertEqual([p["name"] for p in points], NAMES)
        self.assertEqual([p["index"] for p in points], list(range(6)))
        self.assertEqual(points[4]["set"], {
            "measure.every_exposures": "0", "corpus.people": "20", "model.head_dim": "16",
            "train.warmup_steps": "3", "run.seed": "1"})
        for i, people, width in (2, 40, 8), (4, 20, 16):
            plan = self.json("plan", "input.yaml", "--set", f"corpus.people={people}", "--set",
                             f"model.head_dim={width}")
            for name in "n_params", "tokens", "flops":
                self.assertEqual(points[i][name], plan[name])
        self.assertFalse(os.path.exists(self.path("sweep")))
        table = self.kcap("sweep", file, "--list").stdout
        self.assertIn(NAMES[5], table)

    def test_points_of_one_corpus_share_it(self):
        """A table is read once for all of them, however they stand; its warning comes once."""
        table = "".join(f"city {i}\tcode\tc{i}\n" for i in (*range(9), 3))
        self.input(table, "t.tsv")
        self.write("base: input.yaml\naxes:\n  train.lr: [1.0e-3, 2.0e-3]\n"
                   "  corpus.people: [5, 0]\n  model.head_dim: [8, 16]\n",
                   {"corpus": {"kind": "facts", "file": "t.tsv"}, "train": {"context": 64}})
        done = self.kcap("sweep", "sweep.yaml", "--list", "--json")
        points = json.loads(done.stdout)["points"]
        self.assertEqual([(p["n_people"], p["config_hash"] == points[0]["config_hash"])
                          for p in points], [(5, i == 0) for i in range(2)] + [(9, False)] * 2
                         + [(5, False)] * 2 + [(9, False)] * 2)
        self.assertEqual(done.stderr.count("left out"), 2, done.stderr)

    def test_json_is_alone_on_stdout(self):
        file = self.write()
        self.assertEqual(self.json("sweep", file, "--missing"), {"sweep": "sweep.yaml", "missing":
                                                                 "0-5"})
        done = self.kcap("sweep", file, "--farm", "--json", ranks=2)
        found = harness.one_object(done.stdout)
        self.assertEqual([p["state"] for p in found["points"]], ["done"] * 6)
        self.assertEqual(done.stderr.count("event=point state=done"), 6)
        self.assertEqual(self.json("sweep", file, "--missing", code=1),
                         {"sweep": "sweep.yaml", "missing": ""})

    def test_index_runs_the_point_as_train_would(self):
        file = self.write()
        self.assertEqual(self.kcap("sweep", file, "--missing").stdout, "0-5\n")
        self.kcap("sweep", file, "--index", "3", ranks=2)
        self.assertEqual(self.kcap("sweep", file, "--missing").stdout, "0-2,4-5\n")
        self.kcap_train("alone", "--set", "corpus.people=40", "--set", "model.head_dim=8", "--set",
                        "train.warmup_steps=5", "--set", "run.seed=2", "--set",
                        "measure.every_exposures=0")
        self.assert_same_run(f"sweep/{NAMES[3]}", "alone", "index and train")
        listed = json.loads(self.read("sweep", "sweep.json"))
        self.assertEqual([p["name"] for p in listed["points"]], NAMES)
        again = self.kcap("sweep", file, "--index", "3")
        self.assertIn("nothing to do", again.stderr)
        self.fails("points 0 to 5", "sweep", file, "--index", "6")

    def test_farm_goes_on_past_a_failure(self):
        """Rate times decay of 100 makes matrices grow until float32 overflows."""
        file = self.write(POINTS.replace("run.seed: [1, 2]", "train.weight_decay: [0.01, 10]"),
                          merged(BIOD, train={"clip": 0, "lr": 10},
                                 corpus={"exposures": 60}))
        done = self.kcap("sweep", file, "--farm", ranks=4, code=3)
        states = self.states(file)
        self.assertEqual(states, {name: "failed" if "decay=10" in name else "done"
                                  for name in states})
        for name in states:
            exists = os.path.exists(self.path("sweep", name, "error.txt"))
            self.assertEqual(exists, "decay=10" in name)
            if exists:
                self.assertIn("loss", self.read("sweep", name, "error.txt"))
        self.assertIn("3 of 6 points failed", done.stderr)
        self.assertEqual(self.kcap("sweep", file, "--missing").stdout, "1,3,5\n")
        again = self.kcap("sweep", file, "--farm", ranks=2, code=3)
        self.assertIn("event=farm done=3 running=0 failed=0 to_come=3 eta_seconds=unknown",
                      again.stdout)

    def test_index_leaves_its_error_too(self):
        file = self.write(ONE, merged(BIOD, train={"clip": 0, "lr": 10, "weight_decay": 10},
                                 corpus={"exposures": 60}))
        self.kcap("sweep", file, "--index", 0, ranks=2, code=3)
        self.assertEqual(self.states(file), {"seed=1": "failed"})
        self.assertIn("loss", self.read("sweep", "seed=1", "error.txt"))
        # An earlier failure is forgotten once the point runs.
        file = self.write()
        os.makedirs(self.path("sweep", NAMES[0]))
        left = self.path(self.input("a full disk\n", f"sweep/{NAMES[0]}/error.txt"))
        self.assertEqual(self.states(file)[NAMES[0]], "failed")
        self.kcap("sweep", file, "--index", 0)
        self.assertEqual(self.states(file)[NAMES[0]], "done")
        self.assertFalse(os.path.exists(left))

    def test_farm_equals_single_runs_and_groups_of_two(self):
        file = self.write()
        farm = self.kcap("sweep", file, "--farm", ranks=4)
        self.assertEqual(set(self.states(file).values()), {"done"})
        self.assertEqual(self.kcap("sweep", file, "--missing", code=1).stdout, "")
        self.assertIn("6 done", farm.stdout)
        for index in 0, 5:
            os.rename(self.path("sweep", NAMES[index]), self.path(f"farmed{index}"))
            self.kcap("sweep", file, "--index", index)
            self.assert_same_run(f"farmed{index}", f"sweep/{NAMES[index]}", "farm and index")
        again = self.kcap("sweep", file, "--farm", "--ranks-per-point", 2, ranks=4)
        self.assertNotIn("event=point", again.stdout)
        os.rename(self.path("sweep"), self.path("ones"))
        self.kcap("sweep", file, "--farm", "--ranks-per-point", 2, ranks=4)
        for name in NAMES:
            self.assert_same_run(f"ones/{name}", f"sweep/{name}", "groups of 1 and 2")

    def test_each_point_has_all_threads(self):
        """A point binds its threads to cores; the next one must not find itself on one core."""
        file = self.write()
        self.kcap("sweep", file, "--farm", ranks=1)
        threads = [read_attributes(self.path("sweep", n, "run.h5"))["threads"] for n in NAMES]
        self.assertEqual(threads, [len(os.sched_getaffinity(0))] * 6)

    def long_sweep(self, text=POINTS, exposures=250):
        return self.write(text, merged(BIOD, corpus={"exposures": exposures},
                                       checkpoint={"every_steps": 40}))

    def wait_until(self, holds, process):
        end = time.monotonic() + 60
        while time.monotonic() < end and process.poll() is None:
            if holds():
                return
            time.sleep(0.05)
        self.fail("it did not come to it")

    def wait_until_under_way(self, process, names=tuple(NAMES)):
        """Until some point is well under way."""
        def holds():
            for name in names:
                with contextlib.suppress(OSError, KeyError, ValueError):
                    if len(read_columns(self.path("sweep", name), "measure")["step"]) or \
                            os.listdir(self.path("sweep", name, "checkpoints")):
                        return True
            return False
        self.wait_until(holds, process)

    @staticmethod
    def ranks_of(farm):
        """Process numbers of mpirun's children, rank by rank."""
        with os.popen(f"pgrep -P {farm.pid} -f sweep") as found:
            return sorted(map(int, found.read().split()))

    def test_experts_on_several_ranks(self):
        """Every mode takes a sweep whose points need two ranks; what runs one has them."""
        base = merged(BIOD, model={"experts": 4}, parallel={"ep": 2})
        file = self.write("base: input.yaml\nout: sweep\naxes: {run.seed: [1, 2]}\n", base)
        self.assertEqual(len(self.json("sweep", file, "--list")["points"]), 2)
        said = self.kcap("sweep", file, "--index", 0, code=2).stderr
        self.assertIn("parallel.ep: 1 ranks are not divided by groups of 2", said)
        self.kcap("sweep", file, "--index", 0, ranks=2, threads=1)
        self.assertIn("1", self.kcap("sweep", file, "--missing").stdout.split())
        self.kcap("sweep", file, "--farm", "--ranks-per-point", 2, ranks=2, threads=1)
        self.assertEqual(set(self.states(file).values()), {"done"})

    def test_killed_farm_goes_on_bit_equal(self):
        file = self.long_sweep()
        farm = self.start("sweep", file, "--farm", ranks=4)
        self.wait_until_under_way(farm)
        os.kill(self.ranks_of(farm)[-1], signal.SIGKILL)
        farm.wait(timeout=60)
        self.assertNotEqual(farm.returncode, 0)
        self.assertIn("partial", self.states(file).values())
        self.kcap("sweep", file, "--farm", ranks=2)
        os.rename(self.path("sweep"), self.path("killed"))
        self.kcap("sweep", file, "--farm", ranks=4)
        for name in NAMES:
            self.assert_same_run(f"killed/{name}", f"sweep/{name}", "killed and not")

    def test_stopped_farm_is_resumable(self):
        """It says what stopped it, how far it came, and the line that does the rest."""
        file = self.long_sweep()
        farm = self.start("sweep", file, "--farm", ranks=2, stdout=subprocess.PIPE)
        self.wait_until_under_way(farm)
        farm.send_signal(signal.SIGUSR1)
        said = farm.communicate(timeout=60)[0].splitlines()
        self.assertEqual(farm.returncode, 75)
        states = list(self.states(file).values())
        done = states.count("done")
        self.assertIn("partial", states)
        self.assertEqual(said[-4:-1], ["stopped by SIGUSR1", f"  {done} of 6 points are done, "
                                       f"{6 - done} are left", "go on with"])
        words = shlex.split(said[-1])
        self.assertEqual(words[1:], ["sweep", file, "--farm"])
        self.kcap(*words[1:], ranks=2)
        self.assertEqual(set(self.states(file).values()), {"done"})

    def test_farm_stopped_by_its_clock(self):
        file = self.long_sweep(exposures=40000)
        found = self.json("sweep", file, "--farm", "--max-time", "0:0:1", ranks=2, code=75)
        states = [p["state"] for p in found["points"]]
        self.assertEqual(found["stopped_by"], "--max-time")
        self.assertEqual((found["points_done"], found["points_left"]), (0, 6))
        self.assertEqual(set(states), {"partial", "missing"})
        self.assertTrue(found["go_on"].endswith("sweep.yaml --farm --max-time 0:0:1 --json"))

    def one_stopped(self, file, patience, rank, *args, names=tuple(NAMES), ranks=2):
        """A farm of whose ranks one falls silent once it is under way; ends with exit 5."""
        farm = self.start("sweep", file, "--farm", "--patience", patience, *args, ranks=ranks)
        self.wait_until_under_way(farm, names)
        silent = self.ranks_of(farm)[rank]
        os.kill(silent, signal.SIGSTOP)
        try:
            self.assertEqual(farm.wait(timeout=120), 5)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(silent, signal.SIGKILL)
        return farm

    def test_silent_group_does_not_hang_the_rest(self):
        file = self.long_sweep()
        self.one_stopped(file, 3, -1)
        states = list(self.states(file).values())
        self.assertEqual((states.count("done"), states.count("failed")), (5, 1), states)

    def test_silent_rank_of_a_group(self):
        """Its group names it, and the other group does the rest."""
        file = self.long_sweep()
        farm = self.one_stopped(file, 6, -1, "--ranks-per-point", 2, ranks=4)
        said = farm.communicate()[1]
        self.assertEqual(said.count("nothing has moved for"), 1, said)
        self.assertIn("rank 1 of 2 is stopped or cannot be reached; the other points go on", said)
        states = list(self.states(file).values())
        self.assertEqual((states.count("done"), states.count("failed")), (5, 1), states)

    def test_max_time_with_a_silent_group(self):
        """Nobody waits for --patience, of half an hour, once the time is over."""
        begun = time.monotonic()
        farm = self.one_stopped(self.long_sweep(exposures=40000), 1800, -1, "--max-time", "0:0:3")
        self.assertLess(time.monotonic() - begun, 60)
        said = farm.communicate()[1]
        self.assertIn("1 of 2 groups of ranks are lost; 0 of 6 points are done", said)

    def test_silent_group_without_a_point(self):
        """One point for two groups: rank 0 has it, the other waits, and falls silent."""
        file = self.long_sweep(ONE)
        self.one_stopped(file, 2, -1, names=["seed=1"])
        self.assertEqual(self.states(file), {"seed=1": "done"})

    def test_silent_rank_0_is_not_waited_for(self):
        """The same the other way round: who waits gives up on rank 0."""
        farm = self.one_stopped(self.long_sweep(ONE, 4000), 1, 0, names=["seed=1"])
        self.assertIn("rank 0 did not answer within 2 s", farm.communicate()[1])

    def test_slow_group_comes_back(self):
        """Given up, then heard again: its point is done, in the time it took."""
        file = self.long_sweep(exposures=800)
        begun = time.monotonic()
        with open(self.path("said"), "w") as said:
            farm = self.start("sweep", file, "--farm", "--patience", "1", ranks=2, stdout=said)
            self.wait_until_under_way(farm)
            slow = self.ranks_of(farm)[-1]
            os.kill(slow, signal.SIGSTOP)
            try:
                self.wait_until(lambda: "silent for 1 s" in self.read("said"), farm)
            finally:
                os.kill(slow, signal.SIGCONT)
            self.assertEqual(farm.wait(timeout=120), 0)
        took = time.monotonic() - begun
        self.assertEqual(set(self.states(file).values()), {"done"})
        lines = [line for line in self.read("said").splitlines() if "state=done" in line]
        self.assertEqual(len(lines), 6)
        for line in lines:
            self.assertLess(float(line.split("seconds=")[1]), took, line)
        self.assertFalse([n for n in NAMES if os.path.exists(self.path("sweep", n, "error.txt"))])

    def test_stop_of_one_group_stops_the_farm(self):
        """Only its own point is left unfinished: it takes no other, and neither do the rest."""
        file = self.long_sweep()
        farm = self.start("sweep", file, "--farm", ranks=2)
        self.wait_until_under_way(farm)
        os.kill(self.ranks_of(farm)[-1], signal.SIGUSR1)
        self.assertEqual(farm.wait(timeout=60), 75)
        states = list(self.states(file).values())
        self.assertEqual(states.count("partial"), 1, states)
        self.assertGreater(states.count("missing"), 0, states)

    def test_foreign_folder_is_refused(self):
        file = self.write()
        self.kcap_train(f"sweep/{NAMES[1]}", "--set", "train.max_steps=3")
        self.assertEqual(self.states(file)[NAMES[1]], "foreign")
        self.fails("another experiment", "sweep", file, "--farm", ranks=2)

    def test_a_file_where_a_folder_belongs(self):
        """Of a point, or of the sweep: named before anything runs."""
        file = self.write()
        for path in (f"sweep/{NAMES[1]}", "sweep"):
            shutil.rmtree(self.path("sweep"), ignore_errors=True)
            os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
            self.input("x", path)
            before = self.listing()
            self.assertEqual(self.states(file)[NAMES[1]], "foreign")
            self.fails(["Not a directory", "move what is there"], "sweep", file, "--farm", ranks=2)
            self.assertEqual(self.listing(), before)

    def test_a_damaged_run_is_one_point_failed(self):
        """Not a sweep refused; whether it had ended or not."""
        file = self.write()
        self.kcap("sweep", file, "--index", 1)
        for damage, word in ((lambda path: os.truncate(path, 3000), "cannot open it as HDF5"),
                             (os.unlink, "missing")):
            damage(self.path("sweep", NAMES[1], "run.h5"))
            done = self.kcap("sweep", file, "--farm", ranks=2, code=None)
            self.assertIn(done.returncode, (2, 4))
            self.assertIn("1 of 6 points failed", done.stderr)
            self.assertIn(f"run.h5: {word}", self.read("sweep", NAMES[1], "error.txt"))
            self.assertIn("--without-history", done.stdout)
            states = self.states(file)
            self.assertEqual(states.pop(NAMES[1]), "failed")
            self.assertEqual(set(states.values()), {"done"})
            self.assertIn(f"{NAMES[1]}/run.h5", self.kcap("sweep", file, "--status").stdout)
        self.kcap("sweep", file, "--farm", "--without-history", ranks=2)
        self.assertEqual(set(self.states(file).values()), {"done"})

    def test_errors_name_place_and_cure(self):
        base = "base: input.yaml\n"
        for text, part in (
                (base + "axes: {model.layer: [1]}\n", "sweep.yaml:2: model.layer: unknown key"),
                (base + "axes: {model.layer: [1]}\n", "did you mean model.layers?"),
                (base + "axes:\n  run.seed: []\n", "sweep.yaml:3: run.seed: an axis is a list"),
                (base + "axes: {run.seed: [1, 1]}\n", "two points are both seed=1"),
                (base + "axes: {train.lr: [1.0e-3, 0.002, 0.001]}\n",
                 "points lr=1.0e-3 and lr=0.001 are the same run"),
                (base + "axes: {run.seed: [1, +1.0]}\n", "points seed=1 and seed=+1.0 are the same"),
                (base + "points: [{model.arch: gpt2, run.seed: 1}, {model.arch: 'gpt2'}]\n"
                 "set: {run.seed: 1}\n", "are the same run"),
                (base + "points: [{model.kv_heads: 0}, {model.kv_heads: 2}]\n", "are the same run"),
                (base + "axes: {run.name: [a, b]}\n", "are the same run"),
                (base + "zip: [{run.seed: [1, 2], model.layers: [1]}]\n", "not as many values"),
                (base + "axes: {train.lr: {from: 1, to: 2}}\n", "points: missing in a range"),
                (base + "axes: {train.lr: {from: 0, to: 2, points: 3, scale: log}}\n",
                 "positive ends"),
                (base + "axis: {run.seed: [1]}\n", "sweep.yaml:2: axis: unknown"),
                (base + "axes: {run.seed: [[1]]}\n", "single value belongs"),
                (base + "axes: {run.seed: [1, x]}\n", "point 1, seed=x: --set run.seed=x"),
                (base + "set: {model.layers: 0}\n", "model.layers"),
                ("axes: {run.seed: [1]}\n", "base is missing"),
                ("base: gone.yaml\n", "gone.yaml: cannot be read"),
                ("base: [\n", "broken YAML"),
                ("- 1\n", "not a sweep file")):
            with self.subTest(text):
                self.write(text)
                self.fails(part, "sweep", "sweep.yaml", "--list")
        self.write()
        self.fails("one of --list", "sweep", "sweep.yaml")
        self.fails("one of --list", "sweep", "sweep.yaml", "--list", "--farm")
        self.fails("--set run.seed=7: the points of sweep.yaml differ in this key", "sweep",
                   "sweep.yaml", "--list", "--set", "run.seed=7", ranks=2)
        for option, value, part in (("--patience", "9", "--patience goes with --farm"),
                                    ("--ranks-per-point", "1", "--ranks-per-point goes with"),
                                    ("--max-time", "1:00:00", "goes with --farm or --index")):
            self.fails(part, "sweep", "sweep.yaml", "--list", option, value)
        self.fails("does not divide the 3 ranks", "sweep", "sweep.yaml", "--farm",
                   "--ranks-per-point", "2", ranks=3)

    def test_ranges_and_points(self):
        self.write("base: input.yaml\npoints:\n"
                   "  - {corpus.people: 20, stands_for: 7.0e9}\n  - {corpus.people: 30}\n"
                   "axes:\n  train.lr: {from: 1.0e-4, to: 1.0e-2, points: 3, scale: log}\n"
                   "  corpus.exposures: {from: 5, to: 15, points: 3}\n")
        points = self.json("sweep", "sweep.yaml", "--list")["points"]
        self.assertEqual(len(points), 18)
        self.assertEqual([p["name"] for p in points[:4]],
                         ["people=20,lr=0.0001,exposures=5", "people=20,lr=0.0001,exposures=10",
                          "people=20,lr=0.0001,exposures=15", "people=20,lr=0.001,exposures=5"])
        p = points[0]
        self.assertEqual(p["stands_for"], "7e+09 parameters, {:.3g} bits, {:.3g} tokens".format(
            7e9 / p["n_params"] * p["corpus_bits"], 7e9 / p["n_params"] * p["tokens"]))
        self.assertNotIn("stands_for", points[9])


if __name__ == "__main__":
    harness.main()
