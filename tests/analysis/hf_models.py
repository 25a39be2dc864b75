# SPDX-License-Identifier: BSD-3-Clause
"""The classes of Hugging Face's transformers that kcap exports to, written in PyTorch from their
definitions with the names of their state_dict and config.json, and a reader of safetensors files;
nothing here knows kcap. In double precision."""
import json
import math
import os
import struct

import numpy as np
import torch
from torch import nn

import parity
from parity import rates, rotate

ACT = {"gelu_new": parity.gelu, "silu": parity.silu, "gelu": nn.functional.gelu}


def read_safetensors(path):
    """(tensors by name in the order of the file, metadata, offset of the data)."""
    with open(path, "rb") as file:
        raw = file.read()
    size, = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8:8 + size])
    metadata = header.pop("__metadata__", {})
    tensors, at = {}, 8 + size
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        assert entry["dtype"] == "F32" and end - begin == 4 * math.prod(entry["shape"])
        tensors[name] = np.frombuffer(raw[at + begin:at + end], "<f4").reshape(entry["shape"])
    return tensors, metadata, at


def write_safetensors(path, tensors, metadata=None):
    """As the library of the format's authors does it: without blanks at the header's end."""
    header, at = {"__metadata__": metadata} if metadata else {}, 0
    for name, value in tensors.items():
        header[name] = {"dtype": "F32", "shape": list(value.shape),
                        "data_offsets": [at, at + value.nbytes]}
        at += value.nbytes
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for value in tensors.values():
            file.write(np.ascontiguousarray(value, "<f4").tobytes())


def attend(q, k, v):
    """[heads, T, head_dim] each; causal."""
    T = q.shape[-2]
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(torch.ones(T, T).triu(1).bool(), -math.inf)
    return (scores.softmax(-1) @ v).transpose(0, 1).reshape(T, -1)


def rates_of(dims, base, c):
    """Of rope_scaling too: null, or an object of type linear or llama3."""
    said = c["rope_scaling"] or {}
    return rates(dims, {"rotary_base": base, "rotary_scaling": said.get("rope_type", "none"),
                        "rotary_factor": said.get("factor", 1), "rotary_low": said.get("low_freq_factor"),
                        "rotary_high": said.get("high_freq_factor"),
                        "rotary_context": said.get("original_max_position_embeddings")})


def heads(x, n):
    return x.view(x.shape[0], n, -1).transpose(0, 1)


class RMSNorm(nn.Module):
    def __init__(self, d, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(d)), eps

    def forward(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


class Decoder(nn.Module):
    """What all classes are: embedding, blocks, a last norm, and a head unless it is tied."""

    def __init__(self, head, c, width):
        super().__init__()
        self.head = head
        if not c["tie_word_embeddings"]:
            setattr(self, head, nn.Linear(width, c["vocab_size"], bias=False))

    def decode(self, tokens, embedding, blocks, norm, positions=0):
        x = embedding(tokens) + positions
        for block in blocks:
            x = block(x)
        return norm(x) @ getattr(self, self.head, embedding).weight.T


class Conv1D(nn.Module):
    """x W + b, W [in, out]."""

    def __init__(self, n_out, n_in):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_in, n_out))
        self.bias = nn.Parameter(torch.empty(n_out))

    def forward(self, x):
        return x @ self.weight + self.bias


class NeoXLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, f, self.n = c["hidden_size"], c["intermediate_size"], c["num_attention_heads"]
        self.dims = int(d // self.n * c["rotary_pct"])
        self.rates = rates_of(self.dims, c["rotary_emb_base"], c)
        self.parallel, self.act = c["use_parallel_residual"], ACT[c["hidden_act"]]
        self.input_layernorm = nn.LayerNorm(d, eps=c["layer_norm_eps"])
        self.post_attention_layernorm = nn.LayerNorm(d, eps=c["layer_norm_eps"])
        self.attention, self.mlp = nn.Module(), nn.Module()
        self.attention.query_key_value = nn.Linear(d, 3 * d, bias=c["attention_bias"])
        self.attention.dense = nn.Linear(d, d, bias=c["attention_bias"])
        self.mlp.dense_h_to_4h, self.mlp.dense_4h_to_h = nn.Linear(d, f), nn.Linear(f, d)

    def forward(self, x):
        qkv = heads(self.attention.query_key_value(self.input_layernorm(x)), self.n)
        q, k, v = qkv.chunk(3, -1)  # of [heads, T, 3 head_dim]
        q, k = rotate(q, self.dims, self.rates), rotate(k, self.dims, self.rates)
        y = x + self.attention.dense(attend(q, k, v))
        z = self.post_attention_layernorm(x if self.parallel else y)
        return y + self.mlp.dense_4h_to_h(self.act(self.mlp.dense_h_to_4h(z)))


class GPTNeoXForCausalLM(Decoder):
    def __init__(self, c):
        super().__init__("embed_out", c, c["hidden_size"])
        t = self.gpt_neox = nn.Module()
        t.embed_in = nn.Embedding(c["vocab_size"], c["hidden_size"])
        t.layers = nn.ModuleList(NeoXLayer(c) for _ in range(c["num_hidden_layers"]))
        t.final_layer_norm = nn.LayerNorm(c["hidden_size"], eps=c["layer_norm_eps"])

    def forward(self, tokens):
        t = self.gpt_neox
        return self.decode(tokens, t.embed_in, t.layers, t.final_layer_norm)


class GPT2Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        d, self.n, self.act = c["n_embd"], c["n_head"], ACT[c["activation_function"]]
        self.ln_1 = nn.LayerNorm(d, eps=c["layer_norm_epsilon"])
        self.ln_2 = nn.LayerNorm(d, eps=c["layer_norm_epsilon"])
        self.attn, self.mlp = nn.Module(), nn.Module()
        self.attn.c_attn, self.attn.c_proj = Conv1D(3 * d, d), Conv1D(d, d)
        self.mlp.c_fc, self.mlp.c_proj = Conv1D(c["n_inner"], d), Conv1D(d, c["n_inner"])

    def forward(self, x):
        q, k, v = (heads(part, self.n) for part in self.attn.c_attn(self.ln_1(x)).chunk(3, -1))
        x = x + self.attn.c_proj(attend(q, k, v))
        return x + self.mlp.c_proj(self.act(self.mlp.c_fc(self.ln_2(x))))


class GPT2LMHeadModel(Decoder):
    def __init__(self, c):
        super().__init__("lm_head", c, c["n_embd"])
        t = self.transformer = nn.Module()
        t.wte = nn.Embedding(c["vocab_size"], c["n_embd"])
        t.wpe = nn.Embedding(c["n_positions"], c["n_embd"])
        t.h = nn.ModuleList(GPT2Block(c) for _ in range(c["n_layer"]))
        t.ln_f = nn.LayerNorm(c["n_embd"], eps=c["layer_norm_epsilon"])

    def forward(self, tokens):
        t = self.transformer
        return self.decode(tokens, t.wte, t.h, t.ln_f, t.wpe(torch.arange(len(tokens))))


class MixtralMoE(nn.Module):
    """Softmax over all experts, the k largest made to sum to 1; no expert is ever full."""

    def __init__(self, c):
        super().__init__()
        d, f, n = c["hidden_size"], c["intermediate_size"], c["num_local_experts"]
        self.k, self.act = c["num_experts_per_tok"], ACT[c["hidden_act"]]
        self.gate = nn.Linear(d, n, bias=False)
        self.experts = nn.ModuleList(nn.Module() for _ in range(n))
        for expert in self.experts:
            expert.w1, expert.w3 = nn.Linear(d, f, bias=False), nn.Linear(d, f, bias=False)
            expert.w2 = nn.Linear(f, d, bias=False)

    def forward(self, x):
        share, chosen = self.gate(x).softmax(-1).topk(self.k, -1)
        share = share / share.sum(-1, keepdim=True)
        out = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            weight = (share * (chosen == i)).sum(-1, keepdim=True)
            out += weight * expert.w2(self.act(expert.w1(x)) * expert.w3(x))
        return out


class LlamaLayer(nn.Module):
    """Mistral's too, which has no biases and no key for them, Mixtral's, Qwen 2's, whose biases are of queries, keys
    and values alone, and Qwen 3's, which has norms of queries and keys."""

    def __init__(self, c):
        super().__init__()
        d, f, hd = c["hidden_size"], c["intermediate_size"], c["head_dim"]
        self.n, self.kv = c["num_attention_heads"], c["num_key_value_heads"]
        self.dims, self.act = hd, ACT[c["hidden_act"]]
        self.rates = rates_of(hd, c["rope_theta"], c)
        self.input_layernorm = RMSNorm(d, c["rms_norm_eps"])
        self.post_attention_layernorm = RMSNorm(d, c["rms_norm_eps"])
        a, m = nn.Module(), nn.Module()
        self.self_attn = a
        for name, n in (("q_proj", self.n), ("k_proj", self.kv), ("v_proj", self.kv)):
            setattr(a, name, nn.Linear(d, n * hd, bias=c.get("attention_bias", c["model_type"] == "qwen2")))
        self.is_normed = c["model_type"] == "qwen3"
        if self.is_normed:
            a.q_norm, a.k_norm = RMSNorm(hd, c["rms_norm_eps"]), RMSNorm(hd, c["rms_norm_eps"])
        a.o_proj = nn.Linear(self.n * hd, d, bias=c.get("attention_bias", False))
        if "num_local_experts" in c:
            self.block_sparse_moe = MixtralMoE(c)
            return
        self.mlp = m
        m.gate_proj = nn.Linear(d, f, bias=c.get("mlp_bias", False))
        m.up_proj = nn.Linear(d, f, bias=c.get("mlp_bias", False))
        m.down_proj = nn.Linear(f, d, bias=c.get("mlp_bias", False))

    def forward(self, x):
        a, y = self.self_attn, self.input_layernorm(x)
        q, k = heads(a.q_proj(y), self.n), heads(a.k_proj(y), self.kv)
        if self.is_normed:
            q, k = a.q_norm(q), a.k_norm(k)
        q, k = rotate(q, self.dims, self.rates), rotate(k, self.dims, self.rates)
        each = self.n // self.kv
        v = heads(a.v_proj(y), self.kv).repeat_interleave(each, 0)
        x = x + a.o_proj(attend(q, k.repeat_interleave(each, 0), v))
        y = self.post_attention_layernorm(x)
        if hasattr(self, "block_sparse_moe"):
            return x + self.block_sparse_moe(y)
        m = self.mlp
        return x + m.down_proj(self.act(m.gate_proj(y)) * m.up_proj(y))


class LlamaForCausalLM(Decoder):
    def __init__(self, c):
        super().__init__("lm_head", c, c["hidden_size"])
        t = self.model = nn.Module()
        t.embed_tokens = nn.Embedding(c["vocab_size"], c["hidden_size"])
        t.layers = nn.ModuleList(LlamaLayer(c) for _ in range(c["num_hidden_layers"]))
        t.norm = RMSNorm(c["hidden_size"], c["rms_norm_eps"])

    def forward(self, tokens):
        return self.decode(tokens, self.model.embed_tokens, self.model.layers, self.model.norm)


CLASSES = {"GPTNeoXForCausalLM": GPTNeoXForCausalLM, "GPT2LMHeadModel": GPT2LMHeadModel,
           "LlamaForCausalLM": LlamaForCausalLM, "MistralForCausalLM": LlamaForCausalLM,
           "MixtralForCausalLM": LlamaForCausalLM, "Qwen2ForCausalLM": LlamaForCausalLM,
           "Qwen3ForCausalLM": LlamaForCausalLM}


def logits(folder, tokens):
    """What from_pretrained and a forward pass would give, with no tensor too many or too few."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    model = CLASSES[config["architectures"][0]](config).double()
    tensors = read_safetensors(os.path.join(folder, "model.safetensors"))[0]
    model.load_state_dict({name: torch.tensor(value.astype(np.float64))
                           for name, value in tensors.items()}, strict=True)
    with torch.no_grad():
        return model(torch.tensor(tokens, dtype=torch.int64)).numpy()
