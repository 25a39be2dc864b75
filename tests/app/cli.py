# SPDX-License-Identifier: BSD-3-Clause
"""Every verb as a user calls it: configuration, JSON, corpora, measurements."""
import math
import os
import re

import h5py
import yaml

import harness
from harness import BIOD, BIOS, checkpoints, merged, one_object, read_attributes, read_columns

# 60 strings of 9 tokens out of 50; 600 tokens an exposure.
RANDOM = {
    "run": {"name": "tinyrandom", "seed": 4},
    "corpus": {"kind": "random", "people": 60, "exposures": 12, "length": 9, "vocab": 50},
    "model": {"layers": 2, "heads": 2, "head_dim": 8},
    "train": {"context": 32, "batch": 4, "lanes": 4, "warmup_steps": 5, "lr": 3.0e-3},
    "measure": {"every_exposures": 3},
    "checkpoint": {"every_steps": 10, "keep": 9},
}


def write_names(test, folder, n):
    """Pools of n names each."""
    os.makedirs(test.path(folder))
    for name in ("first_name", "middle_name", "last_name"):
        test.input("".join(f"{name[0].upper()}{i}\n" for i in range(n)), f"{folder}/{name}.txt")


class Config(harness.AppTest):
    def test_defaults_are_an_input_file(self):
        text = self.kcap("config", "--defaults").stdout
        keys = yaml.safe_load(text)
        self.assertEqual(set(keys), {"run", "corpus", "vocab", "model", "train", "parallel",
                                     "measure", "checkpoint"})
        for section, values in keys.items():
            for key in values:
                self.assertRegex(text, rf"(?m)^  {key}: .*#.*\w",
                                 f"{section}.{key} is not explained")
        self.input(text)
        printed = self.kcap("config", "--print", "input.yaml").stdout
        self.assertEqual(yaml.safe_load(printed), keys)
        self.input(printed, "again.yaml")
        self.assertEqual(self.kcap("config", "--print", "again.yaml").stdout, printed)

    def test_print(self):
        """What the file and --set say, defaults for the rest, the last --set wins."""
        defaults = yaml.safe_load(self.kcap("config", "--defaults").stdout)
        self.input(BIOD)
        expected = merged(defaults, **BIOD)
        expected["model"]["layers"] = 5
        expected["train"]["lr"] = 0.1 + 0.2
        for ranks in (0, 2):
            done = self.kcap("config", "--print", "input.yaml", "--set", "model.layers=4", "--set",
                             "train.lr=0.30000000000000004", "--set", "model.layers=5", ranks=ranks)
            self.assertEqual(yaml.safe_load(done.stdout), expected)
        self.assertEqual(self.json("config", "--print", "input.yaml", "--set", "model.layers=5",
                                   "--set", "train.lr=0.30000000000000004"), expected)
        self.assertEqual(self.json("config", "--defaults"), defaults)

    def test_options_may_stand_anywhere(self):
        self.input(BIOD)
        a = self.kcap("config", "--set", "model.layers=3", "--print", "input.yaml").stdout
        b = self.kcap("config", "input.yaml", "--set=model.layers=3", "--print").stdout
        self.assertEqual(a, b)
        self.assertEqual(yaml.safe_load(a)["model"]["layers"], 3)


