# SPDX-License-Identifier: BSD-3-Clause
"""parity.py PROGRAM: kcap's models, gradients and ten AdamW steps against PyTorch in float64.

The model below is written from the descriptions alone: GPT-2, rotary positions (arXiv 2104.09864),
RMSNorm (1910.07467), gated MLPs (2002.05202), shared keys and values (2305.13245), LLaMA
(2302.13971) and Mistral (2310.06825) with the sizes of 2404.05405 appendix A; Canon layers
(2512.17351) as PyTorch's depthwise convolution.
"""

import math
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from muon import Muon
from records import read

GPT2 = {"norm": "layernorm", "position": "rotary", "rotary_fraction": 0.25, "rotary_base": 10000,
        "mlp": "plain", "mlp_ratio": 4, "mlp_width": 0, "activation": "gelu", "biases": "all",
        "kv_heads": 0, "embeddings": "tied", "canon": "", "optimizer": "adamw", "norm_eps": 1e-5,
        "rotary_scaling": "none", "rotary_factor": 8, "rotary_low": 1, "rotary_high": 4,
        "rotary_context": 8192, "width": 0, "qk_norm": "no", "residual": "serial"}
LLAMA = {**GPT2, "norm": "rmsnorm", "rotary_fraction": 1, "mlp": "gated",
         "mlp_ratio": Fraction(8, 3), "activation": "silu", "biases": "none",
         "embeddings": "untied"}
MISTRAL = {**LLAMA, "mlp_ratio": Fraction(7, 2), "kv_heads": "groups"}
ARCHES = {"gpt2": GPT2, "llama": LLAMA, "mistral": MISTRAL}

