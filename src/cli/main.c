/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <unistd.h>

#include "kcap/cli/verbs.h"

static int run(kc_session *s, kc_error *e)
{
    switch (s->options->verb) {
    case KC_TRAIN:
        return kc_verb_train(s, e);
    case KC_INIT:
        return kc_verb_init(s, e);
    case KC_MEASURE_VERB:
        return kc_verb_measure(s, e);
    case KC_CORPUS:
        return kc_verb_corpus(s, e);
    case KC_PLAN:
        return kc_verb_plan(s, e);
    case KC_BENCH:
        return kc_verb_bench(s, e);
    case KC_SWEEP:
        return kc_verb_sweep(s, e);
    case KC_EXPORT:
        return kc_verb_export(s, e);
    case KC_IMPORT:
        return kc_verb_import(s, e);
    default:
        return kc_verb_config(s, e);
    }
}

/* What needs no ranks: a wrong command line, help, version, defaults. -1: go on. */
static int answer_at_once(const kc_options *o, const kc_error *e)
{
    if (e->code)
        return -1;
    if (!o->help)
        return -1;
    fputs(kc_options_help(o->verb), stdout);
    if (o->verb == KC_CONFIG) {
        fputs("\nThe keys:\n", stdout);
        kc_config_help(stdout);
    }
    return fflush(stdout) == 0 ? KC_OK : KC_EIO;
}

int kc_main(int argc, char **argv)
{
    kc_options options;
    kc_error e = {0};
    kc_options_parse(argc, argv, &options, &e);
    int code = answer_at_once(&options, &e);
    if (code >= 0)
        return code;
    kc_session s = {.options = &options};
    kc_grid_start(&s.grid);
    if (options.version && !e.code) {
        if (s.grid.rank == 0)
            kc_session_version(stdout);
        code = KC_OK;
    } else
        code = e.code ? e.code : run(&s, &e);
    if (e.code && s.grid.rank == 0)
        fprintf(stderr, "kcap: %s\n", e.text);
    kc_session_end(&s);
    if (fflush(stdout) != 0 && code == KC_OK)
        code = KC_EIO;
    kc_barrier(&s.grid);
    kc_grid_stop(&s.grid);
    /* After a failed write HDF5's own exit handler may not be trusted with the exit code. */
    if (code == KC_EIO)
        _exit(code);
    return code;
}
