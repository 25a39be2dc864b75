/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kcap/run/loop.h"
#include "kcap/sweep/survey.h"
#include "kcap/cli/verbs.h"
#include "kcap/base/clock.h"
#include "kcap/comm/post.h"

/* Rank 0 hands out points, and works too: it reads its post between the steps of its own point. A
 * group is `per` ranks that follow each other; its first rank, the leader, is the one that writes
 * to rank 0: news of its point, or that it still waits, so that either side notices when the other
 * falls silent. No rank waits for all others before all points are through. */

enum { NAP_MICROSECONDS = 1000 };

/* What rank 0 answers in place of a point. */
enum { WAIT = -1, END = -2 };

typedef enum note_kind { ASK, HERE, BYE, NEWS, DONE, FAILED, STOPPED } note_kind;

/* From a leader to rank 0. */
typedef struct note {
    note_kind kind;
    int64_t point;
    int code;
    double exposed, bits_per_param;
    char text[400];
} note;

/* IDLE has not asked yet; WAITING has no point and waits for the others; LEAVING was told the end. */
typedef enum worker_state { IDLE, WORKING, WAITING, LEAVING, GONE, LOST } worker_state;

/* A group as rank 0 sees it. */
typedef struct worker {
    worker_state state;
    int64_t point;
    double heard; /* clock of its last note */
} worker;

typedef struct farm {
    kc_session *s;
    const kc_sweep *sweep;
    kc_grid group;
    int per, groups, mine; /* ranks of a group, groups, this rank's */
    double begun;
    kc_outbox *outbox;
    note news;            /* of this group's point, on its leader   */
    double told;          /* clock of the last news                 */
    kc_point_view *views; /* the rest on rank 0 alone               */
    int64_t *order, next; /* points to run, the longest first       */
    int64_t n_order;
    worker *worker; /* [groups]                               */
    int first_code; /* of the first point that failed         */
    int stopped;
    FILE *talk; /* progress; stdout is for one JSON object with --json */
    kc_farm_screen screen;
} farm;

static int by_work(const void *a, const void *b, void *of_views)
{
    const kc_point_view *views = of_views;
    const int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    const double x = views[i].flops, y = views[j].flops;
    return x != y ? (x < y) - (x > y) : (i > j) - (i < j);
}

static void make_order(farm *f)
{
    f->order = malloc((size_t)f->sweep->n * sizeof *f->order);
    f->worker = calloc((size_t)f->groups, sizeof *f->worker);
    KC_CHECK(f->order && f->worker, "out of memory for %lld points", (long long)f->sweep->n);
    for (int g = 0; g < f->groups; ++g)
        f->worker[g].heard = f->begun;
    for (int64_t i = 0; i < f->sweep->n; ++i) {
        if (f->views[i].state == KC_POINT_FAILED) /* before: it is to come again */
            f->views[i].state = KC_POINT_PARTIAL;
        if (f->views[i].state != KC_POINT_DONE)
            f->order[f->n_order++] = i;
    }
    qsort_r(f->order, (size_t)f->n_order, sizeof *f->order, by_work, f->views);
}

static double seconds_left(const farm *f)
{
    const double limit = f->s->options->max_seconds;
    return limit > 0 ? limit - (kc_clock() - f->begun) : 1e300;
}

/* A leader writes this often: several times while it is waited for. */
static double news_period(const farm *f)
{
    return fmin(1, f->s->options->patience / 4);
}

/* The next point for a group, or WAIT: none is left, or no more are to be begun. */
static int64_t next_point(farm *f, int group)
{
    worker *w = &f->worker[group];
    *w = (worker){.state = WAITING, .point = WAIT, .heard = kc_clock()};
    if (f->stopped || kc_run_asked_to_stop() || seconds_left(f) <= 0)
        f->stopped = f->next < f->n_order || f->stopped;
    else if (f->next < f->n_order) {
        w->state = WORKING;
        w->point = f->order[f->next++];
        kc_point_view *v = &f->views[w->point];
        v->state = KC_POINT_RUNNING;
        v->error[0] = 0;
        v->begun = kc_clock();
    }
    return w->point;
}

/* One line for each point that ends; the table shows the rest. */
static void announce(farm *f, const kc_point_view *v)
{
    if (f->screen.live)
        f->screen.lines = 0;
    fprintf(f->talk, "%sevent=point state=%s name=%s bits_per_param=%.4f seconds=%.1f%s%s\n",
            f->screen.live ? "\r\033[J" : "", kc_point_word(v->state), v->point->name,
            v->bits_per_param, v->seconds, v->error[0] ? " error=" : "", v->error);
    fflush(f->talk);
}