# arch; T, layers, heads, head_dim, V; what differs from the preset, as keys of `model`.
CASES = (
    ("gpt2", (64, 2, 1, 32, 279), {"rotary_fraction": 1}),
    ("gpt2", (96, 2, 3, 20, 101), {"rotary_fraction": 0.5}),
    ("gpt2", (130, 1, 2, 16, 33), {}),
    ("gpt2", (200, 3, 4, 8, 50), {"rotary_fraction": 0}),
    # one switch each
    ("gpt2", (65, 2, 2, 10, 41), {"rotary_fraction": 0.4, "norm": "rmsnorm"}),
    ("gpt2", (65, 2, 2, 16, 41), {"rotary_base": 37}),
    ("gpt2", (130, 2, 3, 7, 41), {"position": "learned"}),
    ("gpt2", (65, 2, 2, 9, 41), {"position": "none"}),
    ("gpt2", (65, 2, 2, 16, 41), {"mlp": "gated"}),
    ("gpt2", (65, 2, 2, 16, 41), {"mlp": "none"}),
    ("gpt2", (65, 2, 2, 16, 41), {"mlp_ratio": 1}),
    ("gpt2", (65, 2, 2, 16, 41), {"mlp_width": 17}),
    ("gpt2", (65, 2, 2, 16, 41), {"activation": "silu"}),
    ("gpt2", (65, 2, 2, 16, 41), {"biases": "none"}),
    ("gpt2", (65, 2, 6, 8, 41), {"kv_heads": 3}),
    ("gpt2", (130, 2, 2, 16, 150), {"embeddings": "untied"}),
    # LLaMA, and Mistral with 1, 4, 2 and 2 key-value heads
    ("llama", (96, 2, 3, 10, 101), {}),
    ("llama", (150, 2, 1, 20, 37), {}),
    ("mistral", (70, 2, 3, 10, 41), {}),
    ("mistral", (70, 2, 8, 4, 41), {}),
    ("mistral", (70, 2, 4, 10, 41), {"kv_heads": 2}),
    ("mistral", (150, 1, 6, 6, 41), {}),
    # from the other side
    ("llama", (65, 2, 2, 10, 41), {"embeddings": "tied"}),
    ("llama", (65, 2, 2, 10, 41), {"mlp": "plain", "mlp_ratio": 4}),
    ("llama", (65, 2, 2, 10, 41), {"mlp": "none"}),
    ("llama", (65, 2, 2, 10, 41), {"norm": "layernorm"}),
    ("llama", (65, 2, 2, 10, 41), {"biases": "all", "mlp_width": 17}),
    ("llama", (65, 2, 2, 10, 41), {"activation": "gelu"}),
    ("llama", (65, 2, 4, 10, 41), {"kv_heads": 1, "rotary_fraction": 0.6}),
    # Canon layers: each place alone, then all, with what changes what they see
    ("gpt2", (65, 2, 2, 9, 41), {"position": "none", "canon": "A"}),
    ("gpt2", (65, 2, 2, 16, 41), {"canon": "B"}),
    ("gpt2", (65, 2, 2, 16, 41), {"canon": "C"}),
    ("gpt2", (65, 2, 2, 16, 41), {"canon": "D"}),
    ("gpt2", (3, 2, 2, 16, 41), {"canon": "ABCD"}),  # a window shorter than the kernel
    ("gpt2", (130, 2, 3, 7, 41), {"position": "learned", "canon": "ABCD"}),
    ("gpt2", (65, 2, 2, 9, 41), {"position": "none", "mlp": "none", "canon": "AB"}),
    ("llama", (96, 2, 3, 10, 41), {"canon": "ABCD"}),
    ("mistral", (70, 2, 4, 10, 41), {"kv_heads": 2, "biases": "all", "canon": "BD"}),
    # what newer models have: Qwen 2's biases and norms, scaled rotations; of 8 rates 2, 3 and 3
    ("llama", (65, 2, 4, 10, 41), {"biases": "qkv", "kv_heads": 2, "norm_eps": 0.3}),
    ("gpt2", (65, 2, 2, 16, 41), {"biases": "qkv", "norm_eps": 0.1, "optimizer": "muon"}),
    ("llama", (65, 2, 2, 16, 41), {"rotary_scaling": "linear", "rotary_factor": 3}),
    ("llama", (65, 2, 2, 16, 41), {"rotary_scaling": "llama3", "rotary_context": 40,
                                   "rotary_base": 500, "rotary_low": 0.25, "rotary_high": 3}),
    # Qwen 3's heads, wider and narrower than the model; GPT-NeoX's blocks
    ("llama", (65, 2, 4, 10, 41), {"width": 24, "kv_heads": 2, "qk_norm": "yes"}),
    ("mistral", (65, 2, 2, 10, 41), {"width": 27, "qk_norm": "yes", "biases": "all", "canon": "B",
                                     "optimizer": "muon"}),
    ("gpt2", (65, 2, 2, 16, 41), {"residual": "parallel", "activation": "gelu_erf"}),
    ("llama", (65, 2, 3, 10, 41), {"residual": "parallel", "canon": "AC", "width": 21}),
    # several at once
    ("gpt2", (67, 3, 3, 5, 23), {"position": "learned", "mlp": "gated", "mlp_width": 17,
                                 "norm": "rmsnorm", "kv_heads": 1, "embeddings": "untied"}),
    ("mistral", (129, 2, 4, 10, 130), {"position": "learned", "norm": "layernorm",
                                       "biases": "all", "kv_heads": 2, "embeddings": "tied"}),
    ("gpt2", (97, 2, 4, 9, 67), {"position": "none", "mlp": "none", "biases": "none"}),
    # Muon
    ("gpt2", (65, 2, 2, 16, 41), {"optimizer": "muon"}),
    ("mistral", (70, 2, 4, 10, 41), {"optimizer": "muon", "canon": "ABCD"}),
    ("gpt2", (65, 2, 2, 16, 41), {"optimizer": "muon", "mlp_ratio": 0.5}),
)

MATRICES = ("wte", "wpe", "head", "attn_qkv", "attn_out", "mlp_up", "mlp_down", "router", "exp_up",
            "exp_down")
HIDDEN = ("attn_qkv", "attn_out", "mlp_up", "mlp_down")  # Muon's

# Largest difference allowed, by what is compared; in brackets the largest measured.
BOUND = {"logits": 1e-5,  # absolute                                     [3.3e-6]
         "loss": 1e-7,    # relative                                     [1.9e-8]
         "grad": 5e-6,    # absolute, over the tensor's largest element  [1.3e-6]
         "hidden": 2e-5,  # absolute                                     [6.6e-6]
         "pulled": 5e-6,  # absolute, over the largest element         [1.4e-6]
         "norm": 2e-6,    # relative                                     [8.4e-7]
         "after": 6e-5}   # absolute; the weights move by up to 3e-2     [2.9e-5]


