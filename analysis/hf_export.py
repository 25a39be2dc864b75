# SPDX-License-Identifier: BSD-3-Clause
"""A checkpoint's model into a new folder, as Hugging Face's transformers read it."""

import json
import tempfile
from pathlib import Path

import yaml

import hf_classes
import hf_config
import hf_meta
import hf_words
import kcap_checkpoint
import kcap_program
from hf_model import count_params, shape_of, tensors_of
from new_folder import NewFolder, write_text
from safetensors_file import write


def _lay(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode(errors="surrogateescape"))


def _lay_part(folder, section, number, files):
    """What sets the files of a part; those of the second lie in folder 2."""
    own = [name for name in files if not name[0].isdigit()]
    if number > 1:
        own, folder = [name[2:] for name in files if name.startswith(f"{number}/")], folder / str(number)
    return [f"{section}.{kind}={folder / kind}" for kind in ("pools", "templates")
            if any(name.startswith(f"{kind}/") for name in own)] + \
        [f"{section}.file={folder / name}" for name in own if name.startswith("facts/table")]


def _of_first(files, corpus):
    """The files, those of questions, which have the first part's folders, among the first part's."""
    asking = [f"{number}/" for number, part in enumerate(corpus, 1)
              if isinstance(part, dict) and part.get("kind") == "questions"]
    theirs = {name[2:]: text for name, text in files.items() if name[:2] in asking}
    return theirs | {name: text for name, text in files.items() if name[:2] not in asking}


def lay_files(folder, config_text, files):
    """An input file with the files of a run: its path, and what sets them."""
    path = Path(folder) / "config.yaml"
    path.write_text(config_text, encoding="utf-8")
    corpus = yaml.safe_load(config_text).get("corpus")
    corpus = corpus if isinstance(corpus, list) else [corpus]
    files = _of_first(files, corpus)
    _lay(path.parent, files)
    sets = [f"vocab.{name}={path.parent}/vocab/{name}.txt" for name in ("merges", "tokens")
            if f"vocab/{name}.txt" in files]
    for number in range(1, 1 + len(corpus)):
        section = "corpus" if number == 1 else f"corpus.{number}"
        sets += _lay_part(path.parent, section, number, files)
    return path, sets


def words_of(checkpoint, kcap):
    """The words; of a checkpoint older than they are, as kcap makes them of its pools."""
    if checkpoint.words is not None:
        return checkpoint.words
    with tempfile.TemporaryDirectory(prefix="kcap_hf_") as folder:
        path, sets = lay_files(folder, checkpoint.config_text, checkpoint.files)
        out = Path(folder) / "start"
        kcap_program.init(kcap_program.find(kcap), path, out, *sets)
        with kcap_checkpoint.find(out) as start:
            return start.words


def _whole(checkpoint, kcap):
    """The configuration; of a checkpoint older than one of its keys, as kcap completes it."""
    model = checkpoint.config.get("model") or ()
    if "norm_eps" in model or "heads" not in model:  # without heads it is not kcap's
        return checkpoint.config
    with tempfile.TemporaryDirectory(prefix="kcap_hf_") as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(checkpoint.config_text, encoding="utf-8")
        return yaml.safe_load(kcap_program.effective(kcap_program.find(kcap), path))


def _parts(pieces, checkpoint):
    for piece in pieces:
        for i in piece.blocks:
            yield piece.take(checkpoint.values(piece.tensor.name, piece.tensor.block(i)))


def _write_json(path, value):
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def _write(folder, checkpoint, words, s):
    """Everything; returns the class and its number of tensors."""
    name = hf_classes.choose(checkpoint.config, s)
    pieces = list(hf_classes.pieces(name, s))
    checkpoint.check_tensors(tensors_of(s))
    write(folder / "model.safetensors", {piece.name: piece.shape for piece in pieces},
          hf_meta.written(checkpoint), _parts(pieces, checkpoint))
    pairs = hf_words.pairs_of(checkpoint.files)
    vocabulary = hf_words.vocabulary(words, pairs)
    _write_json(folder / "config.json", hf_config.written(name, checkpoint.config, s))
    _write_json(folder / "vocab.json", vocabulary)
    if pairs is not None:
        write_text(folder / "merges.txt", checkpoint.files[hf_words.MERGES])
    _write_json(folder / "tokenizer.json", hf_words.tokenizer(vocabulary, words, pairs, checkpoint.config.get("vocab")))
    _write_json(folder / "tokenizer_config.json", hf_words.tokenizer_config(s))
    return name, len(pieces)


def export(where, out, kcap=None):
    """Write the folder, whole or not at all; returns what was done, and why where the class is
    kcap's."""
    new = NewFolder(out, "export", "name a new or an empty folder")
    with kcap_checkpoint.find(where) as checkpoint:
        words = words_of(checkpoint, kcap)
        checkpoint.config = _whole(checkpoint, kcap)
        s = shape_of(checkpoint.config, len(words))
        with new:
            name, n_tensors = _write(new.partial, checkpoint, words, s)
            new.keep()
        done = {"status": "exported", "checkpoint": str(checkpoint.path), "out": str(new.path),
                "class": name, "model_type": hf_classes.MODEL_TYPES[name], "n_tensors": n_tensors,
                "n_params": count_params(tensors_of(s)),
                "step": checkpoint.step, "tokens": checkpoint.tokens}
        lacks = [f"  {other} does not have this architecture; it has "
                 f"{hf_classes.lacks(other, checkpoint.config, s)}"
                 for other in hf_classes.MODEL_TYPES if name == hf_classes.PLAIN and other != name]
    return done, lacks
