# SPDX-License-Identifier: BSD-3-Clause
"""The layout of the files a run writes. No other Python module opens HDF5."""

import argparse
import ctypes
import os
import stat
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import yaml

STAMPS = ("config", "run_name", "n_params", "n_vocab", "n_people", "corpus_bits",
          "max_bits_per_param", "ranks", "threads")
# What files say that were written before they said it themselves.
UNSAID = {"item_word": "person", "items_word": "people", "terms": "names values diversity",
          "law_bits_per_param": 2.0, "law": "2 bits after 1000 exposures (arXiv 2404.05405)"}
# Columns that others ask for: NaN where an older file lacks them.
STEPS = ("tokens", "exposures", "loss", "seconds", "tokens_per_second")
MEASURES = ("exposures", "name_bits", "value_bits", "diversity_bits", "total_bits",
            "bits_per_param", "max_bits_per_param")
ATTRIBUTES = ("attribute_recall",)
NO_INT = np.iinfo(np.int64).min  # a whole number that kcap did not know


class FileError(Exception):
    """A run that cannot be read: one line saying what was found, where, and what to do."""


def warn(text):
    """A warning of the program that runs."""
    print(f"{Path(sys.argv[0]).stem}: warning: {text}", file=sys.stderr)


def path_text(text):
    """A path of the command line as it stands, held to what kcap holds its own to."""
    if text.startswith("~"):
        raise argparse.ArgumentTypeError(
            f"{text}: only a shell puts a home folder for ~, and only where it begins a word without "
            "quotes; write the folder out (./~ for one of that name)")
    return text


def path_given(text):
    """The same as a Path."""
    return Path(path_text(text))


def open_regular(path):
    """A descriptor to read a file by; never waits for a pipe. FileError: missing, or no regular file."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as e:
        raise FileError(f"{path}: cannot be opened: {e.strerror}") from None
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise FileError(f"{path}: is no regular file")
    return file


@dataclass(frozen=True)
class Run:
    """All of a run's record that is not a tensor; arrays in memory, the file is closed."""
    path: Path             # of run.h5
    finished: bool         # False: a run still going on, or one that was killed
    stamp: dict            # root attributes: str, int or float
    config: dict           # effective configuration, {section: {key: value}}
    steps: dict            # column -> [rows]
    measure: dict          # column -> [events] or [events, attributes]
    attribute_names: tuple  # of the second axis, the name first
    loads: np.ndarray      # [events, block, expert]; no block where there are no experts
    others: dict           # group of another measure -> {column: [events]}
    lists: dict            # the same of its columns of several values: [events, values]
    units: dict            # group/column -> unit

    @property
    def folder(self):
        """The run's folder."""
        return self.path.parent

    def setting(self, section, key):
        """One value of the effective configuration."""
        try:
            return self.config[section][key]
        except (KeyError, TypeError):
            raise FileError(f"{self.path}: attribute config has no {section}.{key}: "
                            "not a run.h5 of this version of kcap") from None


def read_run(where, may_crash=False):
    """Read a run's folder or its run.h5, finished, running or killed. A process that may crash spares
    the one that else tries whether HDF5 does."""
    path = Path(where)
    if path.is_dir():
        path = path / "run.h5"
    if not path.is_file():
        raise FileError(f"{path}: no such file: give a run's folder or its run.h5")
    return _reading(path, _read, "a run.h5 of kcap", may_crash)


@dataclass(frozen=True)
class Probes:
    """What `kcap probe --out` kept; arrays in memory, the file is closed."""
    path: Path
    names: tuple  # of the attributes
    kinds: dict   # p, q -> {column: [rows] or [rows, positions]}, a row a task


def read_probes(where):
    """Read a file of `kcap probe --out`, finished or not; None where it is a file of another kind."""
    return _reading(Path(where), _read_probes, "a file of kcap probe --out")


def _reading(path, read, kind, may_crash=False):
    """What `read` makes of an open file; whatever goes wrong is a FileError of one line."""
    try:
        file, finished = _open(path, may_crash)
    except (OSError, RuntimeError) as e:
        raise FileError(f"{path}: not readable as HDF5 ({e}): damaged, or not {kind}") from e
    with file:
        try:
            return read(path, file, finished)
        except Exception as e:  # h5py raises anything: RuntimeError, TypeError, ValueError, ...
            text = (str(e.args[0] if e.args else e).splitlines() or [type(e).__name__])[0]
            raise FileError(f"{path}: {text}: damaged, or not {kind}") from e


