# SPDX-License-Identifier: BSD-3-Clause
"""law.py on synthetic sweeps: planted laws are found, damage is named, the page stands alone."""

import csv
import json
import math
import os
import re
import signal
import sys
import tempfile
import unittest
import unittest.mock
from html.parser import HTMLParser
from pathlib import Path

import h5py
import numpy as np
import yaml

ANALYSIS = Path(__file__).resolve().parents[2] / "analysis"
sys.path[:0] = [str(ANALYSIS), str(Path(__file__).resolve().parent)]
import law as law_module  # noqa: E402
import law_families as families  # noqa: E402
import law_cells  # noqa: E402
import law_fits as fits  # noqa: E402
import law_plots  # noqa: E402
import make_run  # noqa: E402
import programs  # noqa: E402

PEOPLE_BITS = 47.8
# For what is about the numbers: drawing takes longer than all else.
without_plots = unittest.mock.patch.object(law_plots, "draw_all", lambda *_: [])


def write_point(folder, name, people, width, exposures, seed, R, run_name="toy", lr=0.002):
    """A finished run whose last measurement reads R bits a parameter."""
    P = 2 * (12 * width ** 2 + 13 * width) + 281 * width
    file = make_run.write_run(folder / name, exposures=(exposures / 2, exposures), steps=20)
    config = {"run": {"name": run_name, "seed": seed},
              "corpus": {"kind": "biod", "people": people, "exposures": exposures},
              "model": {"arch": "gpt2", "layers": 2, "heads": 1, "head_dim": width},
              "train": {"lr": lr, "warmup_steps": exposures}}
    r_max = people * PEOPLE_BITS / P
    file.attrs["config"] = yaml.safe_dump(config)
    file.attrs["n_params"], file.attrs["n_people"] = P, people
    file.attrs["max_bits_per_param"], file.attrs["corpus_bits"] = r_max, people * PEOPLE_BITS
    file["measure/step"][-1] = 20
    file["measure/bits_per_param"][-1] = R(r_max, P) if callable(R) else R
    file["measure/total_bits"][-1] = file["measure/bits_per_param"][-1] * P
    file.close()
    return {"index": 0, "name": name, "set": {}}


def write_sweep(folder, R, grid, exposures=(1000,), seeds=(1, 2, 3), run_name="toy"):
    entries = [write_point(folder, f"people={n},head_dim={w},exposures={E},seed={s}", n, w, E, s,
                           lambda r_max, P, E=E: R(r_max, P, E), run_name)
               for n, w in grid for E in exposures for s in seeds]
    folder.mkdir(exist_ok=True)
    (folder / "sweep.json").write_text(json.dumps({"sweep": "inputs/s.yaml", "points": entries}))
    return [e["name"] for e in entries]


def cell(R, r_max=3.0, P=30000, E=1000, N=2000, name="c"):
    return {"name": name, "exposures": E, "n_params": P, "n_people": N, "max_bits_per_param": r_max,
            "seeds": len(R), "bits_per_param": float(np.mean(R)),
            "points": [{"name": f"{name}/{i}", "seed": i, "bits_per_param": x, "max_bits_per_param": r_max,
                        "n_params": P, "exposures": E, "total_bits": x * P}
                       for i, x in enumerate(R)]}


class Page(HTMLParser):
    """What a page refers to, and its text."""

    def __init__(self, text):
        super().__init__()
        self.refers, self.tags, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.refers += [v for k, v in attrs if k in ("src", "href", "srcset", "action", "data")]

    def handle_data(self, data):
        self.words.append(data)


