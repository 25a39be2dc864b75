# SPDX-License-Identifier: BSD-3-Clause
"""report.html: a law on one page that needs nothing else."""

import base64
from html import escape

STYLE = """
:root { color-scheme: light; }
body { margin: 0; font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff; }
main { max-width: 78rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; margin: .5rem 0; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
p, ul, dl { max-width: 62rem; }
.head { font-size: 1.15rem; border-left: 4px solid #0067a5; padding: .3rem .8rem; background: #f3f8fb; }
figure { margin: 1rem 0; max-width: 56rem; } img { max-width: 100%; height: auto; display: block; }
figcaption { color: #555; font-size: .9rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { font-weight: 600; } dd { margin: 0; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
th { white-space: normal; vertical-align: bottom; }
th.text, td.text { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 8rem; }
th button { all: unset; cursor: pointer; font-weight: 600; }
th button:focus-visible { outline: 2px solid #0067a5; }
th[aria-sort=ascending] button::after { content: " \\2191"; }
th[aria-sort=descending] button::after { content: " \\2193"; }
pre { background: #f6f6f6; padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere;
  font-size: .85rem; }
code { overflow-wrap: anywhere; } details { margin: .3rem 0; overflow-wrap: anywhere; }
@media (max-width: 60rem) {
  table, thead, tbody, td, th { display: block; }
  thead tr { display: flex; flex-wrap: wrap; gap: .3rem; }
  th { border: 1px solid #ccc; border-radius: .3rem; padding: .1rem .4rem; }
  tbody tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr));
    gap: 0 1rem; border-bottom: 2px solid #bbb; padding: .4rem 0; }
  td { border: 0; padding: 0; display: flex; justify-content: space-between; gap: .5rem; }
  td:empty { display: none; }
  td::before { content: attr(data-label); color: #666; white-space: normal; text-align: left; }
  th.text { min-width: 0; }
  td.text { grid-column: 1 / -1; display: block; min-width: 0; }
  td.text::before { margin-right: .5rem; }
}
@media (max-width: 30rem) { dl { display: block; } dd { margin: 0 0 .4rem 1rem; } }
"""

SCRIPT = """
for (const table of document.querySelectorAll('table.sort')) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector('button').addEventListener('click', () => {
    const up = head.getAttribute('aria-sort') !== 'ascending';
    heads.forEach(h => h.removeAttribute('aria-sort'));
    head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    const key = row => {
      const text = row.cells[column].dataset.value ?? row.cells[column].textContent;
      return text === '' || isNaN(text) ? text : Number(text);
    };
    const rows = [...table.tBodies[0].rows].sort((a, b) => {
      const x = key(a), y = key(b);
      if (typeof x !== typeof y) return typeof x === 'number' ? -1 : 1;
      return (x < y ? -1 : x > y ? 1 : 0) * (up ? 1 : -1);
    });
    table.tBodies[0].append(...rows);
  }));
}
"""


def number(value, form, title):
    """A table's cell: shown rounded, sorted by its full value."""
    if value is None or value == "":
        return "<td></td>"
    return (f'<td data-label="{escape(title)}" data-value="{escape(repr(value))}">'
            f"{escape(form.format(value))}</td>")


def text_cell(value, title):
    words = escape(str(value)).replace(",", ",<wbr>")
    return f'<td class="text" data-label="{escape(title)}">{words}</td>'


def sortable(heads, rows):
    """heads: pairs of a title and the kind of its column, "text" or a format. Where the page is too
    narrow for a table each row is a card that says what its numbers are."""
    top = "".join(f'<th scope="col"{" class=text" if kind == "text" else ""}>'
                  f'<button type="button">{escape(title)}</button></th>' for title, kind in heads)
    body = "".join("<tr>" + "".join(text_cell(v, title) if kind == "text" else number(v, kind, title)
                                    for v, (title, kind) in zip(row, heads)) + "</tr>\n"
                   for row in rows)
    return (f'<table class="sort"><thead><tr>{top}</tr></thead>\n'
            f"<tbody>\n{body}</tbody></table>\n")


def span(values, form="{:.3f}"):
    if None in values:
        return "too few seeds or cells for an interval"
    return " to ".join(form.format(v) for v in values)


