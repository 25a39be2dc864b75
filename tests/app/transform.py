# SPDX-License-Identifier: BSD-3-Clause
"""kcap transform: another checkpoint of one, complete, read by measure, refused by resume."""
import os
import resource
import subprocess

import h5py
import numpy as np

import harness
from harness import BIOD, checkpoints, merged, one_object, read_attributes, read_tensors

MOE = merged(BIOD, model={"experts": 4, "experts_topk": 2})
LEFT_OUT = ("checkpoint", "transformed_by", "seconds", "started_utc", "ranks", "dp", "ep")


def rounded(x):
    """To bfloat16, nearest and even where two are as near, and back: in numbers of 16 bits."""
    bits = x.astype("f4").view("u4").astype("u8")
    low, upper = bits & 0xffff, bits >> 16
    upper += (low > 0x8000) | ((low == 0x8000) & (upper % 2 == 1))
    return (upper << 16).astype("u4").view("f4")


class Transform(harness.AppTest):
    def transform(self, name, source, out, **more):
        done = self.kcap("transform", name, source, "--out", out, "--json", **more)
        told = one_object(done.stdout)
        if os.path.isdir(self.path(source)):
            source = max(checkpoints(self.path(source)).items())[1]
        self.assertEqual(told, {"status": "transformed", "checkpoint": out,
                                "bytes": os.path.getsize(self.path(out)),
                                "source_bytes": os.path.getsize(self.path(source))})
        return told["bytes"]

    def measured(self, where, **more):
        found = one_object(self.kcap("measure", where, "--json", **more).stdout)
        return {name: value for name, value in found.items() if name not in LEFT_OUT}

    def params(self, out):
        return {name: x for name, x in read_tensors(self.path(out)).items()
                if not name.startswith(("m/", "v/"))}

    def test_weights_alone_and_halved(self):
        for name, config in ("dense", BIOD), ("moe", MOE):
            with self.subTest(name):
                self.input(config)
                self.kcap("train", "input.yaml", "--out", name)
                whole = checkpoints(self.path(name))[max(checkpoints(self.path(name)))]
                bits, there = self.measured(name), self.params(whole)
                n = bits["n_params"]

                alone = self.transform("strip", name, f"{name}/new/alone.h5")
                self.assertLess(os.path.getsize(whole) - alone - 8 * n, 50000)
                self.assertEqual(self.measured(f"{name}/new/alone.h5"), bits)
                self.assert_same_bits(self.params(f"{name}/new/alone.h5"), there, "strip")

                half = self.transform("bf16", f"{name}/new/alone.h5", f"{name}/half.h5")
                self.assertLess(abs(alone - half - 2 * n), 5000)
                short = {x: rounded(v) if x.startswith("params/") else v for x, v in there.items()}
                self.assertNotEqual(short["params/wte"].tobytes(), there["params/wte"].tobytes())
                self.assert_same_bits(self.params(f"{name}/half.h5"), short, "bf16")
                found = self.measured(f"{name}/half.h5", ranks=2)
                self.assertNotEqual(found["total_bits"], bits["total_bits"])
                self.assertLess(abs(found["total_bits"] / bits["total_bits"] - 1), 0.02)

                # Again changes nothing; the chain is told; what it is of is kept.
                self.transform("strip", f"{name}/half.h5", f"{name}/again.h5")
                self.assert_same_bits(self.params(f"{name}/again.h5"), short, "again")
                first, last = read_attributes(whole), read_attributes(self.path(name, "again.h5"))
                self.assertEqual(last.pop("transformed_by"), "strip, bf16, strip")
                self.assertEqual(first.pop("transformed_by"), "")
                self.assertEqual(first, last)
                with h5py.File(self.path(name, "again.h5")) as file, h5py.File(whole) as old:
                    self.assertEqual(set(old) - set(file), {"m", "v"})
                    self.assertEqual({d.attrs["codec"] for d in file["params"].values()},
                                     {"bfloat16"})
                    self.assertEqual({d.attrs["codec"] for d in old["v"].values()}, {"float32"})
                    for path in "files", "vocab":
                        old[path].visititems(lambda at, d, p=path: self.assertTrue(
                            isinstance(d, h5py.Group) or d[()] == file[p][at][()]))

    def test_torch_rounds_as_we_do(self):
        import torch
        sizes = 10.0 ** np.arange(-42, 38).repeat(1000)
        values = (np.random.default_rng(3).standard_normal(len(sizes)) * sizes).astype("f4")
        self.assertTrue(np.array_equal(
            rounded(values), torch.tensor(values).to(torch.bfloat16).to(torch.float32).numpy()))

    def test_on_any_ranks_the_same_file(self):
        self.input(merged(MOE, model={"head_dim": 200}))  # some tensors in several pieces
        self.kcap("init", "input.yaml", "--out", "run")
        self.assertGreater(max(x.size for x in self.params(
            checkpoints(self.path("run"))[0]).values()), 1 << 20)
        seen = set()
        for ranks in 0, 2, 3:
            self.transform("bf16", "run", f"half{ranks}.h5", ranks=ranks)
            with open(self.path(f"half{ranks}.h5"), "rb") as file:
                seen.add(file.read())
        self.assertEqual(len(seen), 1)

    def test_no_run_to_go_on_with(self):
        self.input(BIOD)
        self.kcap("train", "input.yaml", "--out", "run")
        self.transform("strip", "run", "alone.h5")
        for where in "alone.h5", "copy":
            if where == "copy":
                os.makedirs(self.path("copy", "checkpoints"))
                for name in "h5", "manifest":
                    os.rename(self.path(f"alone.{name}"), self.path("copy", "checkpoints", f"alone.{name}"))
                where = "copy/checkpoints/alone.h5"
            done = self.kcap("train", "input.yaml", "--out", "new", "--resume", where, code=2)
            self.assertIn("alone.h5: holds weights alone (kcap transform: strip), without the "
                          "optimiser's moments: go on with the checkpoint they were taken from",
                          done.stderr)
            self.assertEqual(done.stderr.count("kcap: "), 1)
            self.assertFalse(os.path.exists(self.path("new")))

    def test_refused(self):
        self.input(BIOD)
        self.kcap("train", "input.yaml", "--out", "run", "--set", "train.max_steps=3")
        self.transform("strip", "run", "alone.h5")
        os.mkdir(self.path("empty"))
        before = sorted(os.listdir(self.folder))
        for said, args in (
                ("quarter: no transformation; there are strip, bf16", ("quarter", "run", "new.h5")),
                ("empty: no checkpoint there", ("strip", "empty", "new.h5")),
                ("nowhere: no such checkpoint", ("strip", "nowhere", "new.h5")),
                ("alone.h5: is there already", ("bf16", "run", "alone.h5")),
                ("new: a checkpoint's name ends in .h5", ("bf16", "run", "new")),
                (".h5: a checkpoint's name ends in .h5", ("bf16", "run", "folder/.h5")),
                ("too long", ("bf16", "run", "x" * 70 + ".h5"))):
            for ranks in 0, 2:
                done = self.kcap("transform", *args[:2], "--out", args[2], code=2, ranks=ranks)
                self.assertIn(said, done.stderr)
                self.assertEqual(done.stderr.count("kcap: "), 1)
        self.assertIn("--out is missing", self.kcap("transform", "strip", "run", code=2).stderr)
        with open(self.path("alone.h5"), "r+b") as file:
            file.seek(5000)
            file.write(b"damage")
        self.assertIn("alone.h5: damaged: its manifest says XXH3",
                      self.kcap("transform", "bf16", "alone.h5", "--out", "new.h5", code=2).stderr)
        self.assertEqual(sorted(os.listdir(self.folder)), before)

    def test_full_disk(self):
        """What cannot be written whole is not there."""
        self.input(merged(MOE, model={"head_dim": 200}))
        self.kcap("init", "input.yaml", "--out", "run")
        least = 16 << 20  # that MPI itself gets along with
        self.assertGreater(os.path.getsize(checkpoints(self.path("run"))[0]), least)

        def small_disk():
            resource.setrlimit(resource.RLIMIT_FSIZE, (least, least))
        done = subprocess.run(harness.command(["transform", "strip", "run", "--out", "new.h5"]),
                              cwd=self.folder, env=harness.environment(), preexec_fn=small_disk,
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("new.h5.partial", done.stderr)
        self.assertEqual(sorted(os.listdir(self.folder)), ["input.yaml", "run"])


if __name__ == "__main__":
    harness.main()
