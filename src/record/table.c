/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/table.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/io/attribute.h"

typedef struct column {
    const char *path, *unit, *help;
    kc_h5_kind kind;
    enum { ONE, ATTRIBUTES, LOADS } wide;
    size_t offset; /* in the row */
} column;

/* clang-format off */
#define STEP(type, name, unit, help) \
    {"/steps/" #name, unit, help, KC_H5_##type, ONE, offsetof(kc_step_row, name)},
#define EVENT(type, name, unit, help) \
    {"/measure/" #name, unit, help, KC_H5_##type, ONE, offsetof(kc_measure_row, name)},
#define WIDE(type, name, unit, help) \
    {"/measure/" #name, unit, help, KC_H5_##type, ATTRIBUTES, offsetof(kc_measure_row, name)},
#define LOAD(type, name, unit, help) \
    {"/measure/" #name, unit, help, KC_H5_##type, LOADS, offsetof(kc_measure_row, name)},
/* clang-format on */

static const column step_columns[] = {KC_COLUMNS_STEP(STEP)};
static const column measure_columns[] = {KC_COLUMNS_MEASURE(EVENT) KC_COLUMNS_ATTRIBUTE(WIDE)
                                             KC_COLUMNS_LOAD(LOAD)};

typedef struct table {
    const char *group;
    const column *columns;
    int n;
    int64_t chunk; /* rows */
    size_t row_bytes;
} table;

enum {
    N_STEP = sizeof step_columns / sizeof step_columns[0],
    N_MEASURE = sizeof measure_columns / sizeof measure_columns[0]
};

_Static_assert((int)N_STEP <= KC_TABLE_COLUMNS && (int)N_MEASURE <= KC_TABLE_COLUMNS,
               "raise KC_TABLE_COLUMNS");

static const table tables[] = {
    [KC_TABLE_STEPS] = {"/steps", step_columns, N_STEP, 4096, sizeof(kc_step_row)},
    [KC_TABLE_MEASURE] = {"/measure", measure_columns, N_MEASURE, 64, sizeof(kc_measure_row)},
};

/* Eight bytes a value, of whatever type. */
enum { VALUE = 8 };
_Static_assert(sizeof(kc_col_INT) == VALUE && sizeof(kc_col_REAL) == VALUE, "columns hold 8 bytes");

/* Of a model without experts the columns of their loads are left out. */
static int is_there(const kc_table *t, int i)
{
    return t->column[i].path != NULL;
}

static void begin(kc_table *t, kc_h5 *f, kc_table_kind kind, kc_widths widths)
{
    const table *def = &tables[kind];
    int64_t widest = 1;
    *t = (kc_table){.kind = kind, .block = def->chunk};
    for (int i = 0; i < def->n; ++i) {
        const column *c = &def->columns[i];
        int64_t width = c->wide == ATTRIBUTES ? widths.attributes : c->wide ? widths.loads : 0;
        if (c->wide == LOADS && width == 0)
            continue;
        t->column[i] = (kc_h5_column){.file = f, .path = c->path, .kind = c->kind, .width = width};
        widest = width > widest ? width : widest;
    }
    t->values = malloc((size_t)(t->block * widest) * VALUE);
    KC_CHECK(t->values, "out of memory for the columns of %s", def->group);
}

int kc_table_create(kc_table *t, kc_h5 *f, kc_table_kind kind, kc_widths widths, kc_error *e)
{
    const table *def = &tables[kind];
    begin(t, f, kind, widths);
    KC_TRY(kc_h5_group(f, def->group, e));
    for (int i = 0; i < def->n; ++i) {
        const column *c = &def->columns[i];
        if (!is_there(t, i))
            continue;
        KC_TRY(kc_h5_column_create(&t->column[i], def->chunk, e));
        KC_TRY(kc_h5_describe(f, c->path, c->unit, c->help, e));
    }
out:
    return e->code;
}

int kc_table_open(kc_table *t, kc_h5 *f, kc_table_kind kind, kc_widths widths, kc_error *e)
{
    begin(t, f, kind, widths);
    for (int i = 0; i < tables[kind].n; ++i) {
        if (!is_there(t, i))
            continue;
        KC_TRY(kc_h5_column_open(&t->column[i], e));
        if (i == 0 || t->column[i].rows < t->n_rows)
            t->n_rows = t->column[i].rows;
    }
out:
    return e->code;
}

/* Copy the values of one column between n rows and t->values. */
static void turn(kc_table *t, int i, char *rows, int64_t n, int into_rows)
{
    const table *def = &tables[t->kind];
    size_t bytes = (size_t)(t->column[i].width > 0 ? t->column[i].width : 1) * VALUE;
    for (int64_t r = 0; r < n; ++r) {
        char *field = rows + (size_t)r * def->row_bytes + def->columns[i].offset;
        char *value = (char *)t->values + (size_t)r * bytes;
        memcpy(into_rows ? field : value, into_rows ? value : field, bytes);
    }
}

int kc_table_append(kc_table *t, const void *rows, int64_t n, kc_error *e)
{
    const table *def = &tables[t->kind];
    for (int64_t done = 0; done < n; done += t->block) {
        int64_t part = n - done < t->block ? n - done : t->block;
        char *from = (char *)(uintptr_t)rows + (size_t)done * def->row_bytes;
        for (int i = 0; i < def->n; ++i) {
            if (!is_there(t, i))
                continue;
            turn(t, i, from, part, 0);
            KC_TRY(kc_h5_column_append(&t->column[i], t->values, part, e));
        }
        t->n_rows += part;
    }
out:
    return e->code;
}

int kc_table_read(kc_table *t, int64_t first, int64_t n, void *rows, kc_error *e)
{
    const table *def = &tables[t->kind];
    for (int64_t done = 0; done < n; done += t->block) {
        int64_t part = n - done < t->block ? n - done : t->block;
        for (int i = 0; i < def->n; ++i) {
            if (!is_there(t, i))
                continue;
            KC_TRY(kc_h5_column_read(&t->column[i], first + done, part, t->values, e));
            turn(t, i, (char *)rows + (size_t)done * def->row_bytes, part, 1);
        }
    }
out:
    return e->code;
}

int kc_table_close(kc_table *t, kc_error *e)
{
    for (int i = 0; i < KC_TABLE_COLUMNS; ++i)
        kc_h5_column_close(&t->column[i], e);
    free(t->values);
    t->values = NULL;
    return e->code;
}
