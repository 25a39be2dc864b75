# SPDX-License-Identifier: BSD-3-Clause
"""config.json of each class: what is written, which transformers 4.40 to 5 read, and what one from
elsewhere must say."""

import math
from dataclasses import dataclass

from exact_json import read_object, short, shown
from hf_classes import (GPT2, LLAMA, LLAMAS, MISTRAL, MIXTRAL, MODEL_TYPES, NEOX, PLAIN, QWEN2, QWEN3,
                        lacks)
from hf_model import setting
from kcap_files import FileError

ROTARY = (NEOX,) + LLAMAS
OTHERS = ROTARY + (PLAIN,)  # all but GPT-2, which has words of its own
EVERY = OTHERS + (GPT2,)
ROPE = ("rope_parameters", "rope_scaling")  # objects; the first since transformers 5

# In place of what a class does without a member. TOLD decides nothing of what is computed.
NEEDED, TOLD = object(), object()
# Words for one function.
SAME_WORDS = ({"gelu_new", "gelu_pytorch_tanh", "gelu_fast"}, {"silu", "swish"},
              {"gelu", "gelu_python"})
ACTIVATIONS = {"gelu": "gelu_new", "silu": "silu", "gelu_erf": "gelu"}
QWENS = (QWEN2, QWEN3)


@dataclass(frozen=True)
class Field:
    """A member of config.json. Kinds that compare in a way of their own: share, of a head, that is
    rotated; base, of rotary wavelengths; window, null or one that no window of this model reaches
    over; rope, an object that says rotary positions once more; full, what attention of each block is."""
    classes: tuple
    key: str
    kind: str
    left_out: object
    value: object
    is_written: bool = True


def _sizes(s):
    return (
        Field(EVERY, "vocab_size", "whole", NEEDED, s.V),
        Field(OTHERS, "hidden_size", "whole", NEEDED, s.d),
        Field(OTHERS, "intermediate_size", "whole", NEEDED, s.f),
        Field(OTHERS, "num_hidden_layers", "whole", NEEDED, s.l),
        Field(OTHERS, "num_attention_heads", "whole", NEEDED, s.h),
        Field((LLAMA,), "num_key_value_heads", "whole", s.h, s.kv),
        Field((MISTRAL, MIXTRAL, PLAIN) + QWENS, "num_key_value_heads", "whole", NEEDED, s.kv),
        Field((MIXTRAL,), "num_local_experts", "whole", 8, s.E),
        Field((MIXTRAL,), "num_experts_per_tok", "whole", 2, s.k),
        Field((PLAIN,), "experts", "whole", NEEDED, s.E),
        Field((PLAIN,), "experts_topk", "whole", NEEDED, s.k),
        Field((MISTRAL, MIXTRAL, LLAMA, QWEN2, PLAIN), "head_dim", "whole", s.d / s.h, s.hd),
        Field((QWEN3,), "head_dim", "whole", 128, s.hd),
        Field(OTHERS, "max_position_embeddings", "whole", TOLD, s.T),
        Field((GPT2,), "n_embd", "whole", NEEDED, s.d),
        Field((GPT2,), "n_inner", "whole", 4 * s.d, s.f),
        Field((GPT2,), "n_layer", "whole", NEEDED, s.l),
        Field((GPT2,), "n_head", "whole", NEEDED, s.h),
        Field((GPT2,), "n_positions", "whole", NEEDED, s.T))


def rotary_share(s):
    """transformers rotates int(head_dim * share) dimensions: the nearest share that says so."""
    share = s.rot / s.hd
    while int(s.hd * share) < s.rot:
        share = math.nextafter(share, 2)
    return share


def _scaling(config):
    """An object of ROPE, but for its base."""
    def number(key, kind=float):
        return setting(config, "model", key, kind)
    word = setting(config, "model", "rotary_scaling")
    return {"none": lambda: {"rope_type": "default"},
            "linear": lambda: {"rope_type": word, "factor": number("rotary_factor")},
            "llama3": lambda: {"rope_type": word, "factor": number("rotary_factor"),
                               "low_freq_factor": number("rotary_low"),
                               "high_freq_factor": number("rotary_high"),
                               "original_max_position_embeddings": number("rotary_context", int)}
            }[word]()