class Fits(unittest.TestCase):
    """Planted parameters lie inside the intervals. Ten draws: by chance one or two of 95 % miss."""

    def hits(self, draw):
        found = sum(bool(draw(np.random.default_rng(n))) for n in range(10))
        self.assertGreaterEqual(found, 8)

    def test_saturation(self):
        def draw(chance):
            cells = [cell(fits.smooth_minimum(r, 2.1, 6.0) + chance.normal(0, 0.02, 3), r)
                     for r in (0.8, 1.4, 1.9, 2.3, 2.8, 3.5, 4.5)]
            fit = fits.saturation(cells)
            self.assertLess(fit["C_interval"][1] - fit["C_interval"][0], 0.2)
            self.assertTrue(4 < fit["k"] < 9, fit["k"])
            return fit["C_interval"][0] < 2.1 < fit["C_interval"][1]
        self.hits(draw)
        self.assertIn("R_max", fits.saturation([cell([1.0])] * 9)["reason"])
        none = [cell([-0.1], r) for r in (0.5, 1, 2, 3, 4)]
        self.assertIn("no cell stores anything", fits.saturation(none)["reason"])
        near = [cell([r - 1.9], r) for r in (2.5, 2.6, 2.7, 2.8)]
        self.assertIn("R_max spans a factor of 1.12; at least 1.5", fits.saturation(near)["reason"])
        # A capacity below the first guess, and corpora a thousand times smaller and larger.
        low = [cell([fits.smooth_minimum(r, 0.06, 6)], r) for r in (1e-4, 0.02, 0.05, 0.1, 1, 60)]
        self.assertAlmostEqual(fits.saturation(low)["C"], 0.06, places=3)
        self.assertAlmostEqual(fits.smooth_minimum(1e-5, 2.0, 100.0), 1e-5)
        self.assertAlmostEqual(fits.smooth_minimum(2.0, 3.0, 1.0), 1.2)

    def test_growth_and_forecast(self):
        sizes = (20000, 35000, 60000, 100000, 200000)

        def draw(chance):
            cells = [cell(0.5 * P ** 0.12 * 10 ** chance.normal(0, 0.01, 3), P=P) for P in sizes]
            fit = fits.growth(cells)
            rows = fits.forecast(fit)["rows"]
            widths = [math.log(r["free_interval"][1] / r["free_interval"][0]) for r in rows]
            self.assertEqual(widths, sorted(widths))
            self.assertAlmostEqual(rows[0]["decades_beyond"], math.log10(1e9 / 2e5))
            truth = [0.5 * r["n_params"] ** 1.12 for r in rows]
            return fit["g_interval"][0] < 1.12 < fit["g_interval"][1] and \
                all(r["free_interval"][0] < t < r["free_interval"][1] for r, t in zip(rows, truth))
        self.hits(draw)

    def test_growth_leaves_small_corpora_out(self):
        cells = [cell([1.9] * 2, 3.0, P) for P in (2e4, 4e4, 1e5)] + \
            [cell([0.9] * 2, 0.9, 5e4), cell([1.85] * 2, 1.88, 7e4)]
        fit = fits.growth(cells)
        self.assertEqual(fit["sizes"], [2e4, 4e4, 1e5])
        self.assertAlmostEqual(fit["proportional_c"], 1.9)
        self.assertFalse(fits.growth(cells[2:])["fitted"])

    def test_growth_takes_the_largest_corpus_not_the_luckiest(self):
        cells = [cell([1.9] * 2, 3.0, P) for P in (2e4, 4e4, 1e5)] + [cell([1.95] * 2, 2.5, 4e4)]
        self.assertAlmostEqual(fits.growth(cells)["proportional_c"], 1.9)

    def test_growth_wants_different_sizes(self):
        """Models of one size tell nothing of growth, however they differ."""
        near = [cell([r] * 2, 3.0, P) for r, P in ((0.6, 3.3e4), (0.1, 3.6e4), (0.3, 3.4e4))]
        fit = fits.growth(near)
        self.assertFalse(fit["fitted"])
        self.assertIn("span a factor of 1.09; at least 1.5", fit["reason"])
        self.assertTrue(fits.growth(near + [cell([0.3] * 2, 3.0, 5e4)])["fitted"])

    def test_exposures(self):
        """What is read at or below 0 counts as it is; counts outside 10 ... 1000 do not."""
        def draw(chance):
            cells = [cell(1.9 * E / 1000 + chance.normal(0, 0.03, 3), E=E)
                     for E in (20, 50, 100, 200, 500, 1000)]
            cells += [cell([0.01] * 3, E=5), cell([1.9] * 3, E=2000)]
            fit = fits.exposure_law(cells)
            self.assertEqual((fit["n"], len(fit["residuals"])), (6, 6))
            self.assertAlmostEqual(fit["R1000"], 1.9, delta=0.1)
            return fit["alpha_interval"][0] < 1 < fit["alpha_interval"][1]
        self.hits(draw)
        none = [cell([-0.01] * 3, E=E) for E in (20, 100, 1000)]
        self.assertIn("nothing is stored", fits.exposure_law(none)["reason"])
        self.assertIn("fewer than 3 exposure counts", fits.exposure_law(none[1:])["reason"])

    def test_peak(self):
        """Two cells, of which one stands out: its own t interval, with 2/3 and 1/3 of the 5 %."""
        cells = [cell([1.5, 1.6, 1.4], name="a"), cell([1.9, 2.1, 2.0], name="b")]
        found = fits.peak(cells)
        self.assertEqual((found["cell"], found["rivals"]), ("b", 2))
        self.assertAlmostEqual(found["bits_per_param"], 2.0)
        error = 0.1 / math.sqrt(3)
        self.assertAlmostEqual(found["interval"][0], 2 - 5.3395 * error, places=3)  # t_2(1 - 0.05 / 3)
        self.assertAlmostEqual(found["interval"][1], 2 + 3.6766 * error, places=3)  # t_2(1 - 0.1 / 3)
        # A corpus of less than what the best stores is no rival, however its seeds spread.
        found = fits.peak(cells + [cell([1.7, 1.2, 1.2], 1.8)])
        self.assertEqual(found["rivals"], 2)

    def test_peak_is_read_where_it_was_not_chosen(self):
        """Seeds 0 and 1 call a the best, which seed 2 knows better; the others see b."""
        cells = [cell([2.0, 2.0, 1.0], name="a"), cell([1.6, 1.6, 1.9], name="b")]
        self.assertAlmostEqual(fits.peak(cells)["bits_per_param"], (1.6 + 1.6 + 1.0) / 3)
        self.assertEqual(fits.peak(cells[:1])["bits_per_param"], np.mean([2.0, 2.0, 1.0]))


