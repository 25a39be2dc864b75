/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/crc.h"
#include "kcap/base/memory.h"
#include "kcap/io/attribute.h"

/* Bytes of a value; rows, and values, that go through at a time. */
enum { VALUE = 8, ROWS = 4096, MOST = 1 << 17 };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "sums are of bytes as they lie in files");

static void begin(kc_check *c, kc_h5 *f, const char *group)
{
    *c = (kc_check){.sum = {.file = f, .kind = KC_H5_INT}, .block = ROWS};
    snprintf(c->sum.path, sizeof c->sum.path, "%s/check", group);
    c->sums = kc_alloc(ROWS, sizeof *c->sums, "checksums");
}

int kc_check_create(kc_check *c, kc_h5 *f, const kc_schema *s, int64_t chunk, kc_error *e)
{
    int64_t used = 0, room = 0;
    char *names = NULL;
    begin(c, f, s->group);
    for (int i = 0; i < s->n; ++i) {
        names = kc_grow(names, &room, used + (int64_t)strlen(s->column[i].name) + 2, 1);
        used += sprintf(names + used, "%s%s", i ? " " : "", s->column[i].name);
    }
    KC_TRY(kc_h5_column_create(&c->sum, chunk, e));
    KC_TRY(kc_h5_describe(f, c->sum.path, "1",
                          "CRC-32 of the row's values, 8 bytes each, in the order of `covers`", e));
    kc_h5_set_text(f, c->sum.path, "covers", names, e);
out:
    free(names);
    return e->code;
}

int kc_check_append(kc_check *c, const void *rows, size_t row_bytes, int64_t n, kc_error *e)
{
    for (int64_t done = 0; done < n; done += c->block) {
        const int64_t part = n - done < c->block ? n - done : c->block;
        for (int64_t i = 0; i < part; ++i)
            c->sums[i] =
                kc_crc32(0, (const char *)rows + (size_t)(done + i) * row_bytes, row_bytes);
        KC_TRY(kc_h5_column_append(&c->sum, c->sums, part, e));
    }
out:
    return e->code;
}

static int64_t values_of(const kc_h5_column *c)
{
    return c->width > 0 ? c->width : 1;
}

/* Open the columns that `names` lists, which it cuts; no more rows go through than the widest allows. */
static int open_covered(kc_check *c, const char *group, char *names, kc_error *e)
{
    char *rest = NULL;
    int64_t room = 0;
    for (char *name = strtok_r(names, " ", &rest); name; name = strtok_r(NULL, " ", &rest)) {
        c->of = kc_grow(c->of, &room, c->n + 1, sizeof *c->of);
        kc_h5_column *of = &c->of[c->n++];
        *of = (kc_h5_column){.file = c->sum.file};
        snprintf(of->path, sizeof of->path, "%s/%s", group, name);
        KC_TRY(kc_h5_column_open_any(of, e));
        const int64_t most = MOST / values_of(of) > 0 ? MOST / values_of(of) : 1;
        c->block = most < c->block ? most : c->block;
    }
out:
    return e->code;
}

int kc_check_open(kc_check *c, kc_h5 *f, const char *group, int64_t *rows, kc_error *e)
{
    char *names = NULL;
    begin(c, f, group);
    if (!kc_h5_has(f, c->sum.path))
        return e->code;
    KC_TRY(kc_h5_column_open(&c->sum, e));
    KC_TRY(kc_h5_get_text(f, c->sum.path, "covers", &names, e));
    KC_TRY(open_covered(c, group, names, e));
    for (int i = -1; i < c->n; ++i) {
        const kc_h5_column *of = i < 0 ? &c->sum : &c->of[i];
        if (of->rows != c->sum.rows && !f->left_open)
            kc_fail(e, KC_EINPUT, "%s: %s has %lld rows, %s %lld: damaged", f->path, of->path,
                    (long long)of->rows, c->sum.path, (long long)c->sum.rows);
        *rows = of->rows < *rows ? of->rows : *rows;
    }
out:
    free(names);
    return e->code;
}

/* Sums of `n` rows as they are read, into c->sums. */
static int sum_rows(kc_check *c, int64_t first, int64_t n, void *values, kc_error *e)
{
    memset(c->sums, 0, (size_t)n * sizeof *c->sums);
    for (int k = 0; k < c->n; ++k) {
        const size_t bytes = (size_t)values_of(&c->of[k]) * VALUE;
        KC_TRY(kc_h5_column_read(&c->of[k], first, n, values, e));
        for (int64_t i = 0; i < n; ++i)
            c->sums[i] = kc_crc32((uint32_t)c->sums[i], (char *)values + (size_t)i * bytes, bytes);
    }
out:
    return e->code;
}

/* Rows that fit among n whose sums are in c->sums and said to be these. */
static int64_t count_good(const kc_check *c, const int64_t *said, int64_t first, int64_t n,
                          kc_error *e)
{
    int64_t good = 0;
    while (good < n && c->sums[good] == said[good])
        ++good;
    if (good < n)
        kc_fail(e, KC_EINPUT, "%s: row %lld does not fit its checksum in %s: damaged",
                c->sum.file->path, (long long)(first + good), c->sum.path);
    return good;
}

int kc_check_rows(kc_check *c, int64_t first, int64_t n, int64_t *good, kc_error *e)
{
    int64_t widest = 1;
    *good = c->sum.id ? 0 : n;
    for (int k = 0; k < c->n; ++k)
        widest = values_of(&c->of[k]) > widest ? values_of(&c->of[k]) : widest;
    void *values = kc_alloc(c->block * widest, VALUE, "values of columns");
    int64_t *said = kc_alloc(c->block, sizeof *said, "checksums");
    while (*good < n && e->code == KC_OK) {
        const int64_t part = n - *good < c->block ? n - *good : c->block;
        KC_TRY(sum_rows(c, first + *good, part, values, e));
        KC_TRY(kc_h5_column_read(&c->sum, first + *good, part, said, e));
        *good += count_good(c, said, first + *good, part, e);
    }
out:
    free(values);
    free(said);
    return e->code;
}

int kc_check_close(kc_check *c, kc_error *e)
{
    for (int k = 0; k < c->n; ++k)
        kc_h5_column_close(&c->of[k], e);
    kc_h5_column_close(&c->sum, e);
    free(c->of);
    free(c->sums);
    *c = (kc_check){.n = 0};
    return e->code;
}
