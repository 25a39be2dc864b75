/* SPDX-License-Identifier: BSD-3-Clause */
#include "sweep/foreman.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "kcap/base/clock.h"
#include "kcap/run/signals.h"
#include "sweep/point.h"

enum { NAP_MICROSECONDS = 1000, LATE = 5 };

static int by_work(const void *a, const void *b, void *of_views)
{
    const kc_point_view *views = of_views;
    const int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    const double x = views[i].flops, y = views[j].flops;
    return x != y ? (x < y) - (x > y) : (i > j) - (i < j);
}

void kc_foreman_start(kc_foreman *f)
{
    f->order = malloc((size_t)f->sweep->n * sizeof *f->order);
    f->worker = calloc((size_t)f->groups, sizeof *f->worker);
    KC_ROOM(f->order && f->worker, "out of memory for %lld points", (long long)f->sweep->n);
    for (int g = 0; g < f->groups; ++g)
        f->worker[g].heard = f->begun;
    for (int64_t i = 0; i < f->sweep->n; ++i) {
        if (f->views[i].state == KC_POINT_FAILED) /* before: it is to come again */
            f->views[i].state = KC_POINT_PARTIAL;
        if (f->views[i].state != KC_POINT_DONE)
            f->order[f->n_order++] = i;
    }
    qsort_r(f->order, (size_t)f->n_order, sizeof *f->order, by_work, f->views);
    kc_farm_show(&f->screen, f->request->talk, f->sweep, f->views, 1);
}

void kc_foreman_end(kc_foreman *f)
{
    free(f->order);
    free(f->worker);
}

double kc_foreman_seconds_left(const kc_foreman *f)
{
    const double limit = f->request->max_seconds;
    return limit > 0 ? limit - (kc_clock() - f->begun) : 1e300;
}

double kc_foreman_patience(const kc_foreman *f, double pause)
{
    const double usual = f->request->patience, grace = kc_guard_grace(f->request->max_seconds);
    return kc_foreman_seconds_left(f) > 0 ? usual : fmin(usual, fmax(2 * grace, LATE * pause));
}

int64_t kc_foreman_next(kc_foreman *f, int group)
{
    kc_worker *w = &f->worker[group];
    *w = (kc_worker){.state = KC_WORKER_WAITING, .point = KC_NOTE_WAIT, .heard = kc_clock()};
    const int asked = kc_signals_asked();
    if (f->next < f->n_order && !f->stopped)
        f->stopped = asked ? asked : kc_foreman_seconds_left(f) <= 0 ? KC_STOP_TIME : 0;
    if (f->next < f->n_order && !f->stopped) {
        w->state = KC_WORKER_WORKING;
        w->point = f->order[f->next++];
        kc_point_view *v = &f->views[w->point];
        v->state = KC_POINT_RUNNING;
        v->error[0] = 0;
        v->begun = kc_clock();
    }
    return w->point;
}

static void hear(kc_worker *w)
{
    const double now = kc_clock();
    w->pause = fmax(w->pause, now - w->heard);
    w->heard = now;
}

void kc_foreman_take(kc_foreman *f, int group, const kc_note *n)
{
    kc_worker *w = &f->worker[group];
    kc_point_view *v = &f->views[n->point];
    hear(w);
    if (w->state == KC_WORKER_LOST) { /* slow, not lost */
        w->state = KC_WORKER_WORKING;
        v->state = KC_POINT_RUNNING;
        kc_point_forget_error(f->sweep, n->point);
    }
    if (n->kind == KC_NOTE_NEWS || n->kind == KC_NOTE_DONE) {
        v->exposed = n->exposed;
        v->bits_per_param = n->bits_per_param;
    }
    if (n->kind == KC_NOTE_NEWS)
        return;
    v->seconds = kc_clock() - v->begun;
    v->state = n->kind == KC_NOTE_DONE     ? KC_POINT_DONE
               : n->kind == KC_NOTE_FAILED ? KC_POINT_FAILED
                                           : KC_POINT_PARTIAL;
    snprintf(v->error, sizeof v->error, "%s", n->kind == KC_NOTE_FAILED ? n->text : "");
    if (n->kind == KC_NOTE_FAILED && !f->first_code)
        f->first_code = n->code;
    if (n->kind == KC_NOTE_STOPPED && !f->stopped)
        f->stopped = n->stopped;
    kc_farm_announce(&f->screen, f->request->talk, v);
}

