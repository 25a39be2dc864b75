/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/bench.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kcap/base/clock.h"
#include "kcap/base/memory.h"
#include "kcap/math/peak.h"
#include "kcap/run/input.h"
#include "run/loop.h"

enum { WARM_SHARE = 10, LEAST = 2 };

/* All rows; the first tenth, at least one, is warm-up. */
typedef struct watched {
    kc_step_row *rows;
    int64_t n, room;
} watched;

static void keep_row(void *watcher, const kc_run *run)
{
    watched *w = watcher;
    w->rows = kc_grow(w->rows, &w->room, w->n + 1, sizeof *w->rows);
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
static double whole_peak(const kc_grid *g, int threads)
{
    double *all = malloc((size_t)g->size * sizeof *all), sum = 0;
    KC_ROOM(all, "out of memory");
    kc_barrier(g);
    double mine = kc_peak_flops(threads);
    kc_allgather(g, &mine, all, sizeof mine);
    for (int r = 0; r < g->size; ++r)
        sum += all[r];
    free(all);
    return sum;
}

/* A folder of its own for run.h5, so that recording is timed too; removed at the end. */
static int make_room(const kc_grid *g, char out[KC_PATH_MAX], kc_error *e)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(out, KC_PATH_MAX, "%s/kcap_bench_XXXXXX", tmp && tmp[0] ? tmp : "/tmp");
    if (g->rank == 0 && !mkdtemp(out))
        kc_fail(e, KC_EIO, "%s: no folder can be made there; set TMPDIR to one that can be written",
                out);
    kc_bcast(g, out, KC_PATH_MAX);
    return kc_agree(g, e);
}

static void remove_room(const kc_grid *g, const char *out)
{
    char path[KC_PATH_MAX + 16];
    if (g->rank != 0)
        return;
    snprintf(path, sizeof path, "%s/run.h5", out);
    unlink(path);
    rmdir(out);
}

static int time_steps(kc_run *run, const watched *w, kc_error *e)
{
    KC_TRY(kc_run_open_record(run, NULL, e));
    run->begun = kc_clock();
    KC_TRY(kc_run_steps(run, e));
    if (run->grid->rank == 0 && w->n < LEAST)
        kc_fail(e, KC_EINPUT,
                "%lld steps were timed, at least %d are needed; give bench more --seconds, or the "
                "corpus more exposures",
                (long long)w->n, LEAST);
    kc_agree(run->grid, e);
out:
    return e->code;
}

int kc_bench_run(kc_grid *g, const kc_config *cfg, double seconds, kc_bench *b, kc_signature *sign,
                 kc_error *e)
{
    watched w = {0};
    const kc_run_request request = {.max_seconds = seconds, .watch = keep_row, .watcher = &w};
    kc_run run = {.request = &request, .grid = g, .cfg = *cfg, .checkpoint_step = -1};
    /* What is timed is the step: nothing else comes between. */
    run.cfg.checkpoint.every_steps = 0;
    KC_TRY(kc_input_files(g, &run.cfg, &run.files, e));
    KC_TRY(kc_input_corpus(g, &run.cfg, &run.files, &run.corpus, e));
    KC_TRY(kc_host_start(&run.host, g, &run.cfg, NULL, 1, e));
    KC_TRY(kc_run_start(&run, e));
    kc_measurements_free(&run.measured);
    const kc_layout *layout = &kc_trainer_model(run.trainer)->layout;
    kc_sign(sign, g, cfg, kc_corpus_about(run.corpus), &run.host, layout, run.sign.run_id);
    const double peak = whole_peak(g, run.host.threads);
    KC_TRY(make_room(g, run.out, e));
    time_steps(&run, &w, e);
    remove_room(g, run.out);
    if (g->rank == 0 && e->code == KC_OK) {
        const kc_flops flops = kc_flops_of(&kc_trainer_model(run.trainer)->shape);
        summarise(&w, &flops, peak, b);
        b->last_step = run.row.step;
        b->loss = run.row.loss;
    }
out:
    free(w.rows);
    kc_run_close(&run);
    return e->code;
}
