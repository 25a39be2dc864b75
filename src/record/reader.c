/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/record/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/base/text.h"
#include "kcap/io/attribute.h"
#include "kcap/io/file.h"
#include "record/table.h"

/* A text attribute into an array of its own. */
static int take(kc_h5 *f, const char *name, char *text, size_t size, kc_error *e)
{
    char *found = NULL;
    if (kc_h5_get_text(f, "/", name, &found, e) == KC_OK)
        snprintf(text, size, "%s", found);
    free(found);
    return e->code;
}

int kc_reader_open(kc_reader *r, const char *dir, kc_error *e)
{
    char path[KC_PATH_MAX + 16];
    *r = (kc_reader){.first_step = 1};
    snprintf(path, sizeof path, "%s/run.h5", dir);
    if (kc_file_size(path) < 0)
        return KC_OK;
    KC_TRY(kc_h5_open(&r->file, path, e));
    r->closed = !r->file.left_open;
    KC_TRY(kc_h5_check_seal(&r->file, e));
    KC_TRY(take(&r->file, "config_hash", r->config_hash, sizeof r->config_hash, e));
    KC_TRY(take(&r->file, "run_id", r->run_id, sizeof r->run_id, e));
    if (kc_h5_has_attribute(&r->file, "/", "first_step"))
        KC_TRY(kc_h5_get_int(&r->file, "/", "first_step", &r->first_step, e));
    r->there = 1;
out:
    return e->code;
}

int kc_reader_last(kc_reader *r, const kc_schema *schema, void *row, kc_error *e)
{
    return kc_reader_last_upto(r, schema, INT64_MAX, row, e);
}

int kc_reader_last_upto(kc_reader *r, const kc_schema *schema, int64_t upto, void *row, kc_error *e)
{
    kc_table table = {.schema = NULL};
    kc_row_clear(schema, row);
    KC_TRY(kc_table_open(&table, &r->file, schema, e));
    for (int64_t i = table.n_rows - 1; i >= 0; --i) {
        KC_TRY(kc_table_read(&table, i, 1, row, e));
        if (*(const int64_t *)row <= upto)
            break;
        kc_row_clear(schema, row);
    }
    if (table.n_rows == 0 && r->first_step > 1 && strcmp(schema->group, "/steps") == 0)
        *(int64_t *)row = r->first_step - 1;
out:
    kc_table_close(&table, e);
    return e->code;
}

/* Of n steps, the first of which must be `step`, so many are there, each once and in order. */
static int64_t in_order(const int64_t *row, int64_t n, int64_t step)
{
    int64_t good = 0;
    while (good < n && row[good] == step + good)
        ++good;
    return good;
}

/* Of a group the step of its last good row, where all before it are good too; `why` where another
 * follows. */
static int last_good(kc_reader *r, const char *group, int64_t *step, kc_error *why, kc_error *e)
{
    static const kc_column column[] = {{.name = "step", .type = KC_VALUE_INT}};
    enum { ROWS = 4096 };
    kc_schema s;
    kc_table t = {.schema = NULL};
    const int counts = strcmp(group, "/steps") == 0;
    int64_t *row = kc_alloc(ROWS, sizeof *row, "steps"), good = 0;
    *step = r->first_step - 1;
    kc_schema_create(&s, group, 1, column, 1);
    KC_TRY(kc_table_open(&t, &r->file, &s, e));
    kc_check_rows(&t.check, 0, t.n_rows, &good, why);
    for (int64_t i = 0; i < good; i += ROWS) {
        int64_t n = good - i < ROWS ? good - i : ROWS;
        KC_TRY(kc_h5_column_read(&t.column[0], i, n, row, e));
        if (counts && in_order(row, n, *step + 1) < n) {
            n = in_order(row, n, *step + 1);
            good = i + n;
            *why = (kc_error){0};
            kc_fail(why, KC_EINPUT, "%s: row %lld of %s holds step %lld, not %lld", r->file.path,
                    (long long)good, group, (long long)row[n], (long long)(*step + 1 + n));
        }
        *step = n > 0 ? row[n - 1] : *step;
    }
out:
    kc_table_close(&t, e);
    kc_schema_free(&s);
    free(row);
    return e->code;
}

int kc_reader_reach(kc_reader *r, int64_t *step, kc_error *why, kc_error *e)
{
    char path[128] = "/";
    int64_t n = 0, last = 0;
    KC_TRY(last_good(r, "/steps", step, why, e));
    KC_TRY(kc_h5_members(&r->file, "/", &n, e));
    for (int64_t i = 0; i < n; ++i) {
        kc_error bad = {0};
        KC_TRY(kc_h5_member(&r->file, "/", i, path + 1, sizeof path - 1, e));
        strncat(path, "/step", sizeof path - strlen(path) - 1);
        const int is_table = kc_h5_has(&r->file, path);
        path[strlen(path) - strlen("/step")] = 0;
        if (!is_table || strcmp(path, "/steps") == 0)
            continue;
        KC_TRY(last_good(r, path, &last, &bad, e));
        if (bad.code && last < *step) {
            *step = last;
            *why = bad;
        }
    }
out:
    return e->code;
}

int kc_reader_close(kc_reader *r, kc_error *e)
{
    return kc_h5_close(&r->file, e);
}
