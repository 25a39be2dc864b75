# SPDX-License-Identifier: BSD-3-Clause
"""One folder, one process: who comes second is refused, who is dead is taken over."""
import os
import signal
import socket
import time

import numpy as np

import harness
from harness import BIOD, checkpoints, merged, read_columns

# More steps than any test waits for.
ENDLESS = merged(BIOD, corpus={"exposures": 1000000}, measure={"every_exposures": 0},
                 checkpoint={"every_steps": 200})
SWEEP = "base: input.yaml\nout: sweep\naxes: {run.seed: [1, 2]}\n"


class Lock(harness.AppTest):
    config = ENDLESS

    def at_once(self, n, *args, ranks):
        """n processes started together: returns the one that goes on; the others were refused."""
        all_of_them = [self.start(*args, ranks=ranks, threads=1) for _ in range(n)]
        until = time.monotonic() + 60
        while sum(p.poll() is None for p in all_of_them) > 1 and time.monotonic() < until:
            time.sleep(0.1)
        left = [p for p in all_of_them if p.poll() is None]
        self.assertEqual(len(left), 1, [p.poll() for p in all_of_them])
        for process in all_of_them:
            if process is not left[0]:
                said = process.communicate()[1]
                self.assertEqual(process.returncode, 2, said)
                self.assertIn(f"in use by process {self.owner(args)['process']} on "
                              f"{socket.gethostname()}", said)
        return left[0]

    def owner(self, args):
        path = ("sweep", "farm.lock") if args[0] == "sweep" else ("out", "run.lock")
        return dict(line.split(" ", 1) for line in self.read(*path).splitlines())

    def stop(self, process):
        process.send_signal(signal.SIGUSR1)
        said = process.communicate(timeout=60)[1]
        self.assertEqual(process.returncode, 75, said)

    def check_whole(self):
        """All steps, once each, up to the newest checkpoint."""
        steps = read_columns(self.path("out"), "steps")["step"]
        self.assertTrue(np.array_equal(steps, np.arange(1, len(steps) + 1)))
        self.assertEqual(max(checkpoints(self.path("out"))), len(steps))
        self.assertFalse(os.path.exists(self.path("out", "run.lock")))

    def test_two_and_four_at_once(self):
        """From nothing, from a checkpoint, and from one of a killed process whose lock is left."""
        line = "train", "input.yaml", "--out", "out", "--resume", "auto"
        self.stop(self.at_once(2, *line, ranks=2))
        self.check_whole()
        self.stop(self.at_once(4, *line, ranks=0))
        self.check_whole()
        killed = self.at_once(2, *line, ranks=0)
        killed.kill()
        killed.communicate()
        self.assertTrue(os.path.exists(self.path("out", "run.lock")))
        self.stop(self.at_once(4, *line, ranks=0))
        self.check_whole()

    def test_who_else_would_write(self):
        """train without a resume and init say who is there; looking is free."""
        process = self.at_once(1, "train", "input.yaml", "--out", "out", ranks=0)
        while not os.path.exists(self.path("out", "run.h5")):
            time.sleep(0.05)
        owner = self.owner(["train"])
        self.assertEqual(owner["process"], str(process.pid))
        self.assertEqual(owner["job"], "none")
        for args in (("train", "input.yaml", "--out", "out"), ("init", "input.yaml", "--out", "out")):
            self.fails(f"out: in use by process {process.pid} on", *args, ranks=2)
        self.kcap("train", "input.yaml", "--out", "out", "--resume", "auto", "--dry-run")
        self.stop(process)
        self.check_whole()

    def test_nothing_is_left_of_what_is_refused(self):
        before = self.listing()
        for out in "out", "a/b/c":
            self.kcap_train(out, "--set", "train.context=4", ranks=2, code=2)
        self.assertEqual(self.listing(), before)

    def test_farms(self):
        """Of two farms one runs the sweep; a point that somebody else is at is let be."""
        self.input(SWEEP, "sweep.yaml")
        farm = self.at_once(2, "sweep", "sweep.yaml", "--farm", ranks=2)
        while not os.path.exists(self.path("sweep", "seed=1", "run.h5")):
            time.sleep(0.05)
        self.fails("sweep/seed=1: in use by process", "sweep", "sweep.yaml", "--index", 0)
        self.assertFalse(os.path.exists(self.path("sweep", "seed=1", "error.txt")))
        self.stop(farm)
        self.assertFalse(os.path.exists(self.path("sweep", "farm.lock")))


if __name__ == "__main__":
    harness.main()
