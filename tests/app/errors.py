# SPDX-License-Identifier: BSD-3-Clause
"""What a user can do wrong: one line on stderr once, the right exit code on every rank count,
nothing written, no hang."""
import gzip
import os
import shlex
import shutil
import subprocess

import numpy as np

import harness
from harness import BIOD, BIOS, checkpoints, merged, read_columns

INPUTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "inputs")


class ErrorTest(harness.AppTest):
    def refused(self, words, *args, code=2, ranks=(1, 3)):
        """Same message and code without mpirun and on each rank count; nothing written."""
        before = self.listing()
        for n in (0,) + tuple(ranks):
            done = self.kcap(*args, ranks=n, threads=1, timeout=60, code=code)
            said = self.complaint(done)
            for word in words:
                self.assertIn(word, said)
            self.assertNotIn("Signal", done.stderr)
            self.assertEqual(done.stdout, "")
            self.assertEqual(self.listing(), before, f"{args} on {n} ranks has written something")


class CommandLine(ErrorTest):
    def test_verbs_and_options(self):
        self.input(BIOD)
        for words, args in (
                (["name a verb"], []),
                (["trian", "unknown verb", "train"], ["trian", "input.yaml"]),
                (["--ouput", "unknown option"], ["train", "input.yaml", "--ouput", "x"]),
                (["--show", "not an option of train"], ["train", "input.yaml", "--show", "3"]),
                (["--out", "not an option of measure"], ["measure", "x", "--out", "y"]),
                (["--out", "value is missing"], ["train", "input.yaml", "--out"]),
                (["--set", "value is missing"], ["train", "input.yaml", "--set"]),
                (["what to read is missing"], ["train"]),
                (["what to read is missing"], ["measure", "--json"]),
                (["other.yaml", "one input"], ["train", "input.yaml", "other.yaml"]),
                (["--defaults"], ["config"]),
                (["--max-time", "HH:MM:SS"], ["train", "input.yaml", "--max-time", "90"]),
                (["--max-time", "HH:MM:SS"], ["train", "input.yaml", "--max-time", "00:61:00"]),
                (["--show", "many"], ["corpus", "input.yaml", "--show", "many"]),
                (["--show", "-1"], ["corpus", "input.yaml", "--show=-1"])):
            with self.subTest(args=args):
                self.refused(words, *args, ranks=(3,) if len(args) < 2 else ())

    def test_set(self):
        self.input(BIOD)
        for words, override in (
                (["model.layer", "model.layers"], "model.layer=4"),
                (["modle", "model"], "modle.layers=4"),
                (["model.layers", "four"], "model.layers=four"),
                (["model.layers", "1000"], "model.layers=1001"),
                (["model.layers", "0"], "model.layers=0"),
                (["train.lr", "10"], "train.lr=11"),
                (["train.lr", "nan"], "train.lr=nan"),
                (["corpus.kind", "bioz", "bios|biod|random"], "corpus.kind=bioz"),
                (["model.layers"], "model.layers"),
                (["model.layers"], "model.layers="),
                (["layers"], "layers=4"),
                (["train.lanes", "3", "train.batch"], "train.lanes=3")):
            with self.subTest(override=override):
                self.refused(words, "train", "input.yaml", "--set", override, ranks=())


