# SPDX-License-Identifier: BSD-3-Clause
"""Checkpoints of a run: found and verified as kcap does, read a tensor at a time, filled in. With
kcap_files.py all of Python that knows the HDF5 layout."""

import functools
import math
import re
from pathlib import Path

import h5py
import numpy as np
import xxhash
import yaml

from kcap_files import FileError, run_id_of, warn
from new_folder import sync

MANIFEST = re.compile(r"kcap_checkpoint: 1\nfile: ([^\n]{1,63})\nrun_id: (\S{1,39})\n"
                      r"step: (\d{1,18})\nbytes: (\d{1,18})\nchunk_bytes: (\d{1,10})\n"
                      r"xxh3_64: ([0-9a-f]{16})\n")
CHUNK = 1 << 24
PACKED = ("packed", "packed_asymmetric")
CODECS = ("float32", "bfloat16", *PACKED)  # how tensors are stored; HDF5 widens the second to the first


def hash_of(path, chunk):
    """XXH3-64 of the hashes of all chunks."""
    every = xxhash.xxh3_64()
    with open(path, "rb") as file:
        while part := file.read(chunk):
            every.update(xxhash.xxh3_64_intdigest(part).to_bytes(8, "little"))
    return every.hexdigest()


def _manifest_of(path):
    return path.with_suffix(".manifest")


def _verify(path):
    """(run_id, step, hash) of a checkpoint whose manifest fits it."""
    manifest = _manifest_of(path)
    if not manifest.is_file():
        raise FileError(f"{manifest}: missing, so the file beside it is no checkpoint; "
                        "a checkpoint is copied with its manifest")
    said = MANIFEST.fullmatch(manifest.read_text(encoding="utf-8", errors="replace"))
    if not said or not 0 < int(said[5]) <= 1 << 30:
        raise FileError(f"{manifest}: not a manifest that kcap writes")
    name, run_id, step, size, chunk, digest = said.groups()
    if name != path.name:
        raise FileError(f"{manifest}: belongs to {name}, not to {path.name}")
    if not path.is_file():
        raise FileError(f"{path}: missing, though its manifest is there")
    if path.stat().st_size != int(size):
        raise FileError(f"{path}: damaged: its manifest says {size} bytes, it has "
                        f"{path.stat().st_size}")
    found = hash_of(path, int(chunk))
    if found != digest:
        raise FileError(f"{path}: damaged: its manifest says XXH3 {digest}, its bytes give {found}")
    return run_id, int(step), digest


def finite(where, tensor, values):
    """The values; FileError where one is none."""
    if not np.isfinite(values).all():
        raise FileError(f"{where}: tensor {tensor} holds values that are not finite")
    return values


