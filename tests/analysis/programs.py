# SPDX-License-Identifier: BSD-3-Clause
"""Programs of analysis/ for the tests: `started` as a user does, or `called` in this process, which
spares what Python and its libraries take to load, most of a short program's time."""
import contextlib
import importlib
import io
import subprocess
import sys
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
