# SPDX-License-Identifier: BSD-3-Clause
"""kcap under the mpirun of its build, whichever MPI that is: ranks, signals, exit codes, folders
with a blank in their names. Short, since it is run with every MPI."""
import os
import shutil
import signal
import subprocess
import time

import harness
from harness import BIOD, AppTest, merged


class Launch(AppTest):
    def is_open_mpi(self):
        return "Open MPI" in self.kcap("--version").stdout

    def test_same_bits_and_resume(self):
        """1, 2 and 4 ranks, and 1 rank gone on with by 2, in folders with a blank."""
        self.input(merged(BIOD, corpus={"exposures": 6}), "in put.yaml")
        for ranks in (1, 2, 4):
            self.kcap("train", "in put.yaml", "--out", f"run {ranks}", ranks=ranks)
            self.assert_same_run("run 1", f"run {ranks}", f"1 and {ranks} ranks")
        self.kcap("train", "in put.yaml", "--out", "run 3", "--set", "train.max_steps=12", ranks=1)
        self.kcap("train", "in put.yaml", "--out", "run 3", "--resume", "auto", ranks=2)
        self.assert_same_run("run 1", "run 3", "gone on with", groups=("steps",))

    def test_errors(self):
        """All ranks end with one code and one message."""
        self.input(BIOD)
        done = self.kcap("train", "input.yaml", "--set", "model.layers=0", ranks=2, code=2)
        self.assertIn("model.layers", self.complaint(done))

    def test_signal(self):
        """mpirun passes it on; a checkpoint, and exit code 75."""
        self.input(merged(BIOD, corpus={"exposures": 1000000}))
        process = self.start("train", "input.yaml", "--out", "run", ranks=2,
                             stdout=subprocess.PIPE)
        path = self.path("run", "checkpoints")
        for _ in range(600):
            if os.path.isdir(path) and os.listdir(path):
                break
            time.sleep(0.1)
        process.send_signal(signal.SIGUSR1)
        said = process.communicate(timeout=60)
        self.assertIn("stopped by SIGUSR1\n", said[0])
        # MPICH's launcher now and then ends with 0 when all ranks ended with 75.
        self.assertIn(process.returncode, (75,) if self.is_open_mpi() else (75, 0), said)
        self.assertTrue(harness.checkpoints(self.path("run")))

    def test_another_mpirun(self):
        """Ranks that do not see each other would write the same files."""
        self.input(BIOD)
        other = shutil.which("mpirun.mpich" if self.is_open_mpi() else "mpirun.openmpi")
        self.assertIsNotNone(other, "both MPIs are needed here: see jobscripts/deps.sh")
        done = subprocess.run([other, *harness.crowding(other), "-n", "2", harness.KCAP, "train",
                               "input.yaml", "--out", "run"], env=harness.environment(),
                              cwd=self.folder, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn("that mpirun is of another MPI", done.stderr)
        self.assertFalse(os.path.exists(self.path("run")))


if __name__ == "__main__":
    harness.main()
