# SPDX-License-Identifier: BSD-3-Clause
"""Job scripts in a made-up allocation: what kcap is started with, how it ends, what an array does."""
import os
import shutil
import signal
import subprocess
import time

import harness
from harness import BIOD, checkpoints, merged

ENDLESS = merged(BIOD, corpus={"exposures": 1000000}, measure={"every_exposures": 0})
SWEEP = "base: input.yaml\nout: sweep\naxes: {run.seed: [1, 2]}\n"


class Jobs(harness.AppTest):
    config = BIOD

    def setUp(self):
        super().setUp()
        self.as_a_clone()
        self.input(SWEEP, "sweep.yaml")
        self.input("kc_launcher=(env)\n", "jobscripts/site.sh")
        self.input("node\n", "nodes")

    def program(self, name, text):
        """A program of this name, before others on the path."""
        os.makedirs(self.path("bin"), exist_ok=True)
        path = self.path("bin", name)
        with open(path, "w") as file:
            file.write("#!/bin/bash\n" + text + "\n")
        os.chmod(path, 0o755)
        return path

    def environment(self, script, left, **more):
        """What the scheduler of a script sets; left: what it says of the job's time."""
        if script.endswith(".slurm"):
            self.program("squeue", f'echo "{left}"')
            env = {"SLURM_SUBMIT_DIR": self.folder, "SLURM_JOB_ID": "7", "SLURM_NTASKS": "1"}
        else:
            self.program("qstat", f'echo "    Resource_List.walltime = {left}"')
            env = {"PBS_O_WORKDIR": self.folder, "PBS_JOBID": "7.host",
                   "PBS_NODEFILE": self.path("nodes")}
        return dict(harness.environment(1), PATH=f"{self.path('bin')}:{os.environ['PATH']}", **env,
                    **more)

    def command(self, script, *args):
        """The script with its arguments, and the variables that they come in."""
        path = self.path("jobscripts", script)
        if script.endswith(".slurm"):
            return ["bash", path, *args], {}
        return ["bash", path], {"KC_ARGS": " ".join(args)}

    def job(self, script, *args, left="1:00:00", code=0, **more):
        line, variables = self.command(script, *args)
        done = subprocess.run(line, cwd=self.folder, timeout=60, text=True, check=False,
                              env=self.environment(script, left, **variables, **more),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def arguments(self, script, *args, **how):
        """What a script gives kcap."""
        os.unlink(self.path("build", "kcap"))
        shutil.copy(self.program("kcap", '[ "${!#}" != --missing ] || exit 0; echo "$@"'),
                    self.path("build", "kcap"))
        return self.job(script, *args, **how).stdout.strip()

    def test_the_lead_is_a_share_of_the_limit(self):
        for left, most in (("5:00", "0:4:45"), ("12:00:00", "11:55:0"), ("1-00:00:00", "23:55:0"),
                           ("45", "0:0:35"), ("4", "0:0:1"), ("1:40:00", "1:35:0"),
                           ("00:08:09", "0:7:45"), ("UNLIMITED", None), ("", None)):
            with self.subTest(left):
                said = self.arguments("train.slurm", "input.yaml", "--out", "out", left=left)
                limit = f" --max-time {most}" if most else ""
                self.assertEqual(said, "train --resume auto --set parallel.threads=1"
                                       f"{limit} input.yaml --out out")
        said = self.arguments("train.pbs", "input.yaml", "--out", "out", left="00:05:00")
        self.assertIn("--max-time 0:4:45 input.yaml --out out", said)

    def test_arrays(self):
        for script, index in (("sweep.slurm", "SLURM_ARRAY_TASK_ID"),
                              ("sweep.pbs", "PBS_ARRAY_INDEX")):
            end = "--set parallel.threads=1 --max-time 0:57:0 --set train.lr=0.1"
            said = self.arguments(script, "sweep.yaml", "--set", "train.lr=0.1", **{index: "3"})
            self.assertEqual(said, f"sweep sweep.yaml --index 3 {end}")
            said = self.arguments(script, "sweep.yaml", "--set", "train.lr=0.1")
            self.assertEqual(said, f"sweep sweep.yaml --farm {end}")

    def test_nothing_missing(self):
        """No array is made of it, and a job without one, which --array='' gives, ends with 1."""
        self.job("sweep.slurm", "sweep.yaml", SLURM_ARRAY_TASK_ID="0")
        self.assertEqual(self.kcap("sweep", "sweep.yaml", "--missing").stdout, "1\n")
        self.job("sweep.pbs", "sweep.yaml")
        for ranks in 0, 2:
            done = self.kcap("sweep", "sweep.yaml", "--missing", ranks=ranks, code=1)
            self.assertEqual(done.stdout, "")
            self.assertIn("kcap: no point is missing\n", done.stderr)
        for script in "sweep.slurm", "sweep.pbs":
            done = self.job(script, "sweep.yaml", code=1)
            self.assertIn("no point is missing", done.stderr)
            self.assertNotIn("event=farm", done.stdout)
        done = self.job("sweep.pbs", "sweep.yaml", PBS_ARRAY_INDEX="1")
        self.assertIn("nothing to do", done.stderr)

    def test_ends_in_time(self):
        """14 s are left, 10 of which are for starting and ending: it works for 4."""
        self.input(ENDLESS)
        for script in "train.slurm", "train.pbs":
            begun = time.monotonic()
            done = self.job(script, "input.yaml", "--out", script, left="00:00:14", code=75)
            self.assertLess(time.monotonic() - begun, 14)
            self.assertIn("stopped by --max-time", done.stdout)
            self.assertIn("stopped early with a checkpoint; go on with:", done.stdout)
            self.assertGreater(max(checkpoints(self.path(script))), 0)

    def test_signals_are_handed_on(self):
        """USR1, TERM and the first interrupt to the script end kcap with a checkpoint."""
        self.input(ENDLESS)
        for number in signal.SIGUSR1, signal.SIGTERM, signal.SIGINT:
            line, variables = self.command("train.slurm", "input.yaml", "--out", str(number))
            process = subprocess.Popen(line, cwd=self.folder, text=True, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE,
                                       env=self.environment("train.slurm", "1:00:00", **variables))
            self.addCleanup(self.finish, process)
            while not checkpoints(self.path(str(number))):
                self.assertIsNone(process.poll())
                time.sleep(0.1)
            process.send_signal(number)
            said = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 75, said)
            self.assertIn("stopped by SIGUSR1", said[0])


if __name__ == "__main__":
    harness.main()