class Corpus(harness.AppTest):
    def test_bios_bits(self):
        self.input(BIOS)
        report = self.json("corpus", "input.yaml")
        N, names, values = 24, 6 ** 3, 2 * (12 * 28 * 4) * 10 * 8 * 8 * 8
        self.assertEqual(report["n_people"], N)
        self.assertAlmostEqual(report["max_name_bits"], N * math.log2(names / N), 9)
        self.assertAlmostEqual(report["max_value_bits"], N * math.log2(values), 9)
        self.assertEqual(report["max_diversity_bits"], 0)
        self.assertAlmostEqual(report["corpus_bits"], N * math.log2(names / N * values), 9)
        self.assertAlmostEqual(sum(report["attribute_bits"]), math.log2(names / N * values), 9)

    def test_full_pools(self):
        """log2 S0 = 47.5916 and N0 = 400 x 400 x 1000 (arXiv 2404.05405, footnote 9)."""
        self.input("corpus: {kind: bios, people: 10000}\n")
        report = self.json("corpus", "input.yaml")
        self.assertAlmostEqual(report["log2_values"], 47.5916, 4)
        self.assertAlmostEqual(report["log2_names"], math.log2(1.6e8), 9)
        self.assertAlmostEqual(report["corpus_bits"] / 1e6, 0.616, 3)

    def test_biod_bits(self):
        self.input(merged(BIOD, corpus={"chunks": 2, "length": 3, "diversity": 20}))
        report = self.json("corpus", "input.yaml", ranks=2)
        N, K = 40, 3
        self.assertAlmostEqual(report["max_name_bits"], N * math.log2(512 / N), 9)
        self.assertAlmostEqual(report["max_value_bits"], N * K * 2 * math.log2(20), 9)
        self.assertAlmostEqual(report["max_diversity_bits"], K * 20 * math.log2(16 ** 3 / 20), 9)
        self.assertTrue(report["tokens_are_exact"])
        self.assertEqual(report["tokens"], 40 * 10 * (4 + 3 * (1 + 2 * 3)))

    def test_shown_documents(self):
        """Spans in text and JSON say the same; person 0 differs with the seed."""
        for config in (BIOS, BIOD):
            self.input(config)
            text = self.kcap("corpus", "input.yaml", "--show", 3).stdout
            report = self.json("corpus", "input.yaml", "--show", 3)
            self.assertEqual([d["person"] for d in report["documents"]], [0, 1, 2])
            for document in report["documents"]:
                self.assertEqual(len(document["words"]), len(document["token_ids"]))
                self.assertEqual(document["words"][0], "<eos>")
                self.assertLessEqual(len(document["words"]), report["max_doc_tokens"])
                self.assertEqual({s["attribute"] for s in document["spans"]},
                                 set(report["attribute_names"]))
                end = 1
                for span in document["spans"]:
                    self.assertLessEqual(end, span["begin"])
                    end = span["end"]
                    words = " ".join(document["words"][span["begin"]:end]).replace(" ,", ",")
                    self.assertIn(f"[{words}]({span['attribute']})", text)
            other = self.kcap("corpus", "input.yaml", "--show", 3, "--set", "run.seed=99").stdout
            self.assertNotEqual(text.split("\n\n")[0], other.split("\n\n")[0])

    def test_show_what_measurement_reads(self):
        """--measure: another draw, where the city of work never comes before the employer."""
        self.input(BIOS)
        first = self.json("corpus", "input.yaml", "--show", 24)["documents"]
        read = self.json("corpus", "input.yaml", "--show", 24, "--measure")["documents"]
        self.assertEqual([d["person"] for d in read], list(range(24)))

        def late(documents):
            orders = [[s["attribute"] for s in d["spans"]] for d in documents]
            return sum(o.index("employer") > o.index("working_city") for o in orders)
        self.assertGreater(late(first), 0)
        self.assertEqual(late(read), 0)
        text = self.kcap("corpus", "input.yaml", "--show", 24, "--measure").stdout
        self.assertIn(f"person 0, {len(read[0]['words'])} tokens", text)
        self.assertNotEqual(text, self.kcap("corpus", "input.yaml", "--show", 24).stdout)
        said = self.kcap("corpus", "input.yaml", "--measure", code=2).stderr
        self.assertIn("--measure goes with --show", said)

    def test_show_is_the_same_without_mpirun_and_on_ranks(self):
        self.input(BIOS)
        alone = self.kcap("corpus", "input.yaml", "--show", 24).stdout
        self.assertEqual(self.kcap("corpus", "input.yaml", "--show", 24, ranks=3).stdout, alone)
        self.assertEqual(re.findall(r"(?m)^person (\d+),", alone), [str(i) for i in range(24)])
        more = self.kcap("corpus", "input.yaml", "--show", 1000).stdout
        self.assertEqual(more, alone, "there are only 24 people")

    def test_other_pools(self):
        """A folder of the user's, named in the file relative to the file, in --set as it stands."""
        write_names(self, "sub/mine", 7)
        config = merged(BIOD, corpus={"pools": "mine", "first_names": 0, "middle_names": 5})
        self.input(config, "sub/input.yaml")
        report = self.json("corpus", "sub/input.yaml", "--show", 1, "--set", "corpus.last_names=0")
        self.assertAlmostEqual(report["log2_names"], math.log2(7 * 5 * 7), 9)
        self.assertRegex(" ".join(report["documents"][0]["words"]), r"^<eos> F\d M\d L\d ")

    def test_twenty_million_people(self):
        """A corpus is a function: its size costs no time and no room."""
        self.input("corpus: {kind: bios, people: 20000000}\n")
        text, seconds, peak = self.usage("corpus", "input.yaml", "--show", 3, "--json")
        self.assertLess(seconds, 0.5)
        self.assertLess(peak, 200 * 2 ** 20)
        report = one_object(text)
        self.assertAlmostEqual(report["corpus_bits"] / 1e6, 1011.8, 1)
        self.assertEqual(len(report["documents"]), 3)


