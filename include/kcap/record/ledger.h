/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_LEDGER_H
#define KCAP_RECORD_LEDGER_H

#include "kcap/comm/grid.h"
#include "kcap/types/record.h"

/* A file of rows that are found one by one and take long: kept as each is found, so that the same work
 * goes on where it ended. Tables, attributes and checks as those of run.h5; readable while it
 * grows and after a kill at any moment. */
typedef struct kc_ledger kc_ledger;

/* A group of rows. */
typedef struct kc_ledger_table {
    const kc_schema *schema;
    void *rows;         /* room for `most` of them                              */
    int64_t most, done; /* done: those that are there, set by kc_ledger_open    */
} kc_ledger_table;

/* What a ledger is of; all borrowed, the schemas until it is closed. */
typedef struct kc_ledger_plan {
    const char *path;
    const kc_stamp *stamp;
    const kc_schema *terms; /* a group of one row: all that the rows depend on */
    const void *row;
    int n;
    kc_ledger_table *table; /* [n] */
} kc_ledger_plan;

/* Begin a file, or go on with one that holds rows of the same terms and kernels: it is written anew
 * beside with the rows up to the first that is damaged, and renamed.
 *   collective  on all ranks: each is given the rows that are there
 *   owns        release with kc_ledger_close; *l is NULL on error
 *   errors      agreed on: KC_EINPUT: another file, or one of other terms, naming the first, or which
 *               another process writes; KC_EIO */
int kc_ledger_open(const kc_grid *g, const kc_ledger_plan *plan, kc_ledger **l, kc_error *e);

/* Add n rows to the i-th table and see them onto the disk.
 *   collective  on all ranks, rank 0 writes
 *   errors      agreed on: KC_EIO, also where the file was removed or replaced meanwhile */
int kc_ledger_add(kc_ledger *l, int i, const void *rows, int64_t n, kc_error *e);

/* Close; accepts NULL.
 *   collective  on all ranks
 *   errors      agreed on: KC_EIO */
int kc_ledger_close(kc_ledger *l, kc_error *e);

#endif
