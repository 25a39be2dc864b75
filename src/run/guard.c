/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/guard.h"

#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kcap/base/clock.h"
#include "kcap/base/memory.h"
#include "kcap/base/text.h"
#include "kcap/base/ticker.h"

/* Times the longest pause, before and after the time limit; times what is usual, for checkpoints; seconds
 * that ranks have to say they are there, and the system to let one end. */
enum {
    SLOW = 20,
    LATE = 5,
    FILES = 4,
    MEET = 5,
    FORCE = 60,
    NAMED_MOST = 8,
    NAP_MICROSECONDS = 20000
};

struct kc_guard {
    kc_guard_request q;
    _Atomic double marked, longest; /* clock of the last mark, longest pause between two */
    _Atomic int what;
    _Atomic int64_t step;
    double looked, seen; /* clock of the last look, and of the last mark at it */
    int is_named;        /* who is silent was said                             */
    kc_ticker *ticker;
};

static int is_steady(int what)
{
    return what == KC_MARK_STEP || what == KC_MARK_MEASURE;
}

void kc_guard_moves(kc_guard *w, kc_guard_mark what, int64_t step)
{
    if (!w)
        return;
    const double now = kc_clock(), pause = now - atomic_load(&w->marked);
    if (is_steady(atomic_load(&w->what)) && pause > atomic_load(&w->longest))
        atomic_store(&w->longest, pause);
    atomic_store(&w->marked, now);
    atomic_store(&w->what, (int)what);
    atomic_store(&w->step, step);
}

void kc_guard_expects(kc_guard *w, double seconds)
{
    if (w)
        w->q.expected = seconds;
}

double kc_guard_grace(double most)
{
    return fmin(fmax(most / 10, 5), 60);
}

static int is_late(const kc_guard *w, double now)
{
    return w->q.most > 0 && now > w->q.begun + w->q.most + kc_guard_grace(w->q.most);
}

/* Seconds without a mark that are too many now. */
static double allowed(const kc_guard *w, double now)
{
    const double longest = atomic_load(&w->longest);
    const double usual = fmax(fmax(w->q.patience, w->q.expected), SLOW * longest);
    if (!is_steady(atomic_load(&w->what)))
        return FILES * usual;
    return is_late(w, now) ? fmin(usual, fmax(kc_guard_grace(w->q.most), LATE * longest)) : usual;
}

static void file_of(const kc_guard *w, int rank, char path[KC_PATH_MAX + 32])
{
    snprintf(path, KC_PATH_MAX + 32, "%s/waiting/%d", w->q.folder, rank);
}

