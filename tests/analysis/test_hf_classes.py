# SPDX-License-Identifier: BSD-3-Clause
"""Shapes, tensors, classes and config.json of analysis/hf.py, over every architecture the switches
can name; the table of tensors against the program's own."""
import itertools
import json
import os
import random
import re
import subprocess
import tempfile
import unittest
from collections import Counter
from pathlib import Path

import numpy as np

import hf_harness
import harness
import hf_classes
import hf_config
import hf_model
from exact_json import Members

WORDS = 11
CHOICES = {"norm": ("layernorm", "rmsnorm"), "position": ("rotary", "learned", "none"),
           "rotary_fraction": (1, 0.3333), "mlp": ("plain", "gated", "none"),
           "activation": ("gelu", "silu", "gelu_erf"), "biases": ("all", "none", "qkv"),
           "kv_heads": (0, 2, 1), "width": (0, 14), "qk_norm": ("no", "yes"),
           "residual": ("serial", "parallel"), "rotary_scaling": ("none", "linear", "llama3"),
           "embeddings": ("tied", "untied"), "arch": ("gpt2", "mistral"), "experts": (0, 3),
           "experts_gate": ("softmax", "renormalised"), "canon": ("none", "BC")}


def config_of(**model):
    """The effective configuration of these keys, as kcap says it."""
    sets = [word for key, value in {"heads": 4, "head_dim": 6, "layers": 3, **model}.items()
            for word in ("--set", f"model.{key}={value}")]
    done = subprocess.run(harness.command(["config", "--defaults", "--json"] + sets), check=True,
                          capture_output=True, text=True, env=harness.environment())
    return json.loads(done.stdout)


def architectures():
    """(configuration, shape) of many combinations; experts stand in place of an MLP."""
    base, draw = config_of(mlp_width=10), random.Random(3)
    for _ in range(30000):
        model = base["model"] | {key: draw.choice(values) for key, values in CHOICES.items()}
        if model["mlp"] == "none":
            model["experts"] = 0
        config = base | {"model": model}
        yield config, hf_model.shape_of(config, WORDS)


class Tensors(unittest.TestCase):
    def test_table(self):
        """That of params.def, whose conditions are nearly Python."""
        table = Path(hf_harness.HERE).parents[1] / "include/kcap/nn/params.def"
        text = table.read_text(encoding="utf-8")
        rows = re.findall(r"P\(\d+, (\w+), (\w+), (.*?),\s+(MATRIX|VECTOR|TAPS)\(([^)]*)\),", text)
        self.assertEqual(len(rows), len(re.findall(r"\bP\(\d+, ", text)))
        for _, s in random.Random(1).sample(list(architectures()), 500):
            names = vars(s) | {"qkv": s.dh + 2 * s.kv * s.hd, "m": s.f * (1 + s.gated)}
            right = {}
            for name, scope, when, kind, cols in rows:
                when = re.sub(r"!(?!=)", " not ", when.replace("&&", " and ").replace("s->", "s."))
                if eval(when, {"s": s}):  # pylint: disable=eval-used
                    shape = [s.l] * (scope != "ONCE") + [s.E] * (scope == "EXPERT")
                    shape += [4] * (kind == "TAPS")
                    right[name] = tuple(shape + [names[x] for x in re.findall(r"\w+", cols)])
                    self.assertEqual(kind == "MATRIX", "," in cols)
            self.assertEqual({name: t.dims for name, t in hf_model.tensors_of(s).items()}, right)
            self.assertEqual(list(hf_model.tensors_of(s)), list(right))

    def test_pieces_hold_every_parameter_once(self):
        """What is taken and put back is the same."""
        classes, seen = set(), set()
        for config, s in architectures():
            name = hf_classes.choose(config, s)
            classes.add(name)
            if (name, s) in seen:
                continue
            seen.add((name, s))
            tensors, at = hf_model.tensors_of(s), 0
            flat = np.arange(hf_model.count_params(tensors), dtype="f4") + 1
            values, back = {}, {key: np.zeros(t.dims, "f4") for key, t in tensors.items()}
            for key, t in tensors.items():
                values[key] = flat[at:at + np.prod(t.dims)].reshape(t.dims)
                at += np.prod(t.dims)
            pieces = list(hf_classes.pieces(name, s))
            self.assertEqual(len(pieces), hf_classes.count(name, s))
            self.assertEqual(len({piece.name for piece in pieces}), len(pieces))
            for piece in pieces:
                self.assertEqual(np.prod(piece.shape), piece.size() * len(piece.blocks))
                for i in piece.blocks:
                    index, chosen = piece.tensor.block(i), slice(piece.first, piece.first + piece.n)
                    taken = piece.take(values[piece.tensor.name][index])
                    where = back[piece.tensor.name][index + (Ellipsis, chosen)]
                    self.assertFalse(where.any())
                    where[...] = piece.put(taken)
            for key in tensors:
                self.assertTrue((back[key] == values[key]).all())
        self.assertEqual(classes, set(hf_classes.MODEL_TYPES))

    def test_count(self):
        """No list of all is needed to know how many there are."""
        config = config_of(arch="mistral", layers=1000, experts=65536, kv_heads=0)
        s = hf_model.shape_of(config, WORDS)
        self.assertEqual(hf_classes.count("MixtralForCausalLM", s), 1000 * (7 + 3 * 65536) + 3)
        every = hf_classes.pieces("MixtralForCausalLM", s)
        names = [piece.name for piece in itertools.islice(every, 1002)]
        self.assertEqual(names[1000:], ["model.layers.999.input_layernorm.weight",
                                        "model.layers.0.self_attn.q_proj.weight"])
        # wte, two norms, qkv, out, last norm, head, router, up, down
        self.assertEqual([piece.name for piece in hf_classes.pieces("KcapForCausalLM", s)][9:],
                         ["exp_down"])


