# SPDX-License-Identifier: BSD-3-Clause
"""Job scripts under a Slurm of one node that the test starts for itself: ends, signals, limits, arrays."""
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time

import harness
from harness import BIOD, merged

ENDLESS = merged(BIOD, corpus={"exposures": 1000000}, measure={"every_exposures": 0},
                 checkpoint={"every_steps": 0})
SWEEP = "base: input.yaml\nout: sweep\naxes: {run.seed: [1, 2, 3]}\n"
CONFIGURATION = """\
ClusterName=kcap
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={place}/munge.socket
SlurmctldPort={port}
SlurmdPort={next_port}
StateSaveLocation={place}/state
SlurmdSpoolDir={place}/spool
SlurmctldPidFile={place}/slurmctld.pid
SlurmdPidFile={place}/slurmd.pid
SlurmctldLogFile={place}/slurmctld.log
SlurmdLogFile={place}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SchedulerParameters=batch_sched_delay=1,sched_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
KillWait=5
{node} NodeAddr=127.0.0.1
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:2
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Cluster:
    """munged, slurmctld and slurmd in a folder of their own; says SLURM_CONF."""

    def __init__(self):
        self.place = tempfile.mkdtemp(prefix="kcap_slurm_")
        os.chmod(self.place, 0o755)
        for name in ("state", "spool"):
            os.mkdir(self.at(name))
        with open(self.at("munge.key"), "wb") as file:
            file.write(os.urandom(1024))
        os.chmod(self.at("munge.key"), 0o400)
        said = subprocess.run(["slurmd", "-C"], capture_output=True, text=True, check=True).stdout
        with open(self.at("slurm.conf"), "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(host=socket.gethostname().split(".")[0],
                                            user=getpass.getuser(), place=self.place,
                                            port=free_port(), next_port=free_port(),
                                            node=said.splitlines()[0]))
        os.environ["SLURM_CONF"] = self.at("slurm.conf")
        self.daemons = [self.start(*line) for line in (
            ("munged", "--foreground", f"--key-file={self.at('munge.key')}",
             f"--socket={self.at('munge.socket')}", f"--pid-file={self.at('munged.pid')}",
             f"--log-file={self.at('munged.log')}", f"--seed-file={self.at('munged.seed')}"),
            ("slurmctld", "-D", "-c"), ("slurmd", "-D"))]
        self.wait_for_node()

    def at(self, name):
        return os.path.join(self.place, name)

    def start(self, *line):
        """A daemon, once the one before it has begun to listen."""
        with open(self.at(f"{line[0]}.out"), "w", encoding="utf-8") as file:
            process = subprocess.Popen(line, stdout=file, stderr=file)
        time.sleep(1)
        return process

    def wait_for_node(self):
        for _ in range(60):
            said = subprocess.run(["sinfo", "-h", "-o", "%T"], capture_output=True, text=True,
                                  check=False).stdout.strip()
            if said == "idle":
                return
            time.sleep(0.5)
        raise RuntimeError(f"no idle node, sinfo says {said!r}: see {self.place}")

    def stop(self):
        for process in reversed(self.daemons):
            process.terminate()
            process.wait(30)
        shutil.rmtree(self.place)


class Slurm(harness.AppTest):
    config = BIOD

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.cluster.stop)

    def setUp(self):
        super().setUp()
        self.as_a_clone()

    def said(self, *line, code=0):
        done = subprocess.run(line, cwd=self.folder, env=harness.environment(), timeout=240,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr + self.logs())
        return done.stdout

    def logs(self):
        return "".join(self.read(name) for name in sorted(os.listdir(self.folder))
                       if name.endswith(".out"))

    def job(self, script, *args, options=(), code=0):
        """Submitted and over."""
        return self.said("sbatch", "--wait", "--time=5", *options, f"jobscripts/{script}", *args,
                         code=code)

    def begun(self, out):
        """A job that trains without end, after its first steps."""
        number = self.said("sbatch", "--parsable", "--time=5", "jobscripts/train.slurm",
                           "input.yaml", "--out", out).strip()
        for _ in range(240):
            if os.path.exists(self.path(out, "run.h5")) and "step=" in self.logs():
                return number
            time.sleep(0.25)
        self.fail(f"job {number} never began:\n{self.logs()}")

    def end_of(self, number):
        """Its exit code, once it is over."""
        for _ in range(240):
            said = self.said("scontrol", "show", "job", number)
            if "JobState=RUNNING" not in said and "JobState=COMPLETING" not in said:
                return int(said.split("ExitCode=")[1].split(":")[0])
            time.sleep(0.25)
        self.fail(f"job {number} goes on:\n{said}")

    def test_a_job_is_the_run_by_hand(self):
        self.job("train.slurm", "input.yaml", "--out", "job")
        self.kcap_train("hand")
        self.assert_same_run("job", "hand", "by Slurm and by hand")

    def test_srun_starts_the_ranks(self):
        self.input("kc_launcher=(srun --mpi=pmix)\n", "jobscripts/site.sh")
        self.job("train.slurm", "input.yaml", "--out", "job")
        self.kcap_train("hand")
        self.assert_same_run("job", "hand", "by srun and by hand")
        self.assertEqual(harness.read_attributes(self.path("job", "run.h5"))["ranks"], 2)

    def test_a_signal_leaves_a_checkpoint(self):
        self.input(ENDLESS)
        number = self.begun("job")
        self.job("train.slurm", "input.yaml", "--out", "job", code=2)
        self.assertIn(f"job {number}", self.logs())
        self.said("scancel", "--batch", "--signal=USR1", number)
        self.assertEqual(self.end_of(number), 75)
        step = max(harness.checkpoints(self.path("job")))
        self.assertEqual(len(harness.read_columns(self.path("job"), "steps")["step"]), step)
        self.job("train.slurm", "input.yaml", "--out", "job", "--set", f"train.max_steps={step + 8}")
        self.kcap_train("whole", "--set", f"train.max_steps={step + 8}")
        self.assert_same_rows("job", "whole", ("steps",), "stopped and submitted again")

    def test_the_limit_leaves_a_checkpoint(self):
        self.input(ENDLESS)
        self.job("train.slurm", "input.yaml", "--out", "job", options=("--time=1",), code=75)
        self.assertIn("stopped early with a checkpoint; go on with: sbatch", self.logs())
        self.assertTrue(harness.checkpoints(self.path("job")))

    def test_an_array_and_a_farm(self):
        self.input(SWEEP, "sweep.yaml")
        missing = self.kcap("sweep", "sweep.yaml", "--missing").stdout.strip()
        self.assertEqual(missing, "0-2")
        self.job("sweep.slurm", "sweep.yaml", options=(f"--array={missing}",))
        self.kcap("sweep", "sweep.yaml", "--missing", code=1)
        os.rename(self.path("sweep"), self.path("array"))
        self.job("sweep.slurm", "sweep.yaml")
        for seed in (1, 2, 3):
            self.assert_same_run(f"sweep/seed={seed}", f"array/seed={seed}", "a farm and an array")


if __name__ == "__main__":
    harness.main()
