/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/record/outcome.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/io/attribute.h"
#include "kcap/io/file.h"
#include "kcap/io/text.h"
#include "record/table.h"

/* A file that was closed opens plainly; one with a writer, alive or killed, only as SWMR. */
static int open_either(kc_h5 *f, const char *path, int *closed, kc_error *e)
{
    kc_error ignored = {0};
    *closed = kc_h5_open(f, path, KC_H5_PLAIN, &ignored) == KC_OK;
    return *closed ? KC_OK : kc_h5_open(f, path, KC_H5_SWMR, e);
}

static int read_last(kc_h5 *f, kc_table_kind kind, kc_widths widths, void *row, kc_error *e)
{
    kc_table table = {0};
    KC_TRY(kc_table_open(&table, f, kind, widths, e));
    if (table.n_rows > 0)
        kc_table_read(&table, table.n_rows - 1, 1, row, e);
out:
    kc_table_close(&table, e);
    return e->code;
}

int kc_outcome_read(const char *dir, int loads, kc_outcome_file *outcome, kc_error *e)
{
    char path[KC_PATH_MAX + 16], *hash = NULL, *names = NULL;
    kc_h5 f = {0};
    int64_t size = 0, n = 0;
    *outcome = (kc_outcome_file){.measure = {.step = -1}};
    snprintf(path, sizeof path, "%s/run.h5", dir);
    if (kc_file_size(path) < 0)
        return KC_OK;
    KC_TRY(open_either(&f, path, &outcome->closed, e));
    KC_TRY(kc_h5_get_text(&f, "/", "config_hash", &hash, e));
    snprintf(outcome->config_hash, sizeof outcome->config_hash, "%s", hash);
    KC_TRY(kc_h5_get_int(&f, "/", "n_params", &outcome->n_params, e));
    KC_TRY(kc_h5_text_read(&f, "/measure/attribute_names", &names, &size, &n, e));
    const kc_widths widths = {.attributes = (int)n, .loads = loads};
    KC_TRY(read_last(&f, KC_TABLE_STEPS, widths, &outcome->step, e));
    KC_TRY(read_last(&f, KC_TABLE_MEASURE, widths, &outcome->measure, e));
    outcome->there = 1;
out:
    free(hash);
    free(names);
    if (f.id)
        kc_h5_close(&f, e);
    return e->code;
}
