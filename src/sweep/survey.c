/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/io/file.h"
#include "kcap/record/reader.h"
#include "kcap/run/input.h"
#include "sweep/point.h"

/* The value a point gives a key, or NULL. */
static const char *value_of(const kc_point *p, const char *key, size_t n)
{
    for (int i = 0; i < p->n_sets; ++i)
        if (strncmp(p->sets[i], key, n) == 0 && p->sets[i][n] == '=')
            return p->sets[i] + n + 1;
    return NULL;
}

/* An override of what tells the points apart would make them one run under several names. */
static int check_sets(const kc_sweep_request *q, const kc_sweep *sweep, kc_error *e)
{
    for (int i = 0; i < q->n_sets; ++i) {
        const size_t n = strcspn(q->sets[i], "=");
        const char *first = value_of(&sweep->point[0], q->sets[i], n);
        for (int64_t j = 1; j < sweep->n; ++j) {
            const char *other = value_of(&sweep->point[j], q->sets[i], n);
            if ((first == NULL) != (other == NULL) || (first && strcmp(first, other) != 0))
                return kc_fail(e, KC_EINPUT, "--set %s: the points of %s differ in this key",
                               q->sets[i], q->input);
        }
    }
    return KC_OK;
}

int kc_sweep_load(const kc_grid *g, const kc_sweep_request *q, kc_sweep *sweep, kc_error *e)
{
    char *text = NULL;
    size_t bytes = 0;
    *sweep = (kc_sweep){0};
    KC_TRY(kc_input_text(g, q->input, &text, &bytes, e));
    kc_sweep_parse(text, bytes, q->input, sweep, e);
    if (e->code == KC_OK && q->n_sets + KC_SWEEP_SETS_MAX >= KC_POINT_SETS_MAX)
        kc_fail(e, KC_EINPUT, "--set: at most %d overrides of a sweep",
                KC_POINT_SETS_MAX - KC_SWEEP_SETS_MAX - 1);
    if (e->code == KC_OK)
        check_sets(q, sweep, e);
    KC_TRY(kc_agree(g, e));
out:
    free(text);
    return e->code;
}

/* What the point would take, from its configuration alone, on the fewest ranks that can run it.
 * `alone` has one rank.
 *   in          holds the corpus of the point before where this one `shares` it, else this one's then */
static int forecast(const kc_grid *alone, const kc_sweep_request *q, const kc_run_request *run,
                    int shares, kc_input *in, kc_point_view *v, kc_error *e)
{
    kc_machine machine = {.ranks = 1, .threads = 1, .ranks_per_node = 1};
    const kc_config *cfg = &in->cfg;
    kc_plan plan;
    KC_TRY(shares ? kc_input_config(alone, run->input, run->sets, run->n_sets, &in->cfg, e)
                  : kc_input_read(alone, run->input, run->sets, run->n_sets, in, e));
    if (q->ranks_per_point)
        machine.ranks = q->ranks_per_point;
    else if (cfg->model.experts)
        machine.ranks = (int)cfg->parallel.ep;
    KC_TRY(kc_plan_make(cfg, in->corpus, &machine, &plan, e));
    const kc_corpus_info *info = kc_corpus_about(in->corpus);
    kc_config_hash(cfg, v->config_hash);
    kc_config_hash_all(cfg, v->run_hash);
    v->n_params = plan.n_params;
    v->n_people = info->n_people;
    v->exposures = info->exposures;
    v->max_steps = cfg->train.max_steps;
    v->corpus_bits = info->max_bits;
    v->tokens = plan.tokens;
    v->flops = plan.flops;
    v->to_expose = plan.tokens / plan.tokens_per_exposure;
out:
    return e->code;
}

/* How far a run's record goes. */
typedef struct ends {
    struct {
        int64_t step;
        double exposures;
    } trained;
    struct {
        int64_t step;
        double exposures, bits_per_param;
    } measured;
} ends;

static int read_ends(kc_reader *r, ends *x, kc_error *e)
{
    static const kc_column trained[] = {{.name = "step", .type = KC_VALUE_INT},
                                        {.name = "exposures", .type = KC_VALUE_REAL}};
    static const kc_column measured[] = {{.name = "step", .type = KC_VALUE_INT},
                                         {.name = "exposures", .type = KC_VALUE_REAL},
                                         {.name = "bits_per_param", .type = KC_VALUE_REAL}};
    kc_schema s;
    kc_schema_create(&s, "/steps", 1, trained, 2);
    kc_reader_last(r, &s, &x->trained, e);
    kc_schema_free(&s);
    kc_schema_create(&s, "/measure", 1, measured, 3);
    kc_reader_last(r, &s, &x->measured, e);
    kc_schema_free(&s);
    return e->code;
}

static void judge(const kc_reader *r, const ends *x, const char *folder, kc_point_view *v)
{
    const int is_begun = x->trained.step != KC_NO_INT;
    const int is_measured = is_begun && x->measured.step == x->trained.step;
    const double exposures = is_begun ? x->trained.exposures : 0;
    v->exposed = isnan(exposures) && is_measured ? x->measured.exposures : exposures;
    const int at_end = v->exposed >= (double)v->exposures ||
                       (v->max_steps > 0 && is_begun && x->trained.step >= v->max_steps);
    v->bits_per_param = x->measured.bits_per_param;
    v->state = r->closed && at_end && is_measured ? KC_POINT_DONE : KC_POINT_PARTIAL;
    if (strcmp(r->config_hash, v->config_hash) != 0) {
        v->state = KC_POINT_FOREIGN;
        snprintf(v->error, sizeof v->error,
                 "%.300s: another experiment; remove it or choose another out:", folder);
    }
}

