/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/record/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/clock.h"
#include "kcap/base/memory.h"
#include "record/frame.h"
#include "record/history.h"

enum { HELD = 4096 };

struct kc_metrics {
    int is_writer; /* rank 0 */
    kc_schema steps;
    kc_frame frame;    /* tables of the steps, then of each kind of event */
    kc_step_row *held; /* [HELD] rows not written yet */
    int64_t n_held;
    double written;  /* when rows were last written      */
    kc_error failed; /* the first failure; kept for good */
};

static void destroy(kc_metrics *m)
{
    kc_error ignored = {0};
    kc_frame_close(&m->frame, &ignored);
    kc_schema_free(&m->steps);
    free(m->held);
    free(m);
}

/* Rank 0's part of kc_metrics_create. */
static int begin(kc_metrics *m, const char *dir, const kc_stamp *stamp,
                 const kc_schema *const *events, int n, const char *history, int64_t upto,
                 kc_error *e)
{
    char path[KC_PATH_MAX];
    const kc_schema **all = kc_alloc(1 + n, sizeof *all, "schemas");
    snprintf(path, sizeof path, "%s/run.h5", dir);
    kc_schema_steps(&m->steps);
    m->held = kc_alloc(HELD, sizeof *m->held, "rows");
    m->written = kc_clock();
    all[0] = &m->steps;
    for (int i = 0; i < n; ++i)
        all[1 + i] = events[i];
    KC_TRY(kc_frame_create(&m->frame, path, stamp, all, 1 + n, e));
    if (history != NULL)
        KC_TRY(kc_history_copy(history, upto, m->frame.table, m->frame.n, e));
    KC_TRY(kc_frame_publish(&m->frame, e));
out:
    free(all);
    return e->code;
}

int kc_metrics_create(const kc_grid *g, const char *dir, const kc_stamp *stamp,
                      const kc_schema *const *events, int n, const char *history, int64_t upto,
                      kc_metrics **metrics, kc_error *e)
{
    kc_metrics *m = kc_alloc(1, sizeof *m, "metrics");
    *metrics = NULL;
    m->is_writer = g->rank == 0;
    if (m->is_writer)
        begin(m, dir, stamp, events, n, history, upto, e);
    if (kc_agree(g, e) == KC_OK)
        *metrics = m;
    else
        destroy(m);
    return e->code;
}

/* 1 when there is nothing to do: another rank's, or broken before, which e then says. */
static int is_idle(const kc_metrics *m, kc_error *e)
{
    if (m->failed.code != KC_OK)
        kc_fail(e, m->failed.code, "%s", m->failed.text);
    return !m->is_writer || m->failed.code != KC_OK;
}

/* Write the rows that are held, then the event if there is one, so that a reader never sees an
 * event of a step it lacks. The caller's e may hold an error already: rows are worth keeping all
 * the same. */
static int write_rows(kc_metrics *m, int i, const void *event, int sync, kc_error *e)
{
    kc_error mine = {0};
    KC_TRY(kc_table_append(&m->frame.table[0], m->held, m->n_held, &mine));
    m->n_held = 0;
    if (event != NULL)
        KC_TRY(kc_table_append(&m->frame.table[1 + i], event, 1, &mine));
    KC_TRY(kc_h5_flush(&m->frame.file, sync, &mine));
    m->written = kc_clock();
out:
    if (mine.code != KC_OK) {
        m->failed = mine;
        kc_fail(e, mine.code, "%s", mine.text);
    }
    return mine.code;
}

int kc_metrics_step(kc_metrics *m, const kc_step_row *row, kc_error *e)
{
    if (is_idle(m, e))
        return m->failed.code;
    m->held[m->n_held++] = *row;
    if (m->n_held == HELD || kc_clock() - m->written >= 1.0)
        return write_rows(m, 0, NULL, 0, e);
    return KC_OK;
}

int kc_metrics_event(kc_metrics *m, int i, const void *row, kc_error *e)
{
    return is_idle(m, e) ? m->failed.code : write_rows(m, i, row, 0, e);
}

int kc_metrics_flush(kc_metrics *m, kc_error *e)
{
    return is_idle(m, e) ? m->failed.code : write_rows(m, 0, NULL, 1, e);
}

int kc_metrics_close(kc_metrics *m, kc_error *e)
{
    if (m == NULL)
        return KC_OK;
    int code = is_idle(m, e) ? m->failed.code : write_rows(m, 0, NULL, 1, e);
    if (code == KC_OK) {
        kc_error mine = {0};
        if ((code = kc_frame_close(&m->frame, &mine)) != KC_OK)
            kc_fail(e, code, "%s", mine.text);
    }
    destroy(m);
    return code;
}
