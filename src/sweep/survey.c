/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/sweep/survey.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kcap/run/loop.h"
#include "kcap/cli/verbs.h"
#include "kcap/io/file.h"

void kc_point_folder(const kc_sweep *sweep, const kc_point *point, char path[KC_SWEEP_PATH_MAX])
{
    snprintf(path, KC_SWEEP_PATH_MAX, "%s/%s", sweep->out, point->name);
}

void kc_point_forget_error(const kc_sweep *sweep, int64_t point)
{
    char folder[KC_SWEEP_PATH_MAX], path[KC_SWEEP_PATH_MAX + 16];
    kc_error ignored = {0};
    kc_point_folder(sweep, &sweep->point[point], folder);
    snprintf(path, sizeof path, "%s/error.txt", folder);
    if (kc_file_size(path) >= 0)
        kc_file_remove(path, &ignored);
}

void kc_point_leave_error(const kc_sweep *sweep, int64_t point, const char *text)
{
    char folder[KC_SWEEP_PATH_MAX], path[KC_SWEEP_PATH_MAX + 16], line[500];
    kc_error e = {0};
    kc_point_folder(sweep, &sweep->point[point], folder);
    snprintf(path, sizeof path, "%s/error.txt", folder);
    snprintf(line, sizeof line, "%s\n", text);
    if (kc_folders_create(folder, &e) != KC_OK || kc_file_write(path, line, &e) != KC_OK)
        fprintf(stderr, "kcap: warning: %s\n", e.text);
}

void kc_point_options(const kc_options *o, const kc_sweep *sweep, const kc_point *point,
                      char name[KC_POINT_NAME_MAX + 16], char path[KC_SWEEP_PATH_MAX],
                      kc_options *of_point)
{
    *of_point = *o;
    of_point->verb = KC_TRAIN;
    of_point->input = sweep->base;
    of_point->resume = "auto";
    kc_point_folder(sweep, point, path);
    of_point->out = path;
    snprintf(name, KC_POINT_NAME_MAX + 16, "run.name='%s'", point->name);
    of_point->n_sets = 0;
    of_point->sets[of_point->n_sets++] = name;
    for (int i = 0; i < point->n_sets; ++i)
        of_point->sets[of_point->n_sets++] = point->sets[i];
    for (int i = 0; i < o->n_sets && of_point->n_sets < KC_SETS_MAX; ++i)
        of_point->sets[of_point->n_sets++] = o->sets[i];
}

/* The value a point gives a key, or NULL. */
static const char *value_of(const kc_point *p, const char *key, size_t n)
{
    for (int i = 0; i < p->n_sets; ++i)
        if (strncmp(p->sets[i], key, n) == 0 && p->sets[i][n] == '=')
            return p->sets[i] + n + 1;
    return NULL;
}

/* An override of what tells the points apart would make them one run under several names. */
static int check_sets(const kc_options *o, const kc_sweep *sweep, kc_error *e)
{
    for (int i = 0; i < o->n_sets; ++i) {
        const size_t n = strcspn(o->sets[i], "=");
        const char *first = value_of(&sweep->point[0], o->sets[i], n);
        for (int64_t j = 1; j < sweep->n; ++j) {
            const char *other = value_of(&sweep->point[j], o->sets[i], n);
            if ((first == NULL) != (other == NULL) || (first && strcmp(first, other) != 0))
                return kc_fail(e, KC_EINPUT, "--set %s: the points of %s differ in this key",
                               o->sets[i], o->input);
        }
    }
    return KC_OK;
}

int kc_sweep_load(kc_session *s, kc_sweep *sweep, kc_error *e)
{
    char *text = NULL;
    size_t bytes = 0;
    *sweep = (kc_sweep){0};
    KC_TRY(kc_session_text(s, s->options->input, &text, &bytes, e));
    kc_sweep_parse(text, bytes, s->options->input, sweep, e);
    if (e->code == KC_OK && s->options->n_sets + KC_SWEEP_SETS_MAX >= KC_SETS_MAX)
        kc_fail(e, KC_EINPUT, "--set: at most %d overrides of a sweep",
                KC_SETS_MAX - KC_SWEEP_SETS_MAX - 1);
    if (e->code == KC_OK)
        check_sets(s->options, sweep, e);
    KC_TRY(kc_agree(&s->grid, e));
out:
    free(text);
    return e->code;
}

