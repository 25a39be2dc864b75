/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/base/teller.h"

#include <stdarg.h>

#include "kcap/base/clock.h"

static const double period = 1; /* seconds */

kc_teller kc_teller_start(FILE *out)
{
    return (kc_teller){.out = out, .clock = kc_clock, .told = kc_clock()};
}

void kc_tell(kc_teller *t, const char *format, ...)
{
    va_list args;

    if (!t || !t->out)
        return;
    const double now = t->clock();
    if (now - t->told < period)
        return;
    t->told = now;
    t->line_stands = 1;
    fputc('\r', t->out);
    va_start(args, format);
    vfprintf(t->out, format, args);
    va_end(args);
    fputs("\033[K", t->out);
    fflush(t->out);
}

void kc_tell_end(kc_teller *t)
{
    if (t && t->line_stands)
        fputs("\r\033[K", t->out);
    if (t)
        t->line_stands = 0;
}
