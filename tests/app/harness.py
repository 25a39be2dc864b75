# SPDX-License-Identifier: BSD-3-Clause
"""What the whole-program tests share: starting kcap with and without mpirun, small input files,
reading what a run wrote. A test file is called as `test.py KCAP MPIRUN [test names]`."""
import functools
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np
import yaml

KCAP = MPIRUN = None
TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")

# K = 3 attributes of 8 values; 40 documents of 10 tokens an exposure; four lanes of one window.
BIOD = {
    "run": {"name": "tiny", "seed": 3},
    "corpus": {"kind": "biod", "people": 40, "exposures": 10, "first_names": 8, "middle_names": 8,
               "last_names": 8, "attributes": 3, "diversity": 8, "alphabet": 16},
    "model": {"layers": 2, "heads": 2, "head_dim": 8},
    "train": {"context": 32, "batch": 4, "lanes": 4, "warmup_steps": 5, "lr": 3.0e-3},
    "measure": {"every_exposures": 3},
    "checkpoint": {"every_steps": 10, "keep": 3},
}
BIOS = {
    "run": {"name": "tinybios", "seed": 5},
    "corpus": {"kind": "bios", "people": 24, "exposures": 16, "first_names": 6, "middle_names": 6,
               "last_names": 6, "birth_years": 4, "cities": 10, "universities": 8, "majors": 8,
               "employers": 8, "sentences": 2},
    "model": {"layers": 2, "heads": 2, "head_dim": 8},
    "train": {"context": 64, "batch": 8, "lanes": 4, "warmup_steps": 5, "lr": 3.0e-3},
    "measure": {"every_exposures": 5},
    "checkpoint": {"every_steps": 10, "keep": 3},
}


def merged(base, **sections):
    """A copy of an input with some keys replaced: merged(BIOD, train={"batch": 8})."""
    result = {section: dict(keys) for section, keys in base.items()}
    for section, keys in sections.items():
        result.setdefault(section, {}).update(keys)
    return result


def environment(threads=None):
    """Waiting threads sleep and waiting ranks yield: tests put more of them on a core than there is
    room for, and spinning ones would keep the others from working."""
    env = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
               OMP_WAIT_POLICY="passive", OMPI_MCA_mpi_yield_when_idle="1")
    env.pop("OMP_NUM_THREADS", None)
    if threads:
        env["OMP_NUM_THREADS"] = str(threads)
    return env


def command(args, ranks=0):
    """The command line; ranks=0 leaves mpirun out."""
    front = [MPIRUN, *crowding(MPIRUN), "-n", str(ranks)] if ranks else []
    return front + [KCAP] + [str(a) for a in args]


@functools.cache
def crowding(mpirun):
    """What allows more ranks than cores: Open MPI, which also calls itself OpenRTE and PRRTE, wants
    to be told; MPICH's launcher has nothing of the kind."""
    said = subprocess.run([mpirun, "--version"], capture_output=True, text=True, check=True).stdout
    return () if "HYDRA" in said else ("--oversubscribe", "--bind-to", "none")


def no_duplicates(pairs):
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names)), f"an object names a member twice: {names}"
    return dict(pairs)


def one_object(text):
    """The one JSON object that a text is, or an exception."""
    return json.loads(text, object_pairs_hook=no_duplicates,
                      parse_constant=lambda word: (_ for _ in ()).throw(ValueError(word)))


def read_columns(run, group):
    """Columns of a group of a run's run.h5, or of a file, as arrays of equal length; also while it is
    being written."""
    path = os.path.join(run, "run.h5") if os.path.isdir(run) else run
    try:
        file = h5py.File(path, "r", libver="latest", swmr=True)
    except (OSError, ValueError):
        file = h5py.File(path, "r")
    with file:
        columns = {name: d[()] for name, d in file[group].items()
                   if name not in ("attribute_names", "check")}
    rows = min(len(c) for c in columns.values())
    return {name: c[:rows] for name, c in columns.items()}


def read_attributes(path):
    with h5py.File(path, "r") as file:
        return dict(file.attrs)


def checkpoints(run):
    """Paths of a run's complete checkpoints by step."""
    folder = os.path.join(run, "checkpoints")
    names = sorted(os.listdir(folder)) if os.path.isdir(folder) else []
    return {int(n[5:15]): os.path.join(folder, n) for n in names
            if n.endswith(".h5") and n[:-3] + ".manifest" in names}


GROUPS = ("params", "m", "v", "masters", "adapters", "adapters_m", "adapters_v")


def read_tensors(path):
    with h5py.File(path, "r") as file:
        result = {f"{group}/{name}": d[()] for group in GROUPS if group in file
                  for name, d in file[group].items()}
        result["lanes/cursor"] = file["lanes/cursor"][()]
    return result


