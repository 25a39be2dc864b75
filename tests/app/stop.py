# SPDX-License-Identifier: BSD-3-Clause
"""What stops a run, where it is then, and what is said of it."""
import os
import random
import shlex
import shutil
import signal
import subprocess
import time

import harness
from harness import BIOD, checkpoints, merged, one_object, read_columns

ENDLESS = merged(BIOD, corpus={"exposures": 1000000}, measure={"every_exposures": 0},
                 checkpoint={"every_steps": 100000})
# Two steps, and a measurement that takes hundreds of times as long.
LONG_MEASURE = merged(BIOD, corpus={"people": 60000, "first_names": 60, "middle_names": 60,
                                    "last_names": 60, "exposures": 1},
                      train={"max_steps": 2, "context": 256})
# A quarter of its time is measurements.
MEASURES = merged(BIOD, corpus={"people": 800, "first_names": 20, "exposures": 36},
                  measure={"every_exposures": 1}, checkpoint={"every_steps": 100})


class Stop(harness.AppTest):
    config = ENDLESS

    def rows(self, out, group="steps"):
        try:
            return len(read_columns(self.path(out), group)["step"])
        except (OSError, KeyError, ValueError):
            return 0

    def wait_for_rows(self, out, n, process):
        until = time.monotonic() + 60
        while self.rows(out) < n and time.monotonic() < until:
            self.assertIsNone(process.poll(), "it ended by itself")
            time.sleep(0.05)

    def wait_for_file(self, name, process):
        while not os.path.exists(self.path("out", name)):
            self.assertIsNone(process.poll(), "it ended by itself")
            time.sleep(0.05)

    def begin(self, *args, ranks=0):
        return self.start("train", "input.yaml", "--out", "out", *args, ranks=ranks, threads=1,
                          stdout=subprocess.PIPE)

    def end(self, process, code):
        said = process.communicate(timeout=60)
        self.assertEqual(process.returncode, code, said)
        return said[0]

    def check_line(self, line, *expected):
        """The line to go on with does."""
        words = shlex.split(line)
        self.assertEqual(words[1:], list(expected))
        done = subprocess.run(words + ["--max-time", "0:0:1"], cwd=self.folder, timeout=60,
                              env=harness.environment(1), stdout=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 75)
        self.assertIn("stopped by --max-time\n", done.stdout)

    def test_interrupt(self):
        """Ctrl-C without mpirun: a checkpoint, and what to do next."""
        process = self.begin("--resume=never", "--set", "run.name=it's one")
        self.wait_for_rows("out", 5, process)
        process.send_signal(signal.SIGINT)
        lines = self.end(process, 75).splitlines()
        at = lines.index("stopped by SIGINT")
        step = max(checkpoints(self.path("out")))
        self.assertRegex(lines[at + 1], rf"  {step:,} of \d[\d,]* steps \(\d+\.\d %\), ")
        self.assertEqual(lines[at + 2:at + 4], ["  out/run.h5",
                                                f"  out/checkpoints/step_{step:010}.h5"])
        self.assertEqual(self.rows("out"), step)
        self.check_line(lines[-1], "train", "input.yaml", "--out", "out", "--set",
                        "run.name=it's one", "--resume", "auto")
        self.assertGreater(max(checkpoints(self.path("out"))), step)

    def test_second_interrupt_ends_at_once(self):
        # A step that nobody sees the end of, which the first one waits for.
        self.input(merged(ENDLESS, model={"layers": 6}, train={"context": 512, "batch": 65536}))
        process = self.begin()
        self.wait_for_file("run.h5", process)
        for _ in range(2):
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
        self.end(process, -signal.SIGINT)

    def test_interrupt_before_the_first_step(self):
        """Of a table that takes seconds to read nobody waits for the end; the same line begins anew."""
        self.input("".join(f"name {i}\tcode\tc{i} x{i % 977}\n" for i in range(300000)), "t.tsv")
        self.input({"corpus": {"kind": "facts", "file": "t.tsv"}, "vocab": {"kind": "bpe"},
                    "train": {"context": 64, "batch": 4, "lanes": 4, "max_steps": 1},
                    "model": {"layers": 1, "heads": 1, "head_dim": 8}, "measure": {"every_exposures": 0}})
        process = self.begin()
        self.wait_for_file("run.lock", process)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, -signal.SIGINT)
        self.assertIn("interrupted before a step was made; nothing is lost", said)
        self.assertEqual(os.listdir(self.path("out")), ["run.lock"])
        self.kcap_train("out", "--set", "corpus.people=100")

    def test_each_signal_and_the_clock_are_named(self):
        for number, word in ((signal.SIGUSR1, "SIGUSR1"), (signal.SIGTERM, "SIGTERM"),
                             (signal.SIGHUP, "SIGHUP"), (signal.SIGPIPE, "SIGPIPE"),
                             (signal.SIGXCPU, "SIGXCPU"), (0, "--max-time")):
            with self.subTest(word):
                process = self.begin("--resume", "auto", "--json", "--max-time",
                                     "1:00:00" if number else "0:00:01")
                if number:
                    self.wait_for_rows("out", self.rows("out") + 5, process)
                    process.send_signal(number)
                said = one_object(self.end(process, 75))
                self.assertEqual((said["status"], said["stopped_by"]), ("stopped", word))
                self.assertEqual(said["checkpoint"],
                                 f"out/checkpoints/step_{said['step']:010}.h5")
                self.assertGreater(said["planned_steps"], said["step"])
                self.assertLess(said["share_done"], 0.1)
                self.assertTrue(said["go_on"].endswith(" --resume auto"), said["go_on"])

    def test_in_the_background_of_a_script(self):
        """Where the shell has interrupts ignored they stay so."""
        process = subprocess.Popen(
            ["bash", "-c", "trap '' INT; exec \"$@\"", "bash"] + harness.command(
                ["train", "input.yaml", "--out", "out"]), cwd=self.folder,
            env=harness.environment(1), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.finish, process)
        self.wait_for_rows("out", 5, process)
        process.send_signal(signal.SIGINT)
        self.wait_for_rows("out", self.rows("out") + 50, process)
        process.send_signal(signal.SIGTERM)
        self.end(process, 75)

    def take_long(self):
        """Layers are added until the measurement of `whole` takes seconds on this machine: what is said of
        it, and how long it took."""
        layers, took = 4, 0
        while took < 2:
            self.input(merged(LONG_MEASURE, model={"layers": layers}))
            shutil.rmtree(self.path("whole"), ignore_errors=True)
            whole = self.train_json("whole", threads=1)
            took = read_columns(self.path("whole"), "measure")["seconds"][-1]
            layers *= 2
        return whole, took

    def test_a_measurement_is_broken_off(self):
        """At once on all ranks; it is not recorded, and the resumed run takes it."""
        whole, took = self.take_long()
        for ranks in 0, 2:
            process = self.begin("--resume", "auto", ranks=ranks)
            self.wait_for_file("run.lock", process)
            self.wait_for_file("run.h5", process)
            time.sleep(took / 10)  # the steps take less; two ranks, and a machine less busy, measure in less
            sent = time.monotonic()
            process.send_signal(signal.SIGUSR1)
            said = self.end(process, 75)
            self.assertLess(time.monotonic() - sent, took / 2 + (2 if ranks else 0))
            self.assertIn("stopped by SIGUSR1\n  2 of 2 steps (100.0 %)", said)
            self.assertNotIn("recalled exactly", said)
            self.assertEqual(self.rows("out", "measure"), 0)
        done = self.train_json("out", "--resume", "auto", threads=1)
        self.assertEqual(done["total_bits"], whole["total_bits"])
        self.assert_same_run("whole", "out", "broken off and taken")

    def test_stopped_again_and_again(self):
        """While it trains or measures: in the end the same rows are there, none twice."""
        self.input(MEASURES)
        begun = time.monotonic()
        self.kcap_train("whole", threads=1)
        most = (time.monotonic() - begun) / 10
        moments, older = random.Random(5), 0
        for _ in range(6):
            before = self.rows("out")
            process = self.begin("--resume", "auto")
            while self.rows("out") <= before and process.poll() is None:
                time.sleep(0.02)
            time.sleep(moments.uniform(0, most))
            process.send_signal(signal.SIGUSR1)
            said = process.communicate(timeout=60)[0]
            if process.returncode == 0:
                break
            self.assertEqual(process.returncode, 75)
            older += "an older measurement: of step" in said
        self.assertGreater(older, 0)
        self.kcap_train("out", "--resume", "auto", threads=1)
        self.assert_same_run("whole", "out", "stopped and not")

    def one_stopped(self, rank, *args):
        """Two ranks, of which one is stopped and never goes on; returns what is said at the end."""
        process = self.begin(*args, ranks=2)
        self.wait_for_rows("out", self.rows("out") + 1, process)
        with os.popen(f"pgrep -P {process.pid} -f input.yaml") as found:
            ranks = sorted(map(int, found.read().split()))
        os.kill(ranks[rank], signal.SIGSTOP)
        said = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 5, said)
        self.assertEqual(said.count("nothing has moved for"), 1, said)
        self.assertIn(f"rank {rank} of 2 is stopped or cannot be reached", said)

    def test_a_rank_that_stands_still(self):
        """It is named by the others, and all end; the next run goes on in its folder."""
        for rank in 0, 1:
            self.one_stopped(rank, "--patience", "1", "--resume", "auto")
        # One that is continued to be ended may have left its word, which the next run takes away.
        os.makedirs(self.path("out", "waiting"), exist_ok=True)
        with open(self.path("out", "waiting", "1"), "w", encoding="utf-8"):
            pass
        self.end(self.begin("--max-time", "0:0:1", "--resume", "auto", ranks=2), 75)
        self.assertFalse(os.path.exists(self.path("out", "waiting")))

    def test_max_time_with_a_rank_that_stands_still(self):
        begun = time.monotonic()
        self.one_stopped(1, "--max-time", "0:0:3")
        self.assertLess(time.monotonic() - begun, 40)

    def test_slow_but_well(self):
        """All were stopped, as by a scheduler, for longer than the patience: they go on."""
        process = self.begin("--patience", "1", ranks=0)
        self.wait_for_rows("out", 1, process)
        process.send_signal(signal.SIGSTOP)
        time.sleep(7)
        process.send_signal(signal.SIGCONT)
        self.wait_for_rows("out", self.rows("out") + 50, process)
        process.send_signal(signal.SIGTERM)
        self.end(process, 75)


if __name__ == "__main__":
    harness.main()