class Train(harness.AppTest):
    def test_json(self):
        """One object on stdout; its numbers are those of the files."""
        self.input(BIOD)
        for ranks in (0, 2):
            out = f"out{ranks}"
            done = self.kcap_train(out, "--json", ranks=ranks, threads=1)
            report = one_object(done.stdout)
            stamp = read_attributes(self.path(out, "run.h5"))
            for name in ("corpus_bits", "n_params", "n_people", "n_vocab", "seed", "ranks",
                         "threads", "kernel", "config_hash", "run_id", "kcap_version",
                         "max_bits_per_param"):
                self.assertEqual(report[name], stamp[name], name)
            self.assert_last_row(report, out)
            self.assertEqual(report["loss"], read_columns(self.path(out), "steps")["loss"][-1])
            self.assertEqual((report["status"], report["out"]), ("done", out))
            self.assertAlmostEqual(report["bits_per_param"] * report["n_params"],
                                   report["total_bits"], 6)
            self.assertIn("event=measure", done.stderr)

    def test_table_and_progress(self):
        """Without a terminal: lines of key=value, no control characters, then the table."""
        self.input(BIOS)
        done = self.kcap_train("out", ranks=2, threads=1)
        self.assertNotRegex(done.stdout, "[\x1b\r]")
        self.assertIn("event=measure", done.stdout)
        for word in ("layers", "parameters", "corpus", "24 people", "645 bits", "names", "values",
                     "total", "bits a parameter", "recalled exactly", "employer", "out/run.h5"):
            self.assertIn(word, done.stdout)

    def test_where_it_writes(self):
        """--out wins over run.out, which wins over runs/<run.name>; from the working directory."""
        self.input(merged(BIOD, run={"name": "called"}))
        stop = ("--set", "train.max_steps=1")
        self.kcap("train", "input.yaml", *stop)
        self.kcap("train", "input.yaml", *stop, "--set", "run.out=deep/in/here")
        self.kcap("train", "input.yaml", *stop, "--set", "run.out=nowhere", "--out", "there/")
        for folder in ("runs/called", "deep/in/here", "there"):
            self.assertEqual(sorted(os.listdir(self.path(folder))), ["checkpoints", "run.h5"])
        self.assertFalse(os.path.exists(self.path("nowhere")))

    def test_parameters(self):
        """P = l (12 d^2 + 13 d) + V d + 2 d at the published V = 3275 and widths of 64 h
        (arXiv 2404.05405, appendix A)."""
        corpus = {"people": 4, "exposures": 1, "alphabet": 3275 - 24 - 3 - 1}
        for layers, heads in ((1, 2), (2, 2), (4, 4)):
            self.input(merged(BIOD, corpus=corpus, model={"layers": layers, "heads": heads,
                                                          "head_dim": 64}))
            out = f"out{layers}"
            report = self.json("train", "input.yaml", "--set", "train.max_steps=1", "--out", out)
            d = 64 * heads
            P = layers * (12 * d * d + 13 * d) + 3275 * d + 2 * d
            self.assertEqual((report["n_vocab"], report["n_params"]), (3275, P))
            tensors = harness.read_tensors(checkpoints(self.path(out))[1])
            self.assertEqual(sum(t.size for n, t in tensors.items() if n.startswith("params/")), P)
        self.assertAlmostEqual(P / 1e6, 3.998, 3)

    def test_files_explain_themselves(self):
        self.input(BIOS)
        self.kcap_train("out", ranks=2)
        files = [self.path("out", "run.h5")] + list(checkpoints(self.path("out")).values())
        for path in files:
            with h5py.File(path, "r") as file:
                for name in ("kcap_version", "git_commit", "compiler", "compiler_flags",
                             "mpi_version", "blis_version", "hdf5_version", "kernel", "config",
                             "config_hash", "seed", "started_utc", "ranks", "threads", "dp", "ep",
                             "n_params", "corpus_bits"):
                    self.assertIn(name, file.attrs, path)
                keys = yaml.safe_load(file.attrs["config"])
                self.assertEqual(keys["model"]["layers"], 2)
                self.assertEqual(keys["train"]["beta1"], 0.9)
        with h5py.File(files[0], "r") as file:
            for group in ("steps", "measure"):
                for name, data in file[group].items():
                    self.assertIn("unit", data.attrs, name)
                    self.assertGreaterEqual(len(data.attrs["description"]), 8, name)
            self.assertEqual(len(file["measure/attribute_names"]), 8)


