# SPDX-License-Identifier: BSD-3-Clause
"""A run's files damaged, lost, foreign or taken away: whoever reads them says so within seconds, and
what is whole can be gone on from. Nothing hangs, dies by a signal or gives other numbers."""
import os
import random
import shutil
import sys
import time

import h5py
import numpy as np

import harness
from harness import BIOD, checkpoints, merged, one_object, read_attributes, read_columns
from resume import ResumeTest, kill_all, leave_open

sys.path[:0] = [os.path.join(harness.TOP, "analysis"), os.path.join(harness.TOP, "tests", "analysis")]
import kcap_checkpoint  # noqa: E402
import kcap_files  # noqa: E402
import programs  # noqa: E402

SECONDS = 20  # within which a reader says what it found


def flipped(path, places):
    """One bit of each of these bytes is another."""
    with open(path, "r+b") as file:
        for at in places:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << at % 8]))


class Case(ResumeTest):
    config = BIOD

    def setUp(self):
        """A run of 25 steps with checkpoints at 10, 20 and 25."""
        super().setUp()
        self.train("part", "--set", "train.max_steps=25")

    def copy(self, name):
        shutil.rmtree(self.path(name), ignore_errors=True)
        shutil.copytree(self.path("part"), self.path(name))
        return self.path(name, "run.h5")

    def read(self, program, *args):
        """By a program of analysis/: its exit code and what it says."""
        done = programs.forked(program, *args, folder=self.folder, seconds=SECONDS)
        self.assertNotIn("Traceback", done.stderr)
        self.assertGreaterEqual(done.returncode, 0, "it crashed, or did not end")
        return done

    def go_on(self, out, *args, **how):
        return self.train(out, "--resume", "auto", *args, timeout=SECONDS, **how)


class Names(harness.AppTest):
    config = merged(BIOD, corpus={"exposures": 2})

    def test_colons(self):
        """MPI-IO takes what stands before a colon for a file system, or not, as the library has it."""
        for out in "t:1", "a/b:c/d", "nfs:x":
            self.kcap_train(out, ranks=2, threads=1)
            step, = checkpoints(self.path(out))
            self.kcap_train(out, "--resume", "auto", ranks=2, threads=1)
            self.kcap_train(f"{out}:2", "--resume", checkpoints(self.path(out))[step], ranks=2)
        self.kcap("transform", "strip", "t:1", "--out", "x:y/of t:1.h5", ranks=2)
        self.assertEqual(self.json("measure", "x:y/of t:1.h5", threads=1)["step"], step)
        self.kcap("init", "input.yaml", "--out", "i:n", ranks=2)
        self.input("base: input.yaml\nout: s:w\naxes: {run.seed: [1]}\n", "sweep.yaml")
        self.kcap("sweep", "sweep.yaml", "--farm", ranks=1)
        self.input(merged(self.config, run={"name": "n:1"}))
        self.kcap("train", "input.yaml", ranks=2, threads=1)
        self.assertEqual(list(checkpoints(self.path("runs", "n:1"))), [step])

    def test_fifos_and_folders(self):
        """Nothing waits for a writer that never comes."""
        self.kcap_train("out", threads=1)
        step, = checkpoints(self.path("out"))
        manifest = checkpoints(self.path("out"))[step][:-3] + ".manifest"
        for make in os.mkfifo, os.mkdir:
            for path, command in ((manifest, ("measure", "out")),
                                  (self.path("out", "run.h5"), ("train", "input.yaml", "--out", "out",
                                                                "--resume", "auto"))):
                with self.subTest(f"{make} {path}"):
                    os.rename(path, path + ".away")
                    make(path)
                    self.fails("cannot be read: it is a ", *command, timeout=SECONDS)
                    (os.unlink if make is os.mkfifo else os.rmdir)(path)
                    os.rename(path + ".away", path)


