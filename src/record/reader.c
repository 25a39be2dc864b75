/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/record/reader.h"

#include <stdio.h>
#include <stdlib.h>

#include "kcap/base/text.h"
#include "kcap/io/attribute.h"
#include "kcap/io/file.h"
#include "record/table.h"

/* A file that was closed opens plainly; one with a writer, alive or killed, only as SWMR. */
static int open_either(kc_h5 *f, const char *path, int *closed, kc_error *e)
{
    kc_error ignored = {0};
    *closed = kc_h5_open(f, path, KC_H5_PLAIN, &ignored) == KC_OK;
    return *closed ? KC_OK : kc_h5_open(f, path, KC_H5_SWMR, e);
}

int kc_reader_open(kc_reader *r, const char *dir, kc_error *e)
{
    char path[KC_PATH_MAX + 16], *hash = NULL;
    *r = (kc_reader){.there = 0};
    snprintf(path, sizeof path, "%s/run.h5", dir);
    if (kc_file_size(path) < 0)
        return KC_OK;
    KC_TRY(open_either(&r->file, path, &r->closed, e));
    KC_TRY(kc_h5_get_text(&r->file, "/", "config_hash", &hash, e));
    snprintf(r->config_hash, sizeof r->config_hash, "%s", hash);
    r->there = 1;
out:
    free(hash);
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
out:
    kc_table_close(&table, e);
    return e->code;
}

int kc_reader_close(kc_reader *r, kc_error *e)
{
    return kc_h5_close(&r->file, e);
}