class Measure(harness.AppTest):
    def compare(self, config):
        self.input(config)
        self.kcap_train("out", ranks=2, threads=1)
        os.rename(self.path("input.yaml"), self.path("gone.yaml"))
        files = checkpoints(self.path("out"))
        for where in ("out", files[max(files)]):
            for ranks, threads in ((0, 1), (1, 3), (2, 2), (3, 1)):
                done = self.kcap("measure", where, "--json", ranks=ranks, threads=threads)
                report = one_object(done.stdout)
                self.assert_last_row(report, "out", f"{where} on {ranks} ranks")
                stamp = read_attributes(self.path("out", "run.h5"))
                for name in ("n_params", "corpus_bits", "run_id", "config_hash"):
                    self.assertEqual(report[name], stamp[name])

    def test_biod(self):
        self.compare(BIOD)

    def test_bios(self):
        self.compare(BIOS)

    def test_an_older_checkpoint(self):
        """Measured at step 10, where the run was measured too."""
        self.input(merged(BIOD, measure={"every_exposures": 1},
                          checkpoint={"every_steps": 1, "keep": 99}))
        self.kcap_train("out", threads=1)
        rows = read_columns(self.path("out"), "measure")
        files = checkpoints(self.path("out"))
        for i in (0, len(rows["step"]) // 2):
            report = self.json("measure", files[rows["step"][i]])
            self.assertEqual(report["total_bits"], rows["total_bits"][i])
            self.assertEqual(report["exposures"], rows["exposures"][i])

    def test_a_checkpoint_alone(self):
        """Moved away with its manifest, its pools gone: everything needed is inside."""
        write_names(self, "mine", 8)
        self.input(merged(BIOD, corpus={"pools": "mine"}))
        report = self.train_json("out")
        files = checkpoints(self.path("out"))
        os.mkdir(self.path("far"))
        for ending in (".h5", ".manifest"):
            stem = files[max(files)][:-3]
            os.rename(stem + ending, self.path("far", os.path.basename(stem) + ending))
        os.rename(self.path("mine"), self.path("yours"))
        moved = "far/" + os.path.basename(files[max(files)])
        measured = self.json("measure", moved, ranks=2)
        self.assertEqual(measured["total_bits"], report["total_bits"])
        self.assertEqual(measured["exposures"], report["exposures"])
        table = self.kcap("measure", moved).stdout
        self.assertIn("bits a parameter", table)


class Random(harness.AppTest):
    """corpus.kind: random (arXiv 2505.24832): no pools, no values, one span a document."""

    config = RANDOM

    def test_bits(self):
        report = self.json("corpus", "input.yaml", "--show", 2, ranks=2)
        string = 9 * math.log2(50)
        self.assertEqual([report[name] for name in ("kind", "n_people", "n_vocab")],
                         ["random", 60, 51])
        self.assertAlmostEqual(report["log2_names"], string, 9)
        self.assertAlmostEqual(report["ordered_bits"], 60 * string, 9)
        self.assertAlmostEqual(report["corpus_bits"], 60 * (string - math.log2(60)), 9)
        self.assertEqual(report["max_name_bits"], report["corpus_bits"])
        self.assertEqual((report["max_value_bits"], report["max_diversity_bits"]), (0, 0))
        self.assertEqual((report["tokens"], report["tokens_are_exact"]), (60 * 10 * 12, True))
        self.assertEqual(report["attribute_names"], ["string"])
        for document in report["documents"]:
            self.assertEqual(document["words"],
                             ["<eos>"] + [f"r{t - 1}" for t in document["token_ids"][1:]])
            self.assertEqual(document["spans"], [{"attribute": "string", "begin": 1, "end": 10}])

    def test_corpus_table(self):
        text = self.kcap("corpus", "input.yaml", "--show", 1).stdout
        for words in ("string 0, 10 tokens:", "](string)", "N = 60 strings, V = 51 words",
                      "44.8878  as one of the set; 50.7947 in its place", "3,048 bits", "2,693 bits"):
            self.assertIn(words, text)
        for word in ("names", "values", "people", "person"):
            self.assertNotIn(word, text)

    def test_defaults(self):
        """Published: 64 tokens out of 2048. 0 is the default of each kind, in every place."""
        self.input("corpus: {kind: random, people: 16384}\n")
        report = self.json("corpus", "input.yaml")
        self.assertEqual((report["n_vocab"], report["max_doc_tokens"]), (2049, 65))
        self.assertEqual(report["ordered_bits"], 16384 * 704)
        self.assertEqual(report["corpus_bits"], 16384 * (704 - 14))

    def test_train_and_table(self):
        done = self.kcap_train("out", ranks=2, threads=1)
        self.assertIn("name_recall=0", done.stdout)
        for word in ("value", "nan", "names", "people", "person", "total "):
            self.assertNotIn(word, done.stdout.replace("total_bits", ""))
        for word in ("60 strings, 2,693 bits", "strings   ", "never shown  ", "nats a string",
                     "bits a parameter", "recalled exactly"):
            self.assertIn(word, done.stdout)

    def test_json_is_that_of_the_file(self):
        """From the checkpoint alone too; what random has not is null, and NaN in the file."""
        report = self.train_json("out", ranks=2, threads=1)
        rows = read_columns(self.path("out"), "measure")
        for name in ("value_nats", "first_chunk_nats", "value_recall"):
            self.assertIsNone(report[name], name)
            self.assertTrue(all(math.isnan(x) for x in rows[name]), name)
        for name in ("value_bits", "diversity_bits"):
            self.assertEqual(report[name], 0)
        self.assertEqual(report["total_bits"], report["name_bits"])
        self.assertLess(report["held_out_bits"], 10)
        self.assertAlmostEqual(report["name_bits"],
                               60 * (9 * math.log2(50) - report["name_nats"] / math.log(2)), 6)
        self.assertGreater(report["name_bits"], rows["name_bits"][0])
        self.assertEqual(report["attribute_names"], ["string"])
        self.assertEqual(report["attribute_nats"], [report["name_nats"]])
        self.assertEqual(report["tokens"], 60 * 10 * 12 - 4, "four lanes' first tokens")
        files = checkpoints(self.path("out"))
        for where, ranks in (("out", 0), (files[max(files)], 3)):
            again = self.json("measure", where, ranks=ranks)
            self.assert_last_row(again, "out", where)
            self.assertEqual(again["config_hash"], report["config_hash"])
        with h5py.File(files[max(files)], "r") as file:
            self.assertEqual(len(file["files"]), 0)

    def test_resume_on_more_ranks(self):
        self.kcap_train("whole", threads=1)
        stop = read_columns(self.path("whole"), "measure")["step"][1]
        self.kcap_train("parts", "--set", f"train.max_steps={stop}", ranks=1, threads=1)
        done = self.kcap_train("parts", "--resume", "auto", "--set", "corpus.pools=/nowhere",
                               ranks=2, threads=1)
        self.assertIn("resumed from", done.stdout)
        self.assert_same_run("whole", "parts", "resumed on 2 ranks")
        done = self.kcap_train("parts", "--resume", "auto", "--set", "corpus.vocab=49", code=2)
        self.assertIn("corpus.vocab: 50 in the checkpoint, 49 in this input", done.stderr)

    def test_a_default_length_is_no_other_experiment(self):
        """64 written or not: the same hash, and one goes on where the other stopped."""
        config = merged(RANDOM, train={"context": 65})
        del config["corpus"]["length"]
        self.input(config)
        hashes = set()
        for i, length in enumerate((0, 64)):
            stop = ("--set", f"train.max_steps={i + 1}")
            report = self.train_json("out", "--resume", "auto", "--set", f"corpus.length={length}",
                                     *stop)
            hashes.add(report["config_hash"])
        self.assertEqual((len(hashes), report["step"]), (1, 2))

    def test_twenty_million_strings(self):
        self.input(merged(RANDOM, corpus={"people": 20000000, "length": 64, "vocab": 2048}))
        report = self.json("corpus", "input.yaml", "--show", 3, timeout=5)
        self.assertEqual(report["ordered_bits"], 2e7 * 704)
        self.assertEqual(len(report["documents"]), 3)


if __name__ == "__main__":
    harness.main()