/* What a leader says, its own group's too, arrives here. */
static void take_note(farm *f, int group, const note *n)
{
    worker *w = &f->worker[group];
    kc_point_view *v = &f->views[n->point];
    w->heard = kc_clock();
    if (w->state == LOST) { /* slow, not lost */
        w->state = WORKING;
        v->state = KC_POINT_RUNNING;
        kc_point_forget_error(f->sweep, n->point);
    }
    if (n->kind == NEWS || n->kind == DONE) {
        v->exposed = n->exposed;
        v->bits_per_param = n->bits_per_param;
    }
    if (n->kind == NEWS)
        return;
    v->seconds = kc_clock() - v->begun;
    v->state = n->kind == DONE     ? KC_POINT_DONE
               : n->kind == FAILED ? KC_POINT_FAILED
                                   : KC_POINT_PARTIAL;
    snprintf(v->error, sizeof v->error, "%s", n->kind == FAILED ? n->text : "");
    if (n->kind == FAILED && !f->first_code)
        f->first_code = n->code;
    f->stopped |= n->kind == STOPPED;
    announce(f, v);
}

static void give_up_silent(farm *f)
{
    const double patience = f->s->options->patience, now = kc_clock();
    for (int g = 1; g < f->groups; ++g) {
        worker *w = &f->worker[g];
        if (w->state == GONE || w->state == LOST || now - w->heard <= patience)
            continue;
        const int has_point = w->state == WORKING;
        w->state = LOST;
        if (!has_point)
            continue;
        kc_point_view *v = &f->views[w->point];
        v->state = KC_POINT_FAILED;
        v->seconds = now - v->begun;
        snprintf(v->error, sizeof v->error,
                 "ranks %d to %d were silent for %.0f s (--patience) and are given up", g * f->per,
                 (g + 1) * f->per - 1, patience);
        kc_point_leave_error(f->sweep, w->point, v->error);
        announce(f, v);
    }
}

/* A leader without a point is there, and hears that rank 0 is too. One sent before its question was
 * answered may come later. */
static void take_sign(farm *f, int group, note_kind kind)
{
    const int64_t answer = WAIT;
    worker *w = &f->worker[group];
    w->heard = kc_clock();
    if (kind == BYE)
        w->state = GONE;
    else if (w->state == LOST)
        w->state = WAITING;
    if (w->state == WAITING)
        kc_post(f->outbox, group * f->per, &answer, sizeof answer);
}

/* Rank 0: answer whoever wrote. */
static void serve(farm *f)
{
    note n;
    for (int from; (from = kc_post_take(&f->s->grid, &n, sizeof n)) >= 0;) {
        const int group = from / f->per;
        if (n.kind == ASK) {
            const int64_t point = next_point(f, group);
            kc_post(f->outbox, from, &point, sizeof point);
        } else if (n.kind == HERE || n.kind == BYE)
            take_sign(f, group, n.kind);
        else
            take_note(f, group, &n);
    }
    give_up_silent(f);
    kc_farm_show(&f->screen, f->talk, f->sweep, f->views, 0);
}

static void tell(farm *f, const note *n)
{
    if (f->mine == 0)
        take_note(f, 0, n);
    else if (n->kind != NEWS || kc_outbox_pending(f->outbox) == 0) /* older news would do */
        kc_post(f->outbox, 0, n, sizeof *n);
    f->told = kc_clock();
}

/* Between the steps of a point, on its leader. */
static void watch(void *watcher, const kc_run *run)
{
    farm *f = watcher;
    f->news.exposed = run->row.exposures;
    if (run->measured.step >= 0) {
        f->news.bits_per_param = run->measured.bits_per_param;
        if (run->measured.exposures > f->news.exposed)
            f->news.exposed = run->measured.exposures;
    }
    if (kc_clock() - f->told >= news_period(f))
        tell(f, &f->news);
    if (f->mine == 0)
        serve(f);
}

/* Rank 0's answer to a leader: a point, or END, which it confirms. It waits no longer for a sign of
 * rank 0, which answers between its steps, than twice as long as a silent group is waited for. */
static int64_t await_answer(farm *f)
{
    const kc_grid *g = &f->s->grid;
    const double most = 2 * f->s->options->patience;
    const note ask = {.kind = ASK}, here = {.kind = HERE}, bye = {.kind = BYE};
    double heard = kc_clock(), told = heard;
    int64_t answer = WAIT;
    kc_post(f->outbox, 0, &ask, sizeof ask);
    while (answer == WAIT) {
        const double now = kc_clock();
        if (kc_post_take(g, &answer, sizeof answer) >= 0)
            heard = now;
        else if (now - heard > most) {
            fprintf(stderr,
                    "kcap: rank %d: rank 0 did not answer within %.0f s (twice --patience)\n",
                    g->rank, most);
            kc_grid_abort(g, KC_EPEER);
        }
        if (answer == WAIT && now - told >= news_period(f) && kc_outbox_pending(f->outbox) == 0) {
            kc_post(f->outbox, 0, &here, sizeof here);
            told = now;
        }
        if (answer == WAIT)
            usleep(NAP_MICROSECONDS);
    }
    if (answer == END)
        kc_post(f->outbox, 0, &bye, sizeof bye);
    return answer;
}

/* The next point of this group, on all its ranks; less than 0: no more. */
static int64_t ask(farm *f)
{
    int64_t point = WAIT;
    if (f->group.rank == 0)
        point = f->mine == 0 ? next_point(f, 0) : await_answer(f);
    kc_bcast(&f->group, &point, sizeof point);
    return point;
}

