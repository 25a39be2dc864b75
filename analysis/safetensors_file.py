# SPDX-License-Identifier: BSD-3-Clause
"""Files of the format of github.com/huggingface/safetensors: 8 bytes, little-endian, the header's
length; the header, a JSON object {name: {dtype, shape, data_offsets: [begin, end]}, ...,
"__metadata__": {text: text}}; the data, which the tensors cover once and without a hole. Offsets
count from the data's first byte. Everything a file from outside says is checked before it is
used."""

import errno
import json
import os
import struct
from typing import NamedTuple

import numpy as np

from exact_json import Members, parse, short, whole
from kcap_files import FileError, open_regular

LENGTH, HEADER_MOST, DIMS_MOST, INT64_MOST = 8, 100_000_000, 8, 2 ** 63 - 1
META = "__metadata__"
# Bytes of a value. The first three can be read, exactly, as float32.
BYTES = {"F32": 4, "F16": 2, "BF16": 2, "BOOL": 1, "U8": 1, "I8": 1, "F8_E5M2": 1, "F8_E4M3": 1,
         "I16": 2, "U16": 2, "I32": 4, "U32": 4, "F64": 8, "I64": 8, "U64": 8}
READ = ("F32", "F16", "BF16")


class Tensor(NamedTuple):
    """One tensor of a file."""
    path: str     # of the file
    dtype: str
    shape: tuple
    at: int       # of its first byte in the file
    bytes: int


def shape_text(shape):
    """[2, 3]"""
    return f"[{', '.join(map(str, shape))}]"


def _shape(wrong, listed, size):
    """The dims, whose product with `size` is the bytes there are."""
    if not isinstance(listed, list):
        raise wrong("shape is missing or no list")
    if len(listed) > DIMS_MOST:
        raise wrong("shape has more than 8 dimensions")
    dims, values = [], 1
    for x in listed:
        dims.append(whole(x))
        if dims[-1] is None:
            raise wrong("shape is not whole numbers from 0 to 2^53 - 1")
        values *= dims[-1]
        if values > INT64_MOST:
            raise wrong("the product of its shape overflows")
    if values * size > INT64_MOST:
        raise wrong("the bytes of its shape overflow")
    return tuple(dims), values * size


def _offsets(wrong, listed, data):
    if not isinstance(listed, list) or len(listed) != 2 or None in map(whole, listed):
        raise wrong("data_offsets is not two whole numbers from 0 to 2^53 - 1")
    begin, end = map(whole, listed)
    if not begin <= end <= data:
        raise wrong(f"data_offsets [{begin}, {end}]; allowed is 0 <= begin <= end <= {data}, the "
                    "bytes of data in the file")
    return begin, end


def _tensor(path, name, x, data_at, data):
    """dtype, shape and data_offsets, each once, and nothing else."""
    def wrong(what):
        return FileError(f"{path}: tensor {short(name)}: {what}")
    if not isinstance(x, Members) or x.twice is not None or \
            set(x) != {"dtype", "shape", "data_offsets"}:
        raise wrong("is not an object of dtype, shape and data_offsets, each once")
    dtype = x["dtype"]
    if not isinstance(dtype, str) or dtype not in BYTES:
        said = short(dtype, 20) if isinstance(dtype, str) else "is no text"
        raise wrong(f"dtype {said}; kcap reads F32, F16 and BF16")
    begin, end = _offsets(wrong, x["data_offsets"], data)
    shape, size = _shape(wrong, x["shape"], BYTES[dtype])
    if size != end - begin:
        raise wrong(f"data_offsets [{begin}, {end}] hold {end - begin} bytes, its shape needs "
                    f"{size}")
    return Tensor(path, dtype, shape, data_at + begin, size)


def _check_cover(path, tensors, data_at, data):
    """The tensors cover the data from its first to its last byte, each byte once."""
    covered, before = 0, "the start of the data"
    for name, t in sorted(tensors.items(), key=lambda x: (x[1].at, x[1].bytes)):
        if t.at - data_at != covered:
            raise FileError(f"{path}: tensor {short(name)} begins at byte {t.at - data_at} of the "
                            f"data, but {short(before)} ends at {covered}; neither overlaps nor "
                            "holes are allowed")
        covered, before = covered + t.bytes, name
    if covered != data:
        raise FileError(f"{path}: {data} bytes of data, but the tensors end at {covered}; nothing "
                        "may follow them")


