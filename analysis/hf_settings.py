# SPDX-License-Identifier: BSD-3-Clause
"""The section `model` of an input file that has none, as the config.json of a folder says it. What comes out is
held against config.json once more, by hf_config.check: nothing here needs to know what kcap cannot have."""

import json
import math

from exact_json import shown
from hf_classes import GPT2, MISTRAL, MIXTRAL, NEOX, PLAIN, QWEN2, QWEN3
from hf_config import ACTIVATIONS, ROPE, SAME_WORDS
from kcap_files import FileError

SCALED = {"factor": "rotary_factor", "low_freq_factor": "rotary_low",
          "high_freq_factor": "rotary_high", "original_max_position_embeddings": "rotary_context"}
SCALINGS = ("default", "linear", "llama3")


def _activation(path, found, key):
    word = found.get(key)
    for ours, theirs in ACTIVATIONS.items():
        if word == theirs or any(word in words and theirs in words for words in SAME_WORDS):
            return ours
    raise FileError(f"{path}: {key} is {shown(word)}; kcap has {', '.join(ACTIVATIONS.values())}")


def _rope(found, *names, left_out):
    """Of rotary positions, in whichever of its places a version has put it."""
    for where in (found, *(found.get(rope) for rope in ROPE)):
        for name in names if isinstance(where, dict) else ():
            if where.get(name) is not None:
                return where[name]
    return left_out


def _scaling(path, found):
    for key in ROPE:
        rope = found.get(key) if isinstance(found.get(key), dict) else {}
        word = rope.get("rope_type", rope.get("type")) or "default"
        if word not in SCALINGS:
            raise FileError(f"{path}: {key}.rope_type is {shown(word)}; kcap has "
                            f"{', '.join(SCALINGS)}")
        if word != "default":
            return {"rotary_scaling": word} | {ours: rope.get(theirs)
                                               for theirs, ours in SCALED.items()}
    return {}


def _gpt2(path, found):
    d = found.get("n_embd")
    return {"arch": "gpt2", "position": "learned", "layers": found.get("n_layer"), "width": d,
            "heads": found.get("n_head"), "mlp_width": found.get("n_inner") or (d and 4 * d),
            "norm_eps": found.get("layer_norm_epsilon", 1e-5),
            "activation": _activation(path, found, "activation_function")}


def _others(path, found):
    return {"layers": found.get("num_hidden_layers"), "heads": found.get("num_attention_heads"),
            "width": found.get("hidden_size"), "mlp_width": found.get("intermediate_size"),
            "activation": _activation(path, found, "hidden_act"), **_scaling(path, found)}


def _neox(path, found):
    keys = _others(path, found)
    hd = keys["width"] // keys["heads"]
    share = _rope(found, "rotary_pct", "partial_rotary_factor", left_out=0.25)
    return keys | {"arch": "gpt2", "rotary_fraction": int(hd * share) / hd,
                   "rotary_base": _rope(found, "rotary_emb_base", "rope_theta", left_out=10000),
                   "norm_eps": found.get("layer_norm_eps", 1e-5),
                   "residual": "parallel" if found.get("use_parallel_residual", True) else "serial"}


def _llama(path, found, name):
    eps, base = (1e-5, 1e6) if name == MIXTRAL else (1e-6, 10000)
    biases = "qkv" if name == QWEN2 else "all" if found.get("mlp_bias") else "none"
    return _others(path, found) | {
        "arch": "mistral" if name in (MISTRAL, MIXTRAL) else "llama", "biases": biases,
        "kv_heads": found.get("num_key_value_heads") or found.get("num_attention_heads"),
        "norm_eps": found.get("rms_norm_eps", eps), "qk_norm": "yes" if name == QWEN3 else "no",
        "rotary_base": _rope(found, "rope_theta", left_out=base)}


def _experts(found):
    n, k = found.get("num_local_experts", 8), found.get("num_experts_per_tok", 2)
    return {"experts": n, "experts_topk": k, "experts_gate": "renormalised",
            "capacity_factor_measure": math.ceil(n / k)}


def _of_class(path, found, name):
    keys = _gpt2(path, found) if name == GPT2 else _neox(path, found) if name == NEOX else \
        _llama(path, found, name)
    said = found.get("head_dim") if name not in (GPT2, NEOX) else None
    keys["head_dim"] = said or (128 if name == QWEN3 else keys["width"] // keys["heads"])
    keys["embeddings"] = "tied" if found.get("tie_word_embeddings", name == GPT2) else "untied"
    return keys | (_experts(found) if name == MIXTRAL else {})


def settings(path, found, name, stated):
    """What sets the keys that an input file, of which `stated` is the content, leaves to config.json: those of
    `model`, and with a table of positions its length."""
    if stated.get("model") is not None or name == PLAIN:
        return []
    try:
        keys = _of_class(path, found, name)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        raise FileError(f"{path}: sizes of the model are missing or no numbers; they would do, or a "
                        "section model in the input file") from None
    sets = [f"model.{key}={json.dumps(value)}" for key, value in keys.items() if value is not None]
    train = stated.get("train")
    if name == GPT2 and not (isinstance(train, dict) and "context" in train):
        sets.append(f"train.context={json.dumps(found.get('n_positions'))}")
    return sets
