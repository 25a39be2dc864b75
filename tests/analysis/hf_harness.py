# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of analysis/hf.py share: models of each class, the program called in this process,
safetensors files taken apart and put together without it. Called as `test.py KCAP MPIRUN
LOGITS`."""
import contextlib
import io
import json
import os
import re
import struct
import subprocess
import sys
from types import SimpleNamespace
from unittest import mock

import h5py
import xxhash
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
ANALYSIS = os.path.join(HERE, "..", "..", "analysis")
sys.path[1:1] = [ANALYSIS, os.path.join(HERE, "..", "app"), os.path.join(HERE, "..", "nn")]
import harness  # pylint: disable=wrong-import-position
import hf  # pylint: disable=wrong-import-position
import records  # pylint: disable=wrong-import-position
from harness import BIOD, BIOS, checkpoints, merged  # pylint: disable=wrong-import-position

LOGITS = None

# Weights that differ from each other and from their start: large deviation, a few large steps.
TRAIN = {"train": {"max_steps": 12, "lr": 2.0e-2, "warmup_steps": 1},
         "measure": {"every_exposures": 0}}
SMALL = {"layers": 2, "heads": 4, "head_dim": 8, "init_std": 0.2}


def of(base, **model):
    return merged(merged(base, **TRAIN), model={**SMALL, **model})


# name: class, input file
CASES = {
    "neox": ("GPTNeoXForCausalLM", of(BIOS)),
    "neox_odd": ("GPTNeoXForCausalLM", of(BIOD, heads=3, head_dim=14, rotary_fraction=0.43,
                                          rotary_base=500.0, embeddings="untied", mlp_width=50,
                                          activation="silu")),
    "gpt2": ("GPT2LMHeadModel", of(BIOS, position="learned")),
    "gpt2_untied": ("GPT2LMHeadModel", of(BIOD, position="learned", embeddings="untied",
                                          mlp_ratio=1.5)),
    "llama": ("LlamaForCausalLM", of(BIOS, arch="llama")),
    "llama_tied": ("LlamaForCausalLM", of(BIOD, arch="llama", embeddings="tied", biases="all",
                                          kv_heads=2, activation="gelu")),
    "mistral": ("MistralForCausalLM", of(BIOS, arch="mistral", kv_heads=2, head_dim=10)),
    "mixtral": ("MixtralForCausalLM", of(BIOD, arch="mistral", experts=4, experts_topk=2,
                                         experts_gate="renormalised", mlp_width=20)),
    "pythia": ("GPTNeoXForCausalLM", of(BIOD, residual="parallel", activation="gelu_erf",
                                        embeddings="untied", norm_eps=1e-3)),
    "llama3": ("LlamaForCausalLM", of(BIOD, arch="llama", kv_heads=2, width=20, rotary_base=500,
                                      rotary_scaling="llama3", rotary_context=40, norm_eps=1e-6)),
    "qwen2": ("Qwen2ForCausalLM", of(BIOD, arch="llama", biases="qkv", kv_heads=2, norm_eps=1e-6,
                                     rotary_base=1e6, embeddings="tied")),
    "qwen3": ("Qwen3ForCausalLM", of(BIOD, arch="llama", qk_norm="yes", kv_heads=2, width=24,
                                     rotary_scaling="linear", rotary_factor=3)),
    "experts": ("KcapForCausalLM", of(BIOD, experts=4, mlp_ratio=1)),
    "canon": ("KcapForCausalLM", of(BIOS, canon="ABCD")),
    "plain": ("KcapForCausalLM", of(BIOD, arch="llama", norm="layernorm", position="none")),
    "random": ("KcapForCausalLM", merged(of(BIOS, mlp="none"), corpus={"kind": "random",
               "length": 30, "vocab": 40})),
}


def seal(path):
    """Give a changed checkpoint a manifest that fits: of the one there, with another size and
    hash."""
    with open(path, "rb") as file:
        raw = file.read()
    chunks = b"".join(xxhash.xxh3_64_intdigest(raw[at:at + (1 << 24)]).to_bytes(8, "little")
                      for at in range(0, len(raw), 1 << 24))
    with open(path[:-3] + ".manifest", "r+", encoding="utf-8") as file:
        said = re.sub(r"bytes: \d+\n", f"bytes: {len(raw)}\n", file.read(), count=1)
        file.seek(0)
        file.write(re.sub("xxh3_64: .*", f"xxh3_64: {xxhash.xxh3_64_hexdigest(chunks)}", said))
        file.truncate()


def framed(header, data):
    """Bytes of a safetensors file; the header as an object or as bytes."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


