# SPDX-License-Identifier: BSD-3-Clause
"""The tensors of a folder from Hugging Face: one model.safetensors, or the shards that
model.safetensors.index.json lists; matched with those of a class."""

import re

import numpy as np

from exact_json import Members, read_object, short
from hf_classes import GPT2, LLAMAS, NEOX, count, pieces
from kcap_files import FileError
from safetensors_file import HEADER_MOST, READ, read_header, shape_text, values

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
SHARD = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,199}\.safetensors"  # a name, never a way elsewhere
PIECE = 1 << 22  # values compared at a time

# Buffers that older versions of a class wrote beside its weights: which number of dimensions they
# have. Newer ones compute them: inv_freq from the base, the others from nothing.
_NUMBER = r"(?:0|[1-9][0-9]*)"
_NEOX = rf"gpt_neox\.layers\.{_NUMBER}\.attention\."
BUFFERS = {
    NEOX: {_NEOX + "bias": "mask", _NEOX + "masked_bias": "number",
           _NEOX + r"rotary_emb\.inv_freq": "inv_freq",
           r"gpt_neox\.rotary_emb\.inv_freq": "inv_freq"},
    GPT2: {rf"transformer\.h\.{_NUMBER}\.attn\.bias": "mask",
           rf"transformer\.h\.{_NUMBER}\.attn\.masked_bias": "number"}} | {
    name: {rf"model\.layers\.{_NUMBER}\.self_attn\.rotary_emb\.inv_freq": "inv_freq",
           r"model\.rotary_emb\.inv_freq": "inv_freq"} for name in LLAMAS}
# The output head, and what it is where it is tied.
HEADS = {NEOX: ("embed_out.weight", "gpt_neox.embed_in.weight"),
         GPT2: ("lm_head.weight", "transformer.wte.weight")} | {
    name: ("lm_head.weight", "model.embed_tokens.weight") for name in LLAMAS}


class Folder:
    """The tensors of a folder by name, their headers checked.
        path        of the file or the index, for messages
        metadata    of the one file; of shards none"""

    def __init__(self, folder):
        self.path = folder / WHOLE
        index = folder / INDEX
        if not index.exists():
            self.tensors, self.metadata = read_header(self.path)
            return
        if self.path.exists():
            raise FileError(f"{index}: is there beside {WHOLE}; leave the one that is to be read")
        self.path, self.metadata = index, {}
        self.tensors = _shards(folder, index)


def _weight_map(index):
    """{name: file} of an index."""
    listed = read_object(index, HEADER_MOST).get("weight_map")
    if not isinstance(listed, Members) or not listed:
        raise FileError(f"{index}: weight_map is no object, or holds no tensor")
    for name, file in listed.items():
        if not isinstance(file, str) or not re.fullmatch(SHARD, file):
            raise FileError(f"{index}: weight_map: {short(name)} is in {short(str(file), 80)}; the "
                            "name of a file beside it, such as model-00001-of-00002.safetensors, "
                            "would do")
    return listed


def _shards(folder, index):
    """The tensors of all shards: each where the index says, and no other."""
    listed, tensors = _weight_map(index), {}
    for file in dict.fromkeys(listed.values()):
        for name, tensor in read_header(folder / file)[0].items():
            if listed.get(name) != file:
                there = f"in {listed[name]}" if name in listed else "nowhere"
                raise FileError(f"{folder / file}: tensor {short(name)} is here; {index} has it "
                                f"{there}")
            tensors[name] = tensor
    for name, file in listed.items():
        if name not in tensors:
            raise FileError(f"{folder / file}: tensor {short(name)} is missing, which {index} has "
                            "here")
    return tensors


def _is_buffer(name, tensor, s, kind):
    """Has it the shape of what its name says?"""
    shape = tensor.shape
    if kind == "inv_freq":
        return shape == (s.rot // 2,)
    if kind == "number":
        return shape in ((), (1,))
    return len(shape) >= 2 and shape[-1] == shape[-2] and all(n == 1 for n in shape[:-2])


def _check_inv_freq(folder, name, base, s):
    """Wavelengths of another base would be another model, to versions that read them."""
    tensor = folder.tensors[name]
    if tensor.dtype not in READ:
        raise FileError(f"{folder.path}: tensor {name}: dtype {tensor.dtype}; kcap reads F32, F16 "
                        "and BF16")
    found = values(tensor, 0, s.rot // 2)
    right = base ** -(np.arange(0, s.rot, 2) / s.rot)
    # bfloat16 has 8 bits; what float16 cannot hold is below 2^-24.
    if not np.allclose(found, right, rtol=2.0 ** -7, atol=2.0 ** -24):
        raise FileError(f"{folder.path}: tensor {name} is not that of the rotary base {base:g}")


def _same_bits(a, b):
    n = int(np.prod(a.shape, dtype=object))
    return a.shape == b.shape and all(
        values(a, at, min(PIECE, n - at)).tobytes() == values(b, at, min(PIECE, n - at)).tobytes()
        for at in range(0, n, PIECE))


def _check_extra(folder, name, kind, s, config_of):
    """A tensor that is none of the class's weights: a buffer, or the head of tied embeddings."""
    tensors, (class_name, base, wanted) = folder.tensors, config_of
    head, embedding = HEADS.get(class_name, (None, None))
    if name == head and not s.untied:
        if tensors[name].dtype not in READ or not _same_bits(tensors[name], tensors[embedding]):
            raise FileError(f"{folder.path}: tensor {name} differs from {embedding}; in the model "
                            f"of {wanted} they are one")
    elif kind is None or not _is_buffer(name, tensors[name], s, kind):
        raise FileError(f"{folder.path}: tensor {short(name)} is none of {class_name}'s in the "
                        f"model of {wanted}")
    elif kind == "inv_freq":
        _check_inv_freq(folder, name, base, s)


def match(folder, name, s, base, wanted):
    """The pieces of a class, each with its tensor: all are there in their shapes, and nothing else
    is that the class does not explain. However many there should be, no longer list is made than
    the file's.
        base      of rotary wavelengths
        wanted    what says which architecture it is, for messages"""
    found, tensors = [], folder.tensors
    for piece in pieces(name, s):
        tensor = tensors.get(piece.name)
        if tensor is None:
            raise FileError(f"{folder.path}: tensor {piece.name} is missing; the model of {wanted} "
                            f"needs it as {shape_text(piece.shape)}, one of {count(name, s)}, and "
                            f"this file has {len(tensors)}")
        if tensor.shape != piece.shape:
            raise FileError(f"{folder.path}: tensor {piece.name} is {shape_text(tensor.shape)}; "
                            f"the model of {wanted}, with the vocab_size of config.json, needs "
                            f"{shape_text(piece.shape)}")
        if tensor.dtype not in READ:
            raise FileError(f"{folder.path}: tensor {piece.name}: dtype {tensor.dtype}; kcap reads "
                            "F32, F16 and BF16")
        found.append((piece, tensor))
    used = {piece.name for piece, _ in found}
    for extra in (each for each in tensors if each not in used):
        kind = next((kind for pattern, kind in BUFFERS.get(name, {}).items()
                     if re.fullmatch(pattern, extra)), None)
        _check_extra(folder, extra, kind, s, (name, base, wanted))
    return found