class InputFile(ErrorTest):
    def test_text(self):
        for words, text in (
                (["input.yaml:2", "model.layer", "unknown key", "did you mean", "model.layers"],
                 "model:\n  layer: 2\n"),
                (["input.yaml:1", "modell", "model"], "modell:\n  layers: 2\n"),
                (["input.yaml:2", "model.layers", "two"], "model:\n  layers: two\n"),
                (["input.yaml:3", "model.layers", "-1"], "# a comment\nmodel:\n  layers: -1\n"),
                (["input.yaml:2", "train.lr", "1e9"], "train:\n  lr: 1e9\n"),
                (["input.yaml:3", "model.layers"], "model:\n  layers: 2\n  layers: 3\n"),
                (["input.yaml:3", "model"], "model:\n  layers: 2\nmodel:\n  heads: 3\n"),
                (["input.yaml:2", "corpus.kind", "novel"], "corpus:\n  kind: novel\n"),
                (["input.yaml:2", "train.batch", "2.5"], "train:\n  batch: 2.5\n"),
                (["input.yaml"], "model: [1, 2\n"),
                (["input.yaml"], "just a sentence\n"),
                (["input.yaml:2", "model.layers"], "model:\n  layers: [1, 2]\n"),
                (["input.yaml:2", "model.head_dim", "7"], "model:\n  head_dim: 7\n"),
                (["input.yaml:2", "corpus.diversity", "500", "corpus.alphabet"],
                 "corpus:\n  diversity: 500\n  kind: biod\n"),
                (["input.yaml:5", "corpus.people", "30", "27"],
                 "corpus:\n  first_names: 3\n  middle_names: 3\n  last_names: 3\n  people: 30\n"),
                (["input.yaml:3", "corpus.length", "65", "biod (input.yaml:2)", "1 to 64"],
                 "corpus:\n  kind: biod\n  length: 65\n"),
                (["input.yaml:3", "corpus.people", "28 strings", "corpus.vocab 3 (input.yaml:5)",
                  "corpus.length 3 (input.yaml:4)", "at most 27"],
                 "corpus:\n  kind: random\n  people: 28\n  length: 3\n  vocab: 3\n"),
                (["input.yaml:3", "corpus.length", "1048577"],
                 "corpus:\n  kind: random\n  length: 1048577\n"),
                (["input.yaml:2", "corpus.vocab", "[2, 1000000]"], "corpus:\n  vocab: 1\n"),
                (["train.context", "64", "65"],
                 "corpus:\n  kind: random\ntrain:\n  context: 64\n")):
            with self.subTest(text=text):
                self.refused(words, "train", self.input(text),
                             ranks=(3,) if "layer:" in text else (2,) if "random" in text else ())

    def test_no_key(self):
        """Also where the keys are given elsewhere: by --set, by the points of a sweep."""
        self.input("base: odd.yaml\naxes: {model.layers: [1, 2]}\n", "sweep.yaml")
        for text in ("", "# model: {layers: 2}\n", "model:\n"):
            self.input(text, "odd.yaml")
            for args in (["train", "odd.yaml", "--set", "model.layers=1"], ["sweep", "sweep.yaml", "--list"]):
                with self.subTest(text=text, args=args):
                    self.refused(["odd.yaml: holds no key", "config --defaults"], *args,
                                 ranks=() if text else (2,))

    def test_files(self):
        self.refused(["absent.yaml", "No such file"], "train", "absent.yaml")
        self.refused(["absent", "no such"], "measure", "absent", ranks=(2,))
        os.mkdir(self.path("folder"))
        self.refused(["folder"], "train", "folder", ranks=(2,))
        self.refused(["folder", "no checkpoint"], "measure", "folder", ranks=(2,))
        with open(self.path("noise.h5"), "wb") as file:
            file.write(np.random.default_rng(1).bytes(4096))
        self.refused(["noise.manifest", "no checkpoint"], "measure", "noise.h5", ranks=(2,))
        self.input(BIOD)
        self.refused(["input.yaml"], "measure", "input.yaml", ranks=(2,))
        self.refused(["absent"], "train", "input.yaml", "--resume", "absent", ranks=(2,))
        self.input("# comment\n" * 200000, "large.yaml")
        self.refused(["large.yaml", "1048576 bytes"], "train", "large.yaml", ranks=(2,))
        os.mkfifo(self.path("pipe"))
        for args in (["train", "pipe"], ["sweep", "pipe", "--list"], ["size", "--bits", "9", "--law", "pipe"]):
            self.refused(["pipe: cannot be read: it is a pipe"], *args, ranks=(2,))

    def test_what_is_no_text(self):
        """Input files and sweeps are held to what pools and tables are."""
        for words, text in (([":2: byte 7", "carriage return"], b"model:\n  a: b\rc\n"),
                            ([": UTF-16"], "model:\n".encode("utf-16")),
                            ([": packed by gzip"], gzip.compress(b"model:\n")),
                            ([":2: byte 1", "byte order mark inside"], b"# a\n\xef\xbb\xbfmodel:\n"),
                            ([":1: byte 3", "zero byte"], b"# \0\n"),
                            ([":1: byte 4", "not UTF-8"], b"# M\xfcnster\n")):
            for verb in (["train"], ["sweep", "--list"], ["config", "--print"]):
                with self.subTest(text=text, verb=verb):
                    self.refused(["odd.yaml" + words[0]] + words[1:], *verb,
                                 self.input(text, "odd.yaml"), ranks=())