class HfTest(harness.AppTest):
    """Each test stands in a folder of its own."""

    def setUp(self):
        super().setUp()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        os.environ["KCAP"] = harness.KCAP

    def hf(self, *args, code=0):
        """The program in this process, its exit code checked."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), \
                mock.patch.object(sys, "argv", ["hf.py"]):
            try:
                found = hf.main([str(a) for a in args])
            except SystemExit as e:
                found = e.code
        self.assertEqual(found, code, f"{args}:\n{out.getvalue()}\n{err.getvalue()}")
        return SimpleNamespace(stdout=out.getvalue(), stderr=err.getvalue())

    def trained(self, case, name="run"):
        self.input(CASES[case][1])
        self.kcap("train", "input.yaml", "--out", name, threads=1)
        return checkpoints(self.path(name))[12]

    def refused(self, words, *args, code=2):
        """One line with these words, the code, nothing written."""
        before = self.listing()
        done = self.hf(*args, code=code)
        said = [line for line in done.stderr.splitlines() if not line.startswith("hf: warning: ")]
        self.assertEqual(len(said), 1, f"{args}: {done.stderr}")
        self.assertTrue(said[0].startswith("hf: "), said)
        for word in words:
            self.assertIn(word, said[0])
        self.assertEqual(done.stdout, "")
        self.assertEqual(self.listing(), before, f"{args} has written something")
        return said[0]

    def refused_import(self, words, *args):
        return self.refused(words, "import", "hf", *args, "--out", "back")

    def export(self, case):
        """Train a case and export it to hf; returns the checkpoint."""
        path = self.trained(case)
        self.hf("export", "run", "hf")
        return path

    def read_json(self, *parts):
        return json.loads(self.read(*parts))

    def write_json(self, value, *parts):
        with open(self.path(*parts), "w", encoding="utf-8") as file:
            file.write(value if isinstance(value, str) else json.dumps(value))

    def open_hf(self):
        """hf/model.safetensors as it is: raw, its header and its data."""
        with open(self.path("hf", "model.safetensors"), "rb") as file:
            self.raw = file.read()
        size, = struct.unpack("<Q", self.raw[:8])
        self.header, self.data = json.loads(self.raw[8:8 + size]), self.raw[8 + size:]

    def put(self, raw, name="model.safetensors"):
        with open(self.path("hf", name), "wb") as file:
            file.write(raw)

    def framed(self, header, data=None):
        return framed(header, self.data if data is None else data)

    def reconfigured(self, **sections):
        """A header whose kcap.config has other keys."""
        texts = self.header["__metadata__"]
        config = merged(yaml.safe_load(texts["kcap.config"]), **sections)
        return {**self.header, "__metadata__": {**texts, "kcap.config": yaml.safe_dump(config)}}

    def params(self, run, step=12):
        with h5py.File(checkpoints(self.path(run))[step]) as file:
            return {name: data[()] for name, data in file["params"].items()}

    def logits_of(self, checkpoint):
        subprocess.run([LOGITS, checkpoint, self.path("logits")], env=harness.environment(1),
                       check=True, timeout=300)
        found = records.read(self.path("logits"))
        return found["tokens"], found["logits"]

    def measured(self, run):
        result = harness.one_object(self.kcap("measure", run, "--json", threads=1).stdout)
        for name in ("checkpoint", "seconds", "run_id", "imported_from", "started_utc"):
            result.pop(name)
        return result


def main():
    global LOGITS
    if len(sys.argv) > 3:
        LOGITS = os.path.abspath(sys.argv.pop(3))
    harness.main()