class Spec:
    """Sizes and switches of a case."""

    def __init__(self, arch, shape, changes):
        self.T, self.layers, self.heads, self.head_dim, self.V = shape
        keys = {**ARCHES[arch], **changes}
        self.dh = self.heads * self.head_dim
        self.d = keys["width"] or self.dh
        self.qk_normed, self.parallel = keys["qk_norm"] == "yes", keys["residual"] == "parallel"
        self.rms, self.position = keys["norm"] == "rmsnorm", keys["position"]
        self.rot = round(keys["rotary_fraction"] * self.head_dim)
        self.rates = rates(self.rot, keys)
        self.eps, self.biases = keys["norm_eps"], keys["biases"]
        self.mlp, self.activation = keys["mlp"], ACTIVATIONS[keys["activation"]]
        self.hidden = keys["mlp_width"] or math.floor(Fraction(keys["mlp_ratio"]) * self.d)
        self.canon, self.muon = keys["canon"], keys["optimizer"] == "muon"
        self.biased, self.untied = self.biases == "all", keys["embeddings"] == "untied"
        groups = {0: 4, 2: 2}.get(self.heads % 4, 1)
        self.kv = groups if keys["kv_heads"] == "groups" else keys["kv_heads"] or self.heads
        self.settings = f"train.context={self.T} model.arch={arch} model.layers={self.layers} " \
            f"model.heads={self.heads} model.head_dim={self.head_dim}" \
            + "".join(f" {'train' if key == 'optimizer' else 'model'}.{key}={value}"
                      for key, value in changes.items())

    @classmethod
    def of(cls, model, T, records):
        """Of the section `model` of an input, and the V that a file has."""
        return cls(model.get("arch", "gpt2"), (T, model["layers"], model["heads"],
                                               model["head_dim"], len(records["weight.wte"])), model)

    def shapes(self):
        """Every tensor that there has to be."""
        layers, d = self.layers, self.d
        qkv, up = self.dh + 2 * self.kv * self.head_dim, self.hidden * (1 + (self.mlp == "gated"))
        found = {"wte": (self.V, d), "ln1_gain": (layers, d), "attn_qkv": (layers, d, qkv),
                 "attn_out": (layers, self.dh, d), "lnf_gain": (d,)}
        biases = {"attn_qkv_bias": (layers, qkv), "attn_out_bias": (layers, d)}
        shifts = {"ln1_bias": (layers, d), "lnf_bias": (d,)}
        if self.mlp != "none":
            found.update({"ln2_gain": (layers, d), "mlp_up": (layers, d, up),
                          "mlp_down": (layers, self.hidden, d)})
            biases.update({"mlp_up_bias": (layers, up), "mlp_down_bias": (layers, d)})
            shifts["ln2_bias"] = (layers, d)
        if self.position == "learned":
            found["wpe"] = (self.T, d)
        if self.untied:
            found["head"] = (self.V, d)
        if self.qk_normed:
            found.update({"q_gain": (layers, self.head_dim), "k_gain": (layers, self.head_dim)})
        places = {"A": d, "B": qkv, "C": d, "D": up}
        found.update({"canon_" + place.lower(): (layers, 4, places[place]) for place in self.canon})
        if self.biases == "qkv":
            found["attn_qkv_bias"] = biases["attn_qkv_bias"]
        return {**found, **(biases if self.biased else {}),
                **(shifts if self.biased and not self.rms else {})}


