# SPDX-License-Identifier: BSD-3-Clause
"""The guards themselves: breaches are found, a clean tree passes, an empty one fails."""

import subprocess
import tempfile
import unittest
from pathlib import Path

import layers
import pages

HERE = Path(__file__).resolve().parent
SPDX = "/* SPDX-License-Identifier: BSD-3-Clause */\n"
CLEAN = {
    "src/base/err.c": '#include "kcap/base/err.h"\nint kc_err(void)\n{\n    return kc_die(0);\n}\n',
    "include/kcap/base/err.h": "int kc_err(void);\nint kc_die(int n);\n",
    "src/base/die.c": '#include "kcap/base/err.h"\nint kc_die(int n)\n{\n    return n;\n}\n',
    "src/math/gemm_blis.c": '#include "math/gemm_blis.h"\n#include <blis.h>\n/* no MPI_Send */\n'
                            "void kc_blis(\n    int n)\n{\n}\n",
    "src/math/gemm_blis.h": "void kc_blis(\n    int n);\n",
    "src/math/gemm.c": '#include "kcap/math/gemm.h"\n#include "math/gemm_blis.h"\n'
                       "void kc_gemm(\n    int n)\n{\n}\n",
    "include/kcap/math/gemm.h": '#include "kcap/base/err.h"\nvoid kc_gemm(\n    int n);\n',
    "src/nn/shapes.h": "static inline int kc_one(void)\n{\n    return kc_err();\n}\n",
    "src/optim/adam.c": '#include "optim/adam.h"\nconst char *kc_adam(void)\n'
                        '{\n    return "MPI_Send H5Fopen";\n}\n',
    "src/optim/adam.h": '#include "kcap/math/gemm.h"\nconst char *kc_adam(void);\n',
    "src/main.c": '#include "kcap/math/gemm.h"\n',
}
# file to add or replace -> its text -> what layers.py must say
BREACHES = [
    ("src/train/step.c", "void f(void) { MPI_Barrier(0); }", "step.c:2: MPI_Barrier: MPI only in"),
    ("src/comm/grid.c", "int n = H5Fclose(0);", "H5Fclose: HDF5 only in src/io/"),
    ("src/record/metrics.c", "#include <mpi.h>", "<mpi.h>: MPI only in"),
    ("src/nn/attn.c", "void f(void) { bli_init(); }", "bli_init: BLIS only in src/math/gemm_blis.c"),
    ("src/run/loop.c", "#include <yaml.h>", "libyaml only in src/config/"),
    ("src/config/config.c", "cJSON *j;", "cJSON only in src/io/json.c"),
    ("src/data/people.c", "#include <Random123/philox.h>", "Random123 only in src/base/rng.c"),
    ("src/nn/init.c", "int n = XXH3_64bits(0, 0);", "xxHash only in src/config/"),
    ("src/data/text/x.c", "pcre2_code *code;", "PCRE2 only in src/data/word/"),
    ("src/nn/sum.c", "#pragma omp simd reduction(+ : s)", "a sum by omp simd only in src/math/ops.c"),
    ("analysis/report.py", "x = 1\nfrom h5py import File", "h5py only in analysis/kcap_files.py"),
    ("src/data/corpus.c", '#include "kcap/nn/model.h"', "data may not include nn"),
    ("src/nn/model.c", '#include "kcap/data/batch.h"', "nn may not include data"),
    ("src/train/step.c", '#include "kcap/measure/x.h"', "train may not include measure"),
    ("src/measure/x.c", '#include "kcap/record/x.h"', "measure may not include record"),
    ("include/kcap/base/sum.h", '#include "kcap/comm/grid.h"', "base may not include comm"),
    ("src/comm/grid.c", '#include "kcap/io/h5.h"', "comm may not include io"),
    ("src/zoo/x.c", "int n;", "layer zoo is not one of"),
    ("src/base/sum.c", "int n;", "sum.c: no header of its layer declares"),
    ("src/base/err.c", "int n;", "err.c: does not include its own"),
    ("include/kcap/base/sum.h", "int kc_sum(int n);", "kc_sum is defined nowhere in src/base"),
    ("src/run/loop.c", '#include "math/gemm_blis.h"', "math/gemm_blis.h is math's own"),
    ("include/kcap/optim/x.h", "int kc_x(int n);", "only optim uses it: its place is src/optim"),
    ("src/base/die.c", '#include "kcap/base/err.h"\nint kc_die(int n)\n{\n    return kc_err();\n}\n',
     "base/die, base/err: a circle"),
]
PAGES = {
    "README.md": "# One `a.c`\n\n[down](docs/x.md#two-words), [here](#one-ac), [out](https://x.org/#y)\n"
                 "`src/base/a.c`, `kc_a`, `INPUT.yaml`, `site.sh`, `[no](link)`\n\n    [no](x.md)\n",
    "docs/x.md": "# Two words\n\n## Two words\n\n[up](../README.md), [second](#two-words-1)\n",
    "src/base/a.c": "/* As in a.c, by kc_a. */\nint kc_a(void);\n",
    ".gitignore": "/site.sh\n",
}
# page or source to replace -> what is added to it -> what pages.py must say
TORN = [
    ("README.md", "\n[x](docs/y.md)\n", "README.md:8: docs/y.md: no such file"),
    ("README.md", "\n[x](docs/x.md#three-words)\n", "docs/x.md#three-words: no such heading"),
    ("docs/x.md", "\n![x](x.png)\n", "docs/x.md:7: x.png: no such file"),
    ("README.md", "\n`src/base/gone.c`\n", "README.md:8: src/base/gone.c: no such file in the tree"),
    ("README.md", "\n`kc_b()`\n", "kc_b: no such name in the code"),
    ("src/base/a.c", "/* See\n * gone.h. */\n", "src/base/a.c:4: gone.h: no such file in the tree"),
    ("src/base/a.c", "/* kc_b is only said. */\n", "src/base/a.c:3: kc_b: no such name in the code"),
    ("docs/x.md", "x" * 101 + "\n", "101 columns of at most 100"),
    ("README.md", "\n" * 170, "lines of at most 170"),
]


