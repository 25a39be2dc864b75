/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/main.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/help.h"
#include "kcap/run/signature.h"

/* What needs no ranks; -1: go on. */
static int answer_at_once(const kc_command *c, kc_error *e)
{
    if (e->code || (!c->help && !(c->verb && c->verb->alone)))
        return -1;
    if (c->help)
        kc_help_print(stdout, c->verb);
    else
        c->verb->run(NULL, c->options, e);
    return fflush(stdout) == 0 ? KC_OK : KC_EIO;
}

static int run(const kc_command *c, kc_grid *g, kc_error *e)
{
    if (e->code)
        return e->code;
    if (c->version) {
        if (g->rank == 0)
            kc_version_print(stdout);
        return KC_OK;
    }
    KC_TRY(kc_grid_check(g, e));
    return c->verb->run(g, c->options, e);
out:
    return e->code;
}

int kc_main(int argc, char **argv)
{
    kc_command c;
    kc_grid g;
    kc_error e = {0};
    signal(SIGXFSZ, SIG_IGN); /* so that writing fails, and that is said */
    kc_command_parse(argc, argv, &c, &e);
    int code = answer_at_once(&c, &e);
    if (code >= 0)
        goto out;
    kc_grid_start(&g);
    code = run(&c, &g, &e);
    if (e.code && g.rank == 0)
        fprintf(stderr, "kcap: %s\n", e.text);
    if (fflush(stdout) != 0 && code == KC_OK)
        code = KC_EIO;
    kc_barrier(&g);
    kc_grid_stop(&g);
    /* After a failed write HDF5's own exit handler may not be trusted with the exit code. */
    if (code == KC_EIO)
        _exit(code);
out:
    free(c.options);
    return code;
}