def headline(result):
    text = (f"After {result['peak_exposures']} exposures of each fact these models store at most "
            f"{result['peak_bits_per_param']:.3f} bits a parameter (95 % interval: "
            f"{span(result['peak_interval'])}).")
    return f'<p class="head">{escape(text)}</p>\n'


TERMS = (
    ("R", "bits that a model stores, divided by its parameters: what it knows beyond guessing, by its "
          "loss on names and values"),
    ("R_max", "the same of a perfect memory: the corpus's bits over the parameters; what R cannot pass"),
    ("P", "parameters"),
    ("N", "people of the corpus, or strings"),
    ("exposures E", "times that each person or string was shown"),
    ("point", "one run"),
    ("cell", "runs that differ in their seeds alone; its R is their mean"),
    ("sd", "standard deviation over the seeds of a cell"),
    ("over-filled", "a model whose corpus holds more bits than it stores"),
    ("C, k", "saturation: the capacity in bits a parameter, and how sharply R bends from R_max to it"),
    ("g", "growth: bits ~ P^g over over-filled models; 1 is in proportion to P"),
    ("alpha, R1000", "exposures: R = R1000 (E / 1000)^alpha"),
    ("residual", "what was measured less what a fit says"),
    ("95 % interval", "holds the true value 95 times of 100, where what the fit assumes is so"))


def terms():
    return "<dl>" + "".join(f"<dt>{escape(word)}</dt><dd>{escape(meaning)}</dd>\n"
                            for word, meaning in TERMS) + "</dl>\n"


def origin(result, sweeps):
    """The commands and the program that the page comes from."""
    runs = [f"kcap sweep {sweep} --farm" for sweep in sweeps]
    made = "".join(f"<li>{n} runs by {escape(by)}</li>\n" for by, n in result["made_by"].items())
    return f"<pre>{escape(chr(10).join(runs + [result['command']]))}</pre>\n<ul>{made}</ul>\n"


def figures(plots, out):
    parts = []
    for plot in plots:
        parts.append(f"<h2>{escape(plot['title'])}</h2>\n")
        if plot["file"] is None:
            parts.append(f"<p>Not drawn: {escape(plot['why'])}.</p>\n")
            continue
        data = base64.b64encode((out / plot["file"]).read_bytes()).decode()
        parts.append(f'<figure><img alt="{escape(plot["alt"])}" src="data:image/png;base64,{data}">'
                     f"<figcaption>Its numbers: {escape(plot['csv'])}</figcaption></figure>\n")
    return "".join(parts)


def fit_rows(result):
    """(fit, of what, what, value, from, to, cells, how or why not)."""
    for fit in result["capacities"]:
        yield ("capacity", f"P = {fit['n_params']:,}", "largest R", fit["bits_per_param"],
               *fit["interval"], len(fit["n_people"]),
               f"over N = {min(fit['n_people']):,} to {max(fit['n_people']):,} strings, in {fit['cell']}")
    for kind, values in (("saturation", (("C", "C_interval"), ("k", None))),
                         ("growth", (("g", "g_interval"),
                                     ("proportional_c", "proportional_interval")))):
        for fit in result[kind]:
            of = f"{fit['exposures']} exposures"
            if not fit["fitted"]:
                yield kind, of, "", None, None, None, None, "not fitted: " + fit["reason"]
            for name, interval in values if fit["fitted"] else ():
                yield (kind, of, name.replace("proportional_c", "bits a parameter, g = 1"), fit[name],
                       *(fit[interval] if interval else (None, None)), fit["n"], fit["formula"])
    for fit in result["exposure_laws"]:
        of = f"{fit['family']}, P = {fit['n_params']:,}, N = {fit['n_people']:,}"
        yield ("exposures", of, "alpha", fit["alpha"], *fit["alpha_interval"], fit["n"],
               f"{fit['formula']}; published alpha {fit['published_alpha']:.3f}")
        yield "exposures", of, "R1000", fit["R1000"], None, None, fit["n"], fit["formula"]


def fitted(result):
    return ("<p>Where no interval stands there are too few seeds or cells for one; k has none.</p>\n"
            + sortable((("fit", "text"), ("of", "text"), ("what", "text"), ("value", "{:.3f}"),
                        ("95 % from", "{:.3f}"), ("to", "{:.3f}"), ("cells", "{}"),
                        ("formula", "text")), list(fit_rows(result))))