def _check_texts(path, texts):
    if not isinstance(texts, Members):
        raise FileError(f"{path}: {META} is no object")
    if texts.twice is not None:
        raise FileError(f"{path}: {META}: {short(texts.twice)} is there twice")
    for name, text in texts.items():
        if not isinstance(text, str):
            raise FileError(f"{path}: {META}: {short(name)} is no text")


def _json(path, raw):
    """The header as an object, with nothing behind it but blanks. A zero byte, plain or escaped,
    would hide what follows it from readers in C."""
    if raw[:1] != b"{":
        raise FileError(f"{path}: its header does not begin with {{")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text or "\\u0000" in text:
        raise FileError(f"{path}: its header is not UTF-8, or holds a zero byte")
    try:
        header, rest = parse(text)
    except ValueError:
        header, rest = None, ""
    if not isinstance(header, Members) or rest.strip(" "):
        raise FileError(f"{path}: its header is not one JSON object, filled up with blanks")
    if header.twice is not None:
        raise FileError(f"{path}: {short(header.twice)} is there twice")
    return header


def parse_header(path, raw, file_bytes):
    """({name: Tensor}, metadata) of a file of so many bytes that begins with these: 8 of length and
    the header. A function of its arguments alone."""
    data_at, data = len(raw), file_bytes - len(raw)
    header = _json(path, raw[LENGTH:])
    texts = header.pop(META, Members())
    _check_texts(path, texts)
    tensors = {name: _tensor(path, name, x, data_at, data) for name, x in header.items()}
    _check_cover(path, tensors, data_at, data)
    return tensors, dict(texts)


def _pread(file, path, n, at):
    parts = []
    while n:
        part = os.pread(file, min(n, 1 << 30), at)
        if not part:
            raise OSError(errno.EIO, f"ends after {at} bytes", str(path))
        parts.append(part)
        n, at = n - len(part), at + len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def read_header(path):
    """({name: Tensor}, metadata) of a file. FileError: missing, unreadable, or anything in it that
    the format or kcap does not allow."""
    path = str(path)
    file = open_regular(path)
    try:
        size = os.fstat(file).st_size
        if size < LENGTH:
            raise FileError(f"{path}: {size} bytes; a safetensors file begins with {LENGTH} of "
                            "length")
        n, = struct.unpack("<Q", _pread(file, path, LENGTH, 0))
        if n > HEADER_MOST or n > size - LENGTH:
            raise FileError(f"{path}: announces a header of {n} bytes; at most {HEADER_MOST} are "
                            f"allowed, and this file has {size - LENGTH}")
        return parse_header(path, _pread(file, path, LENGTH + n, 0), size)
    finally:
        os.close(file)


def values(tensor, first, n):
    """Values first ... first + n - 1 of a tensor of READ, in row-major order, exactly, as
    float32."""
    size = BYTES[tensor.dtype]
    file = open_regular(tensor.path)
    try:
        raw = _pread(file, tensor.path, n * size, tensor.at + first * size) if n else b""
    finally:
        os.close(file)
    if tensor.dtype == "BF16":
        wide = np.frombuffer(raw, "<u2").astype("<u4")
        wide <<= 16
        return wide.view("<f4")
    return np.frombuffer(raw, "<f4" if size == 4 else "<f2").astype("<f4", copy=False)


def make_header(path, shapes, metadata):
    """Length and header of a file of float32 tensors {name: shape}, filled up with blanks so that
    the data begins at a multiple of 8."""
    header, at = {META: metadata}, 0
    for name, shape in shapes.items():
        end = at + 4 * int(np.prod(shape, dtype=object))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, end]}
        at = end
    try:
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        text, why = b"", "no UTF-8"
    else:
        why = "larger than the format's 100,000,000" if len(text) > HEADER_MOST - LENGTH else ""
    if why:
        raise FileError(f"{path}: cannot be written: its header of {len(text)} bytes, which holds "
                        f"the pools and templates, would be {why}")
    text += b" " * (-len(text) % LENGTH)
    return struct.pack("<Q", len(text)) + text


def write(path, shapes, metadata, parts):
    """Write a new file: the tensors in their order, whose values `parts` yields, flat and in
    pieces; and see it onto the disk."""
    header = make_header(path, shapes, metadata)
    try:
        with open(path, "xb", buffering=0) as file:
            _write_all(file, header)
            for part in parts:
                _write_all(file, memoryview(np.ascontiguousarray(part, "<f4")).cast("B"))
            os.fsync(file.fileno())
    except OSError as e:  # writing says nothing of the file's name
        raise OSError(e.errno, e.strerror, str(path)) from None


def _write_all(file, part):
    part = memoryview(part)
    while part:
        part = part[file.write(part):]
