# SPDX-License-Identifier: BSD-3-Clause
"""A folder or a file that is there whole or not at all: written as NAME.partial, renamed at its end."""

import contextlib
import os
import shutil
from pathlib import Path

from kcap_files import FileError


def sync(path):
    """See a file, or a folder's names, onto the disk."""
    at = os.open(path, os.O_RDONLY)
    try:
        os.fsync(at)
    finally:
        os.close(at)


def write_text(path, text):
    """A new file of this text, on the disk."""
    with open(path, "x", encoding="utf-8") as file:
        file.write(text)
    sync(path)


@contextlib.contextmanager
def new_file(path, mode="w"):
    """The file to write, a text in UTF-8 or bytes (mode `wb`), in place of what may be there. OSError,
    with the path: what was there is as it was."""
    partial = Path(f"{path}.{os.getpid()}.partial")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": ""}
    try:
        with open(partial, mode, **text) as file:
            yield file
        partial.replace(path)
    except BaseException as e:
        with contextlib.suppress(OSError):
            partial.unlink()
        if isinstance(e, OSError):
            e.filename = str(path)
        raise


class NewFolder:
    """`with` makes DIR.partial, and takes it back unless keep() was called.
        what      writes it: export, import
        instead   what to name where DIR cannot be written
    FileError: DIR is not empty or no folder; DIR.partial is there, another's or left by a kill."""

    def __init__(self, path, what, instead):
        self.path = Path(path)
        self.partial = Path(f"{self.path}.partial")
        self._what, self._made, self._kept = what, [], False
        there = os.path.lexists(self.path)
        if str(path) == "" or self.path.name in ("", "..") or \
                (there and (self.path.is_symlink() or not self.path.is_dir())):
            raise FileError(f"{path}: is no folder's own name; {instead}")
        if there and any(self.path.iterdir()):
            raise FileError(f"{self.path}: not empty; {instead}")

    def __enter__(self):
        above = [x for x in self.path.parents if not x.exists()]
        for folder in reversed(above):
            folder.mkdir(exist_ok=True)
        self._made = above
        try:
            self.partial.mkdir()
        except FileExistsError:
            raise FileError(f"{self.partial}: is there already; wait if another {self._what} is "
                            "writing it, delete it if a killed one left it, else name another "
                            "folder") from None
        return self

    def keep(self):
        """It is whole: give it its name."""
        sync(self.partial)
        self.partial.rename(self.path)
        self._kept = True
        sync(self.path.parent)

    def __exit__(self, *_):
        if self._kept:
            return
        shutil.rmtree(self.partial, ignore_errors=True)
        for folder in self._made:
            try:
                folder.rmdir()
            except OSError:
                return
