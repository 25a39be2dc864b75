/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/sweep/sweep.h"

#include <stdlib.h>
#include <unistd.h>

#include "cli/again.h"
#include "cli/print/sweep.h"
#include "cli/train.h"
#include "cli/verb.h"
#include "kcap/io/file.h"
#include "kcap/io/lock.h"
#include "kcap/run/signals.h"

typedef struct options {
    const char *input;
    kc_sets sets;
    int list, missing, status, farm, json;
    int64_t index, ranks_per_point;
    double patience, max_seconds;
    int without_history;
} options;

/* What law.py needs to know of points that left no run: written before any is begun. */
static int write_list(const kc_sweep_request *q, const kc_sweep *sweep, const kc_point_view *views,
                      kc_error *e)
{
    char path[KC_PATH_MAX], partial[KC_PATH_MAX + 128], host[64] = "";
    char *text = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/sweep.json", sweep->out);
    /* Jobs of an array may write it at the same time: the same text. */
    gethostname(host, sizeof host - 1);
    snprintf(partial, sizeof partial, "%s.%s.%ld.partial", path, host, (long)getpid());
    FILE *out = open_memstream(&text, &size);
    KC_ROOM(out, "out of memory");
    kc_report_sweep_json(out, q->input, sweep, views, 0, NULL, NULL);
    fclose(out);
    KC_TRY(kc_folders_create(sweep->out, e));
    KC_TRY(kc_file_write(partial, text, e));
    KC_TRY(kc_file_rename(partial, path, e));
out:
    free(text);
    return e->code;
}

/* only: of this point; less than 0: of any. */
static int refuse_foreign(const kc_sweep *sweep, const kc_point_view *views, int64_t only,
                          kc_error *e)
{
    for (int64_t i = 0; i < sweep->n; ++i)
        if (views[i].state == KC_POINT_FOREIGN && (only < 0 || only == i))
            return kc_fail(e, KC_EINPUT, "point %lld, %s: %s", (long long)i, views[i].point->name,
                           views[i].error);
    return KC_OK;
}

static void report(const options *o, const kc_sweep *sweep, const kc_point_view *views)
{
    if (o->missing)
        (o->json ? kc_report_missing_json : kc_report_missing)(stdout, o->input, sweep, views);
    else if (o->json)
        kc_report_sweep_json(stdout, o->input, sweep, views, o->status, NULL, NULL);
    else
        kc_report_sweep(stdout, o->input, sweep, views, o->status);
}

/* stopped: by what, as kc_run.stopped; 0: not. */
static void report_farm(const options *o, const kc_sweep *sweep, const kc_point_view *views,
                        int stopped)
{
    char *again = stopped ? kc_again() : NULL;
    const char *by = stopped ? kc_stopped_by(stopped) : NULL;
    if (o->json)
        kc_report_sweep_json(stdout, o->input, sweep, views, 1, by, again);
    else
        kc_report_sweep(stdout, o->input, sweep, views, 1);
    if (stopped && !o->json)
        kc_report_farm_stop(stdout, sweep, views, by, again);
    free(again);
}

/* 1, as a program that finds nothing: a script would make an array of nothing of it. */
static int say_missing(const kc_grid *g, const kc_sweep *sweep, const kc_point_view *views)
{
    int64_t n[KC_POINT_STATES];
    int code = KC_OK;
    if (g->rank == 0) {
        kc_point_count(sweep, views, n);
        code = n[KC_POINT_DONE] == sweep->n ? KC_NOTHING : KC_OK;
    }
    if (code)
        fputs("kcap: no point is missing\n", stderr);
    kc_bcast(g, &code, sizeof code);
    return code;
}

/* One point on all ranks, as kcap train would. */
static int run_index(kc_grid *g, const options *o, const kc_sweep_request *q, const kc_sweep *sweep,
                     kc_error *e)
{
    kc_point_request request = {.run = {.max_seconds = o->max_seconds,
                                        .patience = o->patience,
                                        .talk = o->json ? stderr : stdout}};
    kc_run run;
    if (o->index >= sweep->n)
        return kc_fail(e, KC_EINPUT, "--index %lld: %s has points 0 to %lld", (long long)o->index,
                       o->input, (long long)sweep->n - 1);
    const int code = kc_point_run(&run, g, q, sweep, o->index, &request, e);
    if (g->rank == 0 && e->code == KC_OK)
        kc_train_report(&run, o->json);
    kc_run_close(&run);
    return code;
}

