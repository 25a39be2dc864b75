# SPDX-License-Identifier: BSD-3-Clause
"""Help, the manual page and completion: generated, and about the verbs and options there are."""
import re
import subprocess

import harness
from harness import AppTest


class Help(AppTest):
    def verbs(self):
        return re.findall(r"^  kcap (\w+) ", self.kcap("help").stdout, re.M)

    def options(self, verb):
        return re.findall(r"^  (--[\w-]+)", self.kcap("help", verb).stdout, re.M)

    def test_verbs_and_options(self):
        verbs = self.verbs()
        self.assertIn("train", verbs)
        top = self.kcap("--help")
        self.assertEqual((top.stdout, top.stderr), (self.kcap("help").stdout, ""))
        for verb in verbs:
            self.assertIn(f"kcap {verb}", top.stdout)
            text = self.kcap("help", verb).stdout
            self.assertTrue(text.startswith("usage: "), text)
            self.assertIn(f"kcap {verb}", text.splitlines()[0])
            for option in ("--help", "-h"):
                self.assertEqual(self.kcap(verb, option).stdout, text)
            self.assertNotEqual(text, top.stdout)
            options = text.partition("\nThe keys:")[0].splitlines()[1:]
            self.assertLessEqual(max(map(len, options)), 80, text)
        for verb in ("train", "measure", "corpus", "config"):
            text = self.kcap("help", verb).stdout
            for option in set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text)):
                said = self.kcap(verb, option, code=None).stderr
                self.assertNotIn("not an option", said)
                self.assertNotIn("unknown option", said)
        self.assertIn("--resume", self.options("train"))
        self.assertIn("model.layers", self.kcap("config", "--help").stdout)
        self.fails("unknown verb", "help", "trian")

    def test_version(self):
        for ranks in (0, 2):
            done = self.kcap("--version", ranks=ranks)
            self.assertRegex(done.stdout, r"^kcap \d+\.\d+\.\d+\n")
            for word in ("commit", "compiler", "flags", "MPI", "mpirun", "BLIS", "HDF5", "PCRE2"):
                self.assertRegex(done.stdout, rf"(?m)^{word} +\S")
            self.assertEqual(len(done.stdout.splitlines()), 9)
            self.assertIn(f"\nmpirun    {harness.MPIRUN}\n", done.stdout)

    def test_manual(self):
        page = self.kcap("help", "--man").stdout.replace("\\-", "-")
        for verb in self.verbs():
            self.assertIn(f".SS kcap {verb}", page)
            for option in self.options(verb):
                self.assertIn(f"\n.B {option}", page)
        self.assertIn("model.layers", page)

    def test_completion(self):
        """What bash itself makes of it."""
        def complete(*words):
            script = self.kcap("help", "--bash").stdout
            line = " ".join(f"'{word}'" for word in words)
            done = subprocess.run(
                ["bash", "-c", f"{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words) - 1}\n"
                 "_kcap; printf '%s\\n' \"${COMPREPLY[@]}\""],
                capture_output=True, text=True, check=True, timeout=60, cwd=self.path("."))
            return done.stdout.split()
        self.assertEqual(complete("kcap", "tr")[0], "train")
        self.assertEqual(complete("kcap", "train", "--max"), ["--max-time"])
        self.assertEqual(set(complete("kcap", "sweep", "--")),
                         set(self.options("sweep")) | {"--help"})
        self.input(harness.BIOD)
        self.assertEqual(complete("kcap", "train", "inp"), ["input.yaml"])


if __name__ == "__main__":
    harness.main()