def rates(rot, keys):
    """base^(-2j/rot), scaled as transformers' modeling_rope_utils.py has it, wavelength by wavelength."""
    rate = float(keys["rotary_base"]) ** (-2 * torch.arange(rot // 2, dtype=torch.float64) / max(rot, 1))
    slow, wavelength = rate / keys["rotary_factor"], 2 * math.pi / rate
    if keys["rotary_scaling"] == "linear":
        return slow
    if keys["rotary_scaling"] == "none":
        return rate
    context, low, high = keys["rotary_context"], keys["rotary_low"], keys["rotary_high"]
    smooth = (context / wavelength - low) / (high - low)
    return torch.where(wavelength > context / low, slow, torch.where(
        wavelength < context / high, rate, (1 - smooth) * slow + smooth * rate))


def rotate(x, rot, rate):
    """Turn dimensions j and j + rot/2 of x [B, h, T, hd] by t rate[j]."""
    half = rot // 2
    angle = torch.arange(x.shape[-2], dtype=torch.float64)[:, None] * rate
    turn = torch.polar(torch.ones_like(angle), angle)
    z = torch.complex(x[..., :half], x[..., half:rot]) * turn
    return torch.cat((z.real, z.imag, x[..., rot:]), dim=-1)


def silu(u):
    return u * torch.sigmoid(u)


def gelu(u):
    """In its tanh form."""
    return 0.5 * u * (1 + torch.tanh(math.sqrt(2 / math.pi) * (u + 0.044715 * u ** 3)))


def gelu_erf(u):
    return u * (1 + torch.erf(u / math.sqrt(2))) / 2


ACTIVATIONS = {"gelu": gelu, "silu": silu, "gelu_erf": gelu_erf}


class Model:
    """A decoder over the tensors of a file."""

    def __init__(self, records, spec):
        self.w = {name[7:]: torch.tensor(value, dtype=torch.float64, requires_grad=True)
                  for name, value in records.items() if name.startswith("weight.")}
        self.s, self.activation = spec, spec.activation

    def norm(self, x, name, layer=None):
        gain, bias = self.w[name + "_gain"], self.w.get(name + "_bias")
        if layer is not None:
            gain, bias = gain[layer], None if bias is None else bias[layer]
        if self.s.rms:
            return x / (x.square().mean(-1, keepdim=True) + self.s.eps).sqrt() * gain
        return F.layer_norm(x, (self.s.d,), gain, bias, eps=self.s.eps)

    def head_norm(self, x, name, layer):
        """Of each head for itself, with one gain for all."""
        if not self.s.qk_normed:
            return x
        return x / (x.square().mean(-1, keepdim=True) + self.s.eps).sqrt() * self.w[name][layer]

    def linear(self, x, name, *at):
        bias = self.w.get(name + "_bias")
        return F.linear(x, self.w[name][at].T, None if bias is None else bias[at])

    def canon(self, h, place, layer):
        """h [..., T, columns]; torch's kernel runs from the earliest token to this one."""
        kernel = self.w.get("canon_" + place)
        if kernel is None:
            return h
        past = F.pad(h.transpose(-1, -2), (len(kernel[layer]) - 1, 0))
        kernel = kernel[layer].flip(0).T.unsqueeze(1)
        return h + F.conv1d(past, kernel, groups=len(kernel)).transpose(-1, -2)

    def attention(self, x, layer):
        """Query head a belongs to group a // (heads / kv), whose queries see one key and value."""
        s, (windows, length, _) = self.s, x.shape
        q, k, v = (y.unflatten(-1, (-1, s.head_dim)).transpose(1, 2)
                   for y in self.canon(self.linear(x, "attn_qkv", layer), "b", layer)
                   .split((s.dh, s.kv * s.head_dim, s.kv * s.head_dim), dim=-1))
        q, k = self.head_norm(q, "q_gain", layer), self.head_norm(k, "k_gain", layer)
        if s.position == "rotary":
            q, k = rotate(q, s.rot, s.rates), rotate(k, s.rot, s.rates)
        q = q.unflatten(1, (s.kv, -1))
        score = torch.einsum("bgatj,bgsj->bgats", q, k) / math.sqrt(s.head_dim)
        future = torch.ones(length, length, dtype=torch.bool).triu(1)
        out = torch.einsum("bgats,bgsj->btgaj", score.masked_fill(future, -math.inf).softmax(-1), v)
        return self.linear(out.reshape(windows, length, s.dh), "attn_out", layer)

    def mlp(self, x, name, *at):
        u = self.linear(x, name + "_up", *at)
        u = self.canon(u, "d", at[0])
        if self.s.mlp == "gated":
            gate, up = u.chunk(2, dim=-1)
            return self.linear(self.activation(gate) * up, name + "_down", *at)
        return self.linear(self.activation(u), name + "_down", *at)

    def feed(self, x, layer):
        """What stands behind the attention of a block."""
        return self.mlp(x, "mlp", layer)

    def embedding(self, tokens):
        x = self.w["wte"][tokens]
        if self.s.position == "learned":
            x = x + self.w["wpe"][torch.arange(tokens.shape[-1])]
        return x

    def hidden(self, x):
        """The embedding, every block's output, the last norm's."""
        states = [x]
        for layer in range(self.s.layers):
            y = x + self.attention(self.canon(self.norm(x, "ln1", layer), "a", layer), layer)
            read = x if self.s.parallel else y
            if self.s.mlp != "none":
                y = y + self.feed(self.canon(self.norm(read, "ln2", layer), "c", layer), layer)
            x = y
            states.append(x)
        return [*states, self.norm(x, "lnf")]

    def logits(self, tokens):
        return F.linear(self.hidden(self.embedding(tokens))[-1],
                        self.w["head" if self.s.untied else "wte"])

    def loss(self, tokens, targets):
        """Summed over the targets that count."""
        logits = self.logits(tokens)
        return logits, F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=-1,
                                       reduction="sum")


def adamw(w, records):
    """AdamW as PyTorch has it, of these tensors; the rate is set step by step."""
    groups = [{"params": [w[name] for name in w if (name in MATRICES) == decays],
               "weight_decay": float(records["weight_decay"]) if decays else 0.0}
              for decays in (True, False)]
    return torch.optim.AdamW(groups, lr=0.0, eps=float(records["eps"]),
                             betas=(float(records["beta1"]), float(records["beta2"])))


def steps(model, records, tokens, targets, count):
    """AdamW or Muon, warm-up and cosine by hand. Returns the norms before clipping."""
    def hyper(name):
        return float(records[name])
    s, w = model.s, model.w
    hidden = {name: w[name] for name in HIDDEN if s.muon and name in w}
    adam = adamw({name: value for name, value in w.items() if name not in hidden}, records)
    keys = s.kv * s.head_dim
    muon = Muon(hidden, {"attn_qkv": (s.dh, keys, keys), "attn_out": s.d, "mlp_up": s.hidden,
                         "mlp_down": s.d}, hyper("momentum"), hyper("weight_decay"))
    norms = []
    for step in range(count):
        for value in w.values():
            value.grad = None
        loss = model.loss(tokens, targets)[1] / (targets >= 0).sum()
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(list(model.w.values()), hyper("clip"))))
        cosine = (1 + math.cos(math.pi * step / count)) / 2
        share = hyper("lr_final") + (1 - hyper("lr_final")) * cosine
        share *= min(1, (step + 1) / hyper("warmup_steps"))
        for group in adam.param_groups:
            group["lr"] = hyper("lr") * share
        adam.step()
        muon.step(hyper("muon_lr") * share)
    return norms


