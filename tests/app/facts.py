# SPDX-License-Identifier: BSD-3-Clause
"""corpus.kind facts: a table of the user's from file to bits, alone in a checkpoint, and fact by fact."""
import csv
import filecmp
import os
import shutil
import unicodedata

import harness
from harness import AppTest

TABLE = "".join(f"city {i}\t{a}\t{v}\n" for i in range(300) for a, v in (
    ("country", f"land {i % 7}"), ("code", f"c{i}"), ("river, \"main\"", f"the {i % 11} stream")) if i % 3 or a != "code")
INPUT = """corpus: {kind: facts, file: FILE, exposures: 4}
model: {layers: 1, heads: 1, head_dim: 32}
train: {context: 32, batch: 4, lanes: 4, lr: 5.0e-3, warmup_steps: 5}
checkpoint: {every_steps: 100}
parallel: {threads: 1}
"""


class Facts(AppTest):
    def table(self, text=TABLE, name="t.tsv"):
        self.input(text, name)
        self.input(INPUT.replace("FILE", name))

    def test_a_checkpoint_stands_alone(self):
        """The table is in it, and another one is no way to go on."""
        self.table()
        self.kcap_train("a", "--set", "train.max_steps=30")
        self.table(TABLE.replace("land 3", "land 4"))
        self.fails("another table than that of the checkpoint", "train", "input.yaml", "--out", "a",
                   "--resume", "auto")
        self.table()
        whole = self.train_json("b")
        self.kcap_train("a", "--resume", "auto", ranks=2)
        os.remove(self.path("t.tsv"))
        self.kcap_train("a", "--resume", "auto")
        for folder in "a", "b":
            self.assertEqual(self.json("measure", folder)["total_bits"], whole["total_bits"])

    def test_a_large_table_is_told_by_its_hash(self):
        rows = [f"name {i}\tnote\t{'word ' * 9000}{i % 3}\n" for i in range(380)]
        self.table("".join(rows))
        self.assertGreater(os.path.getsize(self.path("t.tsv")), 1 << 24)
        little = "--set", "train.context=9100", "--set", "train.max_steps=1", "--set", "corpus.people=4"
        whole = self.train_json("a", *little)
        checkpoint = os.path.join("a", "checkpoints", "step_0000000001.h5")
        self.assertLess(os.path.getsize(self.path(checkpoint)), 1 << 20)
        self.assertEqual(self.json("measure", "a")["total_bits"], whole["total_bits"])
        os.mkdir(self.path("moved"))
        shutil.move(self.path("t.tsv"), self.path("moved", "t.tsv"))
        self.fails("t.tsv: no such file; a table of", "measure", "a")
        shutil.move(self.path("moved", "t.tsv"), self.path("t.tsv"))
        self.input("".join(rows).replace("name 379", "name 380"), "t.tsv")
        self.fails("t.tsv: another table than that of the run", "measure", "a", ranks=2)

    def test_fact_by_fact(self):
        """The rows' bits are the parts that are reported, on any number of ranks."""
        self.table()
        self.kcap_train("a", "--set", "corpus.exposures=40")
        found = self.json("measure", "a", "--per-fact", "kept.csv")
        self.kcap("measure", "a", "--per-fact", "kept3.csv", ranks=3)
        self.assertTrue(filecmp.cmp(self.path("kept.csv"), self.path("kept3.csv"), shallow=False))
        with open(self.path("kept.csv"), encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        said = [(r["name"], r["attribute"], r["value"]) for r in rows if r["attribute"] != "name"]
        self.assertEqual(sorted(said), sorted(tuple(r.split("\t")) for r in TABLE.splitlines()))
        bits = {"name": 0, "value": 0}
        recalled = []
        for row in rows:
            part = "name" if row["attribute"] == "name" else "value"
            bits[part] += float(row["bits"])
            recalled += [int(row["recalled"])] if part == "value" else []
        for part, sum_ in bits.items():
            self.assertAlmostEqual(sum_, found[f"{part}_bits"], delta=1e-3)
        self.assertAlmostEqual(sum(recalled) / len(recalled), found["value_recall"])
        self.assertTrue(0 < sum(recalled) < len(recalled))
        before = self.listing()
        self.fails("cannot be written", "measure", "a", "--per-fact", "input.yaml/kept.csv", code=4)
        self.fails("is there and no regular file", "measure", "a", "--per-fact", "a", ranks=2)
        self.assertEqual(self.listing(), before)

    def test_rows_left_out_are_counted_once(self):
        self.table(TABLE + "city 1\tcountry\tland 1\ncity 1\tcountry\tland 2\n")
        said = self.kcap("corpus", "input.yaml", ranks=2).stderr
        self.assertEqual(said.count("rows left out that stand there already: 1; rows left out that contradict "
                                    "an earlier one: 1, first `city 1`, country: `land 1` stands"), 1)

    def test_texts_that_look_alike_are_counted(self):
        """Accents of either form, by Python's tables, Hangul too; what is not seen; in tables and
        pools, of any part. What only resembles another text is none."""
        both = [(c, unicodedata.normalize("NFD", c)) for c in map(chr, range(0xC0, 0xD7A4))]
        both = [(c, d) for c, d in both if c != d and unicodedata.normalize("NFC", d) == c][::3]
        self.assertGreater(len(both), 4000)
        pairs = [*both, ("Rome", "Ro\u200bme"), ("Jose", "Jo\u00adse"), ("a\u0323\u0301", "á\u0323"),
                 ("O'Brien", "O\u2019Brien"), ("Ulm-Ost", "Ulm\u2010Ost"), ("Bad Ems", "Bad\u00a0Ems")]
        clear = ["Ro mee", "José", "Josè", "한국", "日本", "naïve", "naive"]
        rows = [f"{text} x\tcode\tc\n" for pair in pairs for text in pair]
        self.table("".join(f"{text} x\tcode\tc\n" for text in clear) + "".join(rows)
                   + "z\tcode\tc\n" + "z\tcode\tc\u2060\n" + "y\tco\u200bde\tc\n")
        said = self.kcap("corpus", "input.yaml").stderr
        line = len(clear) + 2
        # one more for the attribute, one because of a pair with two marks both are odd
        self.assertIn(f"count as their own: {len(pairs) + 2}, first {self.path('t.tsv')}:{line}: `", said)
        self.table("".join(f"{text}\tcode\tc\n" for text in clear))
        self.assertEqual(self.kcap("corpus", "input.yaml").stderr, "")
        os.mkdir(self.path("pools"))
        for name in "first_name", "middle_name", "last_name":
            self.input("Anna\nAn\u200bna\nRene\u0301\nRené\nRene\n", f"pools/{name}.txt")
        parts = "".join(f"  - {{kind: biod, pools: pools, people: 9, share: {share}}}\n"
                        for share in (0.4, 0.6))
        self.input(f"corpus:\n{parts}train: {{context: 256}}\n")
        self.assertIn("first_name.txt:2: `An<U+200B>na` is the first of texts that look like others, but for "
                      "how an accent, blank or dash is written or for what is not seen, and count as their own: 12",
                      self.kcap("corpus", "input.yaml").stderr)

    def test_sentences_are_the_users(self):
        self.table("".join(f"town {i}\t{a}\t{a[0]}{i % 5}\n" for i in range(40) for a in ("land", "river")))
        os.mkdir(self.path("said"))
        self.input("{subject} lies in {value}.\n", os.path.join("said", "land.txt"))
        said = "--set", "corpus.templates=said", "--set", "train.max_steps=5"
        self.fails("said/river.txt is not there", "train", "input.yaml", "--out", "a", *said)
        self.input("{subject} is at the {value}.\n", os.path.join("said", "river.txt"))
        shown = self.json("corpus", "input.yaml", "--show", "1", *said)
        self.assertIn(shown["documents"][0]["text"],
                      (" town 0 lies in l0. town 0 is at the r0.", " town 0 is at the r0. town 0 lies in l0."))
        whole = self.train_json("a", *said)
        shutil.rmtree(self.path("said"))
        self.assertEqual(self.json("measure", "a")["total_bits"], whole["total_bits"])

    def test_tables_are_asked_about(self):
        """Questions of the user's about half of the names, alone in a checkpoint."""
        self.table("".join(f"town {i}\t{a}\t{a[0]}{i % 5}\n" for i in range(40) for a in ("land", "river")
                           if i % 3 or a == "land"))
        os.mkdir(self.path("ask"))
        parts = ("\n  - {kind: facts, file: t.tsv, exposures: 4, share: 0.5}\n"
                 "  - {kind: questions, templates: ask, share: 0.5, held_out: 0.5}")
        self.input(INPUT.replace(" {kind: facts, file: FILE, exposures: 4}", parts))
        self.input("Where is {subject} ? Answer: {value}.\n", os.path.join("ask", "ask_land.txt"))
        self.fails("ask/ask_river.txt is not there", "train", "input.yaml", "--out", "a")
        self.input("Which river has {subject} ? Answer: {value}.\n", os.path.join("ask", "ask_river.txt"))
        shown = self.kcap("corpus", "input.yaml", "--show", "1", ranks=2).stdout
        self.assertRegex(shown, r"\[town \d+\]\(name\)\? Answer: \[[lr]\d\]\((land|river)\)\.")
        self.kcap_train("a")
        asked = self.json("measure", "a", "--part", "2")
        self.kcap_train("b", ranks=2)
        shutil.rmtree(self.path("ask"))
        self.assertEqual(self.json("measure", "b", "--part", "2")["attribute_recall"], asked["attribute_recall"])
        self.assertEqual(len(asked["held_out_recall"]), 3)

    def test_tables_are_parts(self):
        """Each part has its own table and way to say it; a checkpoint knows which."""
        self.table()
        self.input("river 1,length,5 km\nriver 2,length,7 km\n", "r.csv")
        os.mkdir(self.path("said"))
        self.input("{subject} is {value} long.\n", os.path.join("said", "length.txt"))
        parts = ("[{kind: facts, file: t.tsv, exposures: 2, share: 0.5},\n  {kind: bios, share: 0.25},\n"
                 "  {kind: facts, file: r.csv, templates: said, share: 0.25}]")
        self.input(INPUT.replace("{kind: facts, file: FILE, exposures: 4}", parts).replace(
            "context: 32", "context: 400"))
        shown = self.kcap("corpus", "input.yaml", "--show", "1").stdout
        for part in "country: [land 0](country)", "[river 1](name) is [5 km](length) long.", "[He](pronoun)":
            self.assertIn(part, shown.replace("She", "He"))
        whole = self.train_json("a")
        for name in "t.tsv", "r.csv":
            os.remove(self.path(name))
        self.assertEqual(self.json("measure", "a")["total_bits"], whole["total_bits"])

    def test_what_cannot_be_read_leaves_nothing(self):
        self.table(TABLE + "city 1\tcountry\n")
        self.fails("t.tsv:801: 2 columns, the first line has 3", "train", "input.yaml", "--out", "a")
        self.assertFalse(os.path.exists(self.path("a")))
        self.table()
        self.fails(("the longest document's", "(line 3: `city 1`)", "raise train.context"), "train", "input.yaml",
                   "--out", "a", "--set", "train.context=8")
        self.fails("fewer than the 300", "corpus", "input.yaml", "--set", "corpus.universe=299")


if __name__ == "__main__":
    harness.main()