/* What its folder holds. */
static void look_up(const kc_sweep *sweep, kc_point_view *v)
{
    char folder[KC_PATH_MAX];
    kc_reader r;
    ends x;
    kc_error e = {0}, ignored = {0};
    kc_point_folder(sweep, v->point, folder);
    v->bits_per_param = NAN;
    if (kc_folder_full(folder) < 0) {
        v->state = KC_POINT_FOREIGN;
        snprintf(v->error, sizeof v->error,
                 "%.300s: this point's folder: %s; move what is there or choose another out:",
                 folder, strerror(errno));
        return;
    }
    if (kc_reader_open(&r, folder, &e) == KC_OK && r.there && read_ends(&r, &x, &e) == KC_OK)
        judge(&r, &x, folder, v);
    kc_reader_close(&r, &ignored);
    if (e.code) {
        v->state = KC_POINT_FAILED;
        snprintf(v->error, sizeof v->error,
                 "%.300s; run it with --without-history to go on from its "
                 "checkpoint",
                 e.text);
        return;
    }
    if (v->state != KC_POINT_DONE && v->state != KC_POINT_FOREIGN &&
        kc_point_read_error(folder, v->error, sizeof v->error))
        v->state = KC_POINT_FAILED;
}

static int by_run(const void *a, const void *b)
{
    const kc_point_view *x = *(const kc_point_view *const *)a,
                        *y = *(const kc_point_view *const *)b;
    const int order = strcmp(x->run_hash, y->run_hash);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Two spellings of a value, or of what the base says already, would count as two seeds. */
static int check_differ(const kc_sweep_request *q, const kc_sweep *sweep,
                        const kc_point_view *views, kc_error *e)
{
    const kc_point_view **v = kc_alloc(sweep->n, sizeof *v, "points");
    for (int64_t i = 0; i < sweep->n; ++i)
        v[i] = &views[i];
    qsort(v, (size_t)sweep->n, sizeof *v, by_run);
    for (int64_t i = 1; i < sweep->n && e->code == KC_OK; ++i)
        if (strcmp(v[i - 1]->run_hash, v[i]->run_hash) == 0)
            kc_fail(e, KC_EINPUT,
                    "%s: points %s and %s are the same run: no key differs in its value; leave one "
                    "out",
                    q->input, v[i - 1]->point->name, v[i]->point->name);
    free(v);
    return e->code;
}

/* The next of a point's settings that a corpus reads, from number *i on; NULL: no more. */
static const char *next_of_corpus(const kc_point *p, int *i)
{
    while (*i < p->n_sets)
        if (kc_corpus_reads(p->sets[(*i)++]))
            return p->sets[*i - 1];
    return NULL;
}

static int compare_corpora(const kc_point *x, const kc_point *y)
{
    int i = 0, j = 0, order = 0;
    while (order == 0) {
        const char *a = next_of_corpus(x, &i), *b = next_of_corpus(y, &j);
        if (!a || !b)
            return (a != NULL) - (b != NULL);
        order = strcmp(a, b);
    }
    return order;
}

static int by_corpus(const void *a, const void *b)
{
    const kc_point_view *x = *(kc_point_view *const *)a, *y = *(kc_point_view *const *)b;
    const int order = compare_corpora(x->point, y->point);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* The points, those of one corpus together; the caller frees the list. */
static kc_point_view **order_points(const kc_sweep *sweep, kc_point_view *views)
{
    kc_point_view **order = kc_alloc(sweep->n, sizeof *order, "points");
    for (int64_t i = 0; i < sweep->n; ++i) {
        views[i] = (kc_point_view){.index = i, .point = &sweep->point[i]};
        order[i] = &views[i];
    }
    qsort(order, (size_t)sweep->n, sizeof *order, by_corpus);
    return order;
}

/* All points, on one rank alone. A corpus is made once, for all that share it. */
static int survey_here(const kc_grid *alone, const kc_sweep_request *q, const kc_sweep *sweep,
                       kc_point_view *views, kc_error *e)
{
    kc_point_request of_point = {0};
    kc_input in = {0};
    kc_point_view **order = order_points(sweep, views);
    for (int64_t i = 0; i < sweep->n; ++i) {
        kc_error mine = {0};
        kc_point_view *v = order[i];
        const int shares = i > 0 && compare_corpora(order[i - 1]->point, v->point) == 0;
        if (!shares)
            kc_input_free(&in);
        kc_point_ask(&of_point, q, sweep, v->point);
        if (forecast(alone, q, &of_point.run, shares, &in, v, &mine) != KC_OK) {
            kc_fail(e, mine.code, "%s: point %lld, %s: %s", q->input, (long long)v->index,
                    v->point->name, mine.text);
            break;
        }
        if (q->look == KC_LOOK_ALL || q->look == v->index)
            look_up(sweep, v);
    }
    kc_input_free(&in);
    free(order);
    return e->code ? e->code : check_differ(q, sweep, views, e);
}

int kc_sweep_survey(const kc_grid *g, const kc_sweep_request *q, const kc_sweep *sweep,
                    kc_point_view **views, kc_error *e)
{
    kc_grid alone;
    *views = NULL;
    kc_grid_split(g, g->rank == 0, &alone);
    if (g->rank == 0) {
        *views = calloc((size_t)sweep->n, sizeof **views);
        KC_ROOM(*views, "out of memory for %lld points", (long long)sweep->n);
        survey_here(&alone, q, sweep, *views, e);
    }
    kc_grid_leave(&alone);
    return kc_agree(g, e);
}