class Home(ErrorTest):
    """A shell puts a home folder for ~ where it is not quoted; nobody else makes a folder `~`."""

    def test_options_words_and_keys(self):
        self.input(BIOD)
        self.input("base: ~/input.yaml\n", "base.yaml")
        self.input("base: input.yaml\nout: ~/runs\n", "out.yaml")
        for words, args in (
                (["--out ~/x: "], ["train", "input.yaml", "--out", "~/x"]),
                (["--out ~: "], ["train", "input.yaml", "--out=~"]),
                (["--resume ~/x: "], ["train", "input.yaml", "--resume", "~/x"]),
                (["~/x.yaml: "], ["train", "~/x.yaml"]),
                (["~me/run: "], ["measure", "~me/run"]),
                (["--out ~/w: "], ["init", "input.yaml", "--out", "~/w"]),
                (["--out ~/w.h5: "], ["transform", "strip", "run", "--out", "~/w.h5"]),
                (["--facts ~/x: "], ["size", "--facts", "~/x"]),
                (["run.out: ~/x: "], ["train", "input.yaml", "--set", "run.out=~/x"]),
                (["corpus.pools=~/x: ~/x: "], ["train", "input.yaml", "--set", "corpus.pools=~/x"]),
                (["base.yaml:1: base: "], ["sweep", "base.yaml", "--list"]),
                (["out.yaml:2: out: "], ["sweep", "out.yaml", "--list"])):
            with self.subTest(args=args):
                self.refused(words + ["only a shell puts a home folder for ~", "./~"], *args,
                             ranks=())
        os.mkdir(self.path("~"))
        self.kcap("train", "input.yaml", "--out", "./~/x", "--set", "train.max_steps=1")

    def test_the_environment(self):
        self.input(BIOS)
        os.environ["KCAP_INPUTS"] = "~/inputs"
        self.addCleanup(os.environ.pop, "KCAP_INPUTS")
        self.refused(["KCAP_INPUTS=~/inputs: only a shell"], "train", "input.yaml", ranks=(2,))

    def test_little_stack(self):
        """Of a thread's or the process's own: the kernel would end it without a word."""
        self.input(BIOD)
        os.environ["OMP_STACKSIZE"] = "64k"
        self.addCleanup(os.environ.pop, "OMP_STACKSIZE")
        self.refused(["OMP_STACKSIZE: threads have a stack of 64 KiB"], "train", "input.yaml", "--set",
                     "parallel.threads=2", ranks=(2,))
        line = f"ulimit -s 200; exec {shlex.quote(harness.KCAP)} train input.yaml"
        done = subprocess.run(["bash", "-c", line], cwd=self.folder, env=harness.environment(),
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("are needed: say `ulimit -s 8192` before", done.stderr)


class Pools(ErrorTest):
    def copy(self):
        for part in ("pools", "templates"):
            shutil.rmtree(self.path(part), ignore_errors=True)
            shutil.copytree(os.path.join(INPUTS, part), self.path(part))
        self.input(merged(BIOS, corpus={"pools": "pools", "templates": "templates"}))

    def broken(self, words, change):
        self.copy()
        change()
        self.refused(words, "train", "input.yaml", ranks=(2,))
        self.refused(words, "corpus", "input.yaml", ranks=())

    def test_missing_folder(self):
        self.input(BIOD)
        self.refused(["/nowhere/at/all", "corpus.pools"], "train", "input.yaml", "--set",
                     "corpus.pools=/nowhere/at/all")

    def test_missing_file(self):
        self.broken(["city.txt"], lambda: os.remove(self.path("pools", "city.txt")))
        self.broken(["employer.txt"], lambda: os.remove(self.path("templates", "employer.txt")))

    def test_too_few_values(self):
        self.broken(["city.txt", "10", "2"],
                    lambda: self.input("A, NY\nB, NY\n", "pools/city.txt"))

    def test_doubled_and_empty_lines(self):
        rest = "Cid\nDan\nEve\nFay\nGus\n"
        self.broken(["first_name.txt:3", "Ann"],
                    lambda: self.input("Ann\nBob\nAnn\n" + rest, "pools/first_name.txt"))
        self.broken(["first_name.txt:2"],
                    lambda: self.input("Ann\n\nBob\n" + rest, "pools/first_name.txt"))

    def test_what_is_no_text(self):
        rest = "Cid\nDan\nEve\nFay\nGus\n"
        for words, text in (([":1: byte 4", "carriage return"], "Ann\rBob\r"),
                            ([":2: byte 4", "zero byte"], "Ann\nBob\0by\n" + rest),
                            ([":2: byte 2", "not UTF-8"], b"Ann\nJ\xf6rg\n" + rest.encode()),
                            ([": UTF-16"], ("Ann\nBob\n" + rest).encode("utf-16")),
                            ([": packed by gzip"], gzip.compress(("Ann\n" + rest).encode())),
                            ([":2: a line of more than 1048576 bytes"], "Ann\n" + "x" * 2**21),
                            ([":2: `Ann", "line 1"], "Ann\nAnn\u00a0\n" + rest)):
            with self.subTest(text[:20]):
                self.broken(["first_name.txt" + words[0]] + words[1:],
                            lambda: self.input(text, "pools/first_name.txt"))

    def test_a_pipe(self):
        def pipe():
            os.remove(self.path("templates", "major.txt"))
            os.mkfifo(self.path("templates", "major.txt"))
        self.broken(["major.txt: cannot be read: it is a pipe"], pipe)

    def test_marks_and_line_ends_change_nothing(self):
        self.copy()
        shown = self.kcap("corpus", "input.yaml", "--show", "3").stdout
        for part in ("pools", "templates"):
            for name in os.listdir(self.path(part)):
                text = self.read(part, name)
                self.input("\ufeff" + text.replace("\n", "\r\n"), f"{part}/{name}")
        self.assertEqual(self.kcap("corpus", "input.yaml", "--show", "3").stdout, shown)

    def test_company_without_a_city(self):
        lines = "".join(f"Firm{i}; City{i}, NY\n" for i in range(20))
        self.broken(["company.txt:2"], lambda: self.input(
            lines.replace("Firm1; City1, NY", "Firm1"), "pools/company.txt"))

    def test_template_without_a_value(self):
        self.broken(["major.txt:1", "{value}"], lambda: self.input(
            "{subject} read something.\n{subject} studied {value}.\n", "templates/major.txt"))

    def test_more_people_than_names(self):
        self.input(BIOS)
        self.refused(["217", "216"], "train", "input.yaml", "--set", "corpus.people=217")


class Machine(ErrorTest):
    def test_ranks_that_do_not_divide_the_lanes(self):
        self.input(merged(BIOD, train={"batch": 12, "lanes": 12}))
        before = self.listing()
        for ranks in (5, 7):
            done = self.kcap("train", "input.yaml", ranks=ranks, threads=1, code=2)
            said = self.complaint(done)
            for word in ("train.lanes", "12 lanes", f"{ranks} ranks", "1, 2, 3, 4, 6, 12"):
                self.assertIn(word, said)
        self.assertEqual(self.listing(), before)

    def test_context_shorter_than_a_window_s_document(self):
        """Of a later part only where a window holds it whole."""
        self.input("corpus:\n- {kind: biod, people: 50, share: 0.5}\n"
                   "- {kind: random, people: 50, length: 64, vocab: 30, share: 0.5}\n"
                   "train: {context: 32, warmup_steps: 0}\n")
        self.kcap("train", "input.yaml", "--dry-run")
        self.refused(["train.context", "32", "65", "corpus.windows: single"], "train", "input.yaml",
                     "--set", "corpus.2.windows=single", ranks=(1, 2))

    def test_context_shorter_than_a_document(self):
        self.input(BIOD)
        self.refused(["train.context", "9", "10"], "train", "input.yaml",
                     "--set", "train.context=9", ranks=(1, 2))
        self.kcap("train", "input.yaml", "--set", "train.context=10", "--out", "fits", ranks=2)

    def test_kernel(self):
        """skx needs AVX-512."""
        with open("/proc/cpuinfo") as file:
            if "avx512f" in file.read():
                self.skipTest("this CPU runs every kernel")
        self.input(BIOD)
        self.refused(["parallel.kernel", "skx"], "train", "input.yaml",
                     "--set", "parallel.kernel=skx", ranks=(1, 2))


class Output(ErrorTest):
    """A file in the way stands for what cannot be written: root may write anywhere else."""

    def test_a_file_in_the_way(self):
        self.input(BIOD)
        self.input("x", "file")
        for out in ("file", "file/below", "file/far/below"):
            for resume in ("never", "auto"):
                self.refused([out], "train", "input.yaml", "--out", out, "--resume", resume, code=4,
                             ranks=(2,))

    def test_a_folder_to_read_alone(self):
        """The place is named, not a step on the way."""
        self.input(BIOD)
        self.kcap_train("out", "--set", "train.max_steps=1")
        os.mkdir(self.path("ro"))
        alone = ["unshare", "--map-root-user", "--mount", "bash", "-c",
                 'mount -t tmpfs -o ro none ro && exec "$@"', "-"]
        if subprocess.run([*alone, "true"], cwd=self.folder, capture_output=True, check=False).returncode:
            self.skipTest("no name spaces here")
        for said, args in (("ro/x: this folder cannot be made", ("train", "input.yaml", "--out", "ro/x")),
                           ("ro/x/y: cannot be made, since ro/x cannot", ("init", "input.yaml", "--out", "ro/x/y")),
                           ("ro/f.csv.partial: cannot be written", ("measure", "out", "--per-fact", "ro/f.csv"))):
            done = subprocess.run(alone + harness.command(args), cwd=self.folder, text=True, check=False,
                                  env=dict(harness.environment(1), OMPI_MCA_ess_singleton_isolated="1"),
                                  capture_output=True)
            self.assertEqual((done.returncode, done.stderr), (4, f"kcap: {said}: Read-only file system\n"))

    def test_checkpoints_cannot_be_made(self):
        """A file stands where OUT/checkpoints should be."""
        self.input(BIOD)
        os.mkdir(self.path("out"))
        self.input("x", "out/checkpoints")
        done = self.kcap_train("out", "--resume", "auto", ranks=2, code=None)
        self.assertIn(done.returncode, (2, 4), done.stderr)
        self.assertIn("checkpoints", self.complaint(done))

    def test_a_full_disk(self):
        """A file size limit acts as a full disk does: exit 4, the older checkpoints stay good."""
        # Larger than the files that MPI maps, which the limit must leave alone.
        self.input(merged(BIOD, model={"layers": 10, "head_dim": 64}))
        self.kcap_train("out", "--set", "train.max_steps=2", threads=1)
        size = os.path.getsize(checkpoints(self.path("out"))[2])
        script = self.path(self.input(f"#!/bin/bash\nulimit -f {size // 1024 - 100}\n"
                                      'exec "$@"\n', "limited"))
        os.chmod(script, 0o755)
        go_on = "--resume", "auto", "--set", "train.max_steps=3"
        args = harness.command(["train", "input.yaml", "--out", "out", *go_on])
        done = harness.subprocess.run([script] + args, cwd=self.folder, env=harness.environment(1),
                                      capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 4, done.stderr)
        self.assertIn("File too large", done.stderr)
        self.assertEqual(list(checkpoints(self.path("out"))), [2])
        self.assertEqual(sorted(os.listdir(self.path("out", "checkpoints"))),
                         ["step_0000000002.h5", "step_0000000002.manifest"])
        self.kcap_train("out", *go_on, ranks=2, threads=1)
        self.assertEqual(max(checkpoints(self.path("out"))), 3)


class Numeric(ErrorTest):
    def test_weights_that_explode(self):
        """Rate times decay is 100: matrices grow by a factor of 99 a step until float32 overflows.
        Exit 3 on every rank count, step and tensor named, and every checkpoint is finite."""
        self.input(merged(BIOD, train={"clip": 0, "lr": 10, "weight_decay": 10, "warmup_steps": 0},
                          corpus={"exposures": 40}, checkpoint={"every_steps": 1, "keep": 100},
                          measure={"every_exposures": 0}))
        messages = set()
        for ranks in (1, 2, 4):
            out = f"out{ranks}"
            done = self.kcap_train(out, ranks=ranks, threads=1, code=3)
            said = self.complaint(done)
            files = checkpoints(self.path(out))
            last = max(files)
            self.assertIn(f"step {last + 1}: loss", said)
            self.assertRegex(said, "(wte|ln1_gain|ln1_bias|attn_qkv|attn_out|mlp_up|lnf_gain)")
            self.assertEqual(sorted(files), list(range(1, last + 1)))
            self.assertGreater(last, 3)
            for step, path in files.items():
                for name, values in harness.read_tensors(path).items():
                    self.assertTrue(np.isfinite(values).all(), f"step {step}: {name}")
            steps = read_columns(self.path(out), "steps")
            self.assertEqual(steps["step"][-1], last)
            self.assertTrue(np.isfinite(steps["loss"]).all())
            messages.add(said)
        self.assertEqual(len(messages), 1, f"ranks change what is said: {messages}")


if __name__ == "__main__":
    harness.main()
