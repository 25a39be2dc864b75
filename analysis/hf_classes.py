# SPDX-License-Identifier: BSD-3-Clause
"""The classes of Hugging Face's transformers: which of them computes an architecture exactly, and
under which names, in which shapes and orders it keeps the tensors."""

from dataclasses import dataclass

import numpy as np

from hf_model import setting, tensors_of

# The nearest first; KcapForCausalLM is kcap's own and serves all: the tensors of params.def.
MODEL_TYPES = {"GPTNeoXForCausalLM": "gpt_neox", "GPT2LMHeadModel": "gpt2",
               "MistralForCausalLM": "mistral", "MixtralForCausalLM": "mixtral",
               "LlamaForCausalLM": "llama", "Qwen2ForCausalLM": "qwen2",
               "Qwen3ForCausalLM": "qwen3", "KcapForCausalLM": "kcap"}
NEOX, GPT2, MISTRAL, MIXTRAL, LLAMA, QWEN2, QWEN3, PLAIN = MODEL_TYPES
LLAMAS = (MISTRAL, MIXTRAL, LLAMA, QWEN2, QWEN3)

NEVER_FULL = "experts that are never full"
QKV_BIASES = "biases of queries, keys and values alone"
SAME_BIASES = "biases of all projections or of none"
NOT_SCALED = "rotations that are not scaled"
QK_NORMS = "norms of queries and keys"
NO_QK_NORMS = "no norms of queries and keys"
SERIAL = "an MLP that reads what attention gives"
HEADS_OF_WIDTH = "a width of heads x head_dim"
NO_CANON = {"no Canon layers"}
_LLAMAS = {"rmsnorm", "rotation of whole heads", "a gated MLP", SERIAL} | NO_CANON
_GPTS = {"layernorm", "a plain MLP", "biases", "no experts", "key-value heads as many as heads",
         HEADS_OF_WIDTH, NO_QK_NORMS} | NO_CANON
DEMANDS = {
    NEOX: _GPTS | {"rotary positions", NOT_SCALED},
    GPT2: _GPTS | {"learned positions", SERIAL},
    MISTRAL: _LLAMAS | {"no biases", "no experts", NOT_SCALED, NO_QK_NORMS},
    MIXTRAL: _LLAMAS | {"no biases", "experts", "renormalised gates", NEVER_FULL, NOT_SCALED,
                        NO_QK_NORMS},
    LLAMA: _LLAMAS | {SAME_BIASES, "no experts", NO_QK_NORMS},
    QWEN2: _LLAMAS | {QKV_BIASES, "no experts", NO_QK_NORMS},
    QWEN3: _LLAMAS | {"no biases", "no experts", QK_NORMS},
    PLAIN: set()}


def facts(config, s):
    """What an architecture can have and a class demand, in the order messages tell it."""
    never_full = not s.E or setting(config, "model", "capacity_factor_measure", float) >= s.E / s.k
    scaled = s.rot > 0 and setting(config, "model", "rotary_scaling") != "none"
    return {"layernorm": not s.rms, "rmsnorm": s.rms, "learned positions": s.learned,
            "rotary positions": s.rot > 0, "rotation of whole heads": s.rot == s.hd,
            NOT_SCALED: not scaled,
            "a plain MLP": s.f > 0 and not s.gated, "a gated MLP": s.f > 0 and s.gated,
            "biases": s.biased, "no biases": not s.qkv_biased,
            SAME_BIASES: s.biased == s.qkv_biased, QKV_BIASES: s.qkv_biased and not s.biased,
            "no experts": s.E == 0, "experts": s.E > 0, "renormalised gates": s.renormalised,
            NEVER_FULL: never_full, "key-value heads as many as heads": s.kv == s.h,
            HEADS_OF_WIDTH: s.d == s.dh, QK_NORMS: s.qk_normed, NO_QK_NORMS: not s.qk_normed,
            SERIAL: not s.parallel, "no Canon layers": not s.canon}


def lacks(name, config, s):
    """What a class has and this architecture has not, such as "layernorm, a plain MLP"; "": the
    class computes it exactly. Mixtral drops no token: measuring must drop none either."""
    missing = [fact for fact, there in facts(config, s).items()
               if fact in DEMANDS[name] and not there]
    if NEVER_FULL in missing:  # to four digits, upwards
        least = (s.E * 10000 + s.k - 1) // s.k / 10000
        factor = setting(config, "model", "capacity_factor_measure", float)
        missing[missing.index(NEVER_FULL)] += (
            f" (raise model.capacity_factor_measure from {factor:g} to at least {least:.9g})")
    return ", ".join(missing)


def choose(config, s):
    """The first class that computes this architecture; Mistral's for model.arch mistral alone,
    since LLaMA's does all that it does."""
    return next(name for name in MODEL_TYPES if not lacks(name, config, s) and
                (name != MISTRAL or setting(config, "model", "arch") == "mistral"))


