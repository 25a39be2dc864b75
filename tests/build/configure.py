# SPDX-License-Identifier: BSD-3-Clause
"""What configuring finds, refuses and says. Called as `configure.py BUILD [test names]`; BUILD's
compiler and launcher are used."""
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ARCH = sysconfig.get_config_var("MULTIARCH")
BUILD = None
# What Debian has of libraries without further files: name -> header, its folder, library.
SMALL = {"YAML": ("yaml.h", "", "libyaml.so"), "XXHASH": ("xxhash.h", "", "libxxhash.so"),
         "PCRE2": ("pcre2.h", "", "libpcre2-8.so"), "UTF8PROC": ("utf8proc.h", "", "libutf8proc.so"),
         "CJSON": ("cJSON.h", "cjson", "libcjson.so"), "RANDOM123": (None, "Random123", None),
         "BLIS": ("blis.h", "blis-openmp", "blis-openmp/libblis.so")}


def cached(folder):
    """CMakeCache.txt as a dict."""
    text = (Path(folder) / "CMakeCache.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w-]+):\w+=(.*)$", text, re.M))


class Configure(unittest.TestCase):
    def setUp(self):
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="kcap conf ")))

    def configure(self, *options, code=0, build="a build", **environment):
        """(what it said, the lines of errors made one; its cache)."""
        same = [f"-D{name}={value}" for name, value in cached(BUILD).items()
                if name in ("CMAKE_C_COMPILER", "CMAKE_C_COMPILER_LAUNCHER")]
        done = subprocess.run(["cmake", "-S", ROOT, "-B", self.folder / build, *same, *options],
                              env=dict(os.environ, **environment), capture_output=True, text=True, check=False)
        said = " ".join((done.stdout + done.stderr).split())
        self.assertEqual(done.returncode != 0, code != 0, said)
        return said, cached(self.folder / build)

    def prefix(self, *names):
        """Copies of some of Debian's libraries, in a folder with a blank."""
        place = self.folder / "own libraries"
        for name in names:
            header, below, library = SMALL[name]
            start = next(path for path in (Path("/usr/include", ARCH, below),
                                           Path("/usr/include", below)) if path.is_dir()
                         and (header is None or (path / header).exists()))
            to = place / "include" / ("" if name == "BLIS" else below)
            to.mkdir(parents=True, exist_ok=True)
            for path in [start / header] if header else start.iterdir():
                (shutil.copytree if path.is_dir() else shutil.copy)(path, to / path.name)
            if library:
                (place / "lib").mkdir(exist_ok=True)
                shutil.copy(Path("/usr/lib", ARCH, library), place / "lib" / Path(library).name)
        return place

    def test_a_mix_is_refused(self):
        """One MPI with the other's HDF5, both ways: both are named, and what to do."""
        for mpicc, other, mine, theirs in (("mpicc.openmpi", "mpich", "Open MPI", "MPICH"),
                                           ("mpicc.mpich", "openmpi", "MPICH", "Open MPI")):
            root = Path("/usr/lib", ARCH, "hdf5", other)
            said, _ = self.configure(f"-DMPI_C_COMPILER={mpicc}", f"-DHDF5_ROOT={root}", code=1,
                                     build=mpicc)
            self.assertRegex(said, rf"HDF5 and MPI do not go together: {root}\S+ was built with "
                                   rf"{theirs}.* kcap would be with {mine} [\d.]+ \(/\S*{mpicc}\)")
            self.assertIn("Set HDF5_ROOT to a parallel HDF5 of " + mine, said)

    def test_each_mpi_has_its_own(self):
        """HDF5 and mpirun follow mpicc, also when it is changed in the same build folder."""
        for family, name in (("mpich", "MPICH"), ("openmpi", "Open MPI")):
            said, cache = self.configure(f"-DMPI_C_COMPILER=mpicc.{family}")
            self.assertIn(f"/{family}/", cache["HDF5_LIBRARY"])
            self.assertEqual(Path(cache["MPIEXEC_EXECUTABLE"]).name, f"mpirun.{family}")
            self.assertRegex(said, rf"MPI {name} [\d.]+, /\S+ -- mpirun /\S+{family} -- HDF5 [\d.]+, /")

    def test_roots(self):
        """A library under NAME_ROOT, of CMake or of the environment, is the one taken."""
        place = self.prefix(*SMALL)
        said, cache = self.configure(*(f"-D{name}_ROOT={place}" for name in SMALL if name != "YAML"),
                                     YAML_ROOT=str(place))
        for name, (_, _, library) in SMALL.items():
            self.assertEqual(Path(cache[f"{name}_INCLUDE_DIR"]), place / "include", name)
            if library:
                self.assertEqual(Path(cache[f"{name}_LIBRARY"]), place / "lib" / Path(library).name)
        self.assertRegex(said, "BLIS /.*/own libraries/lib/libblis.so -- libyaml /.*/own libraries")

    def test_some_roots(self):
        """One library of one's own, whatever was found of the others before and after it."""
        for name in ("YAML", "XXHASH"):
            place = self.prefix(name)
            _, cache = self.configure(f"-D{name}_ROOT={place}", build=name)
            for each, (_, _, library) in SMALL.items():
                own = Path(cache[f"{each}_INCLUDE_DIR"]).is_relative_to(place)
                self.assertEqual(own, each == name, each)
                if library:
                    own = Path(cache[f"{each}_LIBRARY"]).is_relative_to(place)
                    self.assertEqual(own, each == name, each)

    def test_roots_are_the_only_places(self):
        for name in (*SMALL, "MPI", "HDF5"):
            said, _ = self.configure(f"-D{name}_ROOT={self.folder}", code=1, build=name)
            self.assertRegex(said, rf"{name}: .*found under {name}_ROOT={self.folder}: install .* or "
                                   rf"set {name}_ROOT to the folder that holds its include/ and lib/")
        said, _ = self.configure("-DYAML_ROOT=/no/such/place", code=1, build="gone")
        self.assertIn("YAML_ROOT=/no/such/place: no such folder", said)

    def test_plain(self):
        """Neither tests nor warnings as errors unless asked for; the end says what there is."""
        said, cache = self.configure()
        self.assertEqual(cache["BUILD_TESTING"], "OFF")
        self.assertNotIn("CMOCKA_LIBRARY", cache)
        for word in ("compiler", "flags", "warnings are warnings", "MPI", "mpirun", "HDF5", "BLIS",
                     "libyaml", "cJSON", "xxHash", "PCRE2", "utf8proc", "Random123", "tests off", "program",
                     "installed"):
            self.assertIn(f"-- {word} ", said)
        lines = (self.folder / "a build" / "compile_commands.json").read_text(encoding="utf-8")
        self.assertNotIn("-Werror", lines)
        said, _ = self.configure("-DCMAKE_COMPILE_WARNING_AS_ERROR=ON")
        self.assertIn("-- warnings are errors ", said)
        lines = (self.folder / "a build" / "compile_commands.json").read_text(encoding="utf-8")
        self.assertIn("-Werror", lines)


if __name__ == "__main__":
    BUILD = sys.argv.pop(1)
    unittest.main(verbosity=2)
