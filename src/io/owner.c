/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kcap/base/clock.h"

/* The first line of a file; empty where there is none. */
static void first_line(const char *path, char *line, size_t size)
{
    FILE *f = fopen(path, "r");
    if (!f || !fgets(line, (int)size, f))
        line[0] = 0;
    line[strcspn(line, "\n")] = 0;
    if (f)
        fclose(f);
}

/* Start of a process in clock ticks after the boot, field 22 of its line; 0: there is none, or only its
 * exit code is left. Its second field, the program's name, may hold blanks and brackets. */
static unsigned long long start_of(long pid)
{
    char path[48], line[1024];
    unsigned long long ticks = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    first_line(path, line, sizeof line);
    const char *at = strrchr(line, ')');
    if (at && strchr("ZX", at[strspn(at, ") ")]))
        return 0;
    for (int field = 2; at && field < 22; ++field)
        at = strchr(at + 1, ' ');
    return at && sscanf(at, "%llu", &ticks) == 1 ? ticks : 0;
}

/* A word of a text that words are read from. */
static void word(char *text, const char *value)
{
    snprintf(text, 40, "%s", value && *value ? value : "none");
    for (char *c = text; *c; ++c)
        if (*c <= ' ')
            *c = '_';
}

void kc_owner_self(kc_owner *o)
{
    static const char *const jobs[] = {"SLURM_JOB_ID", "PBS_JOBID"};
    char boot[40];
    *o = (kc_owner){.pid = (long)getpid(), .began = start_of(getpid()), .job = "none"};
    gethostname(o->host, sizeof o->host - 1);
    first_line("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    word(o->boot, boot);
    kc_clock_utc(o->since);
    for (size_t i = 0; i < sizeof jobs / sizeof *jobs; ++i)
        if (getenv(jobs[i])) {
            word(o->job, getenv(jobs[i]));
            break;
        }
}

void kc_owner_write(const kc_owner *o, char text[KC_OWNER_TEXT])
{
    snprintf(text, KC_OWNER_TEXT, "host %s\nprocess %ld\nbegan %llu\nboot %s\njob %s\nsince %s\n",
             o->host, o->pid, o->began, o->boot, o->job, o->since);
}

int kc_owner_read(const char *text, kc_owner *o)
{
    *o = (kc_owner){.pid = 0};
    return sscanf(text, "host %71s process %ld began %llu boot %39s job %39s since %23s", o->host,
                  &o->pid, &o->began, o->boot, o->job, o->since) == 6;
}

void kc_owner_say(const kc_owner *o, char *text, size_t size)
{
    const int has_job = strcmp(o->job, "none") != 0;
    snprintf(text, size, "process %ld on %s%s%s, since %s", o->pid, o->host,
             has_job ? ", job " : "", has_job ? o->job : "", o->since);
}

int kc_owner_lives(const kc_owner *o)
{
    kc_owner here;
    kc_owner_self(&here);
    if (strcmp(o->host, here.host) != 0)
        return -1;
    return strcmp(o->boot, here.boot) == 0 && o->began == start_of(o->pid) && o->began > 0;
}