def _groups(shape, group, channels):
    """Shape of the scales of a packed tensor: groups in place of inputs."""
    at = -1 if channels == "rows" else -2
    result = list(shape)
    result[at] = -(-shape[at] // (int(group) or shape[at]))
    return result


def _codes(data, bits, shape):
    """So many whole numbers of few bits, lowest bits first."""
    one = np.unpackbits(data[()], bitorder="little")[:math.prod(shape) * bits]
    return (one.reshape(-1, bits) @ (1 << np.arange(bits))).reshape(shape)


def unpacked(packed, scales, zeros=None):
    """A tensor that is stored as whole numbers of few bits (include/kcap/math/packing.h): codes less
    the zero point, 2^(bits-1) where there are none, times the scale of their group of inputs."""
    bits, group, channels = (packed.attrs[x] for x in ("bits", "group", "channels"))
    shape = tuple(int(x) for x in packed.attrs["shape"].split(", "))
    at, groups = -1 if channels == "rows" else -2, _groups(shape, group, channels)

    def spread(each):
        each = np.repeat(each.reshape(groups), int(group) or shape[at], axis=at)
        return np.take(each, np.arange(shape[at]), axis=at)
    zero = 1 << (bits - 1) if zeros is None else spread(_codes(zeros, bits, groups))
    return (_codes(packed, bits, shape) - zero).astype("f4") * spread(scales[()])


def _told(method):
    """Of a damaged file h5py raises anything: told as a FileError."""
    @functools.wraps(method)
    def told(self, *arguments):
        try:
            return method(self, *arguments)
        except FileError:
            raise
        except Exception as e:
            text = (str(e.args[0] if e.args else e).splitlines() or [type(e).__name__])[0]
            raise FileError(f"{self.path}: {text}: damaged, or no checkpoint of kcap") from e
    return told


class Checkpoint:
    """A checkpoint, open. FileError: damaged, or none of this version of kcap."""

    def __init__(self, path):
        self.path = path
        run_id, step, self.hash = _verify(path)
        try:
            self._file = h5py.File(path, "r")
        except (OSError, RuntimeError) as e:
            raise FileError(f"{path}: cannot open it as HDF5: {e}") from None
        try:
            self._read_head()
        except BaseException:
            self._file.close()
            raise
        if (self.run_id, self.step) != (run_id, step):
            raise FileError(f"{path}: step {self.step} of run {self.run_id}; its manifest says "
                            f"step {step} of run {run_id}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    @_told
    def _read_head(self):
        self.step, self.tokens = (self._attribute(name, np.integer) for name in ("step", "tokens"))
        self.run_id, self.version, self.config_text, self.config_hash = (
            self._attribute(name, str)
            for name in ("run_id", "kcap_version", "config", "config_hash"))
        try:
            self.config = yaml.safe_load(self.config_text)
        except yaml.YAMLError:
            raise FileError(f"{self.path}: attribute config is no YAML") from None
        names = self._attribute("order", str, "files").split("\n")[:-1]
        # Bytes that are no UTF-8 come as halves of characters, which JSON refuses.
        self.files = {name: self._text(f"files/{name}").decode(errors="surrogateescape")
                      for name in names}
        self.lanes = self._dataset("lanes/cursor")[()]

    def _attribute(self, name, kind, group="/"):
        value = self._file[group].attrs.get(name) if group in self._file else None
        if not isinstance(value, kind):
            raise FileError(f"{self.path}: attribute {name} of {group} is missing or has another "
                            "type than kcap writes")
        return int(value) if kind is np.integer else value

    def _dataset(self, name):
        """One whose values lie in this very file, as they are."""
        at = ""
        for part in name.split("/"):
            at += f"/{part}"
            link = self._file.get(at, getlink=True)
            if link is None:
                raise FileError(f"{self.path}: {at} is missing")
            if not isinstance(link, h5py.HardLink):
                raise FileError(f"{self.path}: {at} is a link that leads elsewhere")
        found = self._file[name]
        if not isinstance(found, h5py.Dataset):
            raise FileError(f"{self.path}: {at} is not a dataset")
        if found.is_virtual or found.external or found.id.get_create_plist().get_nfilters():
            raise FileError(f"{self.path}: {at} is filtered or lies in another file; kcap writes "
                            "neither")
        return found

    def _text(self, name):
        """The bytes of a whole text."""
        found = self._dataset(name)
        if found.shape != () or found.dtype.kind != "S":
            raise FileError(f"{self.path}: /{name} is not a single text")
        return bytes(found[()])

    @property
    @_told
    def words(self):
        """The words of the vocabulary as bytes, in the order of their tokens; None: an older
        file."""
        if "vocab" not in self._file:
            return None
        return self._text("vocab/words").split(b"\n")[:-1]

    @_told
    def values(self, tensor, index):
        """A part of a tensor of /params."""
        found = self._file["params"][tensor]
        codec = found.attrs.get("codec")
        if codec in PACKED:
            with_zeros = [self._dataset(f"zeros/{tensor}")] if codec != PACKED[0] else []
            found = unpacked(found, self._dataset(f"scales/{tensor}"), *with_zeros)
        return finite(self.path, f"params/{tensor}", found[index])

    def _shape(self, name, found):
        """Of a tensor, as it is once it is unpacked; None: what is said of it does not fit its bytes."""
        if found.attrs.get("codec") not in PACKED:
            return found.shape if found.dtype == np.dtype("<f4") else None
        said = [found.attrs.get(x) for x in ("bits", "group", "channels", "shape")]
        if not (isinstance(said[3], str) and re.fullmatch(r"\d{1,12}(, \d{1,12}){1,3}", said[3])
                and said[2] in ("rows", "columns") and isinstance(said[0], np.integer)
                and isinstance(said[1], np.integer) and 2 <= said[0] <= 16 and said[1] >= 0):
            return None
        shape = tuple(int(x) for x in said[3].split(", "))
        scales = self._dataset(f"scales/{name}")
        groups, bits = _groups(shape, *said[1:3]), int(said[0])
        with_codes = [(found, shape)]
        if found.attrs["codec"] != PACKED[0]:
            with_codes += [(self._dataset(f"zeros/{name}"), groups)]
        fits = all(data.dtype == np.uint8 and data.shape == (-(-math.prod(of) * bits // 8),)
                   for data, of in with_codes)
        fits = fits and scales.dtype == np.dtype("<f4") and scales.shape == (math.prod(groups),)
        return shape if fits else None

    @_told
    def check_tensors(self, wanted):
        """/params holds those of hf_model.tensors_of, in their shapes, and no others."""
        for name, t in wanted.items():
            found = self._dataset(f"params/{name}")
            codec = found.attrs.get("codec", CODECS[0])
            if codec not in CODECS:
                raise FileError(f"{self.path}: tensor {name} is stored as {codec}; "
                                f"{' or '.join(CODECS)} can be read")
            if self._shape(name, found) != t.dims:
                raise FileError(f"{self.path}: tensor {name} is "
                                f"{found.attrs.get('shape', list(found.shape))} of {found.dtype} "
                                f"in the checkpoint, {list(t.dims)} of float32 in this model")
        if len(self._file["params"]) != len(wanted):
            raise FileError(f"{self.path}: /params holds {len(self._file['params'])} tensors, this "
                            f"model has {len(wanted)}")


def _steps(folder):
    """Steps that have a file or a manifest, the newest first; and those with a manifest."""
    names = [re.fullmatch(r"step_(\d{10,18})\.(h5|manifest)", x.name) for x in folder.iterdir()] \
        if folder.is_dir() else []
    return (sorted({int(x[1]) for x in names if x}, reverse=True),
            {int(x[1]) for x in names if x and x[2] == "manifest"})


def find(where):
    """The checkpoint that a .h5 file is, or a run's newest that is complete and undamaged; stderr
    says which newer ones were passed over."""
    where = Path(where)
    if not where.exists():
        raise FileError(f"{where}: no such checkpoint or folder")
    if not where.is_dir():
        if where.suffix != ".h5":
            raise FileError(f"{where}: neither a run's folder nor a checkpoint's .h5 file")
        if where.name == "run.h5":
            raise FileError(f"{where}: a run's record, which is no checkpoint; give its folder")
        return Checkpoint(where)
    steps, with_manifest = _steps(where / "checkpoints")
    first, own = None, run_id_of(where)
    for step in steps:
        try:
            found = Checkpoint(where / "checkpoints" / f"step_{step:010d}.h5")
            if own in (None, found.run_id):
                return found
            with found:
                raise FileError(f"{found.path}: of run {found.run_id}, and the folder's run.h5 is of "
                                f"run {own}")
        except FileError as e:
            warn(f"checkpoint passed over: {e}")
            first = first or (e if step in with_manifest else None)
    if first:
        raise FileError(f"no undamaged checkpoint; the newest: {first}")
    raise FileError(f"{where}: no checkpoint there")


class Frame:
    """A checkpoint of initial weights that kcap init has written, to be filled in."""

    def __init__(self, folder):
        self._folder = folder / "checkpoints"
        self._path = self._folder / "step_0000000000.h5"
        self._file = h5py.File(self._path, "r+")

    def close(self):
        """May be called twice."""
        self._file.close()

    def fill(self, tensor, index, values):
        """Values into this part of a tensor."""
        self._file["params"][tensor][index] = values

    def lanes(self):
        """How many."""
        return len(self._file["lanes/cursor"])

    def finish(self, imported_from, config=None, step=0, tokens=0, lanes=None):
        """Say what it is, and make it whole: its name, size and hash."""
        attributes = self._file.attrs
        attributes["imported_from"] = imported_from
        attributes["step"], attributes["tokens"] = np.int64(step), np.int64(tokens)
        if config is not None:
            attributes["config"] = config
        if lanes is not None:
            self._file["lanes/cursor"][...] = np.array(lanes, "<i8")
        run_id = attributes["run_id"]
        self.close()
        path = self._folder / f"step_{step:010d}.h5"
        _manifest_of(self._path).unlink()
        self._path.rename(path)
        sync(path)
        _manifest_of(path).write_text(
            f"kcap_checkpoint: 1\nfile: {path.name}\nrun_id: {run_id}\nstep: {step}\n"
            f"bytes: {path.stat().st_size}\nchunk_bytes: {CHUNK}\nxxh3_64: {hash_of(path, CHUNK)}\n",
            encoding="utf-8")
        sync(_manifest_of(path))
        sync(self._folder)