/* One point, on its group; its errors stay its own. */
static void run_point(farm *f, int64_t point)
{
    char name[KC_POINT_NAME_MAX + 16], path[KC_SWEEP_PATH_MAX];
    kc_options o;
    kc_error e = {0};
    kc_point_options(f->s->options, f->sweep, &f->sweep->point[point], name, path, &o);
    o.json = 0;
    o.max_seconds = f->s->options->max_seconds > 0 ? fmax(seconds_left(f), 1e-3) : 0;
    kc_session run = {.options = &o, .grid = f->group, .quiet = 1, .watch = watch, .watcher = f};
    f->news = (note){.kind = NEWS, .point = point, .bits_per_param = NAN};
    if (f->group.rank == 0)
        kc_point_forget_error(f->sweep, point);
    const int code = kc_verb_train(&run, &e);
    kc_session_end(&run);
    if (f->group.rank != 0)
        return;
    f->news.kind = code == KC_OK ? DONE : code == KC_STOPPED ? STOPPED : FAILED;
    f->news.code = code;
    snprintf(f->news.text, sizeof f->news.text, "%.390s", e.text);
    if (f->news.kind == FAILED)
        kc_point_leave_error(f->sweep, point, f->news.text);
    tell(f, &f->news);
}

static int count_workers(const farm *f, worker_state state)
{
    int n = 0;
    for (int g = 1; g < f->groups; ++g)
        n += f->worker[g].state == state;
    return n;
}

/* All that wait may go to the farm's end. */
static void dismiss(farm *f)
{
    const int64_t answer = END;
    for (int g = 1; g < f->groups; ++g)
        if (f->worker[g].state == WAITING) {
            f->worker[g].state = LEAVING;
            kc_post(f->outbox, g * f->per, &answer, sizeof answer);
        }
}

/* Rank 0 after its last point: serve the others until all are through and have said so. */
static void see_off(farm *f)
{
    for (int busy = 1; busy || count_workers(f, LEAVING) > 0;) {
        serve(f);
        busy = count_workers(f, IDLE) + count_workers(f, WORKING) > 0;
        if (!busy)
            dismiss(f);
        usleep(NAP_MICROSECONDS);
    }
    const int n_lost = count_workers(f, LOST);
    kc_farm_show(&f->screen, f->talk, f->sweep, f->views, 1);
    if (n_lost == 0)
        return;
    fprintf(stderr,
            "kcap: %d of %d groups of ranks are lost; the rest of the sweep is done or failed, "
            "the same command runs what is missing\n",
            n_lost, f->groups);
    kc_grid_abort(&f->s->grid, KC_EPEER);
}

/* The exit code and its message, the same on all ranks. */
static int verdict(farm *f, kc_error *e)
{
    int64_t n[2] = {0, 0};
    int code = KC_OK;
    if (f->s->grid.rank == 0) {
        for (int64_t i = 0; i < f->sweep->n; ++i)
            n[f->views[i].state == KC_POINT_FAILED] += f->views[i].state != KC_POINT_DONE;
        if (f->s->options->json)
            kc_report_sweep_json(stdout, f->s, f->sweep, f->views, 1);
        else
            kc_report_sweep(stdout, f->s, f->sweep, f->views, 1);
        if (f->stopped)
            code = KC_STOPPED;
        else if (n[1])
            kc_fail(e, f->first_code, "%lld of %lld points failed; kcap sweep %s --status says why",
                    (long long)n[1], (long long)f->sweep->n, f->s->options->input);
    }
    kc_bcast(&f->s->grid, &code, sizeof code);
    kc_agree(&f->s->grid, e);
    return code;
}

int kc_sweep_farm(kc_session *s, const kc_sweep *sweep, kc_point_view *views, kc_error *e)
{
    farm f = {.s = s,
              .sweep = sweep,
              .per = (int)s->options->ranks_per_point,
              .views = views,
              .begun = kc_clock(),
              .talk = s->options->json ? stderr : stdout};
    if (s->grid.size % f.per)
        return kc_fail(e, KC_EINPUT, "--ranks-per-point %d: does not divide the %d ranks", f.per,
                       s->grid.size);
    f.groups = s->grid.size / f.per;
    f.mine = s->grid.rank / f.per;
    kc_grid_split(&s->grid, f.mine, &f.group);
    /* A leader has news, a result and a question on their way; rank 0 as much for each leader. */
    f.outbox = kc_outbox_create(&s->grid, s->grid.rank == 0 ? 4 * f.groups : 4, sizeof(note));
    if (s->grid.rank == 0) {
        make_order(&f);
        kc_farm_show(&f.screen, f.talk, sweep, views, 1);
    }
    for (int64_t point; (point = ask(&f)) >= 0;)
        run_point(&f, point);
    if (s->grid.rank == 0)
        see_off(&f);
    const int code = verdict(&f, e);
    kc_outbox_destroy(f.outbox);
    kc_grid_leave(&f.group);
    free(f.order);
    free(f.worker);
    return code;
}
