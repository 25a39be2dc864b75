/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/config/points.h"

#include <stdlib.h>
#include <string.h>

#include "config/points_internal.h"
#include "kcap/base/memory.h"

static int compare_texts(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

/* Rows of a factor by their first `named` columns. */
static int by_named(const void *a, const void *b, void *of_factor)
{
    const kc_factor *f = of_factor;
    const int64_t i = *(const int64_t *)a, j = *(const int64_t *)b;
    int result = 0;
    for (int k = 0; k < f->named && result == 0; ++k)
        result = compare_texts(f->cell[i * f->n_columns + k], f->cell[j * f->n_columns + k]);
    return result;
}

/* As many first columns as tell all rows apart; all of them where none do. */
static void choose_named(kc_factor *f)
{
    int64_t *row = kc_alloc(f->n_rows, sizeof *row, "rows of a sweep");
    for (int64_t i = 0; i < f->n_rows; ++i)
        row[i] = i;
    f->named = 0;
    for (int all_differ = 0; !all_differ && f->named < f->n_columns;) {
        ++f->named;
        qsort_r(row, (size_t)f->n_rows, sizeof *row, by_named, f);
        all_differ = 1;
        for (int64_t i = 1; i < f->n_rows && all_differ; ++i)
            all_differ = by_named(&row[i - 1], &row[i], f) != 0;
    }
    free(row);
}

static const char *after_dot(const char *key)
{
    const char *dot = strchr(key, '.');
    return dot ? dot + 1 : key;
}

/* The key without its section, unless another key that names points ends alike. */
static const char *short_key(const kc_builder *b, const char *key)
{
    for (int i = 0; i < b->n_factors; ++i)
        for (int k = 0; k < b->factor[i].named; ++k) {
            const char *other = b->factor[i].key[k];
            if (strcmp(other, key) != 0 && strcmp(after_dot(other), after_dot(key)) == 0)
                return key;
        }
    return after_dot(key);
}

/* Add `key=value` to a name, in characters that are safe in a path and a shell. */
static void add_to_name(char *name, size_t size, const char *key, const char *value)
{
    const char *slash = strrchr(value, '/');
    size_t n = strlen(name);
    n += (size_t)snprintf(name + n, size - n, "%s%s=%s", n ? "," : "", key,
                          slash ? slash + 1 : value);
    for (char *c = name; *c; ++c)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-=,", *c))
            *c = '_';
}

static void add_set(kc_builder *b, kc_point *p, const char *key, const char *value)
{
    char text[2 * KC_TEXT_MAX];
    if (strcmp(key, KC_STANDS_FOR) == 0) {
        p->stands_for = strtod(value, NULL);
        return;
    }
    const size_t n = strlen(key);
    snprintf(text, sizeof text, "%s=%s", key, value);
    for (int i = 0; i < p->n_sets; ++i)
        if (strncmp(p->sets[i], text, n + 1) == 0) {
            free(p->sets[i]);
            p->sets[i] = kc_text_copy(text);
            return;
        }
    if (p->n_sets == KC_SWEEP_SETS_MAX)
        kc_fail(b->e, KC_EINPUT, "%s: more than %d keys in one point", b->path, KC_SWEEP_SETS_MAX);
    else
        p->sets[p->n_sets++] = kc_text_copy(text);
}

static void add_row(kc_builder *b, kc_point *p, const kc_factor *f, int64_t row)
{
    for (int k = 0; k < f->n_columns; ++k)
        if (f->cell[row * f->n_columns + k])
            add_set(b, p, f->key[k], f->cell[row * f->n_columns + k]);
}

/* Point number `index` of the product. */
static int make_point(kc_builder *b, int64_t index, kc_point *p)
{
    int64_t row[KC_SWEEP_FACTORS];
    char name[4 * KC_POINT_NAME_MAX] = "";
    for (int i = b->n_factors - 1; i >= 0; --i) {
        row[i] = index % b->factor[i].n_rows;
        index /= b->factor[i].n_rows;
    }
    p->sets = kc_alloc(KC_SWEEP_SETS_MAX, sizeof *p->sets, "settings of a point");
    if (b->set.cell)
        add_row(b, p, &b->set, 0);
    for (int i = 0; i < b->n_factors; ++i) {
        const kc_factor *f = &b->factor[i];
        add_row(b, p, f, row[i]);
        for (int k = 0; k < f->named; ++k)
            if (f->cell[row[i] * f->n_columns + k])
                add_to_name(name, sizeof name, short_key(b, f->key[k]),
                            f->cell[row[i] * f->n_columns + k]);
    }
    p->name = kc_text_copy(name[0] ? name : "point");
    if (strlen(name) > KC_POINT_NAME_MAX)
        kc_fail(b->e, KC_EINPUT,
                "%s: the name of a point is longer than %d characters: %.100s...; put what belongs "
                "together into one zip, the keys that tell its rows apart first",
                b->path, KC_POINT_NAME_MAX, name);
    return b->e->code;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const kc_point *const *)a)->name, (*(const kc_point *const *)b)->name);
}

static int by_sets(const void *a, const void *b)
{
    const kc_point *x = *(const kc_point *const *)a, *y = *(const kc_point *const *)b;
    int result = (x->n_sets > y->n_sets) - (x->n_sets < y->n_sets);
    for (int i = 0; i < x->n_sets && result == 0; ++i)
        result = strcmp(x->sets[i], y->sets[i]);
    return result;
}

/* No two points in one folder, and no run twice: it would count as two seeds. */
static int check_differ(kc_builder *b, const kc_sweep *s)
{
    const kc_point **p = kc_alloc(s->n, sizeof *p, "points");
    for (int64_t i = 0; i < s->n; ++i)
        p[i] = &s->point[i];
    qsort(p, (size_t)s->n, sizeof *p, by_name);
    for (int64_t i = 1; i < s->n; ++i)
        if (by_name(&p[i - 1], &p[i]) == 0)
            kc_fail(b->e, KC_EINPUT, "%s: two points are both %s; a value is given twice", b->path,
                    p[i]->name);
    qsort(p, (size_t)s->n, sizeof *p, by_sets);
    for (int64_t i = 1; i < s->n; ++i)
        if (by_sets(&p[i - 1], &p[i]) == 0)
            kc_fail(b->e, KC_EINPUT,
                    "%s: points %s and %s have the same settings; of two values for a key the "
                    "later one in the file counts",
                    b->path, p[i - 1]->name, p[i]->name);
    free(p);
    return b->e->code;
}

int kc_sweep_expand(kc_builder *b, kc_sweep *s)
{
    double n = 1;
    for (int i = 0; i < b->n_factors; ++i) {
        choose_named(&b->factor[i]);
        n *= (double)b->factor[i].n_rows;
    }
    if (n > KC_POINTS_MAX)
        return kc_fail(b->e, KC_EINPUT, "%s: %.0f points; at most %d", b->path, n, KC_POINTS_MAX);
    s->n = (int64_t)n;
    s->point = kc_alloc(s->n, sizeof *s->point, "points");
    for (int64_t i = 0; i < s->n; ++i)
        KC_TRY(make_point(b, i, &s->point[i]));
    KC_TRY(check_differ(b, s));
out:
    return b->e->code;
}

void kc_sweep_free(kc_sweep *sweep)
{
    for (int64_t i = 0; i < sweep->n; ++i) {
        for (int k = 0; k < sweep->point[i].n_sets; ++k)
            free(sweep->point[i].sets[k]);
        free(sweep->point[i].sets);
        free(sweep->point[i].name);
    }
    free(sweep->point);
    *sweep = (kc_sweep){0};
}
