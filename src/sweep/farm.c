/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <unistd.h>

#include "kcap/base/clock.h"
#include "kcap/measure/capacity.h"
#include "kcap/run/signals.h"
#include "sweep/foreman.h"

/* Rank 0 hands out points, and works too: it reads its post between the steps of its own point. A
 * group is `per` ranks that follow each other; its first rank, the leader, is the one that writes
 * to rank 0: news of its point, or that it still waits, so that either side notices when the other
 * falls silent. No rank waits for all others before all points are through. */

enum { NAP_MICROSECONDS = 1000 };

typedef struct farm {
    kc_foreman foreman; /* on all ranks, what it keeps of others on rank 0 */
    kc_grid group;
    int mine;     /* number of this rank's group            */
    kc_note news; /* of this group's point, on its leader   */
    double told;  /* clock of the last news                 */
} farm;

/* A leader writes this often: several times while it is waited for. */
static double news_period(const farm *f)
{
    return fmin(1, f->foreman.request->patience / 4);
}

static void tell(farm *f, const kc_note *n)
{
    if (f->mine == 0)
        kc_foreman_take(&f->foreman, 0, n);
    else if (n->kind != KC_NOTE_NEWS ||
             kc_outbox_pending(f->foreman.outbox) == 0) /* older news would do */
        kc_post(f->foreman.outbox, 0, n, sizeof *n);
    f->told = kc_clock();
}

/* Between the steps of a point, on its leader. */
static void watch(void *watcher, const kc_run *run)
{
    farm *f = watcher;
    f->news.exposed = run->row.exposures;
    const kc_capacity_row *measured = kc_capacity_last(&run->measured);
    if (measured) {
        f->news.bits_per_param = measured->bits_per_param;
        if (measured->exposures > f->news.exposed)
            f->news.exposed = measured->exposures;
    }
    if (kc_clock() - f->told >= news_period(f))
        tell(f, &f->news);
    if (f->mine == 0)
        kc_foreman_serve(&f->foreman);
}

/* Rank 0's answer to a leader: a point, or KC_NOTE_END, which it confirms. It waits no longer for a sign
 * of rank 0, which answers between its steps, than twice as long as a silent group is waited for. */
static int64_t await_answer(farm *f)
{
    const kc_grid *g = f->foreman.grid;
    kc_outbox *outbox = f->foreman.outbox;
    const kc_note ask = {.kind = KC_NOTE_ASK}, here = {.kind = KC_NOTE_HERE},
                  bye = {.kind = KC_NOTE_BYE};
    double heard = kc_clock(), told = heard, pause = 0;
    int64_t answer = KC_NOTE_WAIT;
    kc_post(outbox, 0, &ask, sizeof ask);
    while (answer == KC_NOTE_WAIT) {
        const double now = kc_clock(), most = 2 * kc_foreman_patience(&f->foreman, pause);
        if (kc_post_take(g, &answer, sizeof answer) >= 0) {
            pause = fmax(pause, now - heard);
            heard = now;
        } else if (now - heard > most) {
            fprintf(stderr,
                    "kcap: rank %d: rank 0 did not answer within %.0f s (twice what a group may be "
                    "silent)\n",
                    g->rank, most);
            kc_grid_abort(g, KC_EPEER);
        }
        if (answer == KC_NOTE_WAIT && now - told >= news_period(f) &&
            kc_outbox_pending(outbox) == 0) {
            kc_post(outbox, 0, &here, sizeof here);
            told = now;
        }
        if (answer == KC_NOTE_WAIT)
            usleep(NAP_MICROSECONDS);
    }
    if (answer == KC_NOTE_END)
        kc_post(outbox, 0, &bye, sizeof bye);
    return answer;
}

/* The next point of this group, on all its ranks; less than 0: no more. */
static int64_t next_point(farm *f)
{
    int64_t point = KC_NOTE_WAIT;
    if (f->group.rank == 0)
        point = f->mine == 0 ? kc_foreman_next(&f->foreman, 0) : await_answer(f);
    kc_bcast(&f->group, &point, sizeof point);
    return point;
}

/* One point, on its group; its errors stay its own. */
static void run_point(farm *f, int64_t point)
{
    const kc_foreman *m = &f->foreman;
    kc_point_request request = {.run = {.watch = watch,
                                        .watcher = f,
                                        .patience = m->request->patience,
                                        .others_go_on = f->mine != 0}};
    kc_run run = {.request = NULL};
    kc_error e = {0};
    if (m->request->max_seconds > 0)
        request.run.max_seconds = fmax(kc_foreman_seconds_left(m), 1e-3);
    f->news = (kc_note){.kind = KC_NOTE_NEWS, .point = point, .bits_per_param = NAN};
    f->news.code = kc_point_run(&run, &f->group, m->request, m->sweep, point, &request, &e);
    kc_run_close(&run);
    if (f->group.rank != 0)
        return;
    f->news.stopped = run.stopped;
    f->news.kind = f->news.code == KC_OK        ? KC_NOTE_DONE
                   : f->news.code == KC_STOPPED ? KC_NOTE_STOPPED
                                                : KC_NOTE_FAILED;
    snprintf(f->news.text, sizeof f->news.text, "%.390s", e.text);
    tell(f, &f->news);
}

int kc_sweep_farm(kc_grid *g, const kc_sweep_request *q, const kc_sweep *sweep,
                  kc_point_view *views, int *stopped, kc_error *e)
{
    const int per = q->ranks_per_point;
    if (g->size % per)
        return kc_fail(e, KC_EINPUT, "--ranks-per-point %d: does not divide the %d ranks", per,
                       g->size);
    farm f = {.foreman = {.grid = g,
                          .request = q,
                          .sweep = sweep,
                          .per = per,
                          .groups = g->size / per,
                          .begun = kc_clock(),
                          .views = views},
              .mine = g->rank / per};
    kc_signals_stake(); /* of others' points while one is prepared */
    kc_foreman *m = &f.foreman;
    kc_grid_split(g, f.mine, &f.group);
    /* A leader has news, a result and a question on their way; rank 0 as much for each leader. */
    m->outbox = kc_outbox_create(g, g->rank == 0 ? 4 * m->groups : 4, sizeof(kc_note));
    if (g->rank == 0)
        kc_foreman_start(m);
    for (int64_t point; (point = next_point(&f)) >= 0;)
        run_point(&f, point);
    int code = KC_OK;
    if (g->rank == 0) {
        kc_foreman_see_off(m);
        code = kc_foreman_verdict(m, e);
        *stopped = m->stopped;
    }
    kc_bcast(g, &code, sizeof code);
    kc_agree(g, e);
    kc_outbox_destroy(m->outbox);
    kc_grid_leave(&f.group);
    kc_foreman_end(m);
    return e->code ? e->code : code;
}
