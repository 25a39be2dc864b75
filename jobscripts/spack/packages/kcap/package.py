# SPDX-License-Identifier: BSD-3-Clause
from pathlib import Path

from spack.package import *

try:  # Spack 1 keeps it with its packages
    from spack_repo.builtin.build_systems.cmake import CMakePackage
except ImportError:
    pass


class Kcap(CMakePackage):
    """How many bits of knowledge a language model stores: trains transformers on corpora whose
    knowledge is known to the bit, and measures what they kept. Built from what is committed on
    the branch main of the clone that this file is in."""

    git = Path(__file__).resolve().parents[4].as_uri()

    license("BSD-3-Clause")

    version("main", branch="main")

    variant("analysis", default=True, description="Python libraries of the programs in analysis/")

    depends_on("c", type="build")
    depends_on("cmake@3.25:", type="build")
    depends_on("mpi")
    depends_on("hdf5@1.10: +mpi")
    depends_on("blis@0.9.0 threads=openmp libs=shared")
    depends_on("libyaml")
    depends_on("cjson")
    depends_on("xxhash@0.8:")
    depends_on("pcre2")
    depends_on("utf8proc")
    depends_on("random123")
    with when("+analysis"):
        depends_on("python@3.9:", type="run")
        for library in ("h5py", "numpy", "matplotlib", "scipy", "pyyaml", "xxhash"):
            depends_on(f"py-{library}", type="run")

    # NAME_ROOT of CMakeLists.txt: package.
    roots = {"HDF5": "hdf5", "BLIS": "blis", "YAML": "libyaml", "CJSON": "cjson",
             "XXHASH": "xxhash", "PCRE2": "pcre2", "UTF8PROC": "utf8proc", "RANDOM123": "random123"}

    def cmake_args(self):
        args = [self.define(f"{name}_ROOT", self.spec[package].prefix)
                for name, package in self.roots.items()]
        return args + [self.define("MPI_C_COMPILER", self.spec["mpi"].mpicc)]

    @run_after("install")
    def use_python(self):
        """Programs of analysis/ start with the Python that has their libraries."""
        if self.spec.satisfies("+analysis"):
            python = self.spec["python"].command.path
            for name in ("report.py", "law.py", "hf.py", "quantize.py"):
                filter_file(r"^#!/usr/bin/python3$", f"#!{python}",
                            join_path(self.prefix.share, "kcap", "analysis", name))
