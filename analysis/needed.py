# SPDX-License-Identifier: BSD-3-Clause
"""What all programs have in common: what they need beside Python itself, named in one line where it is
missing, and how they end."""

import contextlib
import importlib.util
import os
import re
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


ADVICE = ": choose another folder with --out"


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


def _reason(error):
    """Of a failed read or write: HDF5 puts what the system said into a text of its own."""
    text = error.strerror or str(error)
    said = re.search(r"error message = '([^']*)'", text)
    place = f"{error.filename}: " if error.filename else ""
    return place + (said[1] if said else text.splitlines()[0])


def _silence():
    """Who read stdout has gone: Python says nothing more of it when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def ended(program, work, refusals, advice=""):
    """Do the work; the exit code. Errors end it with one line: 2 for what it refuses, 4 where a file or
    stdout cannot be written (with `advice` where there is a file's name), else what a shell says of the
    signal: 130 of an interrupt, 141 where who reads stdout has gone, as `head` does.
        work        takes nothing and returns nothing
        refusals    exceptions that are refusals"""
    try:
        work()
        if sys.stdout:
            sys.stdout.flush()
        return 0
    except refusals as e:
        code, text = 2, str(e)
    except BrokenPipeError:
        _silence()
        return 141
    except KeyboardInterrupt:
        code, text = 130, "interrupted"
    except OSError as e:
        code, text = 4, _reason(e) + (advice if e.filename else "")
    print(f"{program}: {text}", file=sys.stderr)
    return code
