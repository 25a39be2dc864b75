/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/io/attribute.h"

/* Bytes of a value; values of a column that go through, or are stored, together. */
enum { VALUE = 8, MOST = 1 << 17 };

static int64_t values_of(const kc_column *c)
{
    return c->width > 0 ? c->width : 1;
}

static int64_t rows_at_once(const kc_schema *s, int64_t width)
{
    const int64_t most = width < MOST ? MOST / width : 1;
    return s->chunk < most ? s->chunk : most;
}

static void begin(kc_table *t, kc_h5 *f, const kc_schema *s)
{
    int64_t widest = 1;
    *t = (kc_table){.schema = s};
    t->column = kc_alloc(s->n, sizeof *t->column, "columns");
    for (int i = 0; i < s->n; ++i) {
        const kc_column *c = &s->column[i];
        const kc_h5_kind kind = c->type == KC_VALUE_INT ? KC_H5_INT : KC_H5_REAL;
        t->column[i] = (kc_h5_column){.file = f, .kind = kind, .width = c->width};
        snprintf(t->column[i].path, sizeof t->column[i].path, "%s/%s", s->group, c->name);
        widest = values_of(c) > widest ? values_of(c) : widest;
    }
    t->block = rows_at_once(s, widest);
    t->values = kc_alloc(t->block * widest, VALUE, "values of columns");
}

int kc_table_create(kc_table *t, kc_h5 *f, const kc_schema *s, kc_error *e)
{
    begin(t, f, s);
    KC_TRY(kc_h5_group(f, s->group, e));
    for (int i = 0; i < s->n; ++i) {
        const kc_column *c = &s->column[i];
        KC_TRY(kc_h5_column_create(&t->column[i], rows_at_once(s, values_of(c)), e));
        KC_TRY(kc_h5_describe(f, t->column[i].path, c->unit, c->help, e));
    }
    kc_check_create(&t->check, f, s, rows_at_once(s, 1), e);
out:
    return e->code;
}

int kc_table_open(kc_table *t, kc_h5 *f, const kc_schema *s, kc_error *e)
{
    begin(t, f, s);
    const int there = kc_h5_has(f, s->group);
    for (int i = 0; i < s->n; ++i) {
        kc_h5_column *c = &t->column[i];
        if (!there || (i > 0 && !kc_h5_has(f, c->path)))
            continue;
        KC_TRY(kc_h5_column_open(c, e));
        if (i == 0 || c->rows < t->n_rows)
            t->n_rows = c->rows;
    }
    if (there)
        kc_check_open(&t->check, f, s->group, &t->n_rows, e);
out:
    return e->code;
}

/* Copy the values of one column between n rows and t->values. */
static void turn(kc_table *t, int i, char *rows, int64_t n, int into_rows)
{
    const kc_column *c = &t->schema->column[i];
    const size_t bytes = (size_t)values_of(c) * VALUE;
    for (int64_t r = 0; r < n; ++r) {
        char *field = rows + (r * t->schema->row_values + c->at) * VALUE;
        char *value = (char *)t->values + (size_t)r * bytes;
        memcpy(into_rows ? field : value, into_rows ? value : field, bytes);
    }
}

int kc_table_append(kc_table *t, const void *rows, int64_t n, kc_error *e)
{
    for (int64_t done = 0; done < n; done += t->block) {
        const int64_t part = n - done < t->block ? n - done : t->block;
        char *from = (char *)(uintptr_t)rows + done * t->schema->row_values * VALUE;
        for (int i = 0; i < t->schema->n; ++i) {
            turn(t, i, from, part, 0);
            KC_TRY(kc_h5_column_append(&t->column[i], t->values, part, e));
        }
        KC_TRY(kc_check_append(&t->check, from, kc_row_bytes(t->schema), part, e));
        t->n_rows += part;
    }
out:
    return e->code;
}

int kc_table_read(kc_table *t, int64_t first, int64_t n, void *rows, kc_error *e)
{
    const kc_schema *s = t->schema;
    int64_t good = 0;
    KC_TRY(kc_check_rows(&t->check, first, n, &good, e));
    for (int64_t done = 0; done < n; done += t->block) {
        const int64_t part = n - done < t->block ? n - done : t->block;
        for (int i = 0; i < s->n; ++i) {
            kc_h5_column *c = &t->column[i];
            if (c->id)
                KC_TRY(kc_h5_column_read(c, first + done, part, t->values, e));
            else
                kc_value_missing(s->column[i].type, t->values, part * values_of(&s->column[i]));
            turn(t, i, (char *)rows + done * s->row_values * VALUE, part, 1);
        }
    }
out:
    return e->code;
}

int kc_table_close(kc_table *t, kc_error *e)
{
    for (int i = 0; t->column && i < t->schema->n; ++i)
        kc_h5_column_close(&t->column[i], e);
    kc_check_close(&t->check, e);
    free(t->column);
    free(t->values);
    *t = (kc_table){.schema = NULL};
    return e->code;
}
