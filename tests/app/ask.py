# SPDX-License-Identifier: BSD-3-Clause
"""kcap ask: what a model says, held against the corpus and against teacher forcing; texts of all kinds."""
import json
import os
import pty
import subprocess

import harness
from harness import BIOD, BIOS, merged

ASKED = {**BIOS, "corpus": [{**BIOS["corpus"], "share": 0.5, "exposures": 60},
                            {"kind": "questions", "share": 0.5, "held_out": 0.5}],
         "train": {**BIOS["train"], "lr": 1.0e-2}}


class Ask(harness.AppTest):
    def lines(self, *args, text=None, **how):
        """One object a line."""
        if text is not None:
            with open(self.path("lines"), "wb") as file:
                file.write(text)
            with open(self.path("lines"), "rb") as file:
                said = self.kcap("ask", *args, "--json", stdin=file, **how).stdout
        else:
            said = self.kcap("ask", *args, "--json", **how).stdout
        return [json.loads(line) for line in said.splitlines()]

    def documents(self, name, people):
        said = self.json("corpus", name, "--show", str(people))
        return said["documents"], said["later_parts"][0]["documents"] if said["later_parts"] else []

    def check_people(self, run, name):
        """The answer is the truth just where teacher forcing hits each token; the truth is the corpus's."""
        documents, _ = self.documents(name, 24)
        right = held_out = 0
        for person in range(0, 24, 5):
            words = documents[person]["words"]
            facts = self.lines(run, "--person", str(person))
            truths = {span["attribute"]: words[span["begin"]:span["end"]]
                      for span in documents[person]["spans"]}
            for fact in facts:
                self.assertEqual(fact["right"], fact["answer"] == fact["truth"], fact)
                self.assertEqual(fact["person"], person)
                self.assertLessEqual(fact["rank"], fact["candidates"])
                if fact["right"]:
                    self.assertEqual(fact["rank"], 1)
                self.assertEqual(fact["truth"].split()[0].rstrip(",."),
                                 truths[fact["attribute"]][0].lstrip("Ġ"))
                right += fact["right"]
                held_out += fact["held_out"]
            self.assertEqual(len(facts), 7 + 6)
        self.assertGreater(right, 3)
        self.assertLess(right, 5 * 13)
        self.assertIn(held_out, range(6, 30, 6))

    def check_questions(self, run, name):
        _, documents = self.documents(name, 6)
        for document in documents:
            text, marks = document["text"].strip(), document["spans"][-1]
            value = "".join(document["words"][marks["begin"]:marks["end"]])
            asked = text[:text.index("Answer:")]
            whole, short = self.lines(run, asked + "Answer:"), self.lines(run, asked)
            self.assertEqual(whole, short, "`Answer:` may be left out")
            self.assertEqual(whole[0]["attribute"], marks["attribute"])
            self.assertEqual("".join(whole[0]["truth"].split()),
                             value.replace("Ġ", "").replace(" ", ""))
            self.assertFalse(whole[0]["held_out"])

    def test_words(self):
        name = self.input(ASKED)
        self.kcap("train", name, "--out", "run")
        self.check_people("run", name)
        self.check_questions("run", name)
        documents, asked = self.documents(name, 1)
        known, first = " ".join(documents[0]["words"][1:4]), asked[0]["text"]
        question = first[:first.index("Answer:")]
        lines = "\n".join([question, "Where was Zoë born?", "", known, "Mary " * 2000,
                           "x" * 10000]).encode() + b"\n\xff\xfe\n" + question.encode()
        said = self.lines("run", text=lines)
        self.assertEqual(said, self.lines("run", text=lines, ranks=2, threads=1))
        self.assertEqual(len(said), 7)
        self.assertEqual(said[0], said[-1])
        self.assertIn("`Zoë` is none of the", said[1]["error"])
        self.assertEqual(said[2]["person"], 0)
        self.assertNotIn("truth", said[2])
        self.assertIn("none of the", said[4]["error"])
        self.assertIn("byte 1 of the text is not UTF-8", said[5]["error"])
        self.assertIn("person 0, ", self.kcap("ask", "run", "--person", "0").stdout)
        name_of = documents[0]["words"][1:4]
        nobody = " ".join([name_of[0], name_of[0], name_of[0]])
        if self.lines("run", nobody)[0]["person"] is None:
            self.assertIn("nobody of the corpus", self.kcap("ask", "run", nobody).stdout)

    def test_byte_pairs(self):
        name = self.input({**ASKED, "vocab": {"kind": "bpe", "size": 400},
                           "train": {**ASKED["train"], "context": 128}})
        self.kcap("train", name, "--out", "run", "--set", "train.max_steps=60")
        self.check_questions("run", name)
        self.assertIn("none of the", self.lines("run", text="Zoë 漢字".encode(), code=2)[0]["error"])

    def test_experts_over_ranks(self):
        """Spread over the ranks they say what they say on one, to people and lines alike."""
        name = self.input(merged(BIOD, model={"experts": 4, "experts_topk": 2},
                                 train={"lr": 1.0e-2, "max_steps": 10}, parallel={"ep": 2}))
        self.kcap("train", name, "--out", "run", ranks=2, threads=1)
        documents, _ = self.documents(name, 3)
        lines = "\n".join(" ".join(d["words"][1:4]) for d in documents).encode() + b"\nnope\n"
        for args, text in (("--person", "7"), None), ((), lines):
            one = self.lines("run", *args, text=text)
            self.assertEqual(len(one), 3 if args else 4)
            for ranks in 2, 4:
                self.assertEqual(one, self.lines("run", *args, text=text, ranks=ranks, threads=1))

    def test_compact_text(self):
        """Words that are tokens of their own: names, markers; a truth of two chunks."""
        name = self.input(merged(BIOD, corpus={"chunks": 2, "exposures": 60}, train={"lr": 1.0e-2}))
        self.kcap("train", name, "--out", "run")
        documents, _ = self.documents(name, 8)
        for document in documents:
            span = document["spans"][1]
            said = self.lines("run", " ".join(document["words"][1:span["begin"]]))[0]
            self.assertEqual(said["person"], document["person"])
            self.assertEqual(said["attribute"], span["attribute"])
            self.assertEqual(said["truth"],
                             " ".join(document["words"][span["begin"]:span["end"]]))
            self.assertEqual(len(said["answer"].split()), 2, "a value of two chunks, not what follows")
            self.assertEqual(said["right"], said["answer"] == said["truth"])

    def test_a_short_text_takes_little(self):
        """A window of the model's would take 130 MB more than one for the text."""
        self.input(merged(BIOD, train={"context": 4096}))
        self.kcap("init", "input.yaml", "--out", "run")
        documents, _ = self.documents("input.yaml", 1)
        said, _, most = self.usage("ask", "run", " ".join(documents[0]["words"][1:4]), threads=1)
        self.assertIn("person 0", said)
        self.assertLess(most, 150e6)

    def test_refusals(self):
        self.input(BIOD)
        self.train_json("run", "--set", "train.max_steps=2")
        self.fails(["--person 40", "0 to 39"], "ask", "run", "--person", "40")
        self.fails(["an empty text"], "ask", "run", " ")
        self.fails(["`nope` is none of the", "words"], "ask", "run", "nope")
        self.fails(["`~` is none of the"], "ask", "run", "~ x")  # a text, and no path
        self.fails(["a path of more than 895 bytes"], "ask", "x" * 896, "x")
        self.fails(["two questions"], "ask", "run", "x", "--person", "1")
        first, second, third = self.lines("run", text=b"\xef\xbb\xbfa\0b\r\n \r\n" + b"x" * 2**20 + b"y\n\0", code=2)
        self.assertEqual(first, {"error": "byte 2 of the text is a zero byte"})
        self.assertEqual(second, {"error": "a line of more than 1048576 bytes"})
        self.assertEqual(third, {"error": "byte 1 of the text is a zero byte"})
        with open(os.devnull, "wb") as none:
            self.fails("standard input cannot be read", "ask", "run", stdin=none)

    def feed(self, text, code, **how):
        with open(self.path("lines"), "w", encoding="utf-8") as file:
            file.write(text)
        with open(self.path("lines"), encoding="utf-8") as file:
            return self.kcap("ask", "run", stdin=file, code=code, **how)

    def test_no_answer_at_all(self):
        """Without a question, or with none that can be answered, the exit code says so; one answer is enough."""
        self.input(BIOD)
        self.kcap("init", "input.yaml", "--out", "run")
        documents, _ = self.documents("input.yaml", 1)
        known = " ".join(documents[0]["words"][1:4])
        for ranks in 0, 2:
            for text in "", "\n \t\r\n\ufeff\n":
                done = self.feed(text, 2, ranks=ranks)
                self.assertEqual(done.stdout, "")
                self.assertIn("standard input: no question in it; write one a line, or give TEXT",
                              self.complaint(done))
            for text, said in (("nope\n", "1 question, and"), ("nope\n\n~ x", "2 questions, and")):
                done = self.feed(text, 2, ranks=ranks)
                self.assertEqual(done.stdout.count("no answer: "), int(said[0]))
                self.assertIn(f"standard input: {said} none could be answered", self.complaint(done))
            done = self.feed(f"nope\n{known}\n", 0, ranks=ranks)
            self.assertEqual((done.stdout.count("no answer: "), done.stderr), (1, ""))

    def test_a_person_at_a_terminal_has_seen_it(self):
        self.input(BIOD)
        self.kcap("init", "input.yaml", "--out", "run")
        for typed in b"\4", b"nope\n\4":
            ours, theirs = pty.openpty()
            os.write(ours, typed)
            self.kcap("ask", "run", stdin=theirs)
            os.close(theirs)
            os.close(ours)

    def test_streams(self):
        """What is printed and does not come out is said; a stream that is closed gives its number to no
        file, into which what is printed would go."""
        self.input(BIOD)
        self.kcap("train", "input.yaml", "--out", "whole", "--set", "train.max_steps=8", threads=1)
        for line, code in (("train input.yaml --out run --set train.max_steps=8 >&- 2>&- <&-", 0),
                           ("ask run --person 1 >/dev/full", 4), ("help ask >/dev/full", 4)):
            done = subprocess.run(["bash", "-c", f"exec {harness.KCAP} {line}"], cwd=self.folder, text=True,
                                  env=harness.environment(1), stderr=subprocess.PIPE, check=False, timeout=60)
            self.assertEqual(done.returncode, code, line)
            if code:
                self.assertIn("standard output cannot be written: No space left on device", done.stderr)
        self.assert_same_run("whole", "run", "with its streams closed")


if __name__ == "__main__":
    harness.main()
