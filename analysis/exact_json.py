# SPDX-License-Identifier: BSD-3-Clause
"""JSON from outside, read strictly: UTF-8, one value, no member twice, no NaN, no half
characters."""

import json
import os

from kcap_files import FileError, open_regular


class Members(dict):
    """An object; `twice` is the first name that stood there twice, or None."""
    twice = None


def _members(pairs):
    found = Members(pairs)
    if len(found) < len(pairs):
        seen = set()
        found.twice = next(name for name, _ in pairs if name in seen or seen.add(name))
    return found


def _constant(word):
    raise ValueError(f"{word} is no JSON")


def parse(text):
    """(value, the text behind it) of a text that begins with JSON. ValueError: it does not."""
    decoder = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_constant)
    try:
        value, end = decoder.raw_decode(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if "\\u" in text:  # halves of a character that UTF-8 cannot write
        json.dumps(value, ensure_ascii=False).encode()
    return value, text[end:]


def _twice(value):
    """A name that an object has twice, at any depth; or None."""
    todo = [value]
    while todo:
        x = todo.pop()
        if isinstance(x, Members):
            if x.twice is not None:
                return x.twice
            todo += x.values()
        elif isinstance(x, list):
            todo += x
    return None


def object_of(raw, path):
    """The one object that these bytes, of a file or of what else `path` names, are. FileError."""
    try:
        value, rest = parse(raw.decode().lstrip(" \t\r\n"))
    except ValueError:
        value, rest = None, ""
    if not isinstance(value, Members) or rest.strip(" \t\r\n"):
        raise FileError(f"{path}: is not one JSON object")
    name = _twice(value)
    if name is not None:
        raise FileError(f"{path}: {short(name)} is there twice; leave one")
    return value


def read_object(path, most=1 << 30):
    """The one object that a file of at most `most` bytes is. FileError: anything else."""
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            raw = file.read(most + 1)
    except OSError as e:
        raise FileError(f"{path}: cannot be read: {e.strerror}") from None
    if len(raw) > most:
        raise FileError(f"{path}: larger than {most >> 20} MiB")
    return object_of(raw, path)


def whole(x):
    """A whole number from 0 to 2^53 - 1, which doubles hold exactly; else None."""
    if isinstance(x, bool) or not isinstance(x, (int, float)) or not 0 <= x < 2 ** 53:
        return None
    return int(x) if x == int(x) else None


def short(text, most=120):
    """For a message of one line: a name may be of megabytes and of any characters."""
    return "".join(c if c.isprintable() else "?" for c in text[:most])


def shown(x, most=80):
    """A value as JSON, cut; None: left out."""
    return "left out" if x is None else short(json.dumps(x, ensure_ascii=False), most)