# kcap keeps the matrix of x W as [in, out], as GPT-2's Conv1D does; torch's Linear [out, in].
AS_IS, TURNED = "as it is", "transposed"
BY_HEAD = "transposed, its rows as [heads, (query, key, value), head_dim]"

# A tensor's form in a class, part of its columns, name; * is the block, a second one the expert.
_NEOX = "gpt_neox.layers.*."
_GPT2 = "transformer.h.*."
_LLAMA = "model.layers.*."
_EXPERT = _LLAMA + "block_sparse_moe.experts.*."
NEOX_ROWS = (
    ("wte", AS_IS, "all", "gpt_neox.embed_in.weight"),
    ("ln1_gain", AS_IS, "all", _NEOX + "input_layernorm.weight"),
    ("ln1_bias", AS_IS, "all", _NEOX + "input_layernorm.bias"),
    ("attn_qkv", BY_HEAD, "all", _NEOX + "attention.query_key_value.weight"),
    ("attn_qkv_bias", BY_HEAD, "all", _NEOX + "attention.query_key_value.bias"),
    ("attn_out", TURNED, "all", _NEOX + "attention.dense.weight"),
    ("attn_out_bias", AS_IS, "all", _NEOX + "attention.dense.bias"),
    ("ln2_gain", AS_IS, "all", _NEOX + "post_attention_layernorm.weight"),
    ("ln2_bias", AS_IS, "all", _NEOX + "post_attention_layernorm.bias"),
    ("mlp_up", TURNED, "all", _NEOX + "mlp.dense_h_to_4h.weight"),
    ("mlp_up_bias", AS_IS, "all", _NEOX + "mlp.dense_h_to_4h.bias"),
    ("mlp_down", TURNED, "all", _NEOX + "mlp.dense_4h_to_h.weight"),
    ("mlp_down_bias", AS_IS, "all", _NEOX + "mlp.dense_4h_to_h.bias"),
    ("lnf_gain", AS_IS, "all", "gpt_neox.final_layer_norm.weight"),
    ("lnf_bias", AS_IS, "all", "gpt_neox.final_layer_norm.bias"),
    ("head", AS_IS, "all", "embed_out.weight"))
GPT2_ROWS = (
    ("wte", AS_IS, "all", "transformer.wte.weight"),
    ("wpe", AS_IS, "all", "transformer.wpe.weight"),
    ("ln1_gain", AS_IS, "all", _GPT2 + "ln_1.weight"),
    ("ln1_bias", AS_IS, "all", _GPT2 + "ln_1.bias"),
    ("attn_qkv", AS_IS, "all", _GPT2 + "attn.c_attn.weight"),
    ("attn_qkv_bias", AS_IS, "all", _GPT2 + "attn.c_attn.bias"),
    ("attn_out", AS_IS, "all", _GPT2 + "attn.c_proj.weight"),
    ("attn_out_bias", AS_IS, "all", _GPT2 + "attn.c_proj.bias"),
    ("ln2_gain", AS_IS, "all", _GPT2 + "ln_2.weight"),
    ("ln2_bias", AS_IS, "all", _GPT2 + "ln_2.bias"),
    ("mlp_up", AS_IS, "all", _GPT2 + "mlp.c_fc.weight"),
    ("mlp_up_bias", AS_IS, "all", _GPT2 + "mlp.c_fc.bias"),
    ("mlp_down", AS_IS, "all", _GPT2 + "mlp.c_proj.weight"),
    ("mlp_down_bias", AS_IS, "all", _GPT2 + "mlp.c_proj.bias"),
    ("lnf_gain", AS_IS, "all", "transformer.ln_f.weight"),
    ("lnf_bias", AS_IS, "all", "transformer.ln_f.bias"),
    ("head", AS_IS, "all", "lm_head.weight"))
