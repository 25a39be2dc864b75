# SPDX-License-Identifier: BSD-3-Clause
"""The shape of a configuration's model and its tensors, as include/kcap/nn/shapes.h and params.def
say them. A test holds this table to that one."""

import math
from dataclasses import dataclass

from kcap_files import FileError


@dataclass(frozen=True)
class Shape:
    """The alphabet of shapes.h."""
    T: int       # positions of a window
    d: int       # width
    h: int       # heads
    hd: int      # head dimension
    dh: int      # width of all heads
    kv: int      # key-value heads
    f: int       # hidden width of the MLP; 0: none
    E: int       # experts; 0: one MLP
    k: int       # experts a token goes to
    V: int       # vocabulary
    l: int       # blocks
    rot: int     # rotated dimensions of a head
    rms: bool
    learned: bool
    gated: bool
    act: str
    qk_normed: bool
    parallel: bool
    biased: bool
    qkv_biased: bool
    untied: bool
    renormalised: bool
    canon: int   # 1, 2, 4, 8 for Canon layers A, B, C, D


def setting(config, section, key, kind=str):
    """A value of the effective configuration. YAML reads 1e-05 as a text, so numbers are made."""
    try:
        return kind(config[section][key])
    except (KeyError, TypeError, ValueError):
        raise FileError(f"the configuration has no {section}.{key}, or one that is no "
                        f"{kind.__name__}: not of this version of kcap") from None


def shape_of(config, n_vocab):
    """The shape of a model over so many words."""
    def text(key):
        return setting(config, "model", key)

    def number(key, kind=int):
        return setting(config, "model", key, kind)
    h, hd = number("heads"), number("head_dim")
    dh = h * hd
    d = number("width") or dh
    wide = number("mlp_width") or math.floor(number("mlp_ratio", float) * d)
    f = 0 if text("mlp") == "none" else wide
    E = number("experts") if f else 0
    rotated = number("rotary_fraction", float) * hd
    return Shape(T=setting(config, "train", "context", int), d=d, h=h, hd=hd, dh=dh,
                 kv=number("kv_heads") or h, f=f, E=E, k=number("experts_topk") if E else 0,
                 V=n_vocab, l=number("layers"),
                 rot=int(rotated) + (rotated % 1 >= 0.5) if text("position") == "rotary" else 0,
                 rms=text("norm") == "rmsnorm", learned=text("position") == "learned",
                 gated=text("mlp") == "gated", act=text("activation"),
                 qk_normed=text("qk_norm") == "yes", parallel=f > 0 and text("residual") == "parallel",
                 biased=text("biases") == "all", qkv_biased=text("biases") != "none",
                 untied=text("embeddings") == "untied",
                 renormalised=text("experts_gate") == "renormalised",
                 canon=sum(1 << "ABCD".index(x) for x in text("canon").replace("none", "")))


@dataclass(frozen=True)
class Tensor:
    """One of /params. Of one block and expert it is [rows, cols], or [cols] where rows is 0."""
    name: str
    layers: int   # 0: outside the blocks
    experts: int  # 0: not of experts
    rows: int
    cols: int

    @property
    def dims(self):
        """The shape of the dataset."""
        return tuple(n for n in (self.layers, self.experts, self.rows) if n) + (self.cols,)

    @property
    def blocks(self):
        """How many [rows, cols] it is."""
        return (self.layers or 1) * (self.experts or 1)

    def block(self, i):
        """Index of the i-th of them in the dataset."""
        if self.experts:
            return divmod(i, self.experts)
        return (i,) if self.layers else ()


def tensors_of(s):
    """The tensors of a shape by name, in the order of params.def."""
    taps = 4
    qkv, m = s.dh + 2 * s.kv * s.hd, 2 * s.f if s.gated else s.f
    many, one = s.E > 0, s.f > 0 and s.E == 0
    biased, norm_bias = s.biased, s.biased and not s.rms
    rows = (
        ("once", True, "wte", s.V, s.d),
        ("layer", True, "ln1_gain", 0, s.d),
        ("layer", norm_bias, "ln1_bias", 0, s.d),
        ("layer", True, "attn_qkv", s.d, qkv),
        ("layer", s.qkv_biased, "attn_qkv_bias", 0, qkv),
        ("layer", True, "attn_out", s.dh, s.d),
        ("layer", biased, "attn_out_bias", 0, s.d),
        ("layer", s.f > 0, "ln2_gain", 0, s.d),
        ("layer", s.f > 0 and norm_bias, "ln2_bias", 0, s.d),
        ("layer", one, "mlp_up", s.d, m),
        ("layer", one and biased, "mlp_up_bias", 0, m),
        ("layer", one, "mlp_down", s.f, s.d),
        ("layer", one and biased, "mlp_down_bias", 0, s.d),
        ("once", True, "lnf_gain", 0, s.d),
        ("once", norm_bias, "lnf_bias", 0, s.d),
        ("once", s.learned, "wpe", s.T, s.d),
        ("once", s.untied, "head", s.V, s.d),
        ("layer", s.canon & 1, "canon_a", taps, s.d),
        ("layer", s.canon & 2, "canon_b", taps, qkv),
        ("layer", s.canon & 4 and s.f > 0, "canon_c", taps, s.d),
        ("layer", s.canon & 8 and s.f > 0 and s.E == 0, "canon_d", taps, m),
        ("layer", s.qk_normed, "q_gain", 0, s.hd),
        ("layer", s.qk_normed, "k_gain", 0, s.hd),
        ("layer", many, "router", s.d, s.E),
        ("expert", many, "exp_up", s.d, m),
        ("expert", many and biased, "exp_up_bias", 0, m),
        ("expert", many, "exp_down", s.f, s.d),
        ("expert", many and biased, "exp_down_bias", 0, s.d))
    return {name: Tensor(name, 0 if scope == "once" else s.l, s.E if scope == "expert" else 0, r, c)
            for scope, there, name, r, c in rows if there}


def count_params(tensors):
    """P, tied tensors once."""
    return sum(t.blocks * (t.rows or 1) * t.cols for t in tensors.values())