def forecast(result):
    rows = result["forecast"].get("rows")
    if not rows:
        return f"<p>No forecast: {escape(result['forecast']['reason'])}.</p>\n"
    beyond = rows[0]["decades_beyond"], rows[-1]["decades_beyond"]
    say = (f"An extrapolation by {beyond[0]:.1f} to {beyond[1]:.1f} decades in size. In proportion: "
           "what the over-filled models store a parameter, with the interval over their cells, "
           "which says nothing of the distance. Fitted exponent: the 95 % interval of a new cell, which "
           "grows with the distance; it holds only if one power law does.")
    return f"<p>{escape(say)}</p>\n" + sortable(
        (("parameters", "{:.3g}"), ("decades beyond the data", "{:.1f}"),
         ("in proportion, bits", "{:.3g}"), ("from", "{:.3g}"), ("to", "{:.3g}"),
         ("fitted exponent, bits", "{:.3g}"), ("from ", "{:.3g}"), ("to ", "{:.3g}"),
         ("published, bits", "{:.3g}")),
        [(r["n_params"], r["decades_beyond"], r["proportional_bits"], *r["proportional_interval"],
          r["free_bits"], *r["free_interval"], r["published_bits"]) for r in rows])


def cells(result):
    return sortable(
        (("points", "text"), ("architecture", "text"), ("parameters", "{:,}"), ("layers", "{}"),
         ("width", "{}"), ("N", "{:,}"), ("exposures", "{}"), ("seeds", "{}"), ("R", "{:.4f}"),
         ("sd", "{:.4f}"), ("R_max", "{:.3f}"), ("R / R_max", "{:.3f}"), ("bits", "{:,.0f}")),
        [(c["label"], c["family"], c["n_params"], c["layers"], c["width"], c["n_people"],
          c["exposures"], c["seeds"], c["bits_per_param"], c["sd"], c["max_bits_per_param"], c["share"],
          c["total_bits"])
         for c in result["cells"]])


def points(result):
    return sortable(
        (("point", "text"), ("parameters", "{:,}"), ("N", "{:,}"), ("exposures", "{}"),
         ("seed", "{}"), ("R", "{:.4f}"), ("R_max", "{:.3f}"), ("bits", "{:,.0f}"),
         ("loss", "{:.4f}"), ("tokens", "{:.3g}"), ("seconds", "{:.0f}"), ("stands for", "text")),
        [(p["name"], p["n_params"], p["n_people"], p["exposures"], p["seed"], p["bits_per_param"],
          p["max_bits_per_param"], p["total_bits"], p["loss"], p["tokens"], p["train_seconds"],
          p["stands_for"] or "") for p in result["points"]])


def inputs(configs):
    return "".join(f"<details><summary>{escape(sweep)}: {escape(name)}</summary>"
                   f"<pre>{escape(config)}</pre></details>\n"
                   for (sweep, name), config in configs.items())


def left_out(result):
    if not result["left_out"]:
        return "<p>None.</p>\n"
    return sortable((("point", "text"), ("why", "text"), ("sweep", "text")),
                    [(x["name"], x["reason"], x["sweep"]) for x in result["left_out"]])


def page(result, plots, configs, out):
    """The whole page."""
    sweeps = sorted({p["sweep"] for p in result["points"]})
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Capacity law: {escape(', '.join(sweeps))}</title>\n<style>{STYLE}</style></head>\n"
        "<body><main>\n<h1>How many bits a parameter?</h1>\n" + headline(result) +
        f"<p>{len(result['points'])} runs of <code>{escape(', '.join(sweeps))}</code>, "
        f"{len(result['left_out'])} left out.</p>\n" + "<h2>Terms</h2>\n" + terms() + figures(plots, out) +
        "<h2>Fits</h2>\n" + fitted(result) + "<h2>To large models</h2>\n" + forecast(result) +
        "<h2>Cells: runs that differ in their seeds alone</h2>\n" + cells(result) +
        "<h2>Points</h2>\n" + points(result) + "<h2>Left out</h2>\n" + left_out(result) +
        "<h2>How it was made</h2>\n" + origin(result, sweeps) +
        "<h2>The input of each point</h2>\n" + inputs(configs) +
        f"</main>\n<script>{SCRIPT}</script></body></html>\n")
