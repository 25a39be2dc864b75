# SPDX-License-Identifier: BSD-3-Clause
"""analysis/: the files it reads and writes, the table, the errors."""

import csv
import json
import os
import resource
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import h5py
import numpy as np

import make_run
import programs

sys.path.insert(0, str(programs.ANALYSIS))
import kcap_files  # pylint: disable=wrong-import-position
import plot  # pylint: disable=wrong-import-position


def python(code, *arguments, check=False):
    """Code that writes a run.h5 and may kill itself."""
    subprocess.run([sys.executable, "-c", code, *map(str, arguments)], check=check,
                   env=dict(os.environ, PYTHONPATH=str(Path(__file__).parent)))


def png_size(path):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n", f"{path} is no PNG"
    return struct.unpack(">II", head[16:24])


class Report(unittest.TestCase):
    def setUp(self):
        self.base = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.run = self.base / "toy"
        make_run.write_run(self.run).close()

    def report(self, *arguments, code=0, by=programs.called):
        done = by("report", *arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def row(self, run):
        """What --json says of one run."""
        return json.loads(self.report(run, "--json").stdout)["runs"][0]

    def table(self):
        """The table of the run, blanks taken together."""
        return " ".join(self.report(self.run).stdout.split())

    def read_csv(self, name, reader=csv.DictReader):
        with open(self.run / name, newline="", encoding="utf-8") as file:
            return list(reader(file))

    def edit(self, change):
        with h5py.File(self.run / "run.h5", "r+") as file:
            change(file)

    def test_table(self):
        shown = self.table()
        for text in ("2 layers, width 32, 1 head, 34,400 parameters",
                     "biod, 2,000 people, 95,636 bits", "after 1000 exposures",
                     "values 54,873 bits", "diversity -3,228 bits",
                     "per parameter 1.877 bits", "of the maximum 67.5 %",
                     "id2 81.0 %", "600 steps, loss 5.0937 nat/token, 1.2 s, "
                     "256,000 tokens/s on 2 ranks x 1 thread", str(self.run / "run.h5")):
            self.assertIn(text, shown)
        self.assertNotIn("killed", shown)

    def test_experts(self):
        """Loads as CSV, a row a block, and as a heat map; files of a model without have none."""
        self.report(self.run)
        self.assertFalse((self.run / "expert_load.csv").exists())

        def change(file):
            events = len(file["measure/step"])
            file.attrs["config"] = file.attrs["config"].replace("layers:", "experts: 3, layers:")
            file.attrs["n_params_used"] = 20000
            file["measure/expert_load"] = [[0.2, 0.3, 0.5, 0.0, 0.25, 0.75]] * events
        self.edit(change)
        result = self.report(self.run)
        self.assertIn("3, a token goes to 1: 20,000 parameters", result.stdout)
        rows = self.read_csv("expert_load.csv", csv.reader)
        self.assertEqual(rows[0], ["step", "block", "expert_0", "expert_1", "expert_2"])
        self.assertEqual(rows[-2][1:], ["0", "0.2", "0.3", "0.5"])
        self.assertEqual(rows[-1][1:], ["1", "0.0", "0.25", "0.75"])
        self.assertGreater(min(png_size(self.run / "expert_load.png")), 200)
        drawn = []
        with mock.patch.object(plot.plt, "close", drawn.append):
            plot.expert_load(np.array([[0.2, 0.3, 0.5], [0, 0.25, 0.75]]), "$a", 7,
                             self.base / "load.png")
        self.assertEqual([text.get_text() for text in drawn[-1].axes[0].texts],
                         ["0.60", "0.90", "1.50", "0.00", "0.75", "2.25"])
        plot.plt.close(drawn[-1])

        def damage(file):
            del file["measure/expert_load"]
            file["measure/expert_load"] = [[0.5, 0.5]] * len(file["measure/step"])
        self.edit(damage)
        self.expect("fewer than one block's 3 experts", self.run)

    def test_random_strings(self):
        """Strings in place of names, no values; such a run is held against a law of its own."""
        def change(file):
            file.attrs["config"] = file.attrs["config"].replace("biod", "random")
            file.attrs.update(item_word="string", items_word="strings", terms="strings - -")
            for name in ("value_nats", "value_recall"):
                file[f"measure/{name}"][:] = float("nan")
            file["measure/value_bits"][:] = file["measure/diversity_bits"][:] = 0
            file["measure/name_bits"][:] = file["measure/total_bits"][()]
        self.edit(change)
        shown = self.table()
        for text in ("random, 2,000 strings, 95,636 bits", "strings 64,557 bits",
                     "share of strings", "per parameter 1.877 bits"):
            self.assertIn(text, shown)
        for text in ("value", "diversity", "total", "people", "nan"):
            self.assertNotIn(text, shown.split(str(self.run))[0])
        row = self.row(self.run)
        self.assertEqual((row["kind"], row["value_nats"], row["value_bits"]), ("random", None, 0))
        of = {bits: SimpleNamespace(stamp={"law_bits_per_param": bits, "law": f"{bits} bits"})
              for bits in (2.0, 3.6)}
        self.assertEqual(plot.laws([("a", of[3.6]), ("b", of[2.0]), ("c", of[3.6])]),
                         [(2.0, "published: 2.0 bits"), (3.6, "published: 3.6 bits")])

    def test_a_file_of_older_versions(self):
        """It does not say what it holds: people, then."""
        def forget(file):
            for name in ("item_word", "items_word", "terms", "law_bits_per_param", "law"):
                del file.attrs[name]
        self.edit(forget)
        shown = self.table()
        for text in ("2,000 people", "names", "values", "diversity", "total"):
            self.assertIn(text, shown)

    def test_csv_and_plot(self):
        result = self.report(self.run, "--brief")
        self.assertEqual([line.split("/")[-1] for line in result.stdout.splitlines()],
                         ["run.h5", "measure.csv", "bits_per_param.png"])
        self.assertFalse((self.run / "steps.csv").exists())
        self.assertIn("steps.csv", self.report(self.run, "--brief", "--steps").stdout)
        measure = self.read_csv("measure.csv")
        self.assertEqual(len(measure), 6)
        self.assertEqual(float(measure[-1]["exposures"]), 1000)
        self.assertAlmostEqual(float(measure[-1]["attribute_recall.id1"]), 0.675, 3)
        steps = self.read_csv("steps.csv")
        self.assertEqual([row["step"] for row in steps], [str(i) for i in range(1, 601)])
        self.assertGreaterEqual(min(png_size(self.run / "bits_per_param.png")), 600)

    def test_json_is_one_object(self):
        self.edit(lambda file: file["measure/seconds"].__setitem__(5, float("nan")))
        result = self.report(self.run, "--json", by=programs.started)
        answer = json.loads(result.stdout, parse_constant=lambda text: self.fail(text))
        row = answer["runs"][0]
        self.assertEqual(row["corpus_bits"], 95636.0)
        self.assertEqual((row["layers"], row["width"], row["kind"]), (2, 32, "biod"))
        self.assertAlmostEqual(row["bits_per_param"] * 34400, row["total_bits"], 3)
        self.assertIsNone(row["seconds"])
        self.assertTrue(Path(answer["plot"]).is_file())

    def test_several_runs_and_out(self):
        make_run.write_run(self.base / "b", name="other", exposures=(10, 30)).close()
        self.report(self.run, self.base / "b")
        self.assertTrue((self.base / "bits_per_param.png").is_file())
        self.assertTrue((self.base / "b" / "measure.csv").is_file())
        out = self.base / "out"
        self.report(self.run, self.base / "b", "--out", out, "--steps")
        found = sorted(str(p.relative_to(out)) for p in out.rglob("*.*"))
        self.assertEqual(found, ["bits_per_param.png", "other/measure.csv", "other/steps.csv",
                                 "toy/measure.csv", "toy/steps.csv"])

    def test_any_name(self):
        """A name is text, also where it looks like a formula, a hidden line or a folder above; those
        that differ in their first characters alone are not lost."""
        names = ("$x^{2$ and $y$", "_first", "..", "a/b\nc", "a_b_c", "x" * 200, r"\$a$", "<b>&amp;")
        for i, name in enumerate(names):
            make_run.write_run(self.base / f"n{i}", name="toy").close()
            with h5py.File(self.base / f"n{i}" / "run.h5", "r+") as file:
                file.attrs["run_name"] = name
        out = self.base / "out"
        done = self.report(*(self.base / f"n{i}" for i in range(len(names))), "--out", out)
        self.assertEqual(done.stderr, "")
        self.assertEqual(len(list(out.glob("*/measure.csv"))), len(names))
        self.assertGreaterEqual(min(png_size(out / "bits_per_param.png")), 600)
        self.assertEqual({p.name for p in self.base.iterdir()} - {"toy", "out"},
                         {f"n{i}" for i in range(len(names))})
        figure, axes = plot.plt.subplots()
        for name in names:
            axes.plot([0], [0], label=plot.shown(name))
        texts = axes.legend().get_texts()
        self.assertEqual(len(texts), len(names))
        figure.canvas.draw()  # a formula that is none would raise
        for text in texts:
            self.assertFalse(plot.matplotlib.cbook.is_math_text(text.get_text()))
        plot.plt.close(figure)

    def test_run_not_measured_yet(self):
        make_run.write_run(self.base / "new", exposures=(), steps=0).close()
        result = self.report(self.base / "new")
        self.assertIn("not measured yet", result.stdout)
        self.assertIn("no step yet", result.stdout)

    def test_killed_run(self):
        """A writer that dies in SWMR mode leaves a file that only SWMR opens."""
        code = ("import make_run, os, pathlib, sys\n"
                "f = make_run.write_run(pathlib.Path(sys.argv[1])); f.swmr_mode = True\n"
                "d = f['steps/loss']; d.resize((601,)); d.flush()\n"
                "os.kill(os.getpid(), 9)\n")
        python(code, self.base / "killed")
        with self.assertRaises(OSError):
            h5py.File(self.base / "killed" / "run.h5", "r")
        result = self.report(self.base / "killed")
        self.assertIn("(running, or killed)", result.stdout)
        self.assertIn("600 steps", result.stdout)

    def test_all_columns_that_an_older_file_may_lack(self):
        """Finished or killed, also the names and what a resume has filled in."""
        code = ("import make_run, os, pathlib, sys\n"
                "f = make_run.write_run(pathlib.Path(sys.argv[1]))\n"
                "for group, name in make_run.columns():\n"
                "  if name == 'tokens': f[group][name][:5] = -2**63\n"
                "  else: del f[group][name]\n"
                "del f['measure/attribute_names']\n"
                "if len(sys.argv) > 2: f.swmr_mode = True; os.kill(os.getpid(), 9)\n"
                "f.close()\n")
        for killed in ([], ["killed"]):
            folder = self.base / ("lean" + "".join(killed))
            python(code, folder, *killed, check=not killed)
            row = self.row(folder)
            self.assertEqual((row["steps"], row["loss"], row["bits_per_param"], row["finished"]),
                             (600, None, None, not killed))
            tokens = kcap_files.read_run(folder).steps["tokens"]
            self.assertTrue(np.isnan(tokens[:5]).all() and (tokens[5:] == 512 * np.arange(6, 601)).all())

    def test_what_a_newer_file_adds(self):
        """Columns come along; what is no column, or a list of something else, is passed over. Another
        measure has a group of its own."""
        def change(file):
            events = len(file["measure/step"])
            file["measure/surprise_bits"] = [3.0] * events
            file["measure/layer_bits"] = [[1.0] * 7] * events
            file["measure/note"] = "text"
            file["steps/grams"] = 5
            file["recall/step"] = [600]
            file["recall/hits"] = [0.25]
            file["recall/hits"].attrs["unit"] = "share"
            file["recall/by_layer"] = [[1.0] * 7]
            file["recall/attribute_names"] = [b"x"]
            file["extra/anything"] = [1]
        self.edit(change)
        row = self.row(self.run)
        self.assertEqual(row["surprise_bits"], 3.0)
        self.assertEqual(row["recall"], {"step": 600, "hits": 0.25})
        self.assertNotIn("layer_bits", row)
        self.assertNotIn("extra", row)
        self.assertEqual(Path(row["files"]["recall_csv"]).read_text(encoding="utf-8"),
                         "hits,step\n0.25,600\n")
        self.assertRegex(self.report(self.run).stdout, r"recall, step 600\n +hits +0.25 share\n")

    def expect(self, text, *arguments, code=2, by=programs.called):
        result = self.report(*arguments, code=code, by=by)
        self.assertEqual(result.stdout, "")
        self.assertIn(text, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)

    def test_errors(self):
        self.expect("none/run.h5: no such file", self.base / "none" / "run.h5")
        (self.base / "run.h5").write_text("not HDF5", encoding="utf-8")
        self.expect("run.h5: not readable as HDF5", self.base)
        self.edit(lambda file: file["measure"].pop("step"))
        self.expect("dataset measure/step is missing", self.run)
        self.edit(lambda file: file.attrs.pop("n_params"))
        self.expect("root attribute n_params is missing", self.run)

    def test_config_errors(self):
        self.edit(lambda file: file.attrs.__setitem__("config", "model: {layers: 2}"))
        self.expect("has no model.heads", self.run)
        self.edit(lambda file: file.attrs.__setitem__("config", "model: {layers"))
        self.expect("damaged, or not a run.h5", self.run)

    def test_unwritable_out(self):
        (self.base / "file").write_text("", encoding="utf-8")
        self.expect("choose another folder with --out", self.run, "--out", self.base / "file" / "x",
                    code=4, by=programs.started)

    def test_full_disk(self):
        """A file is there whole, as it was before, or not at all."""
        out = self.base / "full"
        out.mkdir()
        (out / "bits_per_param.png").write_text("old", encoding="utf-8")

        def less(*arguments):
            most = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, most[1]))
            try:
                return programs.called(*arguments)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, most)
        self.expect("bits_per_param.png: File too large: choose another folder", self.run, "--out", out,
                    code=4, by=less)
        self.assertEqual((out / "bits_per_param.png").read_text(encoding="utf-8"), "old")
        self.assertEqual([x.name for x in out.iterdir() if "partial" in x.name], [])

    def test_streams(self):
        """Who reads has gone, as head does: nothing is said. A full disk is."""
        for stdout, code, said in (("| true", 141, ""), (">/dev/full", 4, "report: No space left on device\n")):
            done = subprocess.run(["bash", "-c", f'"$@" {stdout}; exit ${{PIPESTATUS[0]}}', "bash",
                                   programs.ANALYSIS / "report.py", self.run], text=True,
                                  stderr=subprocess.PIPE, check=False, timeout=60)
            self.assertEqual((done.returncode, done.stderr), (code, said))


if __name__ == "__main__":
    unittest.main()