class AppTest(unittest.TestCase):
    """Each test has a folder of its own and starts kcap in it."""

    maxDiff = None
    config = None  # what input.yaml is in every test that writes no other

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="kcap_app_")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        if self.config:
            self.input(self.config)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def as_a_clone(self):
        """The job scripts and the program where a clone has them, without a site's settings."""
        shutil.copytree(os.path.join(TOP, "jobscripts"), self.path("jobscripts"),
                        ignore=shutil.ignore_patterns("site.sh"))
        os.makedirs(self.path("build"))
        os.symlink(KCAP, self.path("build", "kcap"))

    def input(self, config, name="input.yaml"):
        """Write an input file (a dict, or text or bytes as they stand); returns its name."""
        text = yaml.safe_dump(config) if isinstance(config, dict) else config
        with open(self.path(name), "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return name

    def listing(self):
        """Every file and folder of the test's own."""
        return sorted(os.path.join(place, name) for place, folders, names in os.walk(self.folder)
                      for name in folders + names)

    def read(self, *parts):
        with open(self.path(*parts), encoding="utf-8") as file:
            return file.read()

    def kcap(self, *args, ranks=0, threads=None, timeout=120, code=0, stdin=subprocess.DEVNULL):
        """Run to the end, check the exit code. mpirun else waits two seconds for failed ranks, and a
        process without mpirun starts a daemon to spawn others by, which takes longer than all else of
        a short one; without it such processes would share a folder, and one take it from another."""
        env = dict(environment(threads), OMPI_MCA_odls_base_sigkill_timeout="0")
        if not ranks:
            env.update(OMPI_MCA_ess_singleton_isolated="1", OMPI_MCA_orte_create_session_dirs="0")
        done = subprocess.run(command(args, ranks), cwd=self.folder, env=env,
                              stdin=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=timeout)
        if code is not None:
            self.assertEqual(done.returncode, code,
                             f"{args} on {ranks} ranks:\n{done.stdout}\n{done.stderr}")
        return done

    def kcap_train(self, out, *args, **how):
        """Train input.yaml to this folder."""
        return self.kcap("train", "input.yaml", "--out", out, *args, **how)

    def json(self, *args, **how):
        """The one object that --json prints."""
        return one_object(self.kcap(*args, "--json", **how).stdout)

    def train_json(self, out, *args, **how):
        return one_object(self.kcap_train(out, *args, "--json", **how).stdout)

    def fails(self, words, *args, code=2, **how):
        """It ends with this code and says these words, one text or several; returns stderr."""
        said = self.kcap(*args, code=code, **how).stderr
        for word in [words] if isinstance(words, str) else words:
            self.assertIn(word, said)
        return said

    def complaint(self, done):
        """The one line of an error."""
        said = [line for line in done.stderr.splitlines() if line.startswith("kcap: ")]
        self.assertEqual(len(said), 1, done.stderr)
        return said[0]

    def start(self, *args, ranks=1, threads=None, stdout=subprocess.DEVNULL):
        """Start and leave running; what is still there at the test's end is killed."""
        process = subprocess.Popen(command(args, ranks), cwd=self.folder, env=environment(threads),
                                   stdin=subprocess.DEVNULL, stdout=stdout,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.finish, process)
        return process

    def usage(self, *args, threads=None):
        """(stdout, CPU seconds, peak of memory in bytes) of a run without mpirun."""
        process = self.start(*args, ranks=0, threads=threads, stdout=subprocess.PIPE)
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        return said, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024

    @staticmethod
    def finish(process):
        if process.poll() is None:
            process.kill()
        if not process.stderr.closed:
            process.communicate()

    def assert_same_bits(self, first, second, what):
        """Dicts of arrays, equal in every bit (NaN equals the same NaN), but for times."""
        self.assertEqual(set(first), set(second), what)
        for name in first:
            a, b = np.asarray(first[name]), np.asarray(second[name])
            if "second" in name:
                continue
            self.assertEqual((a.dtype, a.shape), (b.dtype, b.shape), f"{what}: {name}")
            if a.tobytes() != b.tobytes():
                at = np.flatnonzero(a.ravel().view(np.uint8).reshape(a.size, -1)
                                    != b.ravel().view(np.uint8).reshape(b.size, -1))
                self.fail(f"{what}: {name} differs in {len(at)} bytes, first in element "
                          f"{at[0] // a.itemsize}")

    def assert_same_checkpoints(self, first, second, what, all_of_them=True):
        """Two run folders' checkpoints, or their last ones, are of the same steps and tensors."""
        a, b = checkpoints(self.path(first)), checkpoints(self.path(second))
        steps = set(a) if all_of_them else {max(a)}
        self.assertEqual(steps, set(b) if all_of_them else {max(b)}, what)
        for step in steps:
            self.assert_same_bits(read_tensors(a[step]), read_tensors(b[step]),
                                  f"{what}: checkpoint of step {step}")

    def assert_same_rows(self, first, second, groups, what=""):
        """Two run folders hold the same rows in these groups."""
        for group in groups:
            self.assert_same_bits(read_columns(self.path(first), group),
                                  read_columns(self.path(second), group), f"{what}: /{group}")

    def assert_same_run(self, first, second, what, groups=("steps", "measure")):
        """Two run folders hold the same rows and, at their last step, the same tensors."""
        self.assert_same_rows(first, second, groups, what)
        self.assert_same_checkpoints(first, second, what, all_of_them=False)

    def assert_last_row(self, report, run, what=""):
        """A report says what the last row of /measure holds; no number is null."""
        for name, column in read_columns(self.path(run), "measure").items():
            value = column[-1].tolist()
            if isinstance(value, float) and math.isnan(value):
                value = None
            if name != "seconds":
                self.assertEqual(report[name], value, f"{what}: {name}")


def main():
    global KCAP, MPIRUN
    if len(sys.argv) < 3:
        sys.exit("usage: test.py KCAP MPIRUN [test names]")
    KCAP, MPIRUN = os.path.abspath(sys.argv[1]), sys.argv[2]
    unittest.main(argv=[sys.argv[0]] + sys.argv[3:], verbosity=2, module="__main__")
