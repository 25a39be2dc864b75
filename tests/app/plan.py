# SPDX-License-Identifier: BSD-3-Clause
"""`kcap plan` and `train --dry-run`: the forecast against formulas, against runs, and its refusal."""
import os
import resource
import subprocess
from unittest import mock

import harness
from harness import BIOD, BIOS, merged

# Above 1 GiB a rank, a second a step.
LARGE = {"corpus": {"kind": "random", "people": 8, "exposures": 10, "length": 31, "vocab": 500},
         "model": {"layers": 6, "heads": 12, "head_dim": 64},
         "train": {"context": 64, "batch": 2, "lanes": 2, "max_steps": 2}}
SEVEN_BILLION = {"corpus": {"kind": "bios", "people": 20000000, "exposures": 1000},
                 "model": {"layers": 32, "heads": 32, "head_dim": 128},
                 "train": {"context": 512, "batch": 2048, "lanes": 2048}}


class Plan(harness.AppTest):
    def plan(self, *args, **how):
        return self.json("plan", "input.yaml", *args, **how)

    def test_one_code_path(self):
        for config in (BIOD, BIOS):
            self.input(config)
            for ranks, threads in ((1, 1), (1, 2), (2, 1), (4, 2)):
                plan = self.plan(ranks=ranks, threads=threads)
                dry = self.json("train", "input.yaml", "--dry-run", ranks=ranks, threads=threads)
                elsewhere = self.plan("--ranks", ranks, "--threads", threads)
                for other in (dry, elsewhere):
                    other["node_bytes"] = plan["node_bytes"]
                    self.assertEqual(plan, other)
            self.assertEqual(os.listdir(self.folder), ["input.yaml"])

    def test_bound_threads(self):
        """Where OpenMP binds its threads, the first of them has one core and the process all."""
        self.input(BIOD)
        cores = sorted(os.sched_getaffinity(0))
        if len(cores) < 2:
            self.skipTest("one core")
        whole = self.plan()["threads"]
        for name, value in (("OMP_PROC_BIND", "close"), ("OMP_PLACES", "threads"),
                            ("GOMP_CPU_AFFINITY", " ".join(map(str, cores)))):
            with self.subTest(name), mock.patch.dict(os.environ, {name: value}):
                self.assertEqual(self.plan()["threads"], whole)
                self.assertEqual(self.kcap_train(name, "--set", "train.max_steps=1").stderr, "")
                self.addCleanup(os.sched_setaffinity, 0, cores)
                os.sched_setaffinity(0, cores[:1])
                self.assertEqual(self.plan()["threads"], 1)
                os.sched_setaffinity(0, cores)

    def test_bound(self):
        """Bytes a parameter on R ranks: 4 + 4 + 4 (tree depth + lanes in flight) + 8 / R."""
        self.input(LARGE)
        for ranks, lanes, threads in ((1, 8, 1), (1, 8, 4), (2, 8, 2), (8, 8, 1), (1024, 1024, 8)):
            p = self.plan("--ranks", ranks, "--threads", threads, "--memory", 100000, "--set",
                          f"train.lanes={lanes}", "--set", f"train.batch={lanes}")
            here = lanes // ranks
            most = 8 + 4 * ((here - 1).bit_length() + min(here, threads)) + 8 / ranks
            held = sum(p[name] for name in ("weights_bytes", "transposed_bytes", "moments_bytes",
                                            "gradients_bytes"))
            self.assertLessEqual(held / p["n_params"], most * 1.001)
            self.assertEqual(p["arena_bytes"], held + p["exchange_bytes"] +
                             p["activations_bytes"] + p["batches_bytes"])
            self.assertLess(p["exchange_bytes"], 5e6 + 17e3 * ranks)

    def test_counts(self):
        self.input(merged(BIOD, train={"context": 64, "batch": 4, "lanes": 4}))
        p = self.plan("--rate", 1000, "--ranks", 4)
        corpus = self.json("corpus", "input.yaml")
        self.assertEqual(p["n_vocab"], corpus["n_vocab"])
        self.assertEqual(p["tokens_per_step"], 256)
        self.assertEqual(p["seconds"], p["tokens"] / 1000)
        self.assertEqual(p["flops"], p["tokens"] * p["flop_per_token"])
        self.assertEqual(p["steps"], -(-p["tokens"] // 256))
        self.assertEqual(p["checkpoint_bytes"], 12 * p["n_params"])
        self.assertGreaterEqual(p["sent_bytes"], 6 * p["n_params"])
        self.assertEqual(self.plan("--set", "train.max_steps=7")["steps"], 7)
        documents = corpus["n_people"] * corpus["exposures"]
        single = self.plan("--set", "corpus.windows=single")
        self.assertEqual((single["steps"], single["tokens"]), (-(-documents // 4), 64 * documents))

    def test_seven_billion(self):
        """Thousands of ranks, 20 million people: nothing is allocated for it."""
        self.input(SEVEN_BILLION)
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        p = self.plan("--ranks", 1024, "--ranks-per-node", 4, "--threads", 16, "--memory", 2000)
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before, 5)
        self.assertGreater(p["n_params"], 6.4e9)
        self.assertLess(p["moments_bytes"], 8 * p["n_params"] / 1000)

    def test_refusal(self):
        """Nothing is written by what cannot fit; the table says why."""
        self.input(SEVEN_BILLION)
        for args in (("plan",), ("train", "--out", "out"), ("train", "--dry-run")):
            done = self.kcap(args[0], "input.yaml", *args[1:], ranks=2, code=2)
            self.assertIn("memory: 2 ranks on a node need", done.stderr)
            self.assertIn("fewer threads", done.stderr)
            self.assertIn("activations_bytes", done.stdout + done.stderr)
        self.assertEqual(os.listdir(self.folder), ["input.yaml"])
        self.input(BIOD)
        self.fails("it can give 0.01 GiB", "plan", "input.yaml", "--memory", 0.01)
        for args, words in ((("--ranks", 0), "--ranks 0: a whole number from 1"),
                            (("--rate", "fast"), "--rate fast: a number from"),
                            (("--ranks", 3), "lanes cannot be shared by 3 ranks")):
            self.fails(words, "plan", "input.yaml", *args)

    def test_absurd(self):
        """Counts beyond 64 bits are refused by the keys that made them, and take no time."""
        wide = ("model.layers=1000", "model.heads=100", "model.head_dim=64")
        many = ("train.lanes=4096", "train.batch=4096", "train.context=1048576")
        self.input(BIOD)
        for sets, ranks, words in (
                (("model.experts=65536", "model.heads=1000"), 1,
                 "at most 2^48 = 2.81e+14 can be numbered; fewer model.layers, heads or experts"),
                (many, 1, "memory: a rank of 4096 threads would hold more than 2.3e+18 bytes; a "
                          "shorter train.context"),
                (("train.context=65536",), 4, "memory: 4 ranks of 4096 threads on a node would")):
            args = [x for each in wide + sets for x in ("--set", each)]
            done = self.kcap("plan", "input.yaml", "--threads", 4096, "--ranks", ranks, *args,
                             code=2)
            self.assertIn(words, done.stderr)

    def test_little_address_space(self):
        """What a process may not map is refused like what a node has not, on all ranks."""
        self.input(LARGE)
        self.input('#!/bin/bash\nulimit -v 900000\nexec "$@"\n', "limited")
        os.chmod(self.path("limited"), 0o755)
        for ranks in 0, 2:
            line = harness.command(["train", "input.yaml", "--out", "out"], ranks)
            at = line.index(harness.KCAP)
            done = subprocess.run(line[:at] + [self.path("limited")] + line[at:], cwd=self.folder,
                                  env=harness.environment(1), timeout=60, check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn("ranks on a node need", done.stderr)
        self.assertFalse(os.path.exists(self.path("out")))

    def test_counts_beyond_whole_numbers(self):
        """A corpus of more tokens than 64 bits count is told all the same."""
        self.input({"corpus": {"kind": "random", "people": 160000000, "exposures": 1000000,
                               "length": 1048575, "vocab": 1000000}})
        said = self.kcap("corpus", "input.yaml").stdout
        self.assertIn("167,772,160,000,000 tokens an exposure, 1.67772e+20 in 1,000,000", said)

    def test_peak_of_a_real_run(self):
        self.input(LARGE)
        forecast = self.plan(threads=2)["peak_bytes"]
        measured = self.usage("train", "input.yaml", "--out", "out", threads=2)[2]
        print(f"peak: {measured:,} bytes, forecast {forecast:,}", flush=True)
        self.assertGreater(measured, 2 ** 30)
        self.assertLess(abs(measured / forecast - 1), 0.1)


if __name__ == "__main__":
    harness.main()
