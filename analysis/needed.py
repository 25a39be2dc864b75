# SPDX-License-Identifier: BSD-3-Clause
"""What the programs need beside Python itself, named in one line where it is missing."""

import contextlib
import importlib.util
import sys

# Module: Debian's package, pip's name.
PACKAGES = {"h5py": ("python3-h5py", "h5py"), "matplotlib": ("python3-matplotlib", "matplotlib"),
            "numpy": ("python3-numpy", "numpy"), "scipy": ("python3-scipy", "scipy"),
            "xxhash": ("python3-xxhash", "xxhash"), "yaml": ("python3-yaml", "PyYAML")}


def _advice(first):
    """How to get the module that was missing first, and those that would be next."""
    names = [name for name in PACKAGES if name == first or importlib.util.find_spec(name) is None]
    debian, pip = (" ".join(PACKAGES[name][i] for name in names) for i in (0, 1))
    missing = f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} missing"
    return (f"{missing} in {sys.executable}: apt install {debian} (for Debian's /usr/bin/python3), "
            f"or pip install {pip}; or start it with another Python: PYTHON {sys.argv[0]}")


@contextlib.contextmanager
def libraries(program):
    """Imports inside end the program with one line and code 2 where a library is missing or does
    not load; a module of ours that is missing stays an exception."""
    try:
        yield
    except ImportError as e:
        first = (e.name or "").partition(".")[0]
        missing = isinstance(e, ModuleNotFoundError)
        if missing and first not in PACKAGES:
            raise
        text = (str(e).strip().splitlines() or ["no reason given"])[0]
        said = _advice(first) if missing else f"{sys.executable} cannot load a library: {text}"
        print(f"{program}: {said}", file=sys.stderr)
        sys.exit(2)