/* What the point would take, from its configuration alone, on the fewest ranks that can run it. `alone`
 * has one rank. */
static int forecast(kc_session *alone, const kc_session *s, kc_point_view *v, kc_error *e)
{
    kc_machine machine = {.ranks = 1, .threads = 1, .ranks_per_node = 1};
    kc_plan plan;
    KC_TRY(kc_session_config(alone, e));
    if (s->options->farm)
        machine.ranks = (int)s->options->ranks_per_point;
    else if (alone->cfg.model.experts)
        machine.ranks = (int)alone->cfg.parallel.ep;
    KC_TRY(kc_session_corpus(alone, NULL, e));
    KC_TRY(kc_plan_make(&alone->cfg, alone->corpus, &machine, &plan, e));
    const kc_corpus_info *info = kc_corpus_about(alone->corpus);
    kc_config_hash(&alone->cfg, v->config_hash);
    v->n_params = plan.n_params;
    v->n_people = info->n_people;
    v->exposures = info->exposures;
    v->max_steps = alone->cfg.train.max_steps;
    v->corpus_bits = info->max_bits;
    v->tokens = plan.tokens;
    v->flops = plan.flops;
out:
    return e->code;
}

static void read_reason(const char *folder, kc_point_view *v)
{
    char path[KC_SWEEP_PATH_MAX + 16];
    kc_error ignored = {0};
    snprintf(path, sizeof path, "%s/error.txt", folder);
    if (kc_file_size(path) < 0)
        return;
    v->state = KC_POINT_FAILED;
    if (kc_file_read(path, v->error, sizeof v->error, &ignored) != KC_OK)
        snprintf(v->error, sizeof v->error, "%.370s cannot be read", path);
    v->error[strcspn(v->error, "\n")] = 0;
}

/* What its folder holds. */
static void look_up(const kc_sweep *sweep, kc_point_view *v)
{
    char folder[KC_SWEEP_PATH_MAX];
    kc_outcome_file f;
    kc_error e = {0};
    kc_point_folder(sweep, v->point, folder);
    v->bits_per_param = NAN;
    if (kc_outcome_read(folder, 0, &f, &e) != KC_OK) {
        v->state = KC_POINT_FAILED;
        snprintf(v->error, sizeof v->error, "%.300s; remove its folder to run it anew", e.text);
        return;
    }
    if (f.there) {
        v->exposed = f.step.exposures;
        if (f.measure.step >= 0)
            v->bits_per_param = f.measure.bits_per_param;
        const int at_end = f.step.exposures >= (double)v->exposures ||
                           (v->max_steps > 0 && f.step.step >= v->max_steps);
        v->state =
            f.closed && at_end && f.measure.step == f.step.step ? KC_POINT_DONE : KC_POINT_PARTIAL;
        if (strcmp(f.config_hash, v->config_hash) != 0) {
            v->state = KC_POINT_FOREIGN;
            snprintf(v->error, sizeof v->error,
                     "%.300s: another experiment; remove it or choose another out:", folder);
        }
    }
    if (v->state != KC_POINT_DONE && v->state != KC_POINT_FOREIGN)
        read_reason(folder, v);
}

/* All points, on one rank alone. */
static int survey_here(const kc_session *s, const kc_sweep *sweep, kc_session *alone,
                       kc_point_view *views, kc_error *e)
{
    for (int64_t i = 0; i < sweep->n; ++i) {
        char name[KC_POINT_NAME_MAX + 16], path[KC_SWEEP_PATH_MAX];
        kc_options o;
        kc_error mine = {0};
        kc_point_view *v = &views[i];
        *v = (kc_point_view){.index = i, .point = &sweep->point[i]};
        kc_point_options(s->options, sweep, v->point, name, path, &o);
        alone->options = &o;
        forecast(alone, s, v, &mine);
        kc_session_end(alone);
        if (mine.code)
            return kc_fail(e, mine.code, "%s: point %lld, %s: %s", s->options->input, (long long)i,
                           v->point->name, mine.text);
        look_up(sweep, v);
    }
    return KC_OK;
}

