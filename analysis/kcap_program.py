# SPDX-License-Identifier: BSD-3-Clause
"""The program kcap, asked for what Python does not know: effective configurations, and checkpoints
to fill in."""

import errno
import os
import shutil
import subprocess
from pathlib import Path

from kcap_files import FileError, warn


def find(named=None):
    """Its path: as named, $KCAP, the one of this script's tree (the newest of build/kcap and
    build/*/kcap of a clone, a link of an installed tree), or that of PATH."""
    for path in (named, os.environ.get("KCAP")):
        if path:
            if not os.access(path, os.X_OK) or os.path.isdir(path):
                raise FileError(f"{path}: is no program")
            return str(Path(path).resolve())
    tree = Path(__file__).resolve().parents[1]
    built = [path for pattern in ("kcap", "build/kcap", "build/*/kcap")
             for path in tree.glob(pattern) if path.is_file()]
    newest = max(built, key=lambda path: path.stat().st_mtime, default=None)
    found = str(newest) if newest else shutil.which("kcap")
    if not found:
        raise FileError("the program kcap is needed, and not found: name it with --kcap PATH or "
                        "$KCAP, or put it into a folder of PATH")
    return found


def run(program, *arguments):
    """Its stdout. Its warnings go to stderr, its error is raised as one of ours."""
    try:
        done = subprocess.run([program, *map(str, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", check=False)
    except OSError as e:
        raise FileError(f"{program}: cannot be started: {e.strerror}") from None
    said = [line.removeprefix("kcap: ") for line in done.stderr.splitlines()
            if line.startswith("kcap: ")]
    for line in said:
        if line.startswith("warning: "):
            warn(line.removeprefix("warning: "))
    if done.returncode == 0:
        return done.stdout
    errors = [line for line in said if not line.startswith("warning: ")] or \
        done.stderr.splitlines()[-1:] or ["said nothing"]
    if done.returncode == 4:
        raise OSError(errno.EIO, errors[-1])
    if done.returncode == 2 and len(said):
        raise FileError(errors[-1])
    raise FileError(f"{program} {arguments[0]} ended with {done.returncode}: {errors[-1]}")


def _words(sets):
    return (word for text in sets for word in ("--set", text))


def effective(program, path, *sets):
    """The effective configuration of an input file as YAML."""
    return run(program, "config", "--print", path, *_words(sets))


def init(program, path, out, *sets):
    """Have a checkpoint of initial weights written into a new or empty folder."""
    run(program, "init", path, "--out", out, *_words(sets))
