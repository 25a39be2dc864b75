/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/record/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/clock.h"
#include "kcap/base/memory.h"
#include "kcap/io/attribute.h"
#include "kcap/io/file.h"
#include "kcap/io/stamp.h"
#include "record/history.h"
#include "record/labels.h"

enum { HELD = 4096 };

struct kc_metrics {
    int is_writer; /* rank 0 */
    kc_h5 file;
    kc_schema steps;
    int n_tables;
    kc_table *table;   /* [n_tables]: of the steps, then of each kind of event */
    kc_step_row *held; /* [HELD] rows not written yet */
    int64_t n_held;
    double written;  /* when rows were last written      */
    kc_error failed; /* the first failure; kept for good */
};

static int write_frame(kc_metrics *m, const char *path, const kc_stamp *stamp,
                       const kc_schema *const *events, kc_error *e)
{
    KC_TRY(kc_h5_create(&m->file, path, KC_H5_SWMR, e));
    KC_TRY(kc_stamp_write(&m->file, stamp, e));
    KC_TRY(kc_h5_seal(&m->file, "/", e));
    for (int i = 0; i < m->n_tables; ++i) {
        const kc_schema *s = i == 0 ? &m->steps : events[i - 1];
        KC_TRY(kc_table_create(&m->table[i], &m->file, s, e));
        KC_TRY(kc_labels_write(&m->file, s, e));
    }
out:
    return e->code;
}

/* From a temporary name to run.h5, with readers admitted before anyone can see it. */
static int publish(kc_metrics *m, const char *dir, const char *partial, kc_error *e)
{
    char path[KC_PATH_MAX];
    snprintf(path, sizeof path, "%s/run.h5", dir);
    KC_TRY(kc_h5_flush(&m->file, 0, e));
    KC_TRY(kc_h5_start_swmr(&m->file, e));
    KC_TRY(kc_h5_flush(&m->file, 1, e));
    KC_TRY(kc_file_rename(partial, path, e));
    KC_TRY(kc_file_sync(dir, e));
    snprintf(m->file.path, sizeof m->file.path, "%s", path);
out:
    return e->code;
}

static int close_file(kc_metrics *m, kc_error *e)
{
    for (int i = 0; i < m->n_tables; ++i)
        kc_table_close(&m->table[i], e);
    return kc_h5_close(&m->file, e);
}

static void destroy(kc_metrics *m)
{
    kc_error ignored = {0};
    close_file(m, &ignored);
    kc_schema_free(&m->steps);
    free(m->table);
    free(m->held);
    free(m);
}

int kc_metrics_create(const kc_grid *g, const char *dir, const kc_stamp *stamp,
                      const kc_schema *const *events, int n, const char *history, int64_t upto,
                      kc_metrics **metrics, kc_error *e)
{
    char partial[KC_PATH_MAX];
    kc_metrics *m = kc_alloc(1, sizeof *m, "metrics");
    *metrics = NULL;
    m->is_writer = g->rank == 0;
    if (m->is_writer) {
        m->held = kc_alloc(HELD, sizeof *m->held, "rows");
        m->n_tables = 1 + n;
        m->table = kc_alloc(m->n_tables, sizeof *m->table, "tables");
        kc_schema_steps(&m->steps);
        snprintf(partial, sizeof partial, "%s/run.h5.partial", dir);
        KC_TRY(write_frame(m, partial, stamp, events, e));
        if (history != NULL)
            KC_TRY(kc_history_copy(history, upto, m->table, m->n_tables, e));
        KC_TRY(publish(m, dir, partial, e));
        m->written = kc_clock();
    }
out:
    if (e->code != KC_OK && m->is_writer) {
        kc_error ignored = {0};
        kc_file_remove(partial, &ignored);
    }
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
    KC_TRY(kc_table_append(&m->table[0], m->held, m->n_held, &mine));
    m->n_held = 0;
    if (event != NULL)
        KC_TRY(kc_table_append(&m->table[1 + i], event, 1, &mine));
    KC_TRY(kc_h5_flush(&m->file, sync, &mine));
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
        if ((code = close_file(m, &mine)) != KC_OK)
            kc_fail(e, code, "%s", mine.text);
    }
    destroy(m);
    return code;
}