int kc_sweep_survey(kc_session *s, const kc_sweep *sweep, kc_point_view **views, kc_error *e)
{
    kc_session alone = {.quiet = 1};
    *views = NULL;
    kc_grid_split(&s->grid, s->grid.rank == 0, &alone.grid);
    if (s->grid.rank == 0) {
        *views = calloc((size_t)sweep->n, sizeof **views);
        KC_CHECK(*views, "out of memory for %lld points", (long long)sweep->n);
        survey_here(s, sweep, &alone, *views, e);
    }
    kc_grid_leave(&alone.grid);
    return kc_agree(&s->grid, e);
}

/* One point on all ranks, as kcap train would. */
static int run_index(kc_session *s, const kc_sweep *sweep, kc_error *e)
{
    const int64_t i = s->options->index;
    char name[KC_POINT_NAME_MAX + 16], path[KC_SWEEP_PATH_MAX];
    kc_options o;
    if (i >= sweep->n)
        return kc_fail(e, KC_EINPUT, "--index %lld: %s has points 0 to %lld", (long long)i,
                       s->options->input, (long long)sweep->n - 1);
    kc_point_options(s->options, sweep, &sweep->point[i], name, path, &o);
    const kc_options *whole = s->options;
    s->options = &o;
    if (s->grid.rank == 0)
        kc_point_forget_error(sweep, i);
    const int code = kc_verb_train(s, e);
    if (s->grid.rank == 0 && e->code)
        kc_point_leave_error(sweep, i, e->text);
    s->options = whole;
    return code;
}

/* What law.py needs to know of points that left no run: written before any is begun. */
static int write_list(const kc_session *s, const kc_sweep *sweep, const kc_point_view *views,
                      kc_error *e)
{
    char path[KC_SWEEP_PATH_MAX], partial[KC_SWEEP_PATH_MAX + 128], host[64] = "";
    char *text = NULL;
    size_t size = 0;
    snprintf(path, sizeof path, "%s/sweep.json", sweep->out);
    /* Jobs of an array may write it at the same time: the same text. */
    gethostname(host, sizeof host - 1);
    snprintf(partial, sizeof partial, "%s.%s.%ld.partial", path, host, (long)getpid());
    FILE *out = open_memstream(&text, &size);
    KC_CHECK(out, "out of memory");
    kc_report_sweep_json(out, s, sweep, views, 0);
    fclose(out);
    KC_TRY(kc_folders_create(sweep->out, e));
    KC_TRY(kc_file_write(partial, text, e));
    KC_TRY(kc_file_rename(partial, path, e));
out:
    free(text);
    return e->code;
}

static int refuse_foreign(const kc_session *s, const kc_sweep *sweep, const kc_point_view *views,
                          kc_error *e)
{
    const int64_t only = s->options->index;
    for (int64_t i = 0; i < sweep->n; ++i)
        if (views[i].state == KC_POINT_FOREIGN && (only < 0 || only == i))
            return kc_fail(e, KC_EINPUT, "point %lld, %s: %s", (long long)i, views[i].point->name,
                           views[i].error);
    return KC_OK;
}

static void report(const kc_session *s, const kc_sweep *sweep, const kc_point_view *views)
{
    const kc_options *o = s->options;
    if (o->missing && o->json)
        kc_report_missing_json(stdout, s, sweep, views);
    else if (o->missing)
        kc_report_missing(stdout, sweep, views);
    else
        (o->json ? kc_report_sweep_json : kc_report_sweep)(stdout, s, sweep, views, o->status);
}

int kc_verb_sweep(kc_session *s, kc_error *e)
{
    kc_sweep sweep = {0};
    kc_point_view *views = NULL;
    int code = KC_OK;
    if (s->options->farm || s->options->index >= 0)
        kc_run_catch_signals();
    KC_TRY(kc_sweep_load(s, &sweep, e));
    KC_TRY(kc_sweep_survey(s, &sweep, &views, e));
    if (!s->options->farm && s->options->index < 0) {
        if (s->grid.rank == 0)
            report(s, &sweep, views);
        goto out;
    }
    if (s->grid.rank == 0 && refuse_foreign(s, &sweep, views, e) == KC_OK)
        write_list(s, &sweep, views, e);
    KC_TRY(kc_agree(&s->grid, e));
    code = s->options->farm ? kc_sweep_farm(s, &sweep, views, e) : run_index(s, &sweep, e);
out:
    free(views);
    kc_sweep_free(&sweep);
    return e->code ? e->code : code;
}
