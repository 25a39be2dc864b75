/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_ENDING_H
#define KCAP_TESTS_ENDING_H

#include "../test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LAST_WORDS = 1300 };

/* What `act` says on stderr in a process of its own; returns how that ended, as waitpid does. */
static inline int last_words(void (*act)(void), char text[LAST_WORDS])
{
    int ends[2], status;
    memset(text, 0, LAST_WORDS);
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        dup2(ends[1], STDERR_FILENO);
        act();
        _exit(0);
    }
    close(ends[1]);
    assert_true(read(ends[0], text, LAST_WORDS - 1) >= 0);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static inline int is_abort(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

#endif