class Classes(unittest.TestCase):
    def test_nearest(self):
        neox, gpt2, mistral, mixtral, llama, qwen2, qwen3, plain = hf_classes.MODEL_TYPES
        for right, model in (
                (neox, {"arch": "gpt2", "rotary_fraction": 0.34}),
                (neox, {"rotary_fraction": 1, "embeddings": "untied"}),
                (plain, {"rotary_fraction": 0}),
                (plain, {"position": "none"}),
                (gpt2, {"position": "learned"}),
                (gpt2, {"position": "learned", "activation": "silu"}),
                (plain, {"position": "learned", "kv_heads": 2}),
                (plain, {"position": "learned", "biases": "none"}),
                (plain, {"mlp": "none"}),
                (plain, {"canon": "A"}),
                (plain, {"arch": "llama", "canon": "D"}),
                (plain, {"mlp": "gated"}),
                (llama, {"arch": "llama"}),
                (llama, {"arch": "llama", "biases": "all"}),
                (llama, {"arch": "llama", "kv_heads": 2}),
                (plain, {"arch": "llama", "norm": "layernorm"}),
                (neox, {"residual": "parallel", "activation": "gelu_erf"}),
                (plain, {"residual": "parallel", "position": "learned"}),
                (plain, {"width": 20}),
                (llama, {"arch": "llama", "width": 20, "rotary_scaling": "llama3"}),
                (llama, {"arch": "mistral", "rotary_scaling": "linear"}),
                (qwen2, {"arch": "llama", "biases": "qkv"}),
                (qwen2, {"arch": "mistral", "biases": "qkv", "rotary_scaling": "llama3"}),
                (qwen3, {"arch": "llama", "qk_norm": "yes"}),
                (plain, {"arch": "llama", "qk_norm": "yes", "biases": "qkv"}),
                (plain, {"arch": "llama", "residual": "parallel"}),
                (plain, {"arch": "llama", "rotary_fraction": 0.34}),
                (mistral, {"arch": "mistral"}),
                (mistral, {"arch": "mistral", "kv_heads": 4}),
                (llama, {"arch": "mistral", "biases": "all"}),
                (plain, {"experts": 4}),
                (plain, {"arch": "llama", "experts": 4}),
                (mixtral, {"arch": "llama", "experts": 4, "experts_gate": "renormalised"}),
                (mixtral, {"arch": "mistral", "experts": 16, "experts_gate": "renormalised",
                           "experts_topk": 2}),
                # Drops: 8 times a seventeenth is less than all.
                (plain, {"arch": "mistral", "experts": 17, "experts_gate": "renormalised"})):
            config = config_of(**model)
            self.assertEqual(hf_classes.choose(config, hf_model.shape_of(config, WORDS)), right,
                             model)

    def test_mixtral_drops_nothing(self):
        """It serves from the least factor on that it names."""
        base = config_of(arch="mistral", experts_gate="renormalised")
        for experts, topk, factor, least in (
                (32, 2, 8, "from 8 to at least 16)"), (32, 2, 16, None),
                (17, 1, 8, "from 8 to at least 17)"),
                (10, 3, 3.3333, "from 3.3333 to at least 3.3334)"), (10, 3, 3.3334, None),
                (33, 10, 3.3, None)):
            config = base | {"model": base["model"] | {"experts": experts, "experts_topk": topk,
                                                       "capacity_factor_measure": factor}}
            s = hf_model.shape_of(config, WORDS)
            lacks = hf_classes.lacks("MixtralForCausalLM", config, s)
            self.assertTrue(lacks.endswith(least) if least else lacks == "", lacks)
            self.assertEqual(hf_classes.choose(config, s),
                             "KcapForCausalLM" if least else "MixtralForCausalLM")

    def test_config_is_checked(self):
        """config.json says of itself that it is right, and what is wrong once one member is
        another."""
        told = {"model_type", "architectures", "max_position_embeddings", "attention_dropout",
                "hidden_dropout", "attn_pdrop", "embd_pdrop", "resid_pdrop", "initializer_range",
                "bos_token_id", "eos_token_id", "torch_dtype", "dtype", "use_cache",
                "router_aux_loss_coef", "router_jitter_noise", "output_router_logits"}
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "config.json")
            seen = Counter()
            for config, s in architectures():
                name = hf_classes.choose(config, s)
                seen[name] += 1
                if seen[name] > 300:
                    continue
                with open(path, "w", encoding="utf-8") as file:
                    json.dump(hf_config.written(name, config, s), file)
                found, named = hf_config.read(path)
                self.assertEqual(named, name)
                hf_config.check("x", found, name, config, s, "input")
                for key in found:
                    self.check_member(found, key, key not in told, (name, config, s))

    def check_member(self, found, key, decides, model):
        value = found[key]
        other = not value if isinstance(value, bool) else "another" if isinstance(value, str) else \
            value * 0.5 + 0.4 if isinstance(value, (int, float)) else True
        try:
            hf_config.check("x", Members({**found, key: other}), *model, "input")
        except hf_config.FileError as e:
            self.assertTrue(decides and key in str(e), e)
        else:
            self.assertFalse(decides, key)


if __name__ == "__main__":
    hf_harness.main()