def hidden_differences(model, records, tokens):
    """Of the first window with one embedding moved, and a gradient pulled down to the embedding."""
    x = model.embedding(tokens[:1]).detach()
    x[0, x.shape[1] // 2] += torch.tensor(records["moved"], dtype=torch.float64)
    states = model.hidden(x.requires_grad_())
    for layer, (right, state) in enumerate(zip(states, records["hidden"], strict=True)):
        yield "hidden", str(layer), np.abs(right[0].detach().numpy() - state).max()
    states[-2].backward(torch.tensor(records["pushed"], dtype=torch.float64)[None])
    right = x.grad[0].numpy()
    yield "pulled", "embedding", np.abs(right - records["pulled"]).max() / np.abs(right).max()


def differences(records, spec):
    """(kind, name, difference) of everything compared."""
    model = Model(records, spec)
    tokens = torch.tensor(records["tokens"], dtype=torch.int64)
    targets = torch.tensor(records["targets"], dtype=torch.int64)
    logits, loss = model.loss(tokens, targets)
    loss.backward()
    yield "logits", "logits", np.abs(logits.detach().numpy() - records["logits"]).max()
    yield "loss", "loss", abs(loss.item() / float(records["loss"]) - 1)
    for name, weight in model.w.items():
        right = weight.grad.numpy()
        assert np.abs(right).max() > 1e-4, f"{name}: no gradient to compare"
        yield "grad", name, np.abs(right - records["grad." + name]).max() / np.abs(right).max()
    yield from hidden_differences(model, records, tokens)
    norms = steps(model, records, tokens, targets, len(records["norms"]))
    assert max(norms) > float(records["clip"]), "no step was clipped"
    yield "norm", "norm", np.abs(records["norms"] / norms - 1).max()
    for name, weight in model.w.items():
        right, moved = weight.detach().numpy(), records["weight." + name]
        assert np.abs(right - moved).max() > 1e-2, f"{name}: has not moved"
        yield "after", name, np.abs(right - records["after." + name]).max()


def cases(program, path):
    """(case, differences) in turn."""
    for seed, case in enumerate(CASES, start=1):
        spec = Spec(*case)
        subprocess.run([program, spec.settings, str(spec.V), str(seed), path], check=True)
        records = read(path)
        for kind in ("weight", "grad", "after"):
            assert {name.partition(".")[2]: value.shape for name, value in records.items()
                    if name.startswith(kind + ".")} == spec.shapes(), f"{case}: {kind}"
        yield case, differences(records, spec)


def main(every, bound):
    """Compare all cases of a program; the exit code."""
    if len(sys.argv) != 2:
        sys.exit(sys.modules["__main__"].__doc__)
    worst, failed = {}, 0
    torch.set_num_threads(1)  # these products are too small to share
    with tempfile.TemporaryDirectory() as folder:
        for case, found in every(sys.argv[1], Path(folder) / "out"):
            for kind, name, size in found:
                worst[kind] = max(worst.get(kind, (0,)), (size, str(case), name))
                if not size <= bound[kind]:
                    failed += 1
                    print(f"{case}: {kind} of {name}: {size:.3g} apart, allowed {bound[kind]:g}")
    assert worst.keys() == bound.keys()
    print("\n".join(f"{kind} {size:.2g} ({name} of {case})"
                    for kind, (size, case, name) in worst.items()))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(cases, BOUND))
