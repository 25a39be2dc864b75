# SPDX-License-Identifier: BSD-3-Clause
"""kcap quantize: really packed, read by measure, the same file on any ranks; bad options refused."""
import filecmp
import os
import re
import shlex
import shutil
import subprocess
import sys

import h5py
import numpy as np

import harness
from harness import BIOD, checkpoints, merged, one_object, read_attributes

ANALYSIS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "analysis")
sys.path += [ANALYSIS, os.path.join(ANALYSIS, "..", "tests", "transform")]
import kcap_checkpoint  # pylint: disable=wrong-import-position
import solve  # pylint: disable=wrong-import-position

TRAINED = merged(BIOD, corpus={"exposures": 60}, train={"lr": 1.0e-2})
MOE = merged(BIOD, model={"experts": 4, "experts_topk": 2})
BLOCKS = ("attn_qkv", "attn_out", "mlp_up", "mlp_down")


def nearest(w, bits, group, axis, asymmetric=False):
    """The nearest codes times their scales, with inputs along this axis."""
    w = np.moveaxis(w, axis, 0)
    found = np.empty_like(w)
    for first in range(0, len(w), group or len(w)):
        part = w[first:first + (group or len(w))]
        scale, zero = solve.grid_of(part, bits, asymmetric)
        codes = np.clip(np.rint(part.astype("f8") / np.where(scale > 0, scale, 1)) + zero, 0,
                        2 ** bits - 1)
        found[first:first + len(part)] = (codes - zero + 0.0).astype("f4") * scale  # no -0
    return np.moveaxis(found, 0, axis)


