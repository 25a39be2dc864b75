/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/again.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/err.h"
#include "kcap/run/run.h"

/* One argument, in quotes where a shell would take it for more. */
static void put(FILE *out, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "_-+=./:,@%";
    if (*text && text[strspn(text, plain)] == 0) {
        fputs(text, out);
        return;
    }
    fputc('\'', out);
    for (; *text; ++text)
        fputs(*text == '\'' ? "'\\''" : (char[]){*text, 0}, out);
    fputc('\'', out);
}

/* --resume, abbreviated or with its value behind a `=` too. */
static int is_resume(const char *text)
{
    const size_t n = strcspn(text, "=");
    return n > 2 && strncmp(text, "--resume", n) == 0;
}

char *kc_again(void)
{
    char *text = NULL, *again = NULL;
    size_t size = 0, room = 0;
    FILE *in = fopen("/proc/self/cmdline", "r");
    if (!in)
        return NULL;
    FILE *out = open_memstream(&again, &room);
    KC_ROOM(out, "out of memory");
    int is_train = 0, skip = 0;
    for (int i = 0; getdelim(&text, &size, 0, in) > 0; ++i) {
        is_train |= i == 1 && (strcmp(text, "train") == 0 || strcmp(text, "finetune") == 0);
        const int resume = is_train && is_resume(text);
        if (!skip && !resume) {
            fputs(i ? " " : "", out);
            put(out, text);
        }
        skip = !skip && resume && !strchr(text, '=');
    }
    fputs(is_train ? " --resume auto" : "", out);
    fclose(out);
    fclose(in);
    free(text);
    return again;
}

const char *kc_stopped_by(int stopped)
{
    switch (stopped) {
    case SIGHUP:
        return "SIGHUP";
    case SIGINT:
        return "SIGINT";
    case SIGPIPE:
        return "SIGPIPE";
    case SIGTERM:
        return "SIGTERM";
    case SIGUSR1:
        return "SIGUSR1";
    case SIGXCPU:
        return "SIGXCPU";
    case KC_STOP_TIME:
        return "--max-time";
    default:
        return "an error";
    }
}
