/* SPDX-License-Identifier: BSD-3-Clause */
/* Input files and sweeps: what is read can be printed and read again as the same. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "kcap/config/config.h"
#include "kcap/config/points.h"

static const char *const texts[] = {
    "run: {name: a, seed: 3, out: runs/a}\ncorpus:\n  kind: bios\n  people: 2000\n  pools: p\n"
    "model: {arch: llama, layers: 2, heads: 2, head_dim: 32}\ntrain:\n  lr: 1.0e-3 # peak\n",
    "base: x.yaml\nset: {train.lr: 1e-3}\naxes:\n  corpus.people: [100, 200]\n"
    "  run.seed: {from: 1, to: 3, points: 3, scale: linear}\n"
    "zip:\n  - {model.layers: [1, 2], model.heads: [2, 4], stands_for: [0, 1e9]}\n"
    "points:\n  - {train.batch: 8, train.lanes: 4}\n",
    "corpus: &a\n  kind: random\n  vocab: 7\n  length: 5\nmodel:\n- 1\n? x\n: !!int '3'\n--- "
    "\n...\n",
    NULL};

static const char *const words[] = {
    "corpus", "people", ": ",     "- ",   "{",      "}",    "[",           "]",    "&a",
    "*a",     "<<",     "!!str ", "? ",   "|\n",    ">-\n", "train.lanes", "axes", "log",
    "true",   "~",      "null",   "0x10", "1e9999", "nan",  "%YAML 1.1\n", "#",    NULL};

static int read_config(const char *text, size_t bytes, kc_error *e)
{
    kc_config cfg, again;
    kc_error ignored = {0};
    if (kc_config_parse(text, bytes, "x.yaml", NULL, 0, &cfg, e) != KC_OK)
        return e->code;
    char *printed = kc_config_yaml(&cfg);
    KC_CHECK(kc_config_parse(printed, strlen(printed), "y.yaml", NULL, 0, &again, &ignored) ==
                 KC_OK,
             "what was read cannot be read again: %s", ignored.text);
    char *printed_again = kc_config_yaml(&again);
    KC_CHECK(strcmp(printed, printed_again) == 0, "read again: %s", printed_again);
    free(printed_again);
    free(printed);
    return KC_OK;
}

static int read(const char *text, size_t bytes, kc_error *e)
{
    kc_error as_sweep = {0};
    kc_sweep sweep = {.n = 0};
    if (kc_sweep_parse(text, bytes, "x.yaml", &sweep, &as_sweep) == KC_OK)
        KC_CHECK(sweep.n > 0 && sweep.n <= KC_POINTS_MAX, "%lld points", (long long)sweep.n);
    kc_sweep_free(&sweep);
    return read_config(text, bytes, e);
}

const kc_fuzz kc_fuzz_target = {texts, words, read};
