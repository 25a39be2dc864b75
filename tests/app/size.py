# SPDX-License-Identifier: BSD-3-Clause
"""kcap size: models for facts, facts for models."""
import collections
import gzip
import json
import math
import os

import harness
from harness import AppTest

INPUTS = os.path.join(harness.TOP, "inputs")


def code(*texts):
    """Bits of texts by their words, each text with an end mark."""
    count = collections.Counter(" \0 ".join(texts).split(" ") + ["\0"])
    all_ = sum(count.values())
    return sum(n * math.log2(all_ / n) for n in count.values())


class Size(AppTest):
    def size(self, *args, code=0, **more):
        done = self.kcap("size", *args, "--core-rate", "1e10", "--json", code=code, **more)
        return json.loads(done.stdout) if code == 0 else done.stderr

    def facts(self, text):
        return self.input(text, "facts.tsv")

    def test_facts_are_counted(self):
        rows = [f"{n}\t{a}\t{v}" for n, a, v in (
            ("ann lee", "city", "rome"), ("bob", "city", "oslo"), ("cem", "city", "new york"),
            ("dan", "city", "rome"), ("ann lee", "born", "1990"), ("bob", "born", "1991"))]
        file = self.facts("\n".join(["name\tattribute\tvalue"] + rows + rows[:1]) + "\n")
        found = self.size("--facts", file, "--universe", "64")
        self.assertEqual((found["n_facts"], found["n_names"], found["n_attributes"],
                          found["n_duplicates"]), (6, 4, 2, 1))
        self.assertAlmostEqual(found["value_bits"], 4 * 1.5 + 2 * 1)
        self.assertAlmostEqual(found["value_uniform_bits"], 4 * 1.584962500721156 + 2 * 1)
        self.assertAlmostEqual(found["name_bits"], 4 * 4)
        strings = (code("rome", "oslo", "new york") - 3 * 1.584962500721156 +
                   code("1990", "1991") - 2)
        self.assertAlmostEqual(found["string_bits"], strings)
        self.assertAlmostEqual(found["bits"], 8 + 16 + strings)
        # Without a universe names are counted as strings are; standard input is read as a file is.
        with open(self.path("facts.tsv"), encoding="utf-8") as table:
            piped = self.size("--facts", "-", stdin=table)
        self.assertAlmostEqual(piped["name_bits"], code("ann lee", "bob", "cem", "dan") - 4 * 2)
        self.assertEqual(piped["string_bits"], found["string_bits"])
        # ann lee bob cem dan | rome oslo new york 1990 1991 | <eos>, two markers
        self.assertEqual(found["n_vocab"], 5 + 6 + 3)
        # four <eos>, five words of names, six markers, seven words of values
        self.assertEqual(found["tokens_per_exposure"], 4 + 5 + 6 + 7)

    def test_one_character_many_times(self):
        """Byte pairs learnt of it end where a file of merges must."""
        self.assertEqual(self.size("--facts", self.facts("ann\tline\t" + "-" * 20000 + "\n"))["n_facts"], 1)

    def test_models_are_sane(self):
        """Whatever the vocabulary is: no thin towers, and byte pairs that suit the load."""
        rows = [f"n{i}\t{a}\tw{i * 7 % 5003}{a}\n" for i in range(5000) for a in "xyz"]
        found = self.size("--facts", self.facts("".join(rows)))
        self.assertTrue(found["n_vocab"] <= 512, found["n_vocab"])
        for args in ("--facts", "facts.tsv", "--vocab", "8192"), ("--bits", "4e6", "--vocab", "164977"), \
                    ("--bits", "100"), ("--bits", "2e7"):
            for c in self.size(*args)["choices"]:
                width = c["heads"] * c["head_dim"]
                self.assertTrue(width >= 16 and 2 <= c["layers"] <= max(2, width // 16), c)
                self.assertGreaterEqual(c["n_params"], c["parameters_needed"])

    def test_bits_by_the_published_law(self):
        found = self.size("--bits", "3.2e9")
        self.assertEqual([c["exposures"] for c in found["choices"]], [100, 1000])
        for c, law in zip(found["choices"], (1, 2)):
            d = c["heads"] * c["head_dim"]
            formula = c["layers"] * (12 * d * d + 13 * d) + 3275 * d + 2 * d
            self.assertEqual(c["n_params"], formula)
            self.assertEqual(c["parameters_needed"], 3.2e9 / law)
            self.assertTrue(1 <= formula / c["parameters_needed"] < 1.1, c)
            self.assertAlmostEqual(c["core_hours"], c["flops"] / 1e10 / 3600)
            self.assertGreater(c["flops"], 6 * c["tokens"] * c["n_params"])
            self.assertGreater(c["peak_bytes_dp1"], 16 * c["n_params"])
            self.assertLess(c["peak_bytes_dp256"], c["peak_bytes_dp1"])

    def test_a_measured_law_is_taken(self):
        self.input(json.dumps({"peaks": [{"exposures": 500, "bits_per_param": 1.6}]}), "law.json")
        found = self.size("--bits", "1e6", "--law", "law.json")
        self.assertEqual([c["parameters_needed"] for c in found["choices"]], [1e6 / 1.6])
        self.input("{}", "law.json")
        self.assertIn("no peaks in it", self.size("--bits", "1e6", "--law", "law.json", code=2))

    def test_the_rate_is_stated_or_a_benchs(self):
        """Never measured unasked: without one there are no core-hours."""
        found = self.json("size", "--bits", "1e6")
        self.assertIsNone(found["core_flop_per_second"])
        self.assertEqual({c["core_hours"] for c in found["choices"]}, {None})
        self.input('{"flop_per_second": 6e10, "ranks": 3, "threads": 2}', "bench.json")
        for ranks in 0, 2:
            found = self.json("size", "--bits", "1e6", "--core-rate", "bench.json", ranks=ranks)
            self.assertEqual(found["core_flop_per_second"], 1e10)
        self.assertIn("1.000e+10".replace(".000e+", "e+"),
                      self.kcap("size", "--bits", "1e6", "--core-rate", "bench.json").stdout)
        self.input('{"ranks": 0}', "bench.json")
        for rate, words in (("bench.json", "--core-rate bench.json: neither a number"),
                            ("fast", "no file that can be read: fast: cannot be read"),
                            *((n, f"--core-rate {n}: a number from 1") for n in ("0", "-1", "nan", "1e-400"))):
            self.fails(words, "size", "--bits", "1e6", "--core-rate", rate)

    def test_what_a_model_holds(self):
        found = self.size("--params", "7e9")
        self.assertEqual([(h["exposures"], h["bits"], h["facts"]) for h in found["holds"]],
                         [(100, 7e9, None), (1000, 14e9, None)])
        # The model that holds three facts holds three.
        file = self.facts("name\tattribute\tvalue\na\tx\t1\nb\tx\t2\nc\tx\t3\n")
        bits = self.size("--facts", file)["bits"]
        found = self.size("--params", str(bits / 2), "--facts", file)
        self.assertAlmostEqual(found["holds"][1]["facts"], 3)
        self.assertAlmostEqual(found["holds"][0]["facts"], 1.5)
        shown = self.kcap("size", "--params", "7e9", "--facts", file).stdout
        self.assertIn(f"A fact of this table is {bits / 3:.4g} bits on average", shown)

    def test_spelling_does_not_count(self):
        """Blanks of all kinds at the ends, quoted cells and line ends make no other fact."""
        plain = "name\tattribute\tvalue\nAnn\tcity\tRome\nBob\tcity\tNew York\n"
        found = self.size("--facts", self.facts(plain))
        self.assertEqual((found["n_facts"], found["n_names"], found["value_bits"]), (2, 2, 2))
        del found["facts"]
        for change in (lambda t: t.replace("Rome", " Rome "), lambda t: "\ufeff" + t,
                       lambda t: t.replace("\n", "\r\n"), lambda t: t.rstrip("\n"),
                       lambda t: t.replace("New York", "New  York\u00a0\u200b"),
                       lambda t: t.replace("Rome", '"Rome"').replace("city", ' "city" '),
                       lambda t: t.replace("New York", '"New\tYork"'),
                       lambda t: t.replace("New York", '"New\nYork"'),
                       lambda t: t.replace("name\tattribute\tvalue\n", ""),
                       lambda t: t.replace("name\t", " name\t"),
                       lambda t: t + "Ann \tcity\t Rome\n\n"):
            with self.subTest(change(plain)):
                changed = self.size("--facts", self.facts(change(plain)))
                changed["n_duplicates"] = found["n_duplicates"]
                self.assertEqual({name: changed[name] for name in found}, found)
        marks = 'name\tattribute\tvalue\na\tx\t"say ""A"""\nb\tx\tsay "A"\nc\tx\t5"\n'
        self.assertEqual(self.size("--facts", self.facts(marks))["value_bits"], 3 * math.log2(3) - 2)

    def promised(self, choice, *args):
        """What kcap plan counts where the input takes the keys of a choice."""
        keys = {name: choice[name] for name in ("layers", "heads", "head_dim", "width", "mlp_width", "kv_heads")}
        sets = [word for name, value in keys.items() if value or name in ("layers", "heads", "head_dim")
                for word in ("--set", f"model.{name}={value}")]
        return self.json("plan", *args, *sets)

    def test_the_model_is_the_input_s(self):
        """P, tokens and operations are those of kcap plan, whatever the architecture."""
        for name in sorted(os.listdir(os.path.join(INPUTS, "architectures"))):
            with self.subTest(name):
                file = os.path.join(INPUTS, "architectures", name)
                choice = self.size(file)["choices"][1]
                plan = self.promised(choice, file)
                self.assertEqual(choice["n_params"], plan["n_params"])
                self.assertAlmostEqual(choice["tokens"], plan["tokens"])
                self.assertAlmostEqual(choice["flops"] / plan["flops"], 1)
                self.assertTrue(1 <= choice["n_params"] / choice["parameters_needed"] < 1.4, choice)

    def test_proportions_stay(self):
        """Widths that an input states, and how many query heads share one of keys, as Qwen 3 has them."""
        sets = [word for key in ("arch=llama", "heads=16", "head_dim=128", "width=1024", "mlp_width=3072",
                                 "kv_heads=8", "qk_norm=yes", "embeddings=tied") for word in ("--set", "model." + key)]
        file = os.path.join(INPUTS, "bios_small.yaml")
        own = self.size(file, *sets)["choices"]
        self.assertEqual(own[0]["n_params"], self.promised(own[0], file, *sets)["n_params"])
        for choice in own + self.size("--bits", "1e8", file, *sets)["choices"]:
            d = choice["width"]
            self.assertEqual(d, choice["heads"] * choice["head_dim"] / 2)
            self.assertEqual(choice["mlp_width"], 3 * d)
            self.assertEqual(choice["kv_heads"], choice["heads"] / 2)

    def test_the_load_is_that_of_any_corpus(self):
        """Bits and tokens as kcap corpus and kcap plan count them."""
        for name in "quickstart", "bios_small", "random_small", "junk", "questions_small":
            with self.subTest(name):
                file = os.path.join(INPUTS, name + ".yaml")
                found, plan = self.size(file), self.json("plan", file)
                self.assertEqual(found["bits"], self.json("corpus", file)["corpus_bits"])
                self.assertEqual(found["tokens_per_exposure"], plan["tokens_per_exposure"])
                self.assertEqual(found["n_vocab"], plan["n_vocab"])
        holds = self.size(file, "--params", str(found["bits"] / 2))["holds"]
        self.assertEqual([(h["bits"] / found["bits"], h["facts"]) for h in holds], [(0.5, None), (1, None)])
        self.assertIn("1 times", self.kcap("size", file, "--params", str(found["bits"] / 2)).stdout)

    def test_errors(self):
        head = "name\tattribute\tvalue\n"
        for text, part in (("name\tvalue\nx\ty\n", "facts.tsv:1: no column attribute"),
                           ("name\tattribute\tvalue\nx\ty\n", "facts.tsv:2: 2 columns"),
                           ("name\tattribute\tvalue\nx\ty\t\n", "facts.tsv:2: an empty value"),
                           ("name\tattribute\tvalue\n \ty\tz\n", "facts.tsv:2: an empty name"),
                           ("name\tvalue\tattribute\tvalue\na\tb\tc\td\n",
                            "facts.tsv:1: columns 2 and 4 are both named value"),
                           (head + "a\tx\ty\rb\tx\tz\n", "facts.tsv:2: byte 6 of the line (0x0D)"),
                           (head + "a\tx\ty\0z\n", "facts.tsv:2: byte 6 of the line (0x00)"),
                           (head.encode("utf-16"), "facts.tsv: UTF-16"),
                           (head.encode("utf-16-le"), "facts.tsv:1: byte 2 of the line (0x00)"),
                           ((head + "J\u00fcrg\tx\ty\n").encode("latin-1"),
                            "facts.tsv:2: byte 2 of the line (0xFC): not UTF-8"),
                           (gzip.compress(head.encode()), "facts.tsv: packed by gzip"),
                           ("name,attribute,value\na,x,y\n", "facts.tsv:1: columns parted by commas"),
                           ("name;attribute;value\na;x;y\n", "parted by semicolons"),
                           (head + 'a\tx\t"y\nz\n', "facts.tsv:2: a quotation mark that begins a cell"),
                           (head + 'a\t"x" y\tz\n', "facts.tsv:2: column 2 begins with a quotation"),
                           (head + "a\tx\ty\tz\n",
                            "facts.tsv:2: 4 columns, the first line has 3, parted by tabs"),
                           (head + "a\tx\t" + "y" * 2**20, "facts.tsv:2: a line of more than"),
                           (head, "no facts in it"), ("", "no facts in it")):
            with self.subTest(text):
                self.assertIn(part, self.size("--facts", self.facts(text), code=2))
        os.mkfifo(self.path("pipe"))
        self.assertIn("pipe: cannot be read: it is a pipe", self.size("--facts", "pipe", code=2))
        self.assertIn("gone.tsv: cannot be read", self.size("--facts", "gone.tsv", code=2))
        for args, part in (((), "one of INPUT.yaml, --facts, --bits and --params"),
                           (("--bits", "5", "--facts", "x"), "--bits or --facts, not both"),
                           (("--bits", "5", "--params", "9"), "--bits or --params, not both"),
                           (("--bits", "5", "x.yaml"), "x.yaml: cannot be read"),
                           (("--bits", "5", "--universe", "9"), "--universe goes with --facts"),
                           (("--params", "5", "--vocab", "9"), "--vocab goes with --bits or --facts"),
                           (("--facts", "x", "--bits-per-token", "9"), "goes with --bits"),
                           (("--bits", "5", "--set", "run.seed=1"), "--set goes with INPUT.yaml")):
            self.fails(part, "size", *args)


if __name__ == "__main__":
    harness.main()