class Damage(Case):
    def test_cut_and_flipped(self):
        """A run.h5 as a kill leaves it, and one that was closed."""
        def cut(share):
            return lambda path: os.truncate(path, int(os.path.getsize(path) * share))
        for is_open in False, True:
            for name, change in (("cut", cut(0.6)), ("end", cut(0.95)),
                                 ("flip", lambda path: flipped(path, range(50, os.path.getsize(path),
                                                                           20000)))):
                with self.subTest(f"{name}, open {is_open}"):
                    path = self.copy("out")
                    if is_open:
                        leave_open(path, True)
                    change(path)
                    self.assertIn("damaged", self.read("report", "out").stderr)
                    said = self.go_on("out", code=2).stderr
                    self.assertIn("out/run.h5", said)
                    self.assertIn("--without-history", said)

    def damaged_row(self, row, group):
        """One value of one row is zero."""
        path = self.copy("out")
        with h5py.File(path, "r+") as file:
            file[group][{"steps": "loss", "measure": "total_bits"}[group]][row] = 0

    def test_a_value_is_another(self):
        """HDF5 itself does not see it. Up to the row before it the rows are whole: an older checkpoint
        is gone on from, if there is one."""
        for row, group, code in (22, "steps", 0), (3, "steps", 2), (0, "measure", 2):
            self.damaged_row(row, group)
            word = f"row {row} does not fit its checksum in /{group}/check"
            self.assertIn(word, self.read("report", "out").stderr)
            done = self.go_on("out", code=code)
            self.assertIn(word, done.stderr)
            if code == 0:
                self.assertIn("passed over: out/checkpoints/step_0000000025.h5: the whole rows of "
                              "run.h5 end after step 22", done.stderr)
                self.assertIn("step_0000000020", done.stdout)
                self.assert_same_rows(self.whole, "out", ["steps"])

    def test_a_sweep_says_so(self):
        self.damaged_row(-1, "measure")
        file = self.sweep_of_out()
        self.assertIn("does not fit its checksum", self.kcap("sweep", file, "--status").stdout)
        self.assertNotEqual(self.read("law", file).returncode, 0)

    def sweep_of_out(self):
        """A sweep whose one point's folder is `out`."""
        if not os.path.islink(self.path("seed=3")):
            os.symlink("out", self.path("seed=3"))
        return self.input("base: input.yaml\nout: .\npoints:\n  - {run.seed: 3}\n", "sweep.yaml")

    def test_the_attributes_are_others(self):
        path = self.copy("out")
        with h5py.File(path, "r+") as file:
            text = file.attrs["config"]
            del file.attrs["config"]
            file.attrs["config"] = text.replace("people: 40", "people: 41")
        self.assertIn("do not fit their checksum", self.read("report", "out").stderr)
        self.assertIn("do not fit their checksum", self.go_on("out", code=2).stderr)

    def test_hdf5_itself_crashes(self):
        """On a heap that says a text is longer than all memory: HDF5 checks no sum of its heaps."""
        path = self.copy("out")
        with open(path, "r+b") as file:
            heap = file.read().index(b"GCOL")
            file.seek(heap + 16 + 8 + 5)  # a byte of the first text's size
            file.write(b"\x7f")
        for done in self.read("report", "out"), self.go_on("out", code=2, ranks=2):
            self.assertRegex(done.stderr, r"out/run\.h5: .*HDF5 crashes on it")
            self.assertEqual(done.returncode, 2)

    def test_rows_that_are_not_there(self):
        """As a full disk or a power cut leaves them: the older checkpoint is gone on from."""
        path = self.copy("out")
        with h5py.File(path, "r+") as file:
            for data in file["steps"].values():
                data.resize(21, axis=0)
        done = self.go_on("out", ranks=2)
        self.assertIn("step_0000000025.h5: the whole rows of run.h5 end after step 21", done.stderr)
        self.assertIn("step_0000000020", done.stdout)
        self.assert_same_rows(self.whole, "out", ["steps"])
        path = self.copy("out")
        with h5py.File(path, "r+") as file:
            file["steps/loss"].resize(20, axis=0)
        self.assertIn("20 to 25 rows", self.read("report", "out").stderr)
        self.assertIn("/steps/loss has 20 rows", self.go_on("out", code=2).stderr)

    def test_anything(self):
        """Bytes flipped and files cut anywhere: the same numbers, or a word."""
        numbers = random.Random(os.environ.get("KCAP_TEST_SEED", "11"))
        whole = kcap_files.read_run(self.path("part"))
        measured = self.json("measure", "part", threads=1)
        for case in range(int(os.environ.get("KCAP_TEST_CASES", "8"))):
            path = self.copy("out")
            if case % 2:
                leave_open(path, True)
            newest = checkpoints(self.path("out"))[25]
            victim = (path, newest, newest[:-3] + ".manifest")[case // 2 % 3]
            size = os.path.getsize(victim)
            if numbers.random() < 0.3:
                what = f"{victim} cut to {numbers.randrange(size)}"
                os.truncate(victim, int(what.split()[-1]))
            else:
                places = sorted(numbers.randrange(size) for _ in range(numbers.choice((1, 1, 40))))
                what = f"{victim} flipped at {places}"
                flipped(victim, places)
            with self.subTest(what):
                self.look_at_anything(whole, measured)

    def look_at_anything(self, whole, measured):
        report = self.read("report", "out", "--json")
        self.assertIn(report.returncode, (0, 1, 2))
        if report.returncode == 0:
            self.assertEqual(kcap_files.read_run(self.path("out")).steps["loss"].tolist(),
                             whole.steps["loss"].tolist())
        done = self.kcap("measure", "out", "--json", threads=1, timeout=SECONDS, code=None)
        self.assertIn(done.returncode, (0, 2))
        if done.returncode == 0 and one_object(done.stdout)["step"] == measured["step"]:
            self.assertEqual(one_object(done.stdout)["total_bits"], measured["total_bits"])
        self.assertIn(self.kcap("sweep", self.sweep_of_out(), "--status", code=None,
                                timeout=SECONDS).returncode, (0, 2))
        done = self.go_on("out", code=None)
        self.assertIn(done.returncode, (0, 2), done.stderr)
        if done.returncode == 0:
            self.assert_same_rows(self.whole, "out", ["steps"])


class Foreign(Case):
    def other(self):
        """Another experiment's run."""
        self.train("other", "--set", "run.seed=9", "--set", "train.max_steps=30")

    def test_rows_of_another_run(self):
        """Never grafted; of another experiment never replaced."""
        self.other()
        for experiment in "other", "again":
            if experiment == "again":  # the same experiment, but not the run of these checkpoints
                self.train("again", "--set", "train.max_steps=25")
            path = self.copy("out")
            shutil.copy(self.path(experiment, "run.h5"), path)
            before = read_attributes(path)["run_id"]
            said = self.go_on("out", code=2, ranks=2).stderr
            self.assertIn(before, said)
            self.assertIn("--without-history", said)
            self.assertEqual(read_attributes(path)["run_id"], before)
            said = self.train("new", "--resume", "out/checkpoints/step_0000000025.h5", code=2).stderr
            self.assertIn(f"out/run.h5: of run {before}", said)

    def test_a_folder_without_checkpoints(self):
        self.other()
        shutil.rmtree(self.path("other", "checkpoints"))
        before = read_attributes(self.path("other", "run.h5"))["run_id"]
        self.assertIn("another experiment", self.go_on("other", code=2).stderr)
        self.assertEqual(read_attributes(self.path("other", "run.h5"))["run_id"], before)
        path = self.copy("out")
        shutil.rmtree(self.path("out", "checkpoints"))
        os.truncate(path, 1000)
        self.assertIn("no checkpoint is beside it", self.go_on("out", code=2).stderr)
        self.assertEqual(os.path.getsize(path), 1000)

    def test_without_manifests(self):
        self.other()
        for path in checkpoints(self.path("other")).values():
            os.unlink(path[:-3] + ".manifest")
        rows = len(read_columns(self.path("other"), "steps")["step"])
        self.assertIn("another experiment", self.go_on("other", code=2).stderr)
        self.assertEqual(len(read_columns(self.path("other"), "steps")["step"]), rows)

    def test_a_higher_checkpoint_of_another_run(self):
        """Named and passed over, by a resume as by a measurement; never removed."""
        self.other()
        self.copy("out")
        for ending in ".h5", ".manifest":
            shutil.copy(self.path("other", "checkpoints", f"step_0000000030{ending}"),
                        self.path("out", "checkpoints"))
        done = self.kcap("measure", "out", "--json", threads=1)
        self.assertEqual(one_object(done.stdout)["step"], 25)
        self.assertIn("step_0000000030.h5: of run ", done.stderr)
        foreign = read_attributes(self.path("out", "checkpoints", "step_0000000030.h5"))["run_id"]
        done = self.go_on("out", "--set", "train.max_steps=28", "--set", "checkpoint.keep=1")
        self.assertIn(f"of run {foreign}", done.stderr)
        self.assertEqual(set(checkpoints(self.path("out"))), {28, 30})
        self.go_on("out", ranks=2)
        kept = self.path("out", "checkpoints", f"step_0000000030.h5.of_{foreign}")
        self.assertEqual(read_attributes(kept)["run_id"], foreign)
        self.assert_same_checkpoints(self.whole, "out", "beside another run's", all_of_them=False)


class Lost(Case):
    def test_whole_checkpoints_without_run_h5(self):
        """By an option, which says so in the new file; a later resume goes on from there."""
        for lose in os.unlink, lambda path: os.truncate(path, 5000):
            path = self.copy("out")
            lose(path)
            self.assertIn("--without-history", self.go_on("out", code=2, ranks=2).stderr)
            self.go_on("out", "--without-history", "--set", "train.max_steps=29", ranks=2)
            self.assertEqual(read_attributes(path)["first_step"], 26)
            kept = [name for name in os.listdir(self.path("out")) if "before_step_26" in name]
            self.assertEqual(len(kept), lose is not os.unlink)
            self.go_on("out")
            self.assertEqual(read_attributes(path)["first_step"], 26)
            whole, rest = (read_columns(self.path(x), "steps") for x in (self.whole, "out"))
            self.assert_same_bits({name: column[25:] for name, column in whole.items()}, rest, "steps")
            self.assert_same_checkpoints(self.whole, "out", "without history", all_of_them=False)
            self.assertEqual(self.read("report", "out").returncode, 0)

    def test_a_table(self):
        """Of any measure: the resume is refused and changes nothing. One that is no longer asked for keeps
        its rows."""
        path, measures = self.copy("out"), ("recall", "probe")
        ask = [word for name in measures for word in ("--set", f"measure.{name}_every=0")]
        self.go_on("out", *ask, "--set", "train.max_steps=28")
        with open(path, "rb") as file:
            whole = file.read()
        for lost, more in ("recall", ()), ("probe", ("--set", "train.max_steps=28")):
            with h5py.File(path, "r+") as file:
                del file[lost]
            size = os.path.getsize(path)
            word = f"out/run.h5: /{lost} is missing, which the file was made with: damaged"
            self.assertIn(word, self.read("report", "out").stderr)
            self.assertIn(f"{word}; put the run's own run.h5 there, or add --without-history",
                          self.go_on("out", *ask, *more, code=2).stderr)
            self.assertEqual(os.path.getsize(path), size)
            with open(path, "wb") as file:
                file.write(whole)
        self.go_on("out", *ask[:2], ranks=2)
        steps = [read_columns(self.path("out"), name)["step"].tolist() for name in measures]
        self.assertEqual([rows[0] for rows in steps], [28, 28])
        self.assertEqual([len(rows) for rows in steps], [2, 1])

    def test_not_without_need(self):
        self.copy("out")
        self.go_on("out", "--without-history")
        self.assert_same_rows(self.whole, "out", ["steps"])
        self.fails("goes with --resume", "train", "input.yaml", "--without-history")


class Meanwhile(ResumeTest):
    config = merged(BIOD, corpus={"exposures": 100000}, checkpoint={"every_steps": 50})

    def test_run_h5_goes_away(self):
        """Removed or replaced while the run goes on: it ends and says so, and is not done."""
        def replace(path):
            shutil.copy(path, path + ".new")
            os.rename(path + ".new", path)
        for out, take in ("removed", os.unlink), ("replaced", replace):
            process = self.start("train", "input.yaml", "--out", out, ranks=2, threads=1)
            self.wait_for_rows(out, 60, process)
            take(self.path(out, "run.h5"))
            stderr = process.communicate(timeout=30)[1]
            self.assertEqual(process.returncode, 4, stderr)
            self.assertIn("run.h5: removed or replaced", stderr)

    def test_all_die_at_once(self):
        """mpirun and all ranks, at any moment: a checkpoint's rows are there whenever it is."""
        moments = random.Random(os.environ.get("KCAP_TEST_SEED", "5"))
        n_rows = 0
        for _ in range(int(os.environ.get("KCAP_TEST_CASES", "3"))):
            process = self.start("train", "input.yaml", "--out", "out", "--resume", "auto", "--set",
                                 "checkpoint.every_steps=3", ranks=2, threads=1)
            self.wait_for_rows("out", n_rows + 20, process)
            time.sleep(moments.uniform(0, 0.3))
            kill_all(process)
            run = kcap_files.read_run(self.path("out"))
            n_rows = len(run.steps["step"])
            self.assertTrue(np.array_equal(run.steps["step"], np.arange(1, n_rows + 1)))
            self.assertGreaterEqual(n_rows, max(checkpoints(self.path("out"))))


class NotFinite(ResumeTest):
    config = merged(BIOD, model={"embeddings": "untied"}, train={"eps": 0})

    def test_weights_reach_no_checkpoint(self):
        for ranks in 1, 2:
            out = f"out{ranks}"
            done = self.train(out, "--set", "train.max_steps=1", ranks=ranks, code=3)
            self.assertIn("tensor params/wte holds values that are not finite", done.stderr)
            self.assertEqual(checkpoints(self.path(out)), {})

    def test_readers_refuse_them(self):
        self.kcap("init", "input.yaml", "--out", "out")
        path = checkpoints(self.path("out"))[0]
        with h5py.File(path, "r+") as file:
            file["params/wte"][3, 2] = np.inf
        self.seal(path)
        for command in (("measure", "out"), ("transform", "bf16", "out", "--out", "x.h5"),
                        ("transform", "strip", "out", "--out", "x.h5")):
            self.fails("wte holds values that are not finite", *command)
        done = programs.called("hf", "export", path, self.path("x"), "--kcap", harness.KCAP)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("wte holds values that are not finite", done.stderr)

    def test_what_is_finite_and_too_large(self):
        """What comes out of it is not finite: no figure of it is given."""
        self.kcap("init", "input.yaml", "--out", "out")
        path = checkpoints(self.path("out"))[0]
        with h5py.File(path, "r+") as file:
            file["params/lnf_gain"][:] = 3e38
        self.seal(path)
        for ranks, command in ((2, ["measure", "out", "--per-fact", "f.csv"]), (0, ["ask", "out", "--person", "3"]),
                               (0, ["probe", "out", "--people", "8"]),
                               (0, ["quantize", "out", "--bits", "4", "--method", "gptq", "--out", "f.h5"])):
            self.fails("logits are not finite at its token 0", *command, code=3, ranks=ranks, threads=1)
        self.assertFalse([name for name in self.listing() if "/f." in name])

    def test_another_hash(self):
        """Another checkout's hash of the same configuration is no damage."""
        self.kcap("init", "input.yaml", "--out", "out")
        path = checkpoints(self.path("out"))[0]
        whole = self.json("measure", "out")
        with open(path, "r+b") as file:
            data = file.read()
            file.seek(data.index(whole["config_hash"].encode()))
            file.write(b"0123456789abcdef")
        self.seal(path)
        self.assertEqual(self.json("measure", "out")["total_bits"], whole["total_bits"])

    def test_places_that_no_lane_comes_to(self):
        """Numbers that a run would fall over."""
        self.kcap("init", "input.yaml", "--out", "out")
        path = checkpoints(self.path("out"))[0]
        for value in -1, 2 ** 60:
            with h5py.File(path, "r+") as file:
                file["lanes/cursor"][1, 2] = value
            self.seal(path)
            self.fails("/lanes/cursor holds a place that no lane comes to", "measure", "out")

    @staticmethod
    def seal(path):
        """Give a changed checkpoint the manifest that fits it."""
        manifest = path[:-3] + ".manifest"
        with open(manifest, encoding="utf-8") as file:
            lines = file.read().splitlines()
        lines[-1] = f"xxh3_64: {kcap_checkpoint.hash_of(path, kcap_checkpoint.CHUNK)}"
        with open(manifest, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    harness.main()
