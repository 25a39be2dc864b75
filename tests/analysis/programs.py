# SPDX-License-Identifier: BSD-3-Clause
"""Programs of analysis/ for the tests: `started` as a user does, `called` in this process, which
spares what Python and its libraries take to load, most of a short program's time, or `forked`:
called in a copy of this process, for what may crash or hang."""
import contextlib
import importlib
import io
import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

ANALYSIS = Path(__file__).resolve().parents[2] / "analysis"


def started(name, *arguments):
    """Exit code and what was said of `NAME.py ARGUMENTS`."""
    return subprocess.run([sys.executable, ANALYSIS / f"{name}.py", *map(str, arguments)], text=True,
                          capture_output=True, check=False, timeout=120)


def called(name, *arguments):
    """The same, by its main(); ANALYSIS is in sys.path."""
    main, out, err = importlib.import_module(name).main, io.StringIO(), io.StringIO()
    with mock.patch.object(sys, "argv", [str(ANALYSIS / f"{name}.py"), *map(str, arguments)]), \
            contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main()
        except SystemExit as e:
            code = e.code
    return SimpleNamespace(returncode=code, stdout=out.getvalue(), stderr=err.getvalue())


def forked(name, *arguments, folder=".", seconds=20):
    """The same, in this folder; one that takes longer is killed, which its returncode then says."""
    main = importlib.import_module(name).main
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        def call():
            os.chdir(folder)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            sys.argv = [str(ANALYSIS / f"{name}.py"), *map(str, arguments)]
            sys.exit(main())
        process = multiprocessing.get_context("fork").Process(target=call)
        process.start()
        process.join(seconds)
        process.kill()
        process.join()
        out.seek(0)
        err.seek(0)
        return SimpleNamespace(returncode=process.exitcode, stdout=out.read(), stderr=err.read())