class Guard(unittest.TestCase):
    def setUp(self):
        self.root = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def clean(self):
        for name, text in CLEAN.items():
            self.write(name, SPDX + text)

    def script(self, name):
        return subprocess.run(["bash", str(HERE / name), str(self.root)], text=True,
                              capture_output=True, check=False, timeout=60)

    def test_layers(self):
        self.clean()
        self.assertEqual(layers.check(self.root), [])
        for name, text, said in BREACHES:
            with self.subTest(said):
                before = CLEAN.get(name)
                self.write(name, f"{SPDX}{text}\n")
                self.assertIn(said, "\n".join(layers.check(self.root)))
                (self.root / name).unlink()
                if before is not None:
                    self.write(name, SPDX + before)
        self.assertEqual(layers.check(self.root), [])

    def test_licences(self):
        self.clean()
        for name in ("tests/check/x.sh", "analysis/x.py", "src/x.cmake", "tests/CMakeLists.txt"):
            self.write(name, "x\n")
        self.assertEqual(len(layers.check(self.root)), 4)

    def test_nothing(self):
        for guard in layers, pages:
            self.assertIn("nothing was checked", guard.check(self.root)[0])

    def test_pages(self):
        for name, text in PAGES.items():
            self.write(name, text)
        self.assertEqual(pages.check(self.root), [])
        for name, text, said in TORN:
            with self.subTest(said):
                self.write(name, PAGES[name] + text)
                found = pages.check(self.root)
                self.assertEqual(len(found), 1, found)
                self.assertIn(said, found[0])
                self.write(name, PAGES[name])

    def test_format(self):
        self.write(".clang-format", "BasedOnStyle: LLVM\nIndentWidth: 4\n")
        for folder in ("src", "include", "tests"):
            (self.root / folder).mkdir()
        self.assertIn("nothing was checked", self.script("format.sh").stderr)
        self.write("src/x.c", "int n;\n")
        self.assertEqual(self.script("format.sh").returncode, 0)
        self.write("include/x.h", "int   n ;\n")
        result = self.script("format.sh")
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("x.h:1", result.stderr)

    def test_scripts(self):
        for folder in ("jobscripts", "tests", ".ci"):
            (self.root / folder).mkdir()
        self.assertIn("nothing was checked", self.script("scripts.sh").stderr)
        self.write("jobscripts/x.slurm", '#!/bin/bash\necho "$HOME"\n')
        self.assertEqual(self.script("scripts.sh").returncode, 0)
        for name in ("jobscripts/y.pbs", ".ci/run", "tests/check/y.sh"):
            self.write(name, "#!/bin/bash\nrm $1\n")
            result = self.script("scripts.sh")
            self.assertNotEqual(result.returncode, 0)
            self.assertIn("SC2086", result.stdout)
            (self.root / name).unlink()


if __name__ == "__main__":
    unittest.main()
