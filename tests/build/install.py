# SPDX-License-Identifier: BSD-3-Clause
"""An installed kcap, in a folder with a blank, that sees neither the clone nor its build. Called as
`install.py BUILD [test names]`."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import h5py

ROOT = Path(__file__).resolve().parents[2]
BUILD = None
# Root hides the clone from the programs started; where that is not allowed they see it still.
HIDDEN = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', ROOT]
INPUT = """corpus: {kind: bios, people: 16, exposures: 20}
model: {layers: 1, heads: 1, head_dim: 16}
train: {context: 128, batch: 4, lanes: 4, warmup_steps: 2}
"""


def hides():
    return subprocess.run([*HIDDEN, "test", "!", "-e", ROOT / "src"], capture_output=True,
                          check=False).returncode == 0


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="kcap inst ")))
        cls.prefix, cls.hidden = cls.folder / "pre fix", HIDDEN if hides() else []
        subprocess.run(["cmake", "--install", BUILD, "--prefix", cls.prefix], check=True,
                       capture_output=True)
        cls.share = cls.prefix / "share" / "kcap"
        (cls.folder / "in put.yaml").write_text(INPUT, encoding="utf-8")

    def run_it(self, *command, code=0, **environment):
        """What it printed, started where the input file is and without the clone."""
        env = {name: value for name, value in os.environ.items()
               if name not in ("KCAP", "KCAP_INPUTS", "LD_LIBRARY_PATH", "PYTHONPATH")}
        env |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
                "OMP_WAIT_POLICY": "passive", "PYTHONDONTWRITEBYTECODE": "1"} | environment
        done = subprocess.run([*self.hidden, *map(str, command)], cwd=self.folder, env=env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                              timeout=120)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_train_and_report(self):
        """With the pools and templates that were installed; the programs find each other."""
        self.run_it(self.prefix / "bin" / "kcap", "train", "in put.yaml", "--out", "run 1")
        with h5py.File(self.folder / "run 1" / "run.h5") as file:
            self.assertEqual(len(file["measure/step"]), 1)
        said = self.run_it(self.share / "analysis" / "report.py", "run 1")
        self.assertIn("stored after 20 exposures", said)
        self.assertTrue((self.folder / "run 1" / "bits_per_param.png").is_file())
        self.run_it(self.share / "analysis" / "hf.py", "export", "run 1", "hf 1")
        self.run_it(self.share / "analysis" / "hf.py", "import", "hf 1", "--out", "run 2",
                    PATH="/usr/bin:/bin")
        said = self.run_it(self.prefix / "bin" / "kcap", "measure", "run 2")
        self.assertIn("recalled exactly", said)

    def test_local_sh(self):
        """Trains with the installed program, into runs/ of this folder."""
        script = self.share / "jobscripts" / "local.sh"
        for name in ("run", "run-2"):
            said = self.run_it(script, "in put.yaml", "--set", "corpus.exposures=4")
            self.assertIn(f"runs/in put{name[3:]}", said)
        said = self.run_it(script, code=2, *("no.yaml",))
        self.assertIn("no.yaml: no such input file", said)

    def test_job_script(self):
        """As Slurm would start it, from a copy of its own."""
        copy = self.folder / "slurm script"
        shutil.copy(self.share / "jobscripts" / "train.slurm", copy)
        said = self.run_it("bash", copy, "in put.yaml", "--out", "run 3", SLURM_NTASKS="2",
                           SLURM_SUBMIT_DIR=str(self.folder), KC_ROOT=str(self.share))
        self.assertIn("done", said)
        with h5py.File(self.folder / "run 3" / "run.h5") as file:
            self.assertEqual(file.attrs["ranks"], 2)

    def test_pages(self):
        """Manual page, completion, run bits; nothing of the build in the run path."""
        for path in ("share/man/man1/kcap.1", "share/bash-completion/completions/kcap"):
            self.assertIn("kcap", (self.prefix / path).read_text(encoding="utf-8"))
        for name in ("report.py", "law.py", "hf.py", "quantize.py"):
            self.assertIn("usage", self.run_it(self.share / "analysis" / name, "--help"))
        said = self.run_it("readelf", "-d", self.prefix / "bin" / "kcap")
        self.assertNotIn(str(BUILD), said)
        self.assertEqual((self.share / "kcap").resolve(), (self.prefix / "bin" / "kcap").resolve())


if __name__ == "__main__":
    BUILD = Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
