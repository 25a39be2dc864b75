# SPDX-License-Identifier: BSD-3-Clause
"""The programs of analysis/ where a library is missing or does not load, and how they are started."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ANALYSIS = Path(__file__).resolve().parents[2] / "analysis"
PROGRAMS = ("report.py", "law.py", "hf.py", "quantize.py", "probe.py")


class Needed(unittest.TestCase):
    def said(self, program, *python, **modules):
        """The one line of a program's error, where these modules raise these exceptions."""
        with tempfile.TemporaryDirectory() as folder:
            for name, error in modules.items():
                Path(folder, f"{name}.py").write_text(f"raise {error}\n", encoding="utf-8")
            done = subprocess.run([sys.executable, *python, ANALYSIS / program, "x", "--out", "y"],
                                  env=dict(os.environ, PYTHONPATH=folder), cwd=folder, text=True,
                                  capture_output=True, check=False, timeout=60)
        self.assertEqual((done.returncode, done.stdout, done.stderr.count("\n")), (2, "", 1),
                         done.stderr)
        return done.stderr

    def test_missing(self):
        """Each library alone: its names in Debian and pip."""
        for module, pip in (("h5py", "h5py"), ("numpy", "numpy"), ("yaml", "PyYAML")):
            error = f"ModuleNotFoundError('none', name='{module}')"
            for program in PROGRAMS:
                said = self.said(program, **{module: error})
                self.assertIn(f"{program[:-3]}: {module} is missing in {sys.executable}: apt install "
                              f"python3-{module} (for Debian's /usr/bin/python3), or pip install "
                              f"{pip};", said)
        self.assertIn("apt install python3-matplotlib ", self.said(
            "report.py", matplotlib="ModuleNotFoundError('none', name='matplotlib')"))
        self.assertIn("apt install python3-scipy ", self.said(
            "law.py", scipy="ModuleNotFoundError('none', name='scipy')"))

    def test_all_missing(self):
        """Without site-packages all are named at once."""
        for program in PROGRAMS:
            self.assertRegex(self.said(program, "-S"), "pip install h5py .*numpy .*PyYAML;")

    def test_broken(self):
        """One that is there and does not load, in the words of the first line."""
        said = self.said("report.py", h5py="ImportError('libhdf5.so.9: no such file\\nmore')")
        self.assertEqual(said, f"report: {sys.executable} cannot load a library: "
                               "libhdf5.so.9: no such file\n")

    def test_ours_missing(self):
        """A module of ours that is missing is a fault of ours, told in full."""
        code = ("import needed\nwith needed.libraries('x'):\n    import kcap_no_such_module\n")
        done = subprocess.run([sys.executable, "-c", code], cwd=ANALYSIS, text=True, check=False,
                              capture_output=True)
        self.assertIn("Traceback", done.stderr)

    def test_started(self):
        """What is a program has the run bit and a first line that starts it; nothing else has."""
        for path in sorted(ANALYSIS.glob("*.py")):
            text = path.read_text(encoding="utf-8")
            program = "\nif __name__ == " in text
            self.assertEqual(program, path.name in PROGRAMS, path)
            self.assertEqual(os.access(path, os.X_OK), program, path)
            self.assertEqual(text.startswith("#!/usr/bin/python3\n"), program, path)
            if program:
                done = subprocess.run([path, "--help"], capture_output=True, text=True, check=False)
                self.assertEqual((done.returncode, done.stdout[:6]), (0, "usage:"), done.stderr)


if __name__ == "__main__":
    unittest.main()