static int run_points(kc_grid *g, const options *o, const kc_sweep_request *q,
                      const kc_sweep *sweep, kc_point_view *views, kc_error *e)
{
    int code = KC_OK, stopped = 0;
    kc_lock *lock = NULL;
    if (o->farm)
        KC_TRY_ROOT(g, kc_lock_take(sweep->out, KC_LOCK_FARM, KC_LOCK_PATIENCE, &lock, e));
    if (g->rank == 0 && refuse_foreign(sweep, views, o->index, e) == KC_OK)
        write_list(q, sweep, views, e);
    KC_TRY(kc_agree(g, e));
    code = o->farm ? kc_sweep_farm(g, q, sweep, views, &stopped, e) : run_index(g, o, q, sweep, e);
    if (g->rank == 0 && o->farm)
        report_farm(o, sweep, views, stopped);
out:
    kc_lock_release(lock);
    return e->code ? e->code : code;
}

static int sweep(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    const int runs = o->farm || o->index >= 0;
    const kc_sweep_request request = {.input = o->input,
                                      .sets = o->sets.set,
                                      .n_sets = o->sets.n,
                                      .ranks_per_point = o->farm ? (int)o->ranks_per_point : 0,
                                      .patience = o->patience,
                                      .max_seconds = o->max_seconds,
                                      .look = o->list         ? KC_LOOK_NONE
                                              : o->index >= 0 ? o->index
                                                              : KC_LOOK_ALL,
                                      .without_history = o->without_history,
                                      .talk = o->json ? stderr : stdout};
    kc_sweep points = {0};
    kc_point_view *views = NULL;
    int code = KC_OK;
    if (runs)
        kc_signals_catch(g->rank == 0);
    KC_TRY(kc_sweep_load(g, &request, &points, e));
    KC_TRY(kc_sweep_survey(g, &request, &points, &views, e));
    if (runs)
        code = run_points(g, o, &request, &points, views, e);
    else if (g->rank == 0)
        report(o, &points, views);
    if (o->missing)
        code = say_missing(g, &points, views);
out:
    free(views);
    kc_sweep_free(&points);
    return e->code ? e->code : code;
}

static const options defaults = {.index = -1, .ranks_per_point = 1, .patience = KC_PATIENCE};
static const kc_option list[] = {
    {KC_OPTION("SWEEP.yaml", KC_WORD, input)},
    {KC_OPTION("list", KC_FLAG, list), .one_of = 1,
     .help = "the points: index, name, size and cost"},
    {KC_OPTION("index", KC_COUNT, index), .least = 0, .most = 1000000, .value = "I", .one_of = 1,
     .help = "run point I on these ranks, from its checkpoint if it has one"},
    {KC_OPTION("missing", KC_FLAG, missing), .one_of = 1,
     .help =
         "the indices of points not finished, as Slurm's --array takes them: 0-3,7; exit code 1 "
         "if there is none"},
    {KC_OPTION("status", KC_FLAG, status), .one_of = 1, .help = "what each point's folder holds"},
    {KC_OPTION("farm", KC_FLAG, farm), .one_of = 1,
     .help =
         "run all that are not finished, the longest first, on groups of these ranks; a point "
         "that fails leaves error.txt in its folder and the others go on; the same command goes "
         "on where a farm was stopped"},
    {KC_OPTION("ranks-per-point", KC_COUNT, ranks_per_point), .least = 1, .most = 1000000,
     .value = "N", .with = "--farm", .help = "ranks of a group (default: 1); they divide R"},
    {KC_OPTION_PATIENCE, .with = "--farm or --index",
     .help = "a group silent for longer is given up, after --max-time sooner (default: 1800); of "
             "--index see kcap train"},
    {KC_OPTION_MAX_TIME, .with = "--farm or --index"},
    {KC_OPTION_WITHOUT_HISTORY, .with = "--farm or --index"},
    {KC_OPTION_SET},
    {KC_OPTION_JSON}};

const kc_verb kc_verb_sweep = {
    .name = "sweep",
    .summary = "many runs from one file",
    .about = "Many runs from one file. Each point writes its own folder in the sweep's; finished "
             "points are never run again.",
    KC_OPTIONS(list),
    .bytes = sizeof(options),
    .defaults = &defaults,
    .run = sweep};
