/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/history.h"

#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/record/reader.h"
#include "record/labels.h"

static int check_reach(kc_reader *r, int64_t upto, kc_error *e)
{
    kc_error why = {0};
    int64_t last = 0;
    KC_TRY(kc_reader_reach(r, &last, &why, e));
    if (last >= upto)
        return KC_OK;
    if (why.code != KC_OK)
        kc_fail(e, why.code, "%s", why.text);
    kc_fail(e, KC_EINPUT, "%s: ends after step %lld, the checkpoint was written after step %lld",
            r->file.path, (long long)last, (long long)upto);
out:
    return e->code;
}

static int copy_steps(int64_t n, kc_table *from, kc_table *to, kc_error *e)
{
    void *rows = kc_alloc(from->block, kc_row_bytes(from->schema), "rows");
    for (int64_t first = 0; first < n; first += from->block) {
        const int64_t part = n - first < from->block ? n - first : from->block;
        KC_TRY(kc_table_read(from, first, part, rows, e));
        KC_TRY(kc_table_append(to, rows, part, e));
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

int kc_history_copy(const char *dir, int64_t upto, kc_table *tables, int n, kc_error *e)
{
    kc_reader r;
    KC_TRY(kc_reader_open(&r, dir, e));
    if (!r.there)
        kc_fail(e, KC_EINPUT, "%s/run.h5: missing", dir);
    KC_TRY(e->code ? e->code : check_reach(&r, upto, e));
    for (int i = 0; i < n && e->code == KC_OK; ++i) {
        kc_table old = {.schema = NULL};
        if (kc_labels_check(&r.file, tables[i].schema, e) == KC_OK &&
            kc_table_open(&old, &r.file, tables[i].schema, e) == KC_OK)
            i == 0 ? copy_steps(upto - r.first_step + 1, &old, &tables[i], e)
                   : copy_events(upto, &old, &tables[i], e);
        kc_table_close(&old, e);
    }
out:
    kc_reader_close(&r, e);
    return e->code;
}
