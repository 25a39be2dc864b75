# SPDX-License-Identifier: BSD-3-Clause
"""The Spack recipe, read without Spack: a stand-in for its `package` module takes down what the
recipe says. The Apptainer definition: its sections, and that the shell can read them."""
import contextlib
import re
import runpy
import subprocess
import sys
import types
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
RECIPE = ROOT / "jobscripts" / "spack" / "packages" / "kcap" / "package.py"


class CMakePackage:
    """What the recipe asks of Spack's class."""
    prefix = types.SimpleNamespace(share="/prefix/share")

    @staticmethod
    def define(name, value):
        return f"-D{name}={value}"


class Spec(dict):
    """Every package lies in /spack/NAME."""
    def __missing__(self, name):
        return types.SimpleNamespace(prefix=f"/spack/{name}", mpicc=f"/spack/{name}/bin/mpicc",
                                     command=types.SimpleNamespace(path=f"/spack/{name}/bin/python3"))

    @staticmethod
    def satisfies(what):
        return what == "+analysis"


def read_recipe():
    """(the class, what it depends on, the edits it makes)."""
    needs, edits = [], []
    module = types.ModuleType("spack.package")
    for name in ("license", "version", "variant"):
        setattr(module, name, lambda *_, **__: None)
    module.depends_on = lambda what, **_: needs.append(what)
    module.when = contextlib.nullcontext
    module.run_after = lambda phase: lambda function: function
    module.filter_file = lambda *what: edits.append(what)
    module.join_path = lambda *parts: "/".join(parts)
    module.CMakePackage = CMakePackage
    module.__all__ = [name for name in vars(module) if not name.startswith("__")]
    with mock.patch.dict(sys.modules, {"spack": types.ModuleType("spack"), "spack.package": module}):
        return runpy.run_path(str(RECIPE))["Kcap"], needs, edits


class Recipes(unittest.TestCase):
    def test_spack(self):
        kcap, needs, edits = read_recipe()
        package = kcap()
        package.spec = Spec()
        # Each library that CMakeLists.txt looks for by NAME_ROOT is a dependency, found there.
        text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
        wanted = set(re.findall(r"^kc_library\((\w+)", text, re.M)) | {"HDF5"}
        self.assertEqual(set(package.roots), wanted)
        args = package.cmake_args()
        for name, library in package.roots.items():
            self.assertIn(f"-D{name}_ROOT=/spack/{library}", args)
            self.assertIn(library, [re.split("[@ +]", need)[0] for need in needs])
        self.assertIn("-DMPI_C_COMPILER=/spack/mpi/bin/mpicc", args)
        # Python's libraries are those that the programs ask for by name.
        packages = runpy.run_path(str(ROOT / "analysis" / "needed.py"))["PACKAGES"]
        self.assertEqual({need[3:] for need in needs if need.startswith("py-")},
                         {pip.lower() for _, pip in packages.values()})
        package.use_python()
        for pattern, line, path in edits:
            name = Path(path).name
            first = (ROOT / "analysis" / name).read_text(encoding="utf-8").splitlines()[0]
            self.assertEqual(re.sub(pattern, line, first), "#!/spack/python/bin/python3")
        self.assertEqual(len(edits), 4)
        self.assertEqual(kcap.git, ROOT.as_uri())
        self.assertIn("namespace: kcap", (ROOT / "jobscripts/spack/repo.yaml").read_text())

    def test_apptainer(self):
        text = (ROOT / "jobscripts" / "kcap.def").read_text(encoding="utf-8")
        head, *sections = re.split(r"^%(\w+)\n", text, flags=re.M)
        self.assertEqual([line for line in head.splitlines() if not line.startswith("#")],
                         ["Bootstrap: docker", "From: debian:12", ""])
        bodies = dict(zip(sections[::2], sections[1::2]))
        self.assertEqual(list(bodies), ["files", "post", "environment", "runscript", "test"])
        for name in ("post", "environment", "runscript", "test"):
            done = subprocess.run(["sh", "-n"], input=bodies[name], text=True, capture_output=True,
                                  check=False)
            self.assertEqual(done.returncode, 0, f"%{name}: {done.stderr}")
        for path in re.findall(r"/usr/local/share/kcap/(\S+)", text):
            self.assertTrue((ROOT / path).is_file(), path)
        self.assertIn("bash jobscripts/local.sh --deps-only\n", bodies["post"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