def _rotary(name, config, s):
    """Rotary positions: of transformers 4, and once more as 5 says them."""
    base = setting(config, "model", "rotary_base", float)
    scaling = _scaling(config)
    is_scaled = scaling["rope_type"] != "default"
    rope = {**scaling, "rope_theta": base}
    if name == NEOX:
        rope["partial_rotary_factor"] = rotary_share(s)
    return (
        Field((NEOX,), "rotary_pct", "share", 0.25, rotary_share(s)),
        Field((NEOX,), "rotary_emb_base", "base", 10000, base),
        Field((LLAMA, MISTRAL) + QWENS, "rope_theta", "base", 10000, base),
        Field((MIXTRAL,), "rope_theta", "base", 1000000, base),
        Field(LLAMAS, "partial_rotary_factor", "share", 1, 1.0, False),
        Field(ROTARY, "rope_scaling", "rope", scaling, scaling if is_scaled else None),
        Field(ROTARY, "rope_parameters", "rope", scaling, rope))


def _switches(name, config, s):
    act = ACTIVATIONS[s.act]
    base = setting(config, "model", "rotary_base", float)
    eps = setting(config, "model", "norm_eps", float)
    return (
        Field(ROTARY, "hidden_act", "text", NEEDED, act),
        Field((GPT2,), "activation_function", "text", NEEDED, act),
        Field((NEOX,), "layer_norm_eps", "real", 1e-5, eps),
        Field((GPT2,), "layer_norm_epsilon", "real", 1e-5, eps),
        Field((LLAMA, MISTRAL) + QWENS, "rms_norm_eps", "real", 1e-6, eps),
        Field((MIXTRAL,), "rms_norm_eps", "real", 1e-5, eps),
        *_rotary(name, config, s),
        Field((NEOX,), "use_parallel_residual", "bool", True, s.parallel),
        Field((NEOX,), "attention_bias", "bool", True, s.biased),
        Field((LLAMA,), "attention_bias", "bool", False, s.biased),
        Field((QWEN3,), "attention_bias", "bool", False, False),
        Field((LLAMA,), "mlp_bias", "bool", False, s.biased),
        Field((MISTRAL,), "sliding_window", "window", 4096, None),
        Field((MIXTRAL,), "sliding_window", "window", math.inf, None),  # left out: none
        Field(QWENS, "use_sliding_window", "bool", False, False),
        Field(QWENS, "layer_types", "full", None, ["full_attention"] * s.l, False),
        Field((GPT2,), "scale_attn_weights", "bool", True, True),
        Field((GPT2,), "scale_attn_by_inverse_layer_idx", "bool", False, False),
        Field(ROTARY, "tie_word_embeddings", "bool", False, not s.untied),
        Field((GPT2,), "tie_word_embeddings", "bool", True, not s.untied),
        Field((PLAIN,), "norm", "text", NEEDED, setting(config, "model", "norm")),
        Field((PLAIN,), "norm_eps", "real", NEEDED, eps),
        Field((PLAIN,), "position", "text", NEEDED, setting(config, "model", "position")),
        Field((PLAIN,), "rotary_dims", "whole", NEEDED, s.rot),
        Field((PLAIN,), "rotary_base", "real", NEEDED, base),
        Field((PLAIN,), "rope_scaling", "rope", _scaling(config), _scaling(config)),
        Field((PLAIN,), "mlp", "text", NEEDED, setting(config, "model", "mlp")),
        Field((PLAIN,), "activation", "text", NEEDED, act),
        Field((PLAIN,), "biases", "text", NEEDED, setting(config, "model", "biases")),
        Field((PLAIN,), "qk_norm", "text", "no", setting(config, "model", "qk_norm")),
        Field((PLAIN,), "residual", "text", "serial", setting(config, "model", "residual")),
        Field((PLAIN,), "canon", "text", "none", setting(config, "model", "canon")),
        Field((PLAIN,), "tie_word_embeddings", "bool", NEEDED, not s.untied),
        Field((PLAIN,), "experts_gate", "text", NEEDED, setting(config, "model", "experts_gate")),
        Field((PLAIN,), "capacity_factor_measure", "real", NEEDED,
              setting(config, "model", "capacity_factor_measure", float)))


def _told(config):
    """No dropout in kcap; its <eos> begins each document. dtype is torch_dtype's name since
    4.56."""
    return (
        Field((NEOX,) + LLAMAS, "attention_dropout", "real", TOLD, 0.0),
        Field((NEOX,), "hidden_dropout", "real", TOLD, 0.0),
        Field((GPT2,), "attn_pdrop", "real", TOLD, 0.0),
        Field((GPT2,), "embd_pdrop", "real", TOLD, 0.0),
        Field((GPT2,), "resid_pdrop", "real", TOLD, 0.0),
        Field((MIXTRAL,), "router_aux_loss_coef", "real", TOLD,
              setting(config, "model", "balance_loss", float)),
        Field((MIXTRAL,), "router_jitter_noise", "real", TOLD, 0.0),
        Field((MIXTRAL,), "output_router_logits", "bool", TOLD, False),
        Field(EVERY, "initializer_range", "real", TOLD,
              setting(config, "model", "init_std", float)),
        Field(EVERY, "bos_token_id", "whole", TOLD, 0),
        Field(EVERY, "eos_token_id", "whole", TOLD, 0),
        Field(EVERY, "torch_dtype", "text", TOLD, "float32"),
        Field(EVERY, "dtype", "text", TOLD, "float32"),
        Field(EVERY, "use_cache", "bool", TOLD, True))


