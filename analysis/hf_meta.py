# SPDX-License-Identifier: BSD-3-Clause
"""What a checkpoint holds beside its tensors, as texts of a safetensors file's metadata, so that
the file can be measured alone: kcap.version, kcap.run_id, kcap.config (effective YAML),
kcap.config_hash, kcap.step, kcap.tokens, kcap.lanes (a line a lane: epoch next offset docs used),
kcap.files (names of pools and templates, a line each), kcap.file.<name>; and format: pt, which
transformers wants."""

import re

from exact_json import short
from kcap_files import FileError

NUMBER = r"[0-9]{1,15}"
FILES_MOST = 160  # KC_FILES_MAX of types/files.h


def written(checkpoint):
    """The metadata of a checkpoint."""
    texts = {"format": "pt", "kcap.version": checkpoint.version, "kcap.run_id": checkpoint.run_id,
             "kcap.config": checkpoint.config_text, "kcap.config_hash": checkpoint.config_hash,
             "kcap.step": str(checkpoint.step), "kcap.tokens": str(checkpoint.tokens),
             "kcap.lanes": "".join(" ".join("%d" % x for x in lane) + "\n"
                                   for lane in checkpoint.lanes)}
    for name, text in checkpoint.files.items():
        texts[f"kcap.file.{name}"] = text
    texts["kcap.files"] = "".join(f"{name}\n" for name in checkpoint.files)
    return texts


class Meta:
    """The metadata of a file, read back. FileError: missing or malformed."""

    def __init__(self, path, texts):
        self._path, self._texts = path, texts
        if "kcap.config" not in texts:
            raise FileError(f"{path}: not written by kcap, there is no kcap.config in its "
                            "metadata; say which model and corpus it is of: hf.py import DIR "
                            "INPUT.yaml --out RUN")
        self.config = texts["kcap.config"]
        self.step, self.tokens = self._count("kcap.step"), self._count("kcap.tokens")
        self.files = {name: self._file(name) for name in self._names()}

    def _wrong(self, name, what):
        return FileError(f"{self._path}: metadata {name} {what}")

    def _count(self, name):
        text = self._texts.get(name, "")
        if not re.fullmatch(NUMBER, text):
            raise self._wrong(name, "is missing or no whole number")
        return int(text)

    def _names(self):
        text = self._texts.get("kcap.files")
        if text is None:
            raise self._wrong("kcap.files", "is missing")
        names = text.split("\n")
        if names.pop() or len(set(names)) < len(names) or len(names) > FILES_MOST or \
                not all(0 < len(name) < 48 for name in names):
            raise self._wrong("kcap.files", "is no list of names, a line each")
        return names

    def _file(self, name):
        key = f"kcap.file.{short(name)}"
        if f"kcap.file.{name}" not in self._texts:
            raise self._wrong(key, "is missing")
        if not re.fullmatch(r"(?:[2-8]/)?(pools|templates|vocab|facts)/[a-z_]+(\.[a-z]+)?",
                            name):
            raise self._wrong(key, "is of none of the names that files of a corpus have")
        return self._texts[f"kcap.file.{name}"]

    def lanes(self, n):
        """The n cursors; those of before corpora had parts lack the last number, which is 0."""
        text = self._texts.get("kcap.lanes", "")
        if not re.fullmatch(rf"(?:{NUMBER}(?: {NUMBER}){{3,4}}\n){{{n}}}", text):
            raise self._wrong("kcap.lanes", "is not five numbers for each lane")
        return [[int(x) for x in (line + " 0").split(" ")[:5]] for line in text.splitlines()]
