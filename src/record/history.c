/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/history.h"

#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/io/text.h"
#include "record/labels.h"

/* Steps must be there, each once. */
static int check_steps(const char *path, int64_t first, const int64_t *row, int64_t n, int64_t size,
                       kc_error *e)
{
    for (int64_t i = 0; i < n; ++i)
        if (row[i * size] != first + i + 1)
            return kc_fail(e, KC_EINPUT, "%s: row %lld of /steps holds step %lld, not %lld", path,
                           (long long)(first + i), (long long)row[i * size],
                           (long long)(first + i + 1));
    return KC_OK;
}

static int copy_steps(const char *path, int64_t upto, kc_table *from, kc_table *to, kc_error *e)
{
    const int64_t size = from->schema->row_values;
    if (from->n_rows < upto)
        return kc_fail(e, KC_EINPUT,
                       "%s: holds %lld steps, the checkpoint was written after step %lld; resume "
                       "from an older checkpoint or start anew in another folder",
                       path, (long long)from->n_rows, (long long)upto);
    int64_t *rows = kc_alloc(from->block * size, sizeof *rows, "rows");
    for (int64_t first = 0; first < upto; first += from->block) {
        const int64_t n = upto - first < from->block ? upto - first : from->block;
        KC_TRY(kc_table_read(from, first, n, rows, e));
        KC_TRY(check_steps(path, first, rows, n, size, e));
        KC_TRY(kc_table_append(to, rows, n, e));
    }
out:
    free(rows);
    return e->code;
}

/* A row begins with its step. */
static int copy_events(int64_t upto, kc_table *from, kc_table *to, kc_error *e)
{
    int64_t *row = kc_row_create(from->schema);
    for (int64_t i = 0; i < from->n_rows; ++i) {
        KC_TRY(kc_table_read(from, i, 1, row, e));
        if (row[0] <= upto)
            KC_TRY(kc_table_append(to, row, 1, e));
    }
out:
    free(row);
    return e->code;
}

int kc_history_copy(const char *path, int64_t upto, kc_table *tables, int n, kc_error *e)
{
    kc_h5 file;
    kc_error why = {0};
    if (kc_h5_open(&file, path, KC_H5_SWMR, &why) != KC_OK) {
        kc_fail(e, why.code, "%.400s; a resume needs its rows: remove the folder to start anew",
                why.text);
        goto out;
    }
    for (int i = 0; i < n && e->code == KC_OK; ++i) {
        kc_table old = {.schema = NULL};
        if (kc_labels_check(&file, tables[i].schema, e) == KC_OK &&
            kc_table_open(&old, &file, tables[i].schema, e) == KC_OK)
            i == 0 ? copy_steps(path, upto, &old, &tables[i], e)
                   : copy_events(upto, &old, &tables[i], e);
        kc_table_close(&old, e);
    }
out:
    kc_h5_close(&file, e);
    return e->code;
}