class Cells(unittest.TestCase):
    def test_rates_of_a_cell_are_named(self):
        names = ["people=9,lr=0.002,seed=1", "people=9,lr=0.004,seed=2", "people=9,lr=0.002,seed=3"]
        self.assertEqual(law_cells.label_of(names), "people=9,lr=0.002/lr=0.004")

    def test_a_rate_of_one_seed_is_not_judged_by_itself(self):
        """Seed 0 has a rate that no other seed tried: what it reads there says nothing."""
        rivals = [cell([1.0, 1.1, 1.2], name="a"), cell([9.0], name="b")]
        self.assertEqual([(seed, c["name"]) for seed, c in law_cells.held_out(rivals)],
                         [(0, "a"), (1, "a"), (2, "a")])
        alone = [cell([1.0], name="a"), cell([2.0], name="b")]
        self.assertEqual([(seed, c["name"]) for seed, c in law_cells.held_out(alone)], [(0, "b")])


class Command(unittest.TestCase):
    GRID = ((1000, 24), (2000, 24), (1000, 32), (2000, 32), (2000, 48), (4000, 48))

    def setUp(self):
        self.temp = tempfile.TemporaryDirectory(prefix="kcap_law_")
        self.addCleanup(self.temp.cleanup)
        self.sweep, self.out = Path(self.temp.name, "sweep"), Path(self.temp.name, "out")

    def law(self, *args, code=0, by=programs.called):
        done = by("law", *args)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def write(self, **more):
        chance = np.random.default_rng(3)
        return write_sweep(self.sweep, lambda r_max, P, E: float(
            fits.smooth_minimum(r_max, 2.0, 8) * (E / 1000) ** 0.3 + chance.normal(0, 0.01)),
            self.GRID, **more)

    def found(self):
        def refuse(word):
            raise ValueError(word)
        return json.loads((self.out / "law.json").read_text(), parse_constant=refuse)

    def test_whole(self):
        names = self.write(exposures=(100, 300, 1000))
        said = self.law(self.sweep, "--out", self.out, by=programs.started).stdout
        law = self.found()
        self.assertEqual(law["peak_exposures"], 1000)
        self.assertTrue(1.9 < law["peak_bits_per_param"] < 2.05)
        self.assertEqual(len(law["points"]), len(names))
        self.assertEqual(len(law["cells"]), 18)
        self.assertTrue(all(c["seeds"] == 3 for c in law["cells"]))
        labels = {c["name"]: c["label"] for c in law["cells"]}
        for p in law["points"]:
            self.assertEqual(set(p["name"].split(",")) - set(labels[p["cell"]].split(",")),
                             {f"seed={p['seed']}"})
        self.assertAlmostEqual(law["exposure_laws"][0]["alpha"], 0.3, delta=0.05)
        self.assertIn("peak after 1000 exposures", said)
        self.assertEqual([p["exposures"] for p in law["peaks"]], [100, 300, 1000])
        for name in law["files"]:
            self.assertGreater((self.out / name).stat().st_size, 100, name)
        self.assertEqual(len([n for n in law["files"] if n.endswith(".png")]), 5)

    @without_plots
    def test_half_damaged(self):
        names = self.write()
        reasons = {}
        for i, name in enumerate(names[::2]):
            file = self.sweep / name / "run.h5"
            if i % 4 == 0:
                file.unlink()
                reasons[name] = "missing"
            elif i % 4 == 1:
                file.write_bytes(file.read_bytes()[:3000])
                reasons[name] = "damaged"
            elif i % 4 == 2:
                file.unlink()
                (file.parent / "error.txt").write_text("step 7: loss nan\n")
                reasons[name] = "failed: step 7: loss nan"
            else:
                with h5py.File(file, "r+") as run:
                    run["measure/exposures"][-1] = 500
                reasons[name] = "stopped after 500 of 1000 exposures"
        done = self.law(self.sweep, "--out", self.out)
        law = self.found()
        self.assertEqual(sorted(p["name"] for p in law["points"]), sorted(names[1::2]))
        said = {x["name"]: x["reason"] for x in law["left_out"]}
        self.assertEqual(set(said), set(reasons))
        for name, why in reasons.items():
            self.assertTrue(said[name].startswith(why), (said[name], why))
            self.assertIn(f"{name}: {why}", done.stdout)

    def test_damage_in_any_byte_is_named(self):
        """Bytes changed at random places: h5py raises many things, and the library may crash or read
        without end."""
        names, chance = self.write(), np.random.default_rng(5)
        for name in names[1:]:
            file = self.sweep / name / "run.h5"
            data = bytearray(file.read_bytes())
            for at in chance.integers(len(data), size=100):
                data[at] = chance.integers(256)
            file.write_bytes(bytes(data))
        points, left_out = law_module.read_sweeps([self.sweep], law_module.Reader(2))
        left = {x["name"]: x["reason"] for x in left_out}
        self.assertEqual(sorted([p["name"] for p in points] + list(left)), sorted(names))
        self.assertIn(names[0], [p["name"] for p in points])
        self.assertGreater(len(left), 5)
        for why in left.values():
            self.assertRegex(why, "^damaged: .*run.h5|not ")

    def test_a_crash_or_hang_while_reading_is_one_point_lost(self):
        names = self.write()
        honest = law_module.read_point

        def careless(folder, sweep, entry):
            if entry["name"] == names[4]:
                os.kill(os.getpid(), signal.SIGSEGV)
            if entry["name"] == names[6]:
                signal.pause()
            return honest(folder, sweep, entry)
        with unittest.mock.patch.object(law_module, "read_point", careless):
            points, left_out = law_module.read_sweeps([self.sweep], law_module.Reader(2))
        self.assertEqual([x["name"] for x in left_out], [names[4], names[6]])
        self.assertIn("HDF5 library crashes", left_out[0]["reason"])
        self.assertIn("more than 2 s", left_out[1]["reason"])
        self.assertEqual([p["name"] for p in points], names[:4] + names[5:6] + names[7:])

    @without_plots
    def test_a_run_counts_once(self):
        names = self.write()
        once = self.law(self.sweep, "--out", self.out) and self.found()
        self.law(self.sweep, self.sweep, "--out", self.out)
        twice = self.found()
        self.assertEqual(len(twice["points"]), len(names))
        self.assertEqual(twice["peak_interval"], once["peak_interval"])
        self.assertEqual({x["reason"] for x in twice["left_out"]},
                         {f"the same run as {n} of inputs/s.yaml" for n in names})

    @without_plots
    def test_best_of_the_rates(self):
        """Each size and exposure count has a best rate of its own; the rest is named, and the law
        over exposures joins cells of different rates."""
        best = {(24, 100): 0.004, (24, 300): 0.002, (24, 1000): 0.001, (32, 1000): 0.004}
        for (width, E), rate in best.items():
            for lr in (0.001, 0.002, 0.004):
                for seed in (1, 2, 3):
                    R = 1.9 * (E / 1000) ** 0.3 - 0.1 * (lr != rate) + 0.04 * seed * (-1) ** seed
                    write_point(self.sweep, f"head_dim={width},exposures={E},lr={lr},seed={seed}",
                                2000, width, E, seed, R, lr=lr)
        self.law(self.sweep, "--out", self.out)
        self.assertEqual(len(self.found()["cells"]), 12)
        done = self.law(self.sweep, "--out", self.out, "--best", "train.lr")
        law = self.found()
        self.assertEqual(law["best_of"], ["train.lr"])
        self.assertEqual(sorted(c["label"] for c in law["cells"]),
                         sorted(f"head_dim={w},exposures={E},lr={lr}" for (w, E), lr in best.items()))
        self.assertEqual([c["seeds"] for c in law["cells"]], [3] * 4)
        self.assertEqual(len(law["left_out"]), 24)
        self.assertIn("head_dim=32,exposures=1000,lr=0.002,seed=2: head_dim=32,exposures=1000,"
                      "lr=0.004 stores more, by the other seeds: 1.820 > 1.720", done.stdout)
        self.assertEqual([(f["n"], round(f["alpha"], 1)) for f in law["exposure_laws"]], [(3, 0.3)])
        write_sweep(alone := self.sweep / "alone", lambda *_: 1.0, ((1000, 24),))
        for key in ("train.rate", "lr", "run.seed"):
            said = self.law(alone, "--out", self.out, "--best", key, code=2).stderr
            self.assertIn(f"--best {key}: no key of these runs; theirs are corpus.exposures,", said)

    def test_mixtures(self):
        """Useful documents among others are drawn apart, and no fit or peak is made of them."""
        def among(corpus, share, tag):
            later = {k: v for k, v in corpus.items() if k != "exposures"} | {"share": 1 - share}
            return [corpus | {"share": share, "tag": tag}, later]

        def R_of(share, tag, seed):
            return 3 * share + 0.25 * bool(tag) + 0.01 * seed

        for share in (0.125, 0.5):
            for tag in ("", "<w>"):
                for seed in (1, 2):
                    name = f"share={share},tag={tag},seed={seed}"
                    write_point(self.sweep, name, 2000, 24, 100, seed, R_of(share, tag, seed))
                    with h5py.File(self.sweep / name / "run.h5", "r+") as file:
                        config = yaml.safe_load(file.attrs["config"])
                        config["corpus"] = among(config["corpus"], share, tag)
                        file.attrs["config"] = yaml.safe_dump(config)
        for seed in (1, 2):
            write_point(self.sweep, f"alone,seed={seed}", 2000, 24, 100, seed, 1.1)
        self.law(self.sweep, "--out", self.out)
        law = self.found()
        self.assertIn("mixtures.png", law["files"])
        with open(self.out / "mixtures.csv", newline="") as file:
            rows = {(r["useful_share"], r["tag"]): float(r["bits_per_param"]) for r in csv.DictReader(file)}
        self.assertEqual(set(rows), {(s, t) for s in ("0.125", "0.5") for t in ("", "<w>")})
        for (share, tag), R in rows.items():
            self.assertAlmostEqual(R, R_of(float(share), tag, 1.5), 6)
        self.assertAlmostEqual(law["peak_bits_per_param"], 1.1)
        self.assertEqual(len(law["cells"]), 5)

    def test_random_strings_have_the_largest_R_over_N(self):
        """Their exposures fall as N grows, so that no exposure count has more than one N."""
        for strings, exposures, R in ((125, 5600, 1.2), (250, 2800, 2.6), (500, 1400, 1.9)):
            for seed in (1, 2, 3):
                name = f"people={strings},seed={seed}"
                write_point(self.sweep, name, strings, 24, exposures, seed, R + 0.01 * seed)
                with h5py.File(self.sweep / name / "run.h5", "r+") as file:
                    file.attrs["config"] = file.attrs["config"].replace("kind: biod", "kind: random")
                    file.attrs["max_bits_per_param"] = 4.0
        said = self.law(self.sweep, "--out", self.out).stdout
        self.assertIn("the largest R over N = 125 to 500 strings: 2.620", said)
        capacity, = self.found()["capacities"]
        self.assertEqual((capacity["n_people"], capacity["exposures"]), ([500, 250, 125], 2800))
        self.assertLess(capacity["interval"][0], 2.62)
        self.assertIn("over N = 125 to 500 strings", (self.out / "report.html").read_text())

    def test_too_few_for_an_interval(self):
        """Three sizes and two seeds: the fits stand, and that they have no interval is said."""
        write_sweep(self.sweep, lambda r_max, P, E: 1.9, ((2000, 24), (3000, 32), (4000, 48)), seeds=(1, 2))
        said = self.law(self.sweep, "--out", self.out).stdout
        law = self.found()
        self.assertEqual(law["peak_interval"], [None, None])
        self.assertEqual(law["growth"][0]["g_interval"], [None, None])
        self.assertEqual(law["forecast"]["rows"][0]["free_interval"], [None, None])
        self.assertIn("g = 1.000 (too few seeds or cells for an interval)", said)
        self.assertIn("too few seeds or cells", (self.out / "report.html").read_text())

    def test_nothing_usable(self):
        names = self.write(seeds=(1,))
        for name in names:
            (self.sweep / name / "run.h5").unlink()
        self.assertIn("no finished point", self.law(self.sweep, "--out", self.out, code=2,
                                                    by=programs.started).stderr)
        self.assertFalse(self.out.exists())
        self.assertIn("no such folder", self.law(self.sweep / "x", "--out", self.out, code=2).stderr)
        (self.sweep / "sweep.json").write_text("{")
        self.assertIn("sweep.json: is not one JSON object: kcap sweep writes it anew",
                      self.law(self.sweep, "--out", self.out, code=2).stderr)

    def test_a_damaged_list(self):
        path = self.sweep / "sweep.json"
        self.sweep.mkdir(exist_ok=True)
        deep = "[" * 100000
        for text, said in ("", "is not"), ("null", "is not"), ("[1]", "is not"), (deep, "is not"), (
                "{\"points\": [{\"name\": \"\xe9", "is not"), ('{"points": 5}', "has no list"), (
                '{"points": [5]}', "has no list"), ('{"points": [{"name": 7}]}', "has no list"):
            path.write_text(text, encoding="latin-1")
            self.assertRaisesRegex(law_module.LawError, f"sweep.json: {said}.*: kcap sweep writes it",
                                   law_module.listed_points, self.sweep)
        for make in os.mkdir, os.mkfifo, lambda it: it.symlink_to(it):
            path = Path(tempfile.mkdtemp(dir=self.sweep)) / "sweep.json"
            make(path)
            self.assertRaisesRegex(law_module.LawError, "sweep.json: (is no regular|cannot be opened).*anew",
                                   law_module.listed_points, path.parent)

    def test_one_point_is_enough(self):
        write_sweep(self.sweep, lambda *_: 1.5, self.GRID[:1], seeds=(1,))
        (self.sweep / "sweep.json").unlink()
        self.law(self.sweep, "--out", self.out)
        law = self.found()
        self.assertEqual(law["peak_bits_per_param"], 1.5)
        self.assertFalse(law["forecast"]["fitted"])
        self.assertIn("Not drawn", (self.out / "report.html").read_text())

    def test_page_stands_alone_and_escapes(self):
        names = self.write(run_name="<script>alert(1)</script>")
        listed = json.loads((self.sweep / "sweep.json").read_text())
        listed["sweep"] = ['"><script>bad</script>']
        listed["points"][0]["stands_for"] = "7e+09 parameters"
        (self.sweep / "sweep.json").write_text(json.dumps(listed))
        self.law(self.sweep, "--out", self.out)
        text = (self.out / "report.html").read_text()
        page = Page(text)
        self.assertTrue(page.refers)
        self.assertTrue(all(ref.startswith("data:image/png;base64,") for ref in page.refers))
        self.assertNotRegex(re.sub(r"base64,[^\"]*", "", text), r"https?://|@import|url\(")
        self.assertEqual(page.tags.count("script"), 1)
        words = "".join(page.words)
        for name in names:
            self.assertIn(name, words)
        self.assertIn("7e+09 parameters", words)
        self.assertIn("<script>alert(1)</script>", words)

    def test_page_says_what_it_is_made_of(self):
        """Terms, the commands, the program, and beside each figure what it is, which a narrow page
        shows in place of the table's head."""
        self.write(seeds=(1, 2))
        self.law(self.sweep, "--out", self.out, "--best", "train.lr")
        text = (self.out / "report.html").read_text()
        words = "".join(Page(text).words)
        terms = re.findall("<dt>([^<]*)</dt>", text)
        self.assertEqual({"R", "R_max", "P", "N", "sd", "cell", "residual", "95 % interval"} - set(terms),
                         set())
        for said in (f"analysis/law.py {self.sweep} --best train.lr --out DIR",
                     "kcap sweep inputs/s.yaml --farm",
                     f"{len(self.GRID) * 2} runs by kcap x, commit x, x kernels"):
            self.assertTrue(said in words, said)
        cells = re.findall(r"<td[^>]*>[^<]", text)
        self.assertGreater(len(cells), 100)
        self.assertEqual([c for c in cells if "data-label=" not in c], [])
        titles = re.findall("<h2>([^<]*)</h2>", text)
        self.assertEqual(len(titles), len(set(titles)))

    def test_architectures_have_names_and_colours(self):
        kinds = (("llama", "toy", {"arch": "llama"}), ("mine", "mine", {"mlp": "none"}),
                 ("gpt2", "", {}), ("gpt2 too", "", {"mlp": "gated"}), ("gpt2, wide", "", {}))
        cells = []
        for n, (folder, run_name, switches) in enumerate(kinds):
            width = 64 if "wide" in folder else 32
            model = {"arch": "gpt2", "mlp": "plain", "head_dim": width} | switches
            cells.append({"law_key": json.dumps({"model": model, "n": n}), "n_people": 5, "points": [
                {"name": f"{folder},seed={s}", "run_name": run_name or f"{folder},seed={s}"}
                for s in (1, 2)]})
        families.name_families(cells)
        self.assertEqual([c["family"] for c in cells],
                         ["toy", "mine", "gpt2", "gpt2, mlp gated", "gpt2"])
        drawn = {label: how for label, _, how in families.series(
            cells, lambda c: c["n_people"], lambda c: "N = 5")}
        self.assertEqual(set(drawn), {f"{name}, N = 5" for name in
                                      ("toy", "mine", "gpt2", "gpt2, mlp gated")})
        for what in "color", "marker":
            self.assertEqual(len({how[what] for how in drawn.values()}), 4)
        part = {label: how for label, _, how in families.series(
            cells[2:], lambda c: c["n_people"], lambda c: "N = 5", cells)}
        self.assertEqual(part, {label: drawn[label] for label in part})  # the same in every plot

    def test_same_input_same_files(self):
        self.write()
        outs = [Path(self.temp.name, x) for x in ("a", "b")]
        for out, by in zip(outs, (programs.started, programs.called)):
            self.law(self.sweep, "--out", out, by=by)
        for name in json.loads((outs[0] / "law.json").read_text())["files"]:
            self.assertEqual((outs[0] / name).read_bytes(), (outs[1] / name).read_bytes(), name)

    @without_plots
    def test_json_on_stdout(self):
        self.write(seeds=(1,))
        said = json.loads(self.law(self.sweep, "--out", self.out, "--json").stdout)
        self.assertEqual(said, self.found())


if __name__ == "__main__":
    unittest.main(verbosity=2)
