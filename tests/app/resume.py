# SPDX-License-Identifier: BSD-3-Clause
"""A run that was stopped, killed or damaged goes on and ends with the bits of one that was not."""
import multiprocessing
import os
import random
import shutil
import signal
import tempfile
import time

import h5py
import numpy as np

import harness
from harness import BIOD, BIOS, checkpoints, merged, one_object, read_attributes, read_columns

# Long enough to be caught in the middle: some 1,250 steps.
LONG = merged(BIOD, corpus={"exposures": 400}, measure={"every_exposures": 20},
              checkpoint={"every_steps": 40})


def children(pid):
    """Processes that a process has started, at any depth."""
    parents = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as file:
                parents[int(name)] = int(file.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            pass
    found = [p for p, parent in parents.items() if parent == pid]
    return found + [p for child in found for p in children(child)]


def kill_all(process):
    """SIGKILL to every rank of an mpirun, then to itself."""
    for pid in children(process.pid) + [process.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.communicate()


def snapshot(folder):
    """Every file below a folder with its bytes."""
    result = {}
    for place, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(place, name), "rb") as file:
                result[os.path.relpath(os.path.join(place, name), folder)] = file.read()
    return result


def leave_open(path, measured):
    """Make a run.h5 as a writer leaves it that is killed at the end, before or after measuring."""
    def write():
        file = h5py.File(path, "r+", libver="latest")
        for name, data in file["measure"].items():
            if not measured and name != "attribute_names":
                data.resize(len(data) - 1, axis=0)
        file.swmr_mode = True
        file.flush()
        os._exit(0)
    writer = multiprocessing.get_context("fork").Process(target=write)
    writer.start()
    writer.join()
    assert writer.exitcode == 0


class ResumeTest(harness.AppTest):
    made = None

    @property
    def whole(self):
        """A run of the class's input without interruption, made once for all its tests."""
        if not self.made:
            folder = tempfile.mkdtemp(prefix="kcap_app_")
            self.addClassCleanup(shutil.rmtree, folder)
            self.kcap("train", self.input(self.config, "whole.yaml"), "--out", folder, threads=1)
            type(self).made = folder
        return self.made

    def train(self, out, *args, ranks=1, **more):
        return self.kcap_train(out, *args, ranks=ranks, threads=1, **more)

    def end(self, process, code=75):
        """Wait for a process and its exit code."""
        stderr = process.communicate(timeout=120)[1]
        self.assertEqual(process.returncode, code, stderr)

    def wait_for_rows(self, out, rows, process, seconds=60):
        """Until run.h5 shows so many steps, read while it is being written."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and process.poll() is None:
            try:
                n = len(read_columns(self.path(out), "steps")["step"])
                if n >= rows:
                    return n
            except (OSError, KeyError):
                pass
            time.sleep(0.02)
        said = process.stderr.read() if process.poll() is not None else ""
        self.fail(f"no {rows} rows within {seconds} s; exit code {process.poll()}: {said}")


class Resume(ResumeTest):
    config = BIOD

    def staged(self, config, stops, ranks):
        """One run at once, another in stages on changing rank counts."""
        self.input(config)
        self.train("whole", ranks=1)
        self.train("parts", "--set", f"train.max_steps={stops[0]}", ranks=ranks[0])
        for stop, n in zip(stops[1:] + [0], ranks[1:]):
            self.train("parts", "--resume", "auto", "--set", f"train.max_steps={stop}", ranks=n)

    def rows_without_stops(self, out, stops):
        """A stop by max_steps measures too: rows that the whole run has not."""
        rows = read_columns(self.path(out), "measure")
        keep = ~np.isin(rows["step"], stops)
        return {name: column[keep] for name, column in rows.items()}

    def check_staged(self, stops):
        self.assert_same_run("whole", "parts", "in stages", groups=["steps"])
        self.assert_same_bits(self.rows_without_stops("whole", stops),
                              self.rows_without_stops("parts", stops), "/measure")
        ids = {read_attributes(path)["run_id"]
               for path in checkpoints(self.path("parts")).values()}
        ids.add(read_attributes(self.path("parts", "run.h5"))["run_id"])
        self.assertEqual(len(ids), 1, "a resumed run keeps its identity")

    def test_biod_1_2_4(self):
        self.staged(BIOD, [7, 20], [1, 2, 4])
        self.check_staged([7, 20])

    def test_bios_4_1_2(self):
        self.staged(BIOS, [3, 21], [4, 1, 2])
        self.check_staged([3, 21])

    def test_muon_2_4_1(self):
        """Momenta go on where they were; a matrix that ranks share is whole on both. Nor does the
        run go on by AdamW."""
        self.staged(merged(BIOD, train={"optimizer": "muon", "muon_lr": 0.01},
                           model={"canon": "AC"}), [7, 20], [2, 4, 1])
        self.check_staged([7, 20])
        done = self.train("parts", "--resume", "auto", "--set", "train.optimizer=adamw", code=2)
        self.assertIn("train.optimizer: muon in the checkpoint, adamw in this input", done.stderr)

    def test_byte_pairs_2_1(self):
        """Merges are learnt by one rank, once; a resume takes those of the checkpoint."""
        config = merged(BIOS, vocab={"kind": "bpe", "size": 260}, train={"context": 192},
                        corpus={"exposures": 6})
        self.staged(config, [5], [2, 1])
        self.check_staged([5])
        merges = {self.merges(path) for out in ("whole", "parts")
                  for path in checkpoints(self.path(out)).values()}
        self.assertEqual(len(merges), 1)
        with open(self.path("merges.txt"), "w", encoding="utf-8") as file:
            file.write(merges.pop())
        self.input({**config, "vocab": {"kind": "gpt2", "merges": "merges.txt"}})
        self.train("given", "--set", "train.max_steps=9", ranks=2)
        os.remove(self.path("merges.txt"))
        self.train("given", "--resume", "auto")
        self.assert_same_rows("whole", "given", ["steps"])

    @staticmethod
    def merges(checkpoint):
        with h5py.File(checkpoint) as file:
            return file["files/vocab/merges.txt"][()].decode()

    def test_max_steps_leaves_the_schedule_alone(self):
        self.train("short", "--set", "train.max_steps=12")
        whole, short = (read_columns(self.path(x), "steps") for x in (self.whole, "short"))
        self.assertEqual(len(short["step"]), 12)
        self.assertTrue(np.array_equal(whole["lr"][:12], short["lr"]))

    def test_from_a_path_into_another_folder(self):
        """A checkpoint or a run's folder named; the source stays as it is."""
        before = snapshot(self.whole)
        middle = checkpoints(self.whole)[20]
        self.train("file", "--resume", middle, ranks=2)
        self.assert_same_run(self.whole, "file", "from a file")
        self.train("first", "--set", "train.max_steps=15")
        self.train("folder", "--resume", "first", ranks=4)
        self.assert_same_rows(self.whole, "folder", ["steps"])
        self.assertEqual(snapshot(self.whole), before)

    def test_finished(self):
        self.train("out", ranks=2)
        before = snapshot(self.path("out"))
        done = self.train("out", "--resume", "auto", ranks=2)
        self.assertIn("finished", done.stderr)
        self.assertEqual(done.stderr.count("finished"), 1)
        self.assertEqual(snapshot(self.path("out")), before)

    def test_killed_after_the_last_checkpoint(self):
        """Its run.h5 is not closed, or not measured at the end: that is done, and nothing else. What it
        measured is told all the same."""
        self.input(merged(BIOD, model={"experts": 2}))
        self.train("whole")
        for measured in True, False:
            self.train("out", "--resume", "auto")
            leave_open(self.path("out", "run.h5"), measured)
            done = self.train("out", "--resume", "auto", "--json", ranks=2)
            self.assertNotIn("nothing to do", done.stderr)
            told, kept = one_object(done.stdout), read_columns(self.path("out"), "measure")
            self.assertGreater(sum(told["expert_load"]), 0)
            for name in "expert_load", "attribute_nats", "total_bits":
                self.assertEqual(told[name], kept[name][-1].tolist())
            self.assert_same_run("whole", "out", f"killed, measured {measured}")
            with h5py.File(self.path("out", "run.h5"), "r"):  # closed: opens plainly
                pass
            self.assertIn("nothing to do", self.train("out", "--resume", "auto").stderr)

    def test_auto_starts_where_there_is_nothing(self):
        os.mkdir(self.path("empty"))
        for out in ("empty", "absent"):
            self.train(out, "--resume", "auto", ranks=2)
            self.assert_same_run(self.whole, out, out)

    def test_never_refuses_a_folder_in_use(self):
        self.train("out", "--set", "train.max_steps=5")
        os.mkdir(self.path("foreign"))
        self.input("x", "foreign/thesis.tex")
        for out in ("out", "foreign"):
            before = snapshot(self.path(out))
            for ranks in (1, 3 if out == "foreign" else 2):
                said = self.complaint(self.train(out, ranks=ranks, code=2))
                self.assertIn("not empty", said)
            self.assertEqual(snapshot(self.path(out)), before)

    def test_another_experiment_is_refused(self):
        self.train("out", "--set", "train.max_steps=12")
        before = snapshot(self.path("out"))
        for key, then, now in (("train.lr", "0.003", "0.004"), ("run.seed", "3", "4"),
                               ("corpus.people", "40", "44"), ("model.layers", "2", "1"),
                               ("corpus.kind", "biod", "bios")):
            said = self.complaint(self.train("out", "--resume", "auto", "--set", f"{key}={now}",
                                             ranks=2, code=2))
            for word in (key, then, now):
                self.assertIn(word, said)
        self.assertEqual(snapshot(self.path("out")), before)

    def test_free_keys_may_change(self):
        self.train("out", "--set", "train.max_steps=12")
        self.train("out", "--resume", "auto", "--set", "checkpoint.every_steps=4", "--set",
                   "checkpoint.keep=2", "--set", "run.name=other", "--set", "parallel.threads=2")
        self.assertEqual(len(checkpoints(self.path("out"))), 2)
        self.assert_same_rows(self.whole, "out", ["steps"])

    def test_pools_come_from_the_checkpoint(self):
        """Pools that have changed or gone since do not matter to a resume."""
        pools = os.path.join(os.path.dirname(__file__), "..", "..", "inputs", "pools")
        shutil.copytree(pools, self.path("mine"))
        self.input(merged(BIOS, corpus={"pools": "mine"}))
        self.train("whole")
        self.train("out", "--set", "train.max_steps=12")
        shutil.rmtree(self.path("mine"))
        self.train("out", "--resume", "auto", ranks=2)
        self.assert_same_rows("whole", "out", ["steps"])


class Damage(ResumeTest):
    config = BIOD

    def test_newest_damaged(self):
        """One byte, a cut or nothing left: the one before it is used, and the end is the same."""
        def flip(path):
            with open(path, "r+b") as file:
                file.seek(os.path.getsize(path) // 2)
                byte = file.read(1)[0]
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte ^ 1]))
        self.train("part", "--set", "train.max_steps=25")
        for ranks, change in ((2, flip), (4, lambda path: os.truncate(path, 0)),
                              (1, lambda path: os.truncate(path, os.path.getsize(path) - 1))):
            with self.subTest(ranks=ranks):
                out = f"out{ranks}"
                shutil.copytree(self.path("part"), self.path(out))
                change(checkpoints(self.path(out))[25])
                done = self.train(out, "--resume", "auto", ranks=ranks)
                self.assertIn("step_0000000025", done.stderr)
                self.assertEqual(done.stderr.count("passed over"), 1)
                self.assertIn("step_0000000020", done.stdout)
                self.assert_same_run(self.whole, out, "after damage")

    def test_all_damaged(self):
        """Then a resume says so instead of starting over what somebody trained."""
        self.train("out", "--set", "train.max_steps=25")
        for path in checkpoints(self.path("out")).values():
            os.truncate(path, 100)
        before = snapshot(self.path("out"))
        done = self.train("out", "--resume", "auto", ranks=2, code=2)
        self.assertIn("no undamaged checkpoint", done.stderr)
        self.assertEqual(snapshot(self.path("out")), before)


