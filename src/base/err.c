/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int kc_fail(kc_error *e, int code, const char *format, ...)
{
    if (e->code != KC_OK)
        return e->code;
    e->code = code;
    va_list values;
    va_start(values, format);
    vsnprintf(e->text, sizeof e->text, format, values);
    va_end(values);
    return code;
}

void kc_advise(kc_error *e, const char *advice)
{
    const size_t most = sizeof e->text - strlen(advice) - sizeof "; ", n = strlen(e->text);
    if (e->code != KC_OK)
        sprintf(e->text + (n < most ? n : most), "; %s", advice);
}

/* The launcher's word on the rank: MPI may not be up, or may be what broke. */
static const char *rank_text(void)
{
    static const char *const names[] = {"OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *rank = getenv(names[i]);
        if (rank != NULL && rank[0] != '\0')
            return rank;
    }
    return "0";
}

void kc_no_room(const char *format, ...)
{
    char text[400];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    fprintf(
        stderr,
        "kcap: rank %s: %s; the system gives no more (ulimit -v, a control group or the node): "
        "fewer ranks or threads, a shorter train.context or a smaller model take less, see kcap "
        "plan\n",
        rank_text(), text);
    fflush(stderr);
    _exit(KC_EIO);
}

void kc_die(const char *file, int line, const char *condition, const char *format, ...)
{
    /* One write, so that the lines of several ranks do not mix. */
    char text[1200];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    fprintf(stderr, "kcap: rank %s: %s:%d: %s does not hold: %s\n", rank_text(), file, line,
            condition, text);
    fflush(stderr);
    abort();
}
