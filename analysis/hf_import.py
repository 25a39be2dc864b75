# SPDX-License-Identifier: BSD-3-Clause
"""A folder from Hugging Face into a run's folder, for kcap measure: kcap makes the checkpoint of
initial weights, which are replaced."""

import tempfile
from pathlib import Path

import yaml

import hf_config
import hf_words
import kcap_checkpoint
import kcap_program
from exact_json import shown, whole
from hf_export import lay_files
from hf_folder import Folder, match
from hf_meta import Meta
from hf_model import count_params, setting, shape_of, tensors_of
from hf_settings import settings
from hf_tokenizer import Tokens
from kcap_files import FileError
from new_folder import NewFolder
from safetensors_file import values


class Source:
    """What says which model and corpus it is: an input file, or kcap's own metadata.
        wanted    its name for messages
        config    effective, as YAML
        meta      None of an input file"""

    def __init__(self, program, folder, second, scratch, sets=()):
        self._program, self._scratch, self._sets = program, scratch, sets
        self.wanted, self.meta = str(second or folder.path), None
        if second:
            self._path = second
        else:
            self.meta = Meta(folder.path, folder.metadata)
            self._path, self._sets = lay_files(scratch, self.meta.config, self.meta.files)
        self.config = self._ask(kcap_program.effective, *(sets if second else ())).replace(f"{scratch}/", "")

    def _ask(self, what, *arguments):
        """Of kcap, whose messages name our copy of what the metadata says."""
        try:
            return what(self._program, self._path, *arguments)
        except FileError as e:
            said = str(e).replace(str(self._path), self.wanted)
            raise FileError(said.replace(f"{self._scratch}/", f"{self.wanted}:")) from None

    def init(self, out):
        """Its checkpoint of initial weights."""
        self._ask(kcap_program.init, out, *self._sets)


def _n_vocab(path, found):
    n = whole(found.get("vocab_size"))
    if not n or n >= 2 ** 31:
        raise FileError(f"{path}: vocab_size is {shown(found.get('vocab_size'))}; a whole number "
                        f"from 1 to {2 ** 31 - 1} would do")
    return n


def _stated(second):
    """What an input file says; {} where there is none, or kcap says what is wrong with it."""
    try:
        stated = yaml.safe_load(Path(second).read_text("utf-8")) if second else {}
        return stated if isinstance(stated, dict) else {}
    except (OSError, ValueError, yaml.YAMLError):
        return {}


def _tokens(where, found, stated):
    """The folder's own tokens, where an input file says gpt2 and no merges; else None."""
    vocab = stated.get("vocab")
    if not isinstance(vocab, dict) or vocab.get("kind") != "gpt2" or vocab.get("merges"):
        return None
    path = where / "config.json"
    first = found.get("bos_token_id")
    return Tokens(where, _n_vocab(path, found),
                  whole(found.get("eos_token_id") if first is None else first))


def _fill(frame, pieces, where, rows):
    """A block of a tensor at a time; rows of tokens in kcap's order."""
    for piece, tensor in pieces:
        size = piece.size()
        for at, i in enumerate(piece.blocks):
            block = kcap_checkpoint.finite(where, piece.name, values(tensor, at * size, size))
            if rows and piece.tensor.name in ("wte", "head"):
                block = block.reshape(len(rows), -1)[rows].reshape(-1)
            index = piece.tensor.block(i) + (Ellipsis, slice(piece.first, piece.first + piece.n))
            frame.fill(piece.tensor.name, index, piece.put(block))


def _write(new, source, name, folder, pieces, rows):
    """Fill in what kcap has made; returns the step."""
    meta = source.meta
    frame = kcap_checkpoint.Frame(new.partial)
    try:
        state = {"config": source.config, "step": meta.step, "tokens": meta.tokens,
                 "lanes": meta.lanes(frame.lanes())} if meta else {}
        _fill(frame, pieces, folder.path, rows)
        frame.finish(f"{folder.path} ({name})", **state)
    finally:
        frame.close()
    return meta.step if meta else 0, meta.tokens if meta else 0


def _matched(where, folder, source):
    """config.json, its class and the tensors, all of one model: before a corpus is made, which may
    be far larger than these files."""
    path = Path(where) / "config.json"
    config = yaml.safe_load(source.config)
    found, name = hf_config.read(path)
    s = shape_of(config, _n_vocab(path, found))
    hf_config.check(path, found, name, config, s, source.wanted)
    base = setting(config, "model", "rotary_base", float)
    return config, found, name, match(folder, name, s, base, source.wanted)


def import_folder(where, second, out, kcap=None):
    """Write the run's folder, whole or not at all; returns what was done."""
    where = Path(where)
    new = NewFolder(out, "import", "choose another --out")
    folder = Folder(where)
    with tempfile.TemporaryDirectory(prefix="kcap_hf_") as scratch:
        stated = _stated(second)
        described, name = hf_config.read(where / "config.json") if stated else ({}, None)
        own = _tokens(where, described, stated)
        sets = own.lay(scratch) if own else []
        sets += settings(where / "config.json", described, name, stated) if stated else []
        source = Source(kcap_program.find(kcap), folder, second, scratch, sets)
        config, found, name, pieces = _matched(where, folder, source)
        with new:
            source.init(new.partial)
            with kcap_checkpoint.find(new.partial) as start:
                words, pairs = start.words, hf_words.pairs_of(start.files)
                if own:
                    own.check_texts(start.files)
            s = shape_of(config, len(words))
            hf_config.check(where / "config.json", found, name, config, s, source.wanted)
            if own is None:
                hf_words.check(where / "vocab.json", words, pairs, source.wanted)
            step, tokens = _write(new, source, name, folder, pieces, own and own.rows)
            new.keep()
    return {"status": "imported", "input": str(where), "out": str(new.path), "class": name,
            "n_tensors": len(pieces), "n_params": count_params(tensors_of(s)), "step": step,
            "tokens": tokens, "model": str(folder.path)}