def _read_probes(path, file, finished):
    if "how" not in file:
        return None
    _check_seal(file)
    kinds = {kind: _columns(file, kind, finished, first="task") for kind in ("p", "q")}
    return Probes(path, _attribute_names(file, "p", ()), kinds)


def run_id_of(folder):
    """Whose run.h5 is in a folder; None where that cannot be told."""
    try:
        file, _ = _open(Path(folder) / "run.h5")
        with file:
            _check_seal(file)
            return file.attrs["run_id"]
    except Exception:  # h5py raises anything
        return None


def _open(path, may_crash=False):
    """The file, and whether its writer has closed it."""
    with open(open_regular(path), "rb") as file:
        head = file.read(12)
    finished = len(head) < 12 or head[8] != 3 or not head[11] & 1
    if not may_crash:
        _survive(path, finished)
    return _opened(path, finished), finished


def _survive(path, finished):
    """HDF5 1.10 crashes on damage of its heaps: a process of its own reads what they hold first."""
    child = os.fork()
    if child == 0:
        try:
            with _opened(path, finished) as file:
                items = [file]
                file.visititems(lambda _, item: items.append(item))
                for item in items:
                    dict(item.attrs)
        finally:
            os._exit(0)  # what is no crash is told where it is read
    if os.WIFSIGNALED(os.waitpid(child, 0)[1]):
        raise OSError("HDF5 crashes on it")


def _opened(path, finished):
    """A file that was closed opens plainly; one that its superblock says has a writer, alive or
    killed, only as SWMR. There HDF5 would read damage a hundred times, waiting twice as long each
    time; 30 take a second."""
    if finished:
        return h5py.File(path, "r")
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
    attempts = getattr(ctypes.CDLL(h5py.h5p.__file__), "H5Pset_metadata_read_attempts", None)
    if attempts:
        attempts(ctypes.c_int64(access.id), ctypes.c_uint(30))
    flags = h5py.h5f.ACC_RDONLY | h5py.h5f.ACC_SWMR_READ
    return h5py.File(h5py.h5f.open(bytes(path), flags, access))


def _read(path, file, finished):
    _check_seal(file)
    stamp = UNSAID | {name: _plain(value) for name, value in file.attrs.items()}
    for name in STAMPS:
        if name not in stamp:
            raise KeyError(f"root attribute {name} is missing")
    config = yaml.safe_load(stamp["config"])
    if not isinstance(config, dict):
        raise KeyError("attribute config is not a mapping of sections")
    config = _parts_apart(config)
    measure = _columns(file, "measure", finished, MEASURES)
    loads = _loads(path, config, measure)
    names = _attribute_names(file, "measure", [measure[name].shape[1] for name in ATTRIBUTES if name in measure])
    _keep_attributes(measure, len(names))
    whole = {group: _columns(file, group, finished) for group in file
             if group not in ("steps", "measure") and f"{group}/step" in file}
    others = {group: _flat(columns) for group, columns in whole.items()}
    lists = {group: {name: column for name, column in columns.items() if column.ndim == 2}
             for group, columns in whole.items()}
    units = {f"{group}/{name}": _plain(data.attrs.get("unit", ""))
             for group in ("measure", *others) for name, data in file.get(group, {}).items()}
    return Run(path, finished, stamp, config, _flat(_columns(file, "steps", finished, STEPS)), measure, names,
               loads, others, lists, units)


def _parts_apart(config):
    """Of a corpus that is a list the first part as section `corpus`, the others as `corpus.2` and so
    on, as --set calls them."""
    parts = config.get("corpus")
    if not isinstance(parts, list) or not parts:
        return config
    later = {f"corpus.{n}": part for n, part in enumerate(parts[1:], 2)}
    return config | {"corpus": parts[0]} | later


