# SPDX-License-Identifier: BSD-3-Clause
"""hf.py export and import: what is exported computes kcap's logits in PyTorch models of the
classes' own definitions, and comes back bit for bit; words, places, full disks."""
import filecmp
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np

import hf_harness
import hf_models
import harness
from harness import checkpoints, merged, one_object
from hf_harness import ANALYSIS, CASES, HfTest
from hf_models import read_safetensors, write_safetensors

WRITTEN = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
           "vocab.json"]


class RoundTrip(HfTest):
    def check_tensors(self, first, second, cursors):
        """Every tensor of /params and the cursors are the same, bit for bit; there are no
        moments."""
        a, b = harness.read_tensors(first), harness.read_tensors(second)
        kept = {n for n in a if n.startswith("params/") or (cursors and n == "lanes/cursor")}
        self.assert_same_bits({n: a[n] for n in kept}, {n: b[n] for n in kept}, "import")
        self.assertEqual(set(b), {n for n in a if n[:2] not in ("m/", "v/")})

    def check_case(self, case):
        wanted = CASES[case][0]
        first = self.trained(case)
        done = one_object(self.hf("export", "run", "hf", "--json").stdout)
        self.assertEqual((done["status"], done["class"], done["step"]), ("exported", wanted, 12))
        self.assertEqual(sorted(os.listdir("hf")), WRITTEN)
        tensors, metadata, data = read_safetensors("hf/model.safetensors")
        self.assertEqual(data % 8, 0)
        self.assertEqual(sum(t.size for t in tensors.values()), done["n_params"])
        self.assertEqual((metadata["format"], metadata["kcap.step"]), ("pt", "12"))
        self.assertEqual(self.read_json("hf", "config.json")["architectures"], [wanted])
        tokens, logits = self.logits_of(first)
        if wanted == "KcapForCausalLM":
            self.assert_same_bits(self.params("run"), tensors, case)
        else:
            # float32 against double: sums of some hundred products, logits of some units.
            found = hf_models.logits("hf", tokens)
            self.assertGreater(np.abs(logits).max(), 0.5)
            self.assertLess(np.abs(found - logits).max() / np.abs(logits).max(), 1e-5)
        done = one_object(self.hf("import", "hf", "--out", "back", "--json").stdout)
        self.assertEqual((done["status"], done["class"], done["step"]), ("imported", wanted, 12))
        second = checkpoints(self.path("back"))[12]
        self.check_tensors(first, second, cursors=True)
        self.assertEqual(self.measured("run"), self.measured("back"))
        self.assertTrue((logits == self.logits_of(second)[1]).all())
        # Without kcap's metadata: another program's file.
        write_safetensors("hf/model.safetensors", dict(reversed(tensors.items())))
        self.refused(["metadata", "INPUT.yaml"], "import", "hf", "--out", "other")
        if wanted != "KcapForCausalLM":  # the others say all of the model by themselves
            self.input({key: value for key, value in CASES[case][1].items() if key != "model"})
        self.hf("import", "hf", "input.yaml", "--out", "other")
        self.check_tensors(first, checkpoints(self.path("other"))[0], cursors=False)

    def test_packed(self):
        """What kcap computes of few bits a weight is what PyTorch does of the export."""
        self.trained("neox")
        for args in (("--bits", 3, "--group", 8, "--embeddings", "--asymmetric"),
                     ("--bits", 4, "--method", "gptq")):
            self.kcap("quantize", "run", "--out", f"q{args[1]}.h5", *args)
            self.hf("export", f"q{args[1]}.h5", f"hf{args[1]}")
            tokens, logits = self.logits_of(f"q{args[1]}.h5")
            found = hf_models.logits(f"hf{args[1]}", tokens)
            whole = self.logits_of(list(checkpoints(self.path("run")).values())[-1])[1]
            self.assertLess(np.abs(found - logits).max() / np.abs(logits).max(), 1e-5)
            self.assertGreater(np.abs(found - whole).max() / np.abs(logits).max(), 1e-2)

    def test_parts(self):
        """Corpora of several parts, one with lists of its own and one with a table: all come along."""
        shutil.copytree(os.path.join(ANALYSIS, "..", "inputs", "pools"), "pools")
        with open(self.path("pools", "city.txt"), "w", encoding="utf-8") as file:
            file.write("Nowhere, NO\nElsewhere, EL\n")
        with open(self.path("facts.tsv"), "w", encoding="utf-8") as file:
            file.write("France\tcapital\tParis\nSpain\tcapital\tMadrid\nFrance\tcode\tFR\n")
        case = CASES["neox"][1]
        bios = {k: v for k, v in case["corpus"].items() if k != "exposures"}
        self.input(case | {"corpus": [
            {"kind": "facts", "file": "facts.tsv", "exposures": 200, "share": 0.25, "tag": "of all"},
            bios | {"share": 0.5, "pools": "pools", "cities": 2},
            {"kind": "random", "people": 9, "vocab": 12, "length": 5, "share": 0.25}]})
        self.kcap("train", "input.yaml", "--out", "run", threads=1)
        first = list(checkpoints(self.path("run")).values())[-1]
        self.hf("export", "run", "hf")
        shutil.rmtree("pools")
        os.remove("facts.tsv")
        self.hf("import", "hf", "--out", "back")
        second = list(checkpoints(self.path("back")).values())[-1]
        self.check_tensors(first, second, cursors=True)
        self.assertEqual(self.measured("run"), self.measured("back"))

    def test_questions(self):
        """Which have the lists of the first part, and texts of their own: more than 30 files."""
        case = CASES["neox"][1]
        self.input(case | {"corpus": [case["corpus"] | {"share": 0.5}, {"kind": "questions", "share": 0.5}]})
        self.kcap("train", "input.yaml", "--out", "run", threads=1)
        self.hf("export", "run", "hf")
        self.hf("import", "hf", "--out", "back")
        for part in "1", "2":
            whole, back = (self.json("measure", x, "--part", part, threads=1) for x in ("run", "back"))
            for name in "total_bits", "attribute_recall", "attribute_nats":
                self.assertEqual(whole[name], back[name])

    def test_stamps(self):
        """An import's file explains itself as the run's does, but for where and when."""
        first = self.export("mistral")
        self.hf("import", "hf", "--out", "back")
        a, b = (harness.read_attributes(p) for p in (first, checkpoints(self.path("back"))[12]))
        self.assertEqual(set(a), set(b))
        self.assertEqual({n for n in a if a[n] != b[n]} - {"started_utc"},
                         {"run_id", "imported_from", "kernel", "threads"})
        self.assertEqual(b["imported_from"], "hf/model.safetensors (MistralForCausalLM)")

    def test_no_run_goes_on(self):
        self.export("neox")
        self.hf("import", "hf", "--out", "back")
        for args in (["--out", "back", "--resume", "auto"], ["--out", "new", "--resume", "back"]):
            said = self.kcap("train", "input.yaml", *args, code=2).stderr
            self.assertIn("imported from hf/model.safetensors", said)
        self.hf("export", "back", "again")
        self.hf("import", "again", "--out", "third")
        self.assertEqual(self.measured("run"), self.measured("third"))

    def test_older_checkpoint(self):
        """Without the words: kcap makes them of the pools in the file; and says so where it is not
        there."""
        path = self.trained("neox")
        self.hf("export", "run", "new")
        with h5py.File(path, "r+") as file:
            del file["vocab"]
        hf_harness.seal(path)
        self.hf("export", "run", "old")
        self.assertEqual(self.read_json("old", "vocab.json"), self.read_json("new", "vocab.json"))
        self.refused(["absent/kcap: is no program"], "export", "run", "none", "--kcap",
                     "absent/kcap")

    def test_command(self):
        """As a program of its own, from another folder, with all that it prints."""
        self.trained("experts")
        program = os.path.join(ANALYSIS, "hf.py")
        done = subprocess.run([program, "export", "run", "hf"], check=True, capture_output=True,
                              text=True)
        self.assertIn("run/checkpoints/step_0000000012.h5: KcapForCausalLM, step 12 -> hf: 16 "
                      "tensors", done.stdout)
        self.assertIn("GPT2LMHeadModel does not have this architecture; it has learned positions, "
                      "no experts\n", done.stdout)
        done = subprocess.run([program, "import", "hf", "--out", "back"], check=True,
                              capture_output=True, text=True)
        self.assertIn("hf/model.safetensors: KcapForCausalLM, step 12, ", done.stdout)


