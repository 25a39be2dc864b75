/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/history.h"

#include <stdlib.h>
#include <string.h>

#include "kcap/io/text.h"

enum { BLOCK = 1024 };

static int copy_steps(const char *path, int64_t upto, kc_table *from, kc_table *to, kc_error *e)
{
    if (from->n_rows < upto)
        return kc_fail(e, KC_EINPUT,
                       "%s: holds %lld steps, the checkpoint was written after step %lld; resume "
                       "from an older checkpoint or start anew in another folder",
                       path, (long long)from->n_rows, (long long)upto);
    kc_step_row *rows = malloc(BLOCK * sizeof *rows);
    KC_CHECK(rows, "out of memory for %d rows", BLOCK);
    for (int64_t first = 0; first < upto; first += BLOCK) {
        int64_t n = upto - first < BLOCK ? upto - first : BLOCK;
        KC_TRY(kc_table_read(from, first, n, rows, e));
        for (int64_t i = 0; i < n; ++i)
            if (rows[i].step != first + i + 1) {
                kc_fail(e, KC_EINPUT, "%s: row %lld of /steps holds step %lld, not %lld", path,
                        (long long)(first + i), (long long)rows[i].step,
                        (long long)(first + i + 1));
                goto out;
            }
        KC_TRY(kc_table_append(to, rows, n, e));
    }
out:
    free(rows);
    return e->code;
}

static int copy_measure(int64_t upto, kc_table *from, kc_table *to, kc_error *e)
{
    kc_measure_row *row = calloc(1, sizeof *row);
    KC_CHECK(row, "out of memory for a row");
    for (int64_t i = 0; i < from->n_rows; ++i) {
        KC_TRY(kc_table_read(from, i, 1, row, e));
        if (row->step <= upto)
            KC_TRY(kc_table_append(to, row, 1, e));
    }
out:
    free(row);
    return e->code;
}

static int check_names(kc_h5 *f, const char *const *names, int n_attributes, kc_error *e)
{
    char *texts = NULL;
    int64_t size = 0, n = 0;
    KC_TRY(kc_h5_text_read(f, "/measure/attribute_names", &texts, &size, &n, e));
    if (n != n_attributes)
        kc_fail(e, KC_EINPUT, "%s: a run with %lld attributes; this one has %d", f->path,
                (long long)n, n_attributes);
    for (int i = 0; i < n_attributes && e->code == KC_OK; ++i) {
        const char *found = texts + i * size;
        if (strlen(names[i]) != strnlen(found, (size_t)size) ||
            strncmp(names[i], found, (size_t)size) != 0)
            kc_fail(e, KC_EINPUT, "%s: attribute %d is %.*s; in this run it is %s", f->path, i,
                    (int)size, found, names[i]);
    }
out:
    free(texts);
    return e->code;
}

int kc_history_copy(const char *path, int64_t upto, const char *const *names, kc_widths widths,
                    kc_table *steps, kc_table *measure, kc_error *e)
{
    kc_h5 file;
    kc_table old_steps = {0}, old_measure = {0};
    kc_error why = {0};
    if (kc_h5_open(&file, path, KC_H5_SWMR, &why) != KC_OK) {
        kc_fail(e, why.code, "%.400s; a resume needs its rows: remove the folder to start anew",
                why.text);
        goto out;
    }
    KC_TRY(check_names(&file, names, widths.attributes, e));
    KC_TRY(kc_table_open(&old_steps, &file, KC_TABLE_STEPS, widths, e));
    KC_TRY(kc_table_open(&old_measure, &file, KC_TABLE_MEASURE, widths, e));
    KC_TRY(copy_steps(path, upto, &old_steps, steps, e));
    KC_TRY(copy_measure(upto, &old_measure, measure, e));
out:
    kc_table_close(&old_steps, e);
    kc_table_close(&old_measure, e);
    kc_h5_close(&file, e);
    return e->code;
}
