/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kcap/cli/choose.h"
#include "kcap/cli/print/report.h"
#include "kcap/run/loop.h"
#include "kcap/cli/verbs.h"
#include "kcap/base/clock.h"
#include "kcap/math/peak.h"

enum { PATH_MOST = 1024, WARM_SHARE = 10, LEAST = 2 };

/* All rows; the first tenth, at least one, is warm-up. */
typedef struct watched {
    kc_step_row *rows;
    int64_t n, room;
} watched;

static void keep_row(void *watcher, const kc_run *run)
{
    watched *w = watcher;
    if (w->n == w->room) {
        w->room = w->room ? 2 * w->room : 1024;
        w->rows = realloc(w->rows, (size_t)w->room * sizeof *w->rows);
        KC_CHECK(w->rows, "out of memory for %lld rows", (long long)w->room);
    }
    w->rows[w->n++] = run->row;
}

static int by_seconds(const void *a, const void *b)
{
    const double x = ((const kc_step_row *)a)->seconds, y = ((const kc_step_row *)b)->seconds;
    return (x > y) - (x < y);
}

/* The step of median duration stands for all; the phases are means over the middle half, since one
 * step's clock readings are coarse. */
static void summarise(const watched *w, const kc_flops *flops, double peak, kc_bench *b)
{
    const int64_t warm = w->n / WARM_SHARE > 1 ? w->n / WARM_SHARE : 1, n = w->n - warm;
    kc_step_row *rows = w->rows + warm;
    qsort(rows, (size_t)n, sizeof *rows, by_seconds);
    const int64_t first = n / 4, end = n - first;
    *b = (kc_bench){.steps = n, .peak = peak};
    for (int64_t i = first; i < end; ++i) {
        const kc_step_row *row = &rows[i];
        b->seconds += row->seconds / (double)(end - first);
#define KC_TAKE(type, name, unit, help) b->phase[KC_##name] += row->name / (double)(end - first);
        KC_COLUMNS_PHASE(KC_TAKE)
#undef KC_TAKE
    }
    b->tokens_per_second = rows[n / 2].tokens_per_second;
    b->tokens = b->tokens_per_second * rows[n / 2].seconds;
    b->flops[KC_seconds_linear] = flops->linear * b->tokens;
    b->flops[KC_seconds_attention] = flops->attention * b->tokens;
    b->flops[KC_seconds_head] = flops->head * b->tokens;
    b->flop_per_token = flops->all;
}

/* All ranks at the same time, since those of a node share its clock and power. */
static double whole_peak(kc_session *s)
{
    double *all = malloc((size_t)s->grid.size * sizeof *all), sum = 0;
    KC_CHECK(all, "out of memory");
    kc_barrier(&s->grid);
    double mine = kc_peak_flops(s->threads);
    kc_allgather(&s->grid, &mine, all, sizeof mine);
    for (int r = 0; r < s->grid.size; ++r)
        sum += all[r];
    free(all);
    return sum;
}

/* A folder of its own for run.h5, so that recording is timed too; removed at the end. */
static int make_room(kc_session *s, char out[PATH_MOST], kc_error *e)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(out, PATH_MOST, "%s/kcap_bench_XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (s->grid.rank == 0 && !mkdtemp(out))
        kc_fail(e, KC_EIO, "%s: no folder can be made there; set TMPDIR to one that can be written",
                out);
    return kc_agree(&s->grid, e);
}

static void remove_room(const kc_session *s, const char *out)
{
    char path[PATH_MOST + 16];
    if (s->grid.rank != 0)
        return;
    snprintf(path, sizeof path, "%s/run.h5", out);
    unlink(path);
    rmdir(out);
}