/* This rank lives. */
static void report(const kc_guard *w)
{
    char path[KC_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/waiting", w->q.folder);
    mkdir(path, 0777);
    file_of(w, w->q.grid->rank, path);
    FILE *f = fopen(path, "w");
    if (f)
        fclose(f);
}

/* The ranks that did not report as `2, 5, ...`; *first: of those that did. Returns how many did not. */
static int missing(const kc_guard *w, char *text, size_t size, int *first)
{
    int n = 0;
    size_t used = 0;
    *first = -1;
    text[0] = 0;
    for (int r = 0; r < w->q.grid->size; ++r) {
        char path[KC_PATH_MAX + 32];
        file_of(w, r, path);
        if (access(path, F_OK) == 0)
            *first = *first < 0 ? r : *first;
        else if (++n <= NAMED_MOST)
            used += (size_t)snprintf(text + used, size - used, "%s%d", n > 1 ? ", " : "", r);
    }
    if (n > NAMED_MOST)
        snprintf(text + used, size - used, ", ...");
    return n;
}

/* Of ranks from ... end - 1. */
static void remove_reports(const kc_guard *w, int from, int end)
{
    char path[KC_PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/waiting", w->q.folder);
    if (access(path, F_OK) != 0)
        return;
    for (int r = from; r < end; ++r) {
        file_of(w, r, path);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/waiting", w->q.folder);
    rmdir(path);
}

static void say(const kc_guard *w, double silent, int n, const char *ranks, const char *then)
{
    static const char *const doing[] = {"starting at step", "after step", "measuring after step",
                                        "writing the checkpoint of step"};
    char who[256] = "all ranks are there, so MPI or the file system stands still";
    if (n == w->q.grid->size)
        snprintf(who, sizeof who, "no rank can write there");
    else if (n > 0)
        snprintf(who, sizeof who, "rank %s of %d %s stopped or cannot be reached", ranks,
                 w->q.grid->size, n > 1 ? "are" : "is");
    fprintf(
        stderr,
        "kcap: %s: nothing has moved for %.0f s %s %lld: %s; %s (slow but well? give --patience "
        "more seconds)\n",
        w->q.folder, silent, doing[atomic_load(&w->what)], (long long)atomic_load(&w->step), who,
        then);
    fflush(stderr);
}

/* Whether there is a mark newer than the last one seen, within MEET seconds. */
static int moves_again(const kc_guard *w)
{
    for (const double end = kc_clock() + MEET; kc_clock() < end; usleep(NAP_MICROSECONDS))
        if (atomic_load(&w->marked) != w->seen)
            return 1;
    return 0;
}

/* All that are there say so, the first of them who is not, and what happens then. Returns 0 where things
 * have moved again meanwhile: nothing is said then. */
static int call_roll(const kc_guard *w, double silent, const char *then)
{
    char ranks[128];
    int first;
    report(w);
    if (moves_again(w)) {
        remove_reports(w, w->q.grid->rank, w->q.grid->rank + 1);
        return 0;
    }
    const int n = missing(w, ranks, sizeof ranks, &first);
    if (first == w->q.grid->rank || first < 0) {
        say(w, silent, n, ranks, then);
        remove_reports(w, 0, w->q.grid->size);
    } else
        moves_again(w); /* the first of them has time to say it */
    return 1;
}

/* Not through MPI, which the main thread is inside of: a launcher ends the others when one rank goes without
 * a goodbye. Where even files stand still, the alarm ends this process. */
static void end_job(const kc_guard *w, double silent)
{
    signal(SIGALRM, SIG_DFL);
    alarm(FORCE);
    if (call_roll(w, silent, "the job ends, its checkpoints stay"))
        _exit(KC_EPEER);
    alarm(0);
}

static void look(void *guard)
{
    kc_guard *w = guard;
    const double now = kc_clock(), marked = atomic_load(&w->marked), silent = now - marked;
    const int ends = !w->q.others_go_on || is_late(w, now);
    /* One that was stopped itself and goes on cannot tell by its clock that the others are silent: it did not
     * look for long, or there was a mark since it did. */
    const int was_away = now - w->looked > MEET, is_new = marked != w->seen;
    /* The farm gives a group up by patience alone, and may be through before any longer time is. */
    const int is_silent = !was_away && !is_new && silent > (ends ? allowed(w, now) : w->q.patience);
    w->seen = was_away ? now : marked;
    if (was_away)
        atomic_store(&w->marked, now);
    else if (is_silent && ends)
        end_job(w, silent);
    else if (is_silent && !w->is_named)
        call_roll(w, silent, "the other points go on");
    w->is_named = is_silent;
    w->looked = kc_clock();
}

kc_guard *kc_guard_start(const kc_guard_request *q)
{
    kc_guard *w = kc_alloc(1, sizeof *w, "guard");
    w->q = *q;
    w->looked = kc_clock();
    atomic_store(&w->marked, w->looked);
    w->seen = w->looked;
    if (q->grid->rank == 0)
        remove_reports(w, 0, q->grid->size); /* of a job that was ended while it told them */
    w->ticker = kc_ticker_start(1, look, w);
    return w;
}

void kc_guard_end(kc_guard *w)
{
    if (!w)
        return;
    atomic_store(&w->marked, kc_clock()); /* a roll call is not waited for */
    kc_ticker_end(w->ticker);
    free(w);
}