class Quantize(harness.AppTest):
    def quantize(self, source, out, *args, **more):
        told = one_object(self.kcap("quantize", source, "--out", out, "--json", *args,
                                    **more).stdout)
        self.assertEqual((told["status"], told["checkpoint"], told["bytes"]),
                         ("quantized", out, os.path.getsize(self.path(out))))
        return told

    def measured(self, where, **more):
        return one_object(self.kcap("measure", where, "--json", **more).stdout)

    def params(self, out):
        """As the analysis reads them, from the bytes and scales."""
        with kcap_checkpoint.find(self.path(out)) as found, h5py.File(self.path(out)) as file:
            return {name: found.values(name, ...) for name in file["params"]}

    @staticmethod
    def bits_of(file):
        """Of a parameter: of all bytes of the file that are of weights; a scale is half as wide as read."""
        wide = sum(8 * d.nbytes for group in ("params", "zeros") for d in file.get(group, {}).values())
        halves = sum(16 * d.size for d in file["scales"].values())
        return (wide + halves) / int(file.attrs["n_params"])

    def train(self, config):
        self.input(config)
        self.kcap("train", "input.yaml", "--out", "run")
        whole = checkpoints(self.path("run"))
        return os.path.relpath(whole[max(whole)], self.folder)

    def test_rounding(self):
        """Codes and scales are those of numpy; what stays is bit for bit what it was."""
        for config, blocks in (BIOD, BLOCKS), (MOE, BLOCKS[:2] + ("exp_up", "exp_down")):
            was = self.params(self.train(config))
            for bits, args in ((4, ()), (3, ("--group", 8)), (5, ("--embeddings",)),
                               (2, ("--asymmetric", "--group", 5, "--embeddings"))):
                out = f"q{bits}_{blocks[2]}.h5"
                told = self.quantize("run", out, "--bits", bits, *args)
                found, attributes = self.params(out), read_attributes(self.path(out))
                group = args[args.index("--group") + 1] if "--group" in args else 0
                asymmetric = "--asymmetric" in args
                for name, w in was.items():
                    packed = name in blocks or (name == "wte" and "--embeddings" in args)
                    wanted = nearest(w, bits, group, -1 if name == "wte" else -2,
                                     asymmetric) if packed else w
                    self.assert_same_bits({name: wanted}, {name: found[name]}, name)
                self.assertEqual([attributes[f"quantized_{x}"] for x in (
                    "by", "bits", "group", "asymmetric", "embeddings")],
                                 ["rtn", bits, group, int(asymmetric), int("--embeddings" in args)])
                with h5py.File(self.path(out)) as file:
                    for name in blocks:
                        d = file["params"][name]
                        self.assertEqual((d.attrs["codec"], d.attrs["bits"], d.attrs["group"]),
                                         ("packed_asymmetric" if asymmetric else "packed", bits, group))
                        self.assertEqual(d.nbytes, -(-was[name].size * bits // 8))
                    self.assertAlmostEqual(told["stored_bits_per_param"], self.bits_of(file), places=9)
            self.kcap("transform", "strip", "run", "--out", f"strip_{blocks[2]}.h5")
            n = sum(was[name].size for name in blocks)
            saved = os.path.getsize(self.path(f"strip_{blocks[2]}.h5")) - os.path.getsize(
                self.path(f"q4_{blocks[2]}.h5"))
            self.assertGreater(saved, 0.7 * 3.5 * n)  # scales and attributes take the rest
            shutil.rmtree(self.path("run"))

    def test_measured(self):
        """16 bits change nothing, 2 bits much; GPTQ is nearer than rounding; packed is packed after strip."""
        self.train(TRAINED)
        whole = self.measured("run")
        self.assertEqual((whole["quantized_by"], whole["stored_bits_per_param"]), ("", 32))
        for method, more in ("rtn", ()), ("gptq", ("--asymmetric",)):
            self.quantize("run", f"{method}16.h5", "--bits", 16, "--method", method, "--embeddings",
                          *more)
            found = self.measured(f"{method}16.h5")
            self.assertLess(abs(found["total_bits"] / whole["total_bits"] - 1), 1e-3)
            self.assertEqual(found["bits_per_stored_bit"],
                             found["bits_per_param"] / found["stored_bits_per_param"])
        told = self.quantize("run", "q3.h5", "--bits", 3, "--method", "gptq", "--act-order",
                             "--asymmetric")
        self.assertLess(told["error"], 0.9 * told["rounding_error"])
        self.assertEqual((told["documents"], told["calibration_tokens"] % 10 != 0), (40, True))
        found = self.measured("q3.h5")
        self.assertNotEqual(found["total_bits"], whole["total_bits"])
        self.assertLess(found["stored_bits_per_param"], 20)
        said = self.kcap("measure", "q3.h5").stdout
        self.assertIn("gptq, 3 bits, asymmetric, a scale an output; embeddings, norms and biases as "
                      "they were", said)
        self.assertIn("bits a stored bit", said)
        self.kcap("transform", "strip", "q3.h5", "--out", "again.h5")
        again = self.measured("again.h5")
        for name in "total_bits", "stored_bits_per_param", "quantized_by", "quantized_asymmetric":
            self.assertEqual(again[name], found[name])
        self.assertEqual(again["transformed_by"], "quantize (gptq, 3 bits, asymmetric, a scale a channel, "
                         "embeddings as they were), strip")
        self.kcap("transform", "bf16", "run", "--out", "half.h5")
        self.quantize("half.h5", "half4.h5", "--bits", 4)
        self.assertLess(self.measured("half4.h5")["stored_bits_per_param"], 14)

    def test_halved_after_it(self):
        """What is packed stays so, bit for bit; the rest takes half, as where it was halved before."""
        self.train(merged(BIOD, train={"max_steps": 2}))
        self.kcap("transform", "bf16", "run", "--out", "half.h5")
        for name, args in ("one", ()), ("all", ("--asymmetric", "--group", 8, "--embeddings")):
            self.quantize("run", f"{name}.h5", "--bits", 4, *args)
            self.quantize("half.h5", f"{name}_before.h5", "--bits", 4, *args)
            for ranks in 0, 2:
                out = f"{name}{ranks}.h5"
                said = self.kcap("transform", "bf16", f"{name}.h5", "--out", out, ranks=ranks).stdout
                sizes = [os.path.getsize(self.path(x)) for x in (out, f"{name}.h5", f"{name}_before.h5")]
                self.assertEqual(said, f"{out}: {sizes[0]} bytes, of {sizes[1]} of {name}.h5\n")
                self.assertLess(sizes[0], sizes[1])
                self.assertLess(abs(sizes[0] - sizes[2]), 500)  # their attributes
                with h5py.File(self.path(out)) as file, h5py.File(self.path(f"{name}.h5")) as old:
                    for group in "params", "scales", "zeros":
                        for x, d in old.get(group, {}).items():
                            if group != "params" or d.attrs["codec"] != "float32":
                                self.assertEqual(d[()].tobytes(), file[group][x][()].tobytes(), x)
                                self.assertEqual(dict(d.attrs), dict(file[group][x].attrs), x)
                            else:
                                self.assertEqual(file[group][x].attrs["codec"], "bfloat16")

    def test_more_bits_of_fewer(self):
        """Nothing comes back: it is said, with both sizes."""
        self.train(merged(BIOD, train={"max_steps": 2}))
        self.kcap("quantize", "run", "--bits", 3, "--out", "q3.h5")
        told = self.quantize("q3.h5", "q2.h5", "--bits", 2)
        self.assertEqual(told["source_bytes"], os.path.getsize(self.path("q3.h5")))
        stored = self.measured("q3.h5")["stored_bits_per_param"]
        for method in "rtn", "gptq":
            said = self.kcap("quantize", "q3.h5", "--bits", 8, "--method", method, "--out",
                             f"{method}.h5").stdout
            self.assertIn(f"more than q3.h5, of {told['source_bytes']} bytes and {stored:.4f} bits a "
                          "parameter: what was rounded there does not come back\n", said)
        self.assertNotIn("more than", self.kcap("quantize", "q3.h5", "--bits", 2, "--out", "r2.h5").stdout)

    def test_on_any_ranks_the_same_file(self):
        self.train(TRAINED)
        for args in (("--method", "gptq", "--group", 8, "--act-order", "--embeddings"),
                     ("--asymmetric",)):
            seen = set()
            for ranks in 0, 2, 4:
                out = f"r{ranks}_{len(args)}.h5"
                self.quantize("run", out, "--bits", 3, *args, ranks=ranks, threads=1)
                with open(self.path(out), "rb") as file:
                    seen.add(file.read())
            self.assertEqual(len(seen), 1)

    def test_first_matrix(self):
        """The first block's first matrix is what the definition makes of it, of the documents that
        measurement reads: embedded, normed, all but the last token of a window."""
        was = self.params(self.train(TRAINED))
        self.quantize("run", "q3.h5", "--bits", 3, "--method", "gptq", "--group", 6)
        rows = sum(self.windows(40), [])
        x = was["wte"][rows].astype("f8")
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
        x = x * was["ln1_gain"][0] + was["ln1_bias"][0]
        wanted = solve.reference(x.T @ x, was["attn_qkv"][0], 3, 6, 0, 0.01)
        found = self.params("q3.h5")["attn_qkv"][0]
        # The Hessian is summed in single precision, which moves what lies between two codes.
        self.assertGreater(np.isclose(found, wanted, rtol=1e-6, atol=0).mean(), 0.99)
        rounded = nearest(was["attn_qkv"][0], 3, 6, -2)
        self.assertLess(np.isclose(found, rounded, rtol=1e-6, atol=0).mean(), 0.9)

    def test_takes_no_more_room_than_it_fills(self):
        """A disk with less room than the source takes is enough for what is packed of it."""
        self.train(merged(BIOD, model={"head_dim": 32}, train={"max_steps": 1}))
        kib = os.path.getsize(checkpoints(self.path("run"))[1]) // 2048
        line = f"ulimit -f {kib}; exec {shlex.quote(harness.KCAP)} quantize run --bits 4 --out q.h5"
        env = dict(harness.environment(1), OMPI_MCA_ess_singleton_isolated="1")
        done = subprocess.run(["bash", "-c", line], cwd=self.folder, env=env,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertLess(os.path.getsize(self.path("q.h5")), 1024 * kib)

    def test_experts(self):
        """Each expert by the tokens that come to it, of one block without positions; an expert that none comes
        to is rounded; the same file where training had the experts on two ranks."""
        self.input(merged(TRAINED, train={"max_steps": 10}, model={
            "layers": 1, "heads": 1, "head_dim": 16, "position": "none", "experts": 12,
            "experts_topk": 2, "capacity_factor_measure": 6.0}, parallel={"ep": 2}))
        self.kcap("train", "input.yaml", "--out", "run", ranks=2, threads=1)
        was = self.params("run/checkpoints/" + os.path.basename(
            checkpoints(self.path("run"))[max(checkpoints(self.path("run")))]))
        for documents in 40, 1:
            args = ("--bits", 3, "--method", "gptq", "--documents", documents)
            self.quantize("run", f"q{documents}.h5", *args)
            self.quantize("run", f"two{documents}.h5", *args, ranks=2, threads=1)
            self.assertTrue(filecmp.cmp(self.path(f"q{documents}.h5"), self.path(f"two{documents}.h5"), False))
            found, seen = self.params(f"q{documents}.h5"), 0
            for e, x in enumerate(self.inputs_of_experts(documents, was, found)):
                seen += len(x) > 0
                for name in ("exp_up", "exp_down") if len(x) == 0 else ("exp_up",):
                    w = was[name][0, e]
                    wanted = solve.reference(x.T @ x, w, 3, 0, 0, 0.01) if len(x) else nearest(
                        w, 3, 0, -2)
                    self.assertGreater(np.isclose(found[name][0, e], wanted, rtol=1e-6,
                                                  atol=0).mean(), 0.98 if len(x) else 1 - 1e-9)
            self.assertIn(seen, range(8, 13) if documents == 40 else range(2, 12))

    def inputs_of_experts(self, documents, was, found):
        """The rows that each expert of the first block multiplies, in double."""
        def normed(x, name):
            x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-5)
            return x * was[f"{name}_gain"][0] + was[f"{name}_bias"][0]
        rows = [[] for _ in range(12)]
        for window in self.windows(documents):
            x = was["wte"][window].astype("f8")
            q, k, v = np.split(normed(x, "ln1") @ found["attn_qkv"][0] + was["attn_qkv_bias"][0], 3,
                               axis=1)
            scores = np.where(np.tri(len(x)) > 0, q @ k.T / 4, -np.inf)
            p = np.exp(scores - scores.max(1, keepdims=True))
            x = x + p / p.sum(1, keepdims=True) @ v @ found["attn_out"][0] + was["attn_out_bias"][0]
            x = normed(x, "ln2")
            for row, chosen in zip(x, np.argsort(-(x @ was["router"][0]), axis=1)[:, :2]):
                for e in chosen:
                    rows[e].append(row)
        return [np.array(x).reshape(-1, 16) for x in rows]

    def windows(self, documents):
        """As measurement cuts them, all but the last token of each: that one's successor is not counted."""
        window, all_of = [], []
        for d in self.json("corpus", "input.yaml", "--show", documents,
                           "--measure")["documents"] + [{"token_ids": [0] * 32}]:
            if len(window) + len(d["token_ids"]) > 32:
                all_of, window = all_of + [window[:-1]], []
            window = window + d["token_ids"]
        return all_of

    def test_refused(self):
        self.train(merged(MOE, train={"max_steps": 2}))
        for said, args in (
                ("quantize: --bits is missing: 2 to 16 bits a weight", ()),
                ("--bits", ("--bits", 1)), ("--bits", ("--bits", 17)), ("--group", ("--group", 0)),
                ("--method best: there are rtn and gptq", ("--bits", 4, "--method", "best")),
                ("are of --method gptq; rtn calibrates nothing", ("--bits", 4, "--act-order")),
                ("are of --method gptq; rtn calibrates nothing", ("--bits", 4, "--documents", 5))):
            self.fails(said, "quantize", "run", "--out", "new.h5", *args)
        self.fails("--out is missing", "quantize", "run", "--bits", 4)
        self.fails("nowhere: no such checkpoint", "quantize", "nowhere", "--bits", 4, "--out",
                   "new.h5")
        self.assertFalse(os.path.exists(self.path("new.h5")))

    def seal(self, manifest, name):
        """A manifest that fits NAME.h5, after the one of another file."""
        path = self.path(name + ".h5")
        text = self.read(manifest)
        for key, value in (("file", name + ".h5"), ("bytes", os.path.getsize(path)),
                           ("xxh3_64", kcap_checkpoint.hash_of(path, kcap_checkpoint.CHUNK))):
            text = re.sub(rf"^{key}: .*", f"{key}: {value}", text, count=1, flags=re.M)
        with open(self.path(name + ".manifest"), "w", encoding="utf-8") as file:
            file.write(text)

    def test_damaged(self):
        """Attributes that do not fit the bytes are said, not followed."""
        self.train(merged(BIOD, train={"max_steps": 2}))
        self.quantize("run", "good.h5", "--bits", 4)
        for name, value in (("bits", 40), ("bits", 5), ("group", -1), ("channels", "neither"),
                            ("shape", "2, 16"), ("shape", "9999999999, 9999999999, 9999999999"),
                            ("shape", "")):
            with self.subTest(name=name, value=value):
                shutil.copy(self.path("good.h5"), self.path("bad.h5"))
                with h5py.File(self.path("bad.h5"), "r+") as file:
                    file["params/mlp_up"].attrs[name] = value
                self.seal("good.manifest", "bad")
                self.fails("are no packed tensor of", "measure", "bad.h5")
        self.quantize("run", "zeros.h5", "--bits", 4, "--asymmetric")
        for said, change in (("2 bytes of zero points, /params/mlp_up needs", np.zeros(2, "u1")),
                             ("/zeros/mlp_up", None)):
            shutil.copy(self.path("zeros.h5"), self.path("bad.h5"))
            with h5py.File(self.path("bad.h5"), "r+") as file:
                del file["zeros/mlp_up"]
                if change is not None:
                    file["zeros/mlp_up"] = change
            self.seal("zeros.manifest", "bad")
            self.fails(said, "measure", "bad.h5")


if __name__ == "__main__":
    harness.main()