def _check_seal(file):
    """Attribute `seal`: the CRC-32 of names and values, then the names; `holds`: what the file was made
    with."""
    said, *names = file.attrs.get("seal", "00000000").split()
    crc = 0
    for name in names:
        if name not in file.attrs:
            raise KeyError(f"attribute {name} of / is missing")
        value = file.attrs[name]
        crc = zlib.crc32(value.encode() if isinstance(value, str) else value.tobytes(),
                         zlib.crc32(name.encode(), crc))
    if said != f"{crc:08x}":
        raise KeyError("the attributes of / do not fit their checksum")
    for path in file.attrs.get("holds", "").split():
        if path not in file:
            raise KeyError(f"{path} is missing, which the file was made with")


def _check_rows(group, columns, finished):
    """Column `check` of a group: the CRC-32 of each row's values of the columns that its attribute
    `covers` names."""
    names = group["check"].attrs["covers"].split()
    for name in names:
        if name not in columns:
            raise KeyError(f"column {group.name}/{name} is missing")
    covered = [columns[name] for name in names]
    lengths = [len(column) for column in (columns["check"], *covered)]
    if finished and len(set(lengths)) > 1:
        raise KeyError(f"columns of {group.name} have {min(lengths)} to {max(lengths)} rows")
    rows = min(lengths)
    values = [column[:rows].reshape(rows, -1).view(np.uint8) for column in covered if rows]
    for row, value in enumerate(np.concatenate(values, axis=1) if rows else ()):
        if zlib.crc32(value) != columns["check"][row]:
            raise KeyError(f"row {row} does not fit its checksum in {group.name}/check")


def _flat(columns):
    """Of a group's columns those of one value a row."""
    return {name: column for name, column in columns.items() if column.ndim == 1}


def _attribute_names(file, group, widths):
    """A group's; of a file without them their numbers."""
    if f"{group}/attribute_names" in file:
        names = file[f"{group}/attribute_names"]
        if "crc32" in names.attrs and names.attrs["crc32"] != zlib.crc32(names[()]):
            raise KeyError(f"{group}/attribute_names does not fit its checksum")
        return tuple(_plain(name) for name in names[()])
    return tuple(f"attribute_{i}" for i in range(max(widths, default=0)))


def _keep_attributes(measure, width):
    """Of the columns with several values a row those of the attributes; NaN for what is missing."""
    for name in ATTRIBUTES:
        measure.setdefault(name, np.full((len(measure["step"]), width), np.nan))
    for name, column in list(measure.items()):
        if column.ndim == 2 and column.shape[1] != width:
            if name in ATTRIBUTES:
                raise KeyError(f"measure/{name} has {column.shape[1]} attributes, "
                               f"measure/attribute_names {width}")
            del measure[name]


def _loads(path, config, measure):
    """Take the experts' loads out of /measure, as [events, block, expert]."""
    flat = measure.pop("expert_load", None)
    if flat is None or flat.ndim != 2:
        flat = np.zeros((len(measure["step"]), 0))
    experts = config.get("model", {}).get("experts", 0) or 1
    blocks = flat.shape[1] // experts
    if not blocks and flat.shape[1]:
        raise FileError(f"{path}: measure/expert_load has {flat.shape[1]} columns, fewer than one "
                        f"block's {experts} experts: damaged, or not a run.h5 of kcap")
    return flat[:, :blocks * experts].reshape(len(flat), blocks, experts)


def _columns(file, group, finished, known=(), first="step"):
    """All columns of a group, `first` among them, cut to the rows that all have: a writer may be between two. A
    newer kcap's columns come along, what is no column is passed over."""
    columns = {name: data[()] for name, data in file.get(group, {}).items()
               if getattr(data, "ndim", 0) in (1, 2) and data.dtype.kind in "if"}
    if first not in columns:
        if group in file:
            raise KeyError(f"dataset {group}/{first} is missing")
        columns[first] = np.zeros(0, np.int64)
    rows = min(len(column) for column in columns.values())
    if "check" in columns:
        _check_rows(file[group], columns, finished)
        del columns["check"]
    missing = {name: np.full(rows, np.nan) for name in known}
    return missing | {name: _numbers(column[:rows]) for name, column in columns.items()}


def _numbers(column):
    """Whole numbers of which some are not known as floating-point ones."""
    if column.dtype.kind != "i" or not (column == NO_INT).any():
        return column
    return np.where(column == NO_INT, np.nan, column)


def _plain(value):
    """An attribute as str, int or float."""
    if isinstance(value, bytes):
        return value.rstrip(b"\0").decode()
    if isinstance(value, np.generic):
        return _plain(value.item())
    return value
