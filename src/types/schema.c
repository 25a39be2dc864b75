/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/types/schema.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"

enum { VALUE = 8 };

void kc_schema_create(kc_schema *s, const char *group, int64_t chunk, const kc_column *columns,
                      int n)
{
    *s = (kc_schema){.group = group, .chunk = chunk};
    s->column = kc_alloc(n, sizeof *s->column, "columns");
    for (int i = 0; i < n; ++i) {
        if (columns[i].width == KC_NO_COLUMN)
            continue;
        kc_column *c = &s->column[s->n++];
        *c = columns[i];
        c->at = s->row_values;
        s->row_values += c->width > 0 ? c->width : 1;
    }
}

const char **kc_schema_label(kc_schema *s, int n)
{
    s->n_labels = n;
    return s->labels = kc_alloc(n, sizeof *s->labels, "labels");
}

void kc_schema_free(kc_schema *s)
{
    free(s->column);
    free(s->labels);
    *s = (kc_schema){.group = NULL};
}

void kc_value_missing(kc_value_type type, void *values, int64_t n)
{
    for (int64_t i = 0; i < n; ++i)
        if (type == KC_VALUE_INT)
            ((int64_t *)values)[i] = KC_NO_INT;
        else
            ((double *)values)[i] = NAN;
}

static char *begin_of(const kc_column *c, const void *row)
{
    return (char *)(uintptr_t)row + c->at * VALUE;
}

void kc_row_clear(const kc_schema *s, void *row)
{
    for (int i = 0; i < s->n; ++i)
        kc_value_missing(s->column[i].type, begin_of(&s->column[i], row),
                         s->column[i].width > 0 ? s->column[i].width : 1);
}

size_t kc_row_bytes(const kc_schema *s)
{
    return (size_t)s->row_values * VALUE;
}

void *kc_row_create(const kc_schema *s)
{
    void *row = kc_alloc(s->row_values, VALUE, "values of a row");
    kc_row_clear(s, row);
    return row;
}

double kc_row_value(const kc_schema *s, const void *row, int column, int64_t k)
{
    const kc_column *c = &s->column[column];
    const char *at = begin_of(c, row) + k * VALUE;
    if (c->type == KC_VALUE_REAL)
        return *(const double *)at;
    return *(const int64_t *)at == KC_NO_INT ? NAN : (double)*(const int64_t *)at;
}

void *kc_row_at(const kc_schema *s, const void *row, const char *name)
{
    for (int i = 0; i < s->n; ++i)
        if (strcmp(s->column[i].name, name) == 0)
            return begin_of(&s->column[i], row);
    return NULL;
}