def _fields(name, config, s):
    return [field for field in (*_sizes(s), *_switches(name, config, s), *_told(config))
            if name in field.classes]


def written(name, config, s):
    """config.json, enough for the class's from_pretrained."""
    return {"architectures": [name], "model_type": MODEL_TYPES[name]} | \
        {field.key: field.value for field in _fields(name, config, s) if field.is_written}


def read(path):
    """(the object, its class) of a config.json."""
    found = read_object(path, 1 << 20)
    named = found.get("model_type")
    for name, model_type in MODEL_TYPES.items():
        if named == model_type:
            return found, name
    word = short(named, 80) if isinstance(named, str) else "missing"
    raise FileError(f"{path}: model_type is {word}; kcap reads {', '.join(MODEL_TYPES.values())}")


def _number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def _same_text(a, b):
    return a == b or any(a in words and b in words for words in SAME_WORDS)


def _same(field, x, s, is_there):
    """Does a member, None where it is left out or null, say what the field demands?"""
    if field.left_out is NEEDED and x is None:
        return False
    if field.kind == "text":
        return isinstance(x, str) and _same_text(x, field.value)
    if field.kind == "window":  # null is none at all
        if x is None and is_there:
            return True
        x = field.left_out if x is None else x
        return _number(x) and x >= s.T
    x = field.left_out if x is None else x
    if field.kind == "full":
        return x is None or x == field.value
    if field.kind == "bool":
        return isinstance(x, bool) and x == field.value
    if not _number(x):
        return False
    if field.kind == "share":
        return 0 < x <= 1 and int(s.hd * x) == s.rot
    return x == field.value


# Where transformers may have put what one field says: names of members beside its own, and in the
# objects of ROPE. All that are there must agree: versions differ in which of them they take.
PLACES = {"base": (("rope_theta", "rotary_emb_base"), "rope_theta"),
          "share": (("rotary_pct", "partial_rotary_factor"), "partial_rotary_factor")}


def _stated(field, found):
    """(place, value) of each place that says what this field does."""
    outside, inside = PLACES.get(field.kind, ((field.key,), None))
    at = [(key, found[key]) for key in outside if key in found]
    at += [(f"{rope}.{inside}", found[rope][inside]) for rope in ROPE
           if isinstance(found.get(rope), dict) and inside in found[rope]]
    return [(place, value) for place, value in at if value is not None] or \
        [(field.key, None)]


def _wrong_rope(key, found, scaling):
    """What else an object of rotary positions says: (place, value, wanted), or None. Scaled rotations must be
    said by one of them."""
    rope = found.get(key)
    if rope is None:
        is_said = scaling["rope_type"] == "default" or any(found.get(x) is not None for x in ROPE)
        return None if is_said else (key, None, shown(scaling))
    if not isinstance(rope, dict):
        return key, rope, "an object or null"
    wanted = {"type": scaling["rope_type"], **scaling}
    for name, value in rope.items():
        if name not in ("rope_theta", "partial_rotary_factor", *wanted) and value is not None:
            return f"{key}.{short(name)}", value, "none of this name"
        if name in wanted and value not in (None, wanted[name]):
            return f"{key}.{short(name)}", value, shown(wanted[name])
    for name in scaling:
        if name not in rope and (name != "rope_type" or wanted["type"] not in ("default", rope.get("type"))):
            return f"{key}.{name}", None, shown(wanted[name])
    return None


def _wrong(field, found, s):
    """(place, value, wanted) of what differs, or None."""
    if field.left_out is TOLD:
        return None
    if field.kind == "rope":
        return _wrong_rope(field.key, found, field.left_out)
    for place, value in _stated(field, found):
        if not _same(field, value, s, field.key in found):
            return place, value, shown(field.value) if field.value is not None else "null"
    return None


def check(path, found, name, config, s, wanted):
    """Does a config.json describe this architecture? Every member that decides what the model
    computes is compared; one that is left out has its class's default."""
    missing = lacks(name, config, s)
    if missing:
        raise FileError(f"{path}: is of {name}, which has {missing}; the model of {wanted} has not")
    for field in _fields(name, config, s):
        wrong = _wrong(field, found, s)
        if wrong:
            place, value, right = wrong
            raise FileError(f"{path}: {place} is {shown(value)}; the model of {wanted} needs "
                            f"{right}")