def add_case(case):
    setattr(RoundTrip, f"test_{case}", lambda self: self.check_case(case))


for each in CASES:
    add_case(each)


class Places(HfTest):
    def test_places(self):
        self.export("neox")
        os.makedirs("full/inside")
        os.symlink("hf", "link")
        for words, args in ((["full: not empty"], ["export", "run", "full"]),
                            (["hf: not empty"], ["export", "run", "hf/"]),
                            (["input.yaml", "no folder"], ["export", "run", "input.yaml"]),
                            (["link", "no folder"], ["export", "run", "link"]),
                            ([".", "no folder"], ["export", "run", "."]),
                            (["..", "no folder"], ["export", "run", "hf/.."]),
                            (["no such checkpoint"], ["export", "absent", "new"]),
                            (["no checkpoint there"], ["export", "full", "new"]),
                            (["neither a run's folder"], ["export", "input.yaml", "new"]),
                            (["a run's record, which is no checkpoint"], ["export", "run/run.h5", "new"]),
                            (["run: not empty"], ["import", "hf", "--out", "run"]),
                            (["absent/model.safetensors"], ["import", "absent", "--out", "back"]),
                            (["absent.yaml"], ["import", "hf", "absent.yaml", "--out",
                                               "a/b/back"])):
            with self.subTest(args=args):
                self.refused(words, *args)
        for args in (["export", "run"], ["export"], ["import", "hf"],
                     ["export", "run", "new", "third"]):
            self.assertIn("usage: hf.py", self.hf(*args, code=2).stderr)
        os.mkdir("empty")
        # What a kill leaves, another export writes or is someone's own.
        os.mkdir("new.partial")
        shutil.copy("input.yaml", "new.partial/config.json")
        self.refused(["new.partial", "delete it", "another folder"], "export", "run", "new")
        self.refused(["new.partial", "delete it"], "import", "hf", "--out", "new")
        self.assertEqual(self.read("input.yaml"), self.read("new.partial/config.json"))
        shutil.rmtree("new.partial")
        self.hf("export", "run", "empty/")
        self.hf("export", "run", "far/away/new")
        for name in os.listdir("hf"):
            for folder in "empty", "far/away/new":
                self.assertTrue(filecmp.cmp(f"hf/{name}", f"{folder}/{name}", shallow=False), name)
        self.assertEqual(os.listdir("far/away"), ["new"])

    def test_damaged_checkpoint(self):
        self.input(merged(CASES["neox"][1], checkpoint={"every_steps": 5}))
        self.kcap_train("run")
        path = checkpoints(self.path("run"))[12]
        with open(path, "r+b") as file:
            file.seek(-9, 2)
            file.write(b"x")
        self.refused(["damaged: its manifest says XXH3"], "export", path, "hf")
        done = self.hf("export", "run", "older")
        self.assertIn("warning: checkpoint passed over: run/checkpoints/step_0000000012.h5: dam",
                      done.stderr)
        self.assertIn("step 10 ->", done.stdout)
        manifest = path[:-3] + ".manifest"
        with open(manifest, "a", encoding="utf-8") as file:
            file.write("\n")
        self.refused(["not a manifest that kcap writes"], "export", path, "hf")
        os.remove(manifest)
        self.refused(["missing, so the file beside it is no checkpoint"], "export", path, "hf")
        for name in os.listdir("run/checkpoints"):
            if name.endswith(".h5"):
                os.truncate(f"run/checkpoints/{name}", 5000)
        self.refused(["no undamaged checkpoint; the newest: ", "its manifest says"],
                     "export", os.path.dirname(checkpoints(self.path("run"))[10]) + "/..", "hf")

    def test_foreign_checkpoint(self):
        """Whole by its manifest, but not what kcap writes."""
        path = self.trained("neox")
        shutil.copy(path, "kept.h5")

        def wide(file):
            del file["params/wte"]
            file["params/wte"] = np.zeros((3, 32), "<f4")

        def packed(file):
            values = file["params/wte"][()]
            del file["params/wte"]
            file.create_dataset("params/wte", data=values, compression="gzip")

        def linked(file):
            del file["lanes"]
            file["lanes"] = h5py.ExternalLink("kept.h5", "lanes")

        def stamped(**attributes):
            return lambda file: [file.attrs.__setitem__(*each) for each in attributes.items()]

        def coded(file):
            file["params/lnf_gain"].attrs["codec"] = "int3"
        for said, change in (
                (["tensor wte is [3, 32]"], wide), (["wte is filtered"], packed),
                (["lanes is a link"], linked), (["lnf_gain is stored as int3"], coded),
                (["holds 16 tensors, this model has 15"],
                 lambda file: file["params"].create_dataset("more", data=1.0)),
                (["/params/lnf_gain is missing"], lambda file: file["params"].pop("lnf_gain")),
                (["attribute step"], stamped(step="12")),
                (["model.heads"], stamped(config="model: {}"))):
            shutil.copy("kept.h5", path)
            with h5py.File(path, "r+") as file:
                change(file)
            hf_harness.seal(path)
            with self.subTest(said=said):
                self.refused(said, "export", path, "hf")

    def test_packed(self):
        """Weights that are kept in bfloat16 are exported as what they stand for."""
        path = self.trained("plain")
        halved = h5py.h5t.IEEE_F32LE.copy()
        halved.set_fields(15, 7, 8, 0, 7)
        halved.set_precision(16)
        halved.set_size(2)
        upper = {}
        with h5py.File(path, "r+") as file:
            for name, data in list(file["params"].items()):
                upper[name] = (data[()].view("<u4") >> 16).astype("<u2")
                del file["params"][name]
                space = h5py.h5s.create_simple(upper[name].shape)
                made = h5py.h5d.create(file["params"].id, name.encode(), halved, space)
                made.write(h5py.h5s.ALL, h5py.h5s.ALL, upper[name], mtype=halved)
                file["params"][name].attrs["codec"] = "bfloat16"
        hf_harness.seal(path)
        self.kcap("measure", "run")
        self.hf("export", "run", "hf")
        self.assert_same_bits({n: (x.astype("<u4") << 16).view("<f4") for n, x in upper.items()},
                              read_safetensors("hf/model.safetensors")[0], "packed")

    def test_a_full_disk(self):
        """A limit of file size acts as a full disk does: exit 4 and nothing left. The limit is
        larger than the files that MPI maps, which it must leave alone."""
        self.input(merged(CASES["plain"][1], model={"layers": 8, "heads": 8, "head_dim": 64}))
        self.kcap("init", "input.yaml", "--out", "large")
        self.hf("export", "large", "largehf")
        script = ("import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
                  "resource.setrlimit(resource.RLIMIT_FSIZE, (40000000, 40000000)); "
                  f"sys.path.insert(0, {ANALYSIS!r}); import hf; sys.exit(hf.main(sys.argv[1:]))")
        # Python gives programs that it starts the signals of their own again.
        self.write_json(f"#!/bin/bash\ntrap '' XFSZ\nexec {harness.KCAP} \"$@\"\n", "limited")
        os.chmod("limited", 0o755)
        before = self.listing()
        for args in (["export", "large", "new"], ["import", "largehf", "--out", "new"]):
            done = subprocess.run([sys.executable, "-c", script] + args, text=True,
                                  capture_output=True, timeout=300, check=False,
                                  env={**harness.environment(1), "KCAP": "./limited"})
            self.assertEqual(done.returncode, 4, done.stderr)
            self.assertIn("File too large", done.stderr)
            self.assertEqual(self.listing(), before)

    def test_memory(self):
        """A hundred megabytes go through in tensors of a few."""
        self.input(merged(CASES["llama"][1], model={"layers": 10, "heads": 8, "head_dim": 64}))
        self.kcap("init", "input.yaml", "--out", "large")
        script = ("import resource, sys; " f"sys.path.insert(0, {ANALYSIS!r}); import hf; "
                  "most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; "
                  "before = most(); assert hf.main(sys.argv[1:]) == 0; "
                  "print(most() - before, file=sys.stderr)")
        for args in (["export", "large", "largehf"], ["import", "largehf", "--out", "back"]):
            done = subprocess.run([sys.executable, "-c", script] + args, text=True,
                                  capture_output=True, timeout=300, check=True,
                                  env=harness.environment(1))
            size = os.path.getsize("largehf/model.safetensors")
            self.assertGreater(size, 100e6)
            # The largest tensor has 6.3 MB and is held a few times; hashing reads 16 MiB at a time.
            self.assertLess(int(done.stderr) * 1024, 60e6)


if __name__ == "__main__":
    hf_harness.main()