static void give_up_silent(kc_foreman *f)
{
    const double now = kc_clock(), roll = f->per > 1 ? KC_GUARD_ROLL : 0;
    for (int g = 1; g < f->groups; ++g) {
        kc_worker *w = &f->worker[g];
        const double most = kc_foreman_patience(f, w->pause);
        if (w->state == KC_WORKER_GONE || w->state == KC_WORKER_LOST ||
            now - w->heard <= most + roll)
            continue;
        const int has_point = w->state == KC_WORKER_WORKING;
        w->state = KC_WORKER_LOST;
        if (!has_point)
            continue;
        kc_point_view *v = &f->views[w->point];
        v->state = KC_POINT_FAILED;
        v->seconds = now - v->begun;
        snprintf(v->error, sizeof v->error,
                 "ranks %d to %d were silent for %.0f s (%s) and are given up", g * f->per,
                 (g + 1) * f->per - 1, most,
                 kc_foreman_seconds_left(f) > 0 ? "--patience" : "--max-time is over");
        kc_point_leave_error(f->sweep, w->point, v->error);
        kc_farm_announce(&f->screen, f->request->talk, v);
    }
}

/* A leader without a point is there, and hears that rank 0 is too. One sent before its question was
 * answered may come later. */
static void take_sign(kc_foreman *f, int group, kc_note_kind kind)
{
    const int64_t answer = KC_NOTE_WAIT;
    kc_worker *w = &f->worker[group];
    hear(w);
    if (kind == KC_NOTE_BYE)
        w->state = KC_WORKER_GONE;
    else if (w->state == KC_WORKER_LOST)
        w->state = KC_WORKER_WAITING;
    if (w->state == KC_WORKER_WAITING)
        kc_post(f->outbox, group * f->per, &answer, sizeof answer);
}

void kc_foreman_serve(kc_foreman *f)
{
    kc_note n;
    for (int from; (from = kc_post_take(f->grid, &n, sizeof n)) >= 0;) {
        const int group = from / f->per;
        if (n.kind == KC_NOTE_ASK) {
            const int64_t point = kc_foreman_next(f, group);
            kc_post(f->outbox, from, &point, sizeof point);
        } else if (n.kind == KC_NOTE_HERE || n.kind == KC_NOTE_BYE)
            take_sign(f, group, n.kind);
        else
            kc_foreman_take(f, group, &n);
    }
    give_up_silent(f);
    kc_farm_show(&f->screen, f->request->talk, f->sweep, f->views, 0);
}

static int count_workers(const kc_foreman *f, kc_worker_state state)
{
    int n = 0;
    for (int g = 1; g < f->groups; ++g)
        n += f->worker[g].state == state;
    return n;
}

/* All that wait may go to the farm's end. */
static void dismiss(kc_foreman *f)
{
    const int64_t answer = KC_NOTE_END;
    for (int g = 1; g < f->groups; ++g)
        if (f->worker[g].state == KC_WORKER_WAITING) {
            f->worker[g].state = KC_WORKER_LEAVING;
            kc_post(f->outbox, g * f->per, &answer, sizeof answer);
        }
}

void kc_foreman_see_off(kc_foreman *f)
{
    for (int busy = 1; busy || count_workers(f, KC_WORKER_LEAVING) > 0;) {
        kc_foreman_serve(f);
        busy = count_workers(f, KC_WORKER_IDLE) + count_workers(f, KC_WORKER_WORKING) > 0;
        if (!busy)
            dismiss(f);
        usleep(NAP_MICROSECONDS);
    }
    const int n_lost = count_workers(f, KC_WORKER_LOST);
    int64_t n[KC_POINT_STATES];
    kc_farm_show(&f->screen, f->request->talk, f->sweep, f->views, 1);
    if (n_lost == 0)
        return;
    kc_point_count(f->sweep, f->views, n);
    fprintf(
        stderr,
        "kcap: %d of %d groups of ranks are lost; %lld of %lld points are done, the same command "
        "runs what is left\n",
        n_lost, f->groups, (long long)n[KC_POINT_DONE], (long long)f->sweep->n);
    kc_grid_abort(f->grid, KC_EPEER);
}

int kc_foreman_verdict(const kc_foreman *f, kc_error *e)
{
    int64_t n[KC_POINT_STATES];
    kc_point_count(f->sweep, f->views, n);
    if (f->stopped)
        return KC_STOPPED;
    if (n[KC_POINT_FAILED])
        kc_fail(e, f->first_code, "%lld of %lld points failed; kcap sweep %s --status says why",
                (long long)n[KC_POINT_FAILED], (long long)f->sweep->n, f->request->input);
    return e->code;
}
