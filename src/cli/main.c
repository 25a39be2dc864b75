/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/main.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/help.h"
#include "kcap/base/memory.h"
#include "kcap/run/signature.h"

/* A standard stream that is closed would be the number of the next file that is opened, and what is
 * printed would go into it. */
static void open_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

/* Has all that was printed come out? */
static int finish_output(int code)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "kcap: standard output cannot be written: %s\n",
            errno ? strerror(errno) : "a full disk, or nobody reads it");
    return code == KC_OK ? KC_EIO : code;
}

/* The kernel ends what runs out of stack without a word, MPI's start too. */
static int check_stack(kc_error *e)
{
    enum { LEAST_KIB = 2048 };
    const int64_t kib = kc_memory_of_stack() / 1024;
    if (e->code || kib >= LEAST_KIB)
        return 0;
    fprintf(stderr,
            "kcap: a stack of %lld KiB, and at least %d are needed: say `ulimit -s 8192` before\n",
            (long long)kib, LEAST_KIB);
    return kc_fail(e, KC_EINPUT, "the stack is small");
}

/* What needs no ranks; -1: go on. */
static int answer_at_once(const kc_command *c, kc_error *e)
{
    if (e->code || (!c->help && !(c->verb && c->verb->alone)))
        return -1;
    if (c->help)
        kc_help_print(stdout, c->verb);
    else
        c->verb->run(NULL, c->options, e);
    return finish_output(KC_OK);
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
    open_streams();
    signal(SIGXFSZ, SIG_IGN); /* so that writing fails, and that is said */
    kc_command_parse(argc, argv, &c, &e);
    int code = answer_at_once(&c, &e);
    if (code < 0 && check_stack(&e) != KC_OK)
        code = KC_EINPUT;
    if (code >= 0)
        goto out;
    kc_grid_start(&g);
    code = run(&c, &g, &e);
    if (e.code && g.rank == 0)
        fprintf(stderr, "kcap: %s\n", e.text);
    code = finish_output(code);
    kc_barrier(&g);
    kc_grid_stop(&g);
    /* After a failed write HDF5's own exit handler may not be trusted with the exit code. */
    if (code == KC_EIO)
        _exit(code);
out:
    free(c.options);
    return code;
}