LLAMA_ROWS = (
    ("wte", AS_IS, "all", "model.embed_tokens.weight"),
    ("ln1_gain", AS_IS, "all", _LLAMA + "input_layernorm.weight"),
    ("attn_qkv", TURNED, "queries", _LLAMA + "self_attn.q_proj.weight"),
    ("attn_qkv", TURNED, "keys", _LLAMA + "self_attn.k_proj.weight"),
    ("attn_qkv", TURNED, "values", _LLAMA + "self_attn.v_proj.weight"),
    ("attn_qkv_bias", AS_IS, "queries", _LLAMA + "self_attn.q_proj.bias"),
    ("attn_qkv_bias", AS_IS, "keys", _LLAMA + "self_attn.k_proj.bias"),
    ("attn_qkv_bias", AS_IS, "values", _LLAMA + "self_attn.v_proj.bias"),
    ("attn_out", TURNED, "all", _LLAMA + "self_attn.o_proj.weight"),
    ("attn_out_bias", AS_IS, "all", _LLAMA + "self_attn.o_proj.bias"),
    ("ln2_gain", AS_IS, "all", _LLAMA + "post_attention_layernorm.weight"),
    ("mlp_up", TURNED, "gate", _LLAMA + "mlp.gate_proj.weight"),
    ("mlp_up", TURNED, "up", _LLAMA + "mlp.up_proj.weight"),
    ("mlp_up_bias", AS_IS, "gate", _LLAMA + "mlp.gate_proj.bias"),
    ("mlp_up_bias", AS_IS, "up", _LLAMA + "mlp.up_proj.bias"),
    ("mlp_down", TURNED, "all", _LLAMA + "mlp.down_proj.weight"),
    ("mlp_down_bias", AS_IS, "all", _LLAMA + "mlp.down_proj.bias"),
    ("q_gain", AS_IS, "all", _LLAMA + "self_attn.q_norm.weight"),
    ("k_gain", AS_IS, "all", _LLAMA + "self_attn.k_norm.weight"),
    ("lnf_gain", AS_IS, "all", "model.norm.weight"),
    ("head", AS_IS, "all", "lm_head.weight"))
MIXTRAL_ROWS = LLAMA_ROWS + (
    ("router", TURNED, "all", _LLAMA + "block_sparse_moe.gate.weight"),
    ("exp_up", TURNED, "gate", _EXPERT + "w1.weight"),
    ("exp_up", TURNED, "up", _EXPERT + "w3.weight"),
    ("exp_down", TURNED, "all", _EXPERT + "w2.weight"))
ROWS = {NEOX: NEOX_ROWS, GPT2: GPT2_ROWS, MISTRAL: LLAMA_ROWS, LLAMA: LLAMA_ROWS, QWEN2: LLAMA_ROWS, QWEN3: LLAMA_ROWS,
        MIXTRAL: MIXTRAL_ROWS, PLAIN: ()}


@dataclass(frozen=True)
class Piece:
    """A tensor of a class: the chosen columns of some blocks of one of kcap's, one after
    another."""
    name: str
    shape: tuple
    tensor: object   # a hf_model.Tensor
    blocks: range    # of the tensor
    form: str
    first: int       # columns
    n: int
    heads: int       # of BY_HEAD

    def size(self):
        """Values of one block."""
        return (self.tensor.rows or 1) * self.n

    def take(self, block):
        """The values [rows, cols] or [cols] of kcap's as the class has them, flat."""
        x = block.reshape(self.tensor.rows or 1, -1)[:, self.first:self.first + self.n]
        if self.form == BY_HEAD:
            x = x.reshape(len(x), 3, self.heads, -1).transpose(2, 1, 3, 0)
        elif self.form == TURNED:
            x = x.T
        return np.ascontiguousarray(x).reshape(-1)

    def put(self, values):
        """The inverse: flat values of the class as the columns [rows, n] or [n] of kcap's."""
        rows = self.tensor.rows or 1
        if self.form == BY_HEAD:
            x = values.reshape(self.heads, 3, -1, rows).transpose(3, 1, 0, 2)
        elif self.form == TURNED:
            x = values.reshape(self.n, rows).T
        else:
            x = values
        return x.reshape((rows, self.n) if self.tensor.rows else (self.n,))


def _columns(part, s, cols):
    keys = s.kv * s.hd
    return {"all": (0, cols), "queries": (0, s.dh), "keys": (s.dh, keys),
            "values": (s.dh + keys, keys), "gate": (0, s.f), "up": (s.f, s.f)}[part]


def _named(pattern, tensor, block):
    for number in tensor.block(block):
        pattern = pattern.replace("*", str(number), 1)
    return pattern


def pieces(name, s):
    """The tensors of a class for this shape, one after the other; together every parameter once."""
    tensors = tensors_of(s)
    for t in tensors.values() if name == PLAIN else ():
        yield Piece(t.name, t.dims, t, range(t.blocks), AS_IS, 0, t.cols, s.h)
    for key, form, part, pattern in ROWS[name]:
        t = tensors.get(key)
        for i in range(t.blocks if t else 0):
            first, n = _columns(part, s, t.cols)
            shape = (n,) if not t.rows else (t.rows, n) if form == AS_IS else (n, t.rows)
            yield Piece(_named(pattern, t, i), shape, t, range(i, i + 1), form, first, n, s.h)


def count(name, s):
    """How many there are, without making them."""
    tensors = tensors_of(s)
    if name == PLAIN:
        return len(tensors)
    return sum(tensors[key].blocks for key, _, _, _ in ROWS[name] if key in tensors)
