/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/record/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/io/attribute.h"
#include "kcap/io/file.h"
#include "kcap/io/lock.h"
#include "kcap/io/stamp.h"
#include "record/frame.h"
#include "record/labels.h"

struct kc_ledger {
    const kc_grid *g;
    kc_lock *lock;  /* of rank 0, and this: */
    kc_frame frame; /* the terms, then the tables */
};

static int differ(const kc_h5 *f, const kc_column *c, const void *there, const void *here,
                  kc_error *e)
{
    if (c->type == KC_VALUE_INT)
        return kc_fail(e, KC_EINPUT, "%s: %s (%s) is %lld in it, %lld now", f->path, c->name,
                       c->help, (long long)*(const int64_t *)there,
                       (long long)*(const int64_t *)here);
    return kc_fail(e, KC_EINPUT, "%s: %s (%s) is %.17g in it, %.17g now", f->path, c->name, c->help,
                   *(const double *)there, *(const double *)here);
}

static int check_terms(kc_h5 *f, const kc_ledger_plan *plan, kc_error *e)
{
    kc_table t = {.schema = NULL};
    const kc_schema *s = plan->terms;
    char *there = kc_row_create(s);
    KC_TRY(kc_table_open(&t, f, s, e));
    if (t.n_rows != 1)
        kc_fail(e, KC_EINPUT, "%s: has no row of %s, so it is another file", f->path, s->group);
    KC_TRY(e->code ? e->code : kc_table_read(&t, 0, 1, there, e));
    for (int i = 0; i < s->n && e->code == KC_OK; ++i) {
        const size_t at = (size_t)s->column[i].at * sizeof(double);
        if (memcmp(there + at, (const char *)plan->row + at, sizeof(double)) != 0)
            differ(f, &s->column[i], there + at, (const char *)plan->row + at, e);
    }
out:
    kc_table_close(&t, e);
    free(there);
    return e->code;
}

/* Other kernels, other bits. */
static int check_kernel(kc_h5 *f, const kc_ledger_plan *plan, kc_error *e)
{
    kc_stamp stamp = {.kernel = NULL};
    KC_TRY(kc_stamp_read(f, &stamp, e));
    if (strcmp(stamp.kernel, plan->stamp->kernel) != 0)
        kc_fail(e, KC_EINPUT, "%s: made with %s kernels, these are %s", f->path, stamp.kernel,
                plan->stamp->kernel);
out:
    kc_stamp_free(&stamp);
    return e->code;
}

/* The rows before the first that is damaged or missing. */
static int read_rows(kc_h5 *f, kc_ledger_table *to, kc_error *e)
{
    kc_table t = {.schema = NULL};
    kc_error damaged = {0};
    KC_TRY(kc_labels_check(f, to->schema, e));
    KC_TRY(kc_table_open(&t, f, to->schema, e));
    kc_check_rows(&t.check, 0, t.n_rows < to->most ? t.n_rows : to->most, &to->done, &damaged);
    KC_TRY(kc_table_read(&t, 0, to->done, to->rows, e));
out:
    kc_table_close(&t, e);
    return e->code;
}

static int read_old(const kc_ledger_plan *plan, kc_error *e)
{
    kc_h5 f = {.id = 0};
    KC_TRY(kc_h5_open(&f, plan->path, e));
    KC_TRY(kc_h5_check_seal(&f, e));
    KC_TRY(check_terms(&f, plan, e));
    KC_TRY(check_kernel(&f, plan, e));
    for (int i = 0; i < plan->n; ++i)
        KC_TRY(read_rows(&f, &plan->table[i], e));
out:
    kc_h5_close(&f, e);
    return e->code;
}

static int write_new(kc_ledger *l, const kc_ledger_plan *plan, kc_error *e)
{
    const kc_schema **all = kc_alloc(1 + plan->n, sizeof *all, "schemas");
    all[0] = plan->terms;
    for (int i = 0; i < plan->n; ++i)
        all[1 + i] = plan->table[i].schema;
    KC_TRY(kc_frame_create(&l->frame, plan->path, plan->stamp, all, 1 + plan->n, e));
    KC_TRY(kc_table_append(&l->frame.table[0], plan->row, 1, e));
    for (int i = 0; i < plan->n; ++i)
        KC_TRY(
            kc_table_append(&l->frame.table[1 + i], plan->table[i].rows, plan->table[i].done, e));
    KC_TRY(kc_frame_publish(&l->frame, e));
out:
    free(all);
    return e->code;
}

static int begin(kc_ledger *l, const kc_ledger_plan *plan, kc_error *e)
{
    if (strlen(plan->path) >= KC_PATH_MAX)
        return kc_fail(e, KC_EINPUT, "%.100s...: a path of %zu bytes; at most %d", plan->path,
                       strlen(plan->path), KC_PATH_MAX - 1);
    KC_TRY(kc_lock_file(plan->path, &l->lock, e));
    if (kc_file_size(plan->path) >= 0 && read_old(plan, e) != KC_OK)
        kc_advise(e, "go on as it began, or take another file");
    KC_TRY(e->code);
    KC_TRY(write_new(l, plan, e));
out:
    return e->code;
}

int kc_ledger_open(const kc_grid *g, const kc_ledger_plan *plan, kc_ledger **ledger, kc_error *e)
{
    kc_ledger *l = kc_alloc(1, sizeof *l, "ledgers");
    *ledger = NULL;
    l->g = g;
    for (int i = 0; i < plan->n; ++i)
        plan->table[i].done = 0;
    KC_TRY_ROOT(g, begin(l, plan, e));
    for (int i = 0; i < plan->n; ++i) {
        kc_ledger_table *t = &plan->table[i];
        kc_bcast(g, &t->done, sizeof t->done);
        kc_bcast(g, t->rows, (size_t)t->done * kc_row_bytes(t->schema));
    }
    *ledger = l;
    return KC_OK;
out:
    kc_ledger_close(l, e);
    return e->code;
}

static int add(kc_ledger *l, int i, const void *rows, int64_t n, kc_error *e)
{
    KC_TRY(kc_table_append(&l->frame.table[1 + i], rows, n, e));
    KC_TRY(kc_h5_flush(&l->frame.file, 1, e));
out:
    return e->code;
}

int kc_ledger_add(kc_ledger *l, int i, const void *rows, int64_t n, kc_error *e)
{
    KC_TRY_ROOT(l->g, add(l, i, rows, n, e));
out:
    return e->code;
}

int kc_ledger_close(kc_ledger *l, kc_error *e)
{
    if (!l)
        return KC_OK;
    kc_frame_close(&l->frame, e);
    kc_lock_release(l->lock);
    kc_agree(l->g, e);
    free(l);
    return e->code;
}