static int run_steps(kc_run *run, watched *w, kc_error *e)
{
    kc_session *s = run->session;
    const kc_corpus_info *info = kc_corpus_about(s->corpus);
    const char *names[KC_ATTRIBUTES_MAX];
    for (int a = 0; a < info->n_attributes; ++a)
        names[a] = info->attribute[a].name;
    KC_TRY(kc_metrics_create(&s->grid, run->out, &s->stamp, names, kc_session_widths(s), NULL, 0,
                             &run->metrics, e));
    run->begun = kc_clock();
    KC_TRY(kc_run_steps(run, e));
    if (s->grid.rank == 0 && w->n < LEAST)
        kc_fail(e, KC_EINPUT,
                "%lld steps were timed, at least %d are needed; give bench more --seconds, or the "
                "corpus more exposures",
                (long long)w->n, LEAST);
    kc_agree(&s->grid, e);
out:
    if (run->metrics) {
        kc_error ignored = {0};
        kc_metrics_close(run->metrics, &ignored);
    }
    return e->code;
}

/* Train, time, forget. */
static int time_steps(kc_session *s, kc_bench *b, kc_error *e)
{
    char out[PATH_MOST] = "";
    watched w = {0};
    kc_run run = {.session = s,
                  .out = out,
                  .measured = {.step = -1},
                  .checkpoint_step = -1,
                  .watch = keep_row,
                  .watcher = &w};
    /* What is timed is the step: nothing else comes between. */
    s->cfg.measure.every_exposures = 0;
    s->cfg.checkpoint.every_steps = 0;
    KC_TRY(kc_session_corpus(s, NULL, e));
    KC_TRY(kc_session_machine(s, NULL, e));
    kc_session_mesh(s);
    kc_trainer_create(&s->cfg, &s->grid, s->corpus, s->threads, &run.trainer, e);
    KC_TRY(kc_agree(&s->grid, e));
    kc_session_stamp(s, &kc_trainer_model(run.trainer)->layout, NULL);
    const double peak = whole_peak(s);
    KC_TRY(make_room(s, out, e));
    run_steps(&run, &w, e);
    remove_room(s, out);
    if (s->grid.rank == 0 && e->code == KC_OK) {
        const kc_flops flops = kc_flops_of(&kc_trainer_model(run.trainer)->shape);
        summarise(&w, &flops, peak, b);
        b->last_step = run.row.step;
        b->loss = run.row.loss;
    }
out:
    free(w.rows);
    kc_trainer_destroy(run.trainer);
    return e->code;
}

int kc_verb_bench(kc_session *s, kc_error *e)
{
    kc_bench b;
    KC_TRY(kc_session_config(s, e));
    KC_TRY(time_steps(s, &b, e));
    if (s->grid.rank == 0)
        (s->options->json ? kc_report_bench_json : kc_report_bench)(stdout, s, &b);
out:
    return e->code;
}

/* Windows of a step: some for each core of a rank, so that many steps fit into a few seconds. */
static int64_t windows_of_rank(const kc_grid *g)
{
    const int64_t cores = sysconf(_SC_NPROCESSORS_ONLN) / g->node_ranks;
    int64_t n = 4;
    while (n < 4 * cores)
        n *= 2;
    return n;
}

int kc_bench_core_rate(const kc_session *s, double seconds, double *rate, kc_error *e)
{
    kc_options o = *s->options;
    kc_session mine = {.options = &o, .grid = s->grid, .quiet = 1};
    kc_bench b = {0};
    o.max_seconds = seconds;
    kc_config_defaults(&mine.cfg);
    mine.cfg.corpus.kind = KC_corpus_kind_random;
    mine.cfg.corpus.exposures = 1000000;
    mine.cfg.train.lanes = mine.cfg.train.batch = s->grid.size * windows_of_rank(&s->grid);
    time_steps(&mine, &b, e);
    kc_bcast(&s->grid, &b, sizeof b);
    if (e->code == KC_OK)
        *rate = b.tokens_per_second * b.flop_per_token / (s->grid.size * mine.threads);
    kc_session_end(&mine);
    return e->code;
}