class Interrupted(ResumeTest):
    config = LONG

    def finish_and_compare(self, out, ranks):
        self.train(out, "--resume", "auto", ranks=ranks)
        self.assert_same_run(self.whole, out, "after interruptions")

    def test_kill_at_any_moment(self):
        """SIGKILL to all ranks, again and again, on changing rank counts."""
        moments = random.Random(os.environ.get("KCAP_TEST_SEED", "7"))
        n_steps = len(read_columns(self.whole, "steps")["step"])
        n_rows = 0
        for ranks in (2, 1, 2, 4, 1):
            process = self.start("train", "input.yaml", "--out", "out", "--resume", "auto",
                                 ranks=ranks, threads=1)
            # Counted in steps, not seconds, so that no machine is too fast or too slow for it.
            self.wait_for_rows("out", n_rows + moments.randint(1, n_steps // 10), process)
            time.sleep(moments.uniform(0, 0.02))
            kill_all(process)
            self.assertNotEqual(process.returncode, 0, "the run ended before it was killed")
            steps = read_columns(self.path("out"), "steps")
            rows = len(steps["step"])
            self.assertTrue(np.array_equal(steps["step"], np.arange(1, rows + 1)))
            done = max(checkpoints(self.path("out")), default=0)
            self.assertGreaterEqual(rows, done, "a checkpoint is ahead of run.h5")
            n_rows = max(n_rows, rows)
        self.finish_and_compare("out", 2)

    def test_killed_at_once(self):
        """Before anything is written."""
        for wait in (0.0, 0.1, 0.2, 0.3):
            process = self.start("train", "input.yaml", "--out", "out", "--resume", "auto", ranks=2)
            time.sleep(wait)
            kill_all(process)
        self.finish_and_compare("out", 1)

    def test_readable_while_running(self):
        process = self.start("train", "input.yaml", "--out", "out", ranks=2, threads=1)
        first = self.wait_for_rows("out", 1, process)
        second = self.wait_for_rows("out", first + 50, process)
        steps = read_columns(self.path("out"), "steps")
        self.assertTrue(np.array_equal(steps["step"], np.arange(1, len(steps["step"]) + 1)))
        self.assertTrue(np.isfinite(steps["loss"]).all())
        self.assertGreaterEqual(len(steps["step"]), second)
        process.send_signal(signal.SIGUSR1)
        self.end(process)

    def stopped_by(self, number, ranks, then):
        process = self.start("train", "input.yaml", "--out", "out", ranks=ranks, threads=1)
        self.wait_for_rows("out", 30, process)
        process.send_signal(number)
        self.end(process)
        rows = len(read_columns(self.path("out"), "steps")["step"])
        self.assertEqual(max(checkpoints(self.path("out"))), rows)
        self.finish_and_compare("out", then)

    def test_sigusr1(self):
        self.stopped_by(signal.SIGUSR1, 2, 4)

    def test_sigterm_to_one_rank(self):
        """Whichever rank hears of it, all stop at the same step."""
        process = self.start("train", "input.yaml", "--out", "out", ranks=2, threads=1)
        self.wait_for_rows("out", 30, process)
        os.kill(max(children(process.pid)), signal.SIGTERM)
        self.end(process)
        self.finish_and_compare("out", 1)

    def test_max_time(self):
        self.input(merged(LONG, corpus={"exposures": 100000}))
        start = time.monotonic()
        self.train("out", "--max-time", "00:00:04", ranks=2, code=75)
        took = time.monotonic() - start
        self.assertGreater(took, 2)
        self.assertLess(took, 12)
        rows = len(read_columns(self.path("out"), "steps")["step"])
        self.assertGreater(rows, 10)
        self.assertEqual(max(checkpoints(self.path("out"))), rows)
        done = self.train("out", "--resume", "auto", "--max-time", "00:00:01", "--json", code=75)
        report = one_object(done.stdout)
        self.assertEqual(report["status"], "stopped")
        self.assertGreater(report["step"], rows)


if __name__ == "__main__":
    harness.main()
