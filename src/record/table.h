/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_TABLE_H
#define KCAP_RECORD_TABLE_H

#include "kcap/io/column.h"
#include "kcap/types/record.h"

enum { KC_TABLE_COLUMNS = 32 };

typedef enum kc_table_kind { KC_TABLE_STEPS, KC_TABLE_MEASURE } kc_table_kind;

/* The columns of a group of run.h5, taken and given as rows: kc_step_row or kc_measure_row by kind.
 * All chances to grow a table are in columns.def. */
typedef struct kc_table {
    kc_table_kind kind;
    int64_t n_rows; /* rows that all columns have          */
    int64_t block;  /* rows that go through at a time      */
    void *values;   /* [block x widest column]             */
    kc_h5_column column[KC_TABLE_COLUMNS];
} kc_table;

/* Create the group and its columns, each with unit and description.
 *   owns           release with kc_table_close
 *   errors         KC_EIO */
int kc_table_create(kc_table *t, kc_h5 *f, kc_table_kind kind, kc_widths widths, kc_error *e);

/* Open a table for reading. A killed writer may have grown some columns but not all: only rows
 * that all columns have count.
 *   errors         KC_EINPUT: a column is missing or of another type or width */
int kc_table_open(kc_table *t, kc_h5 *f, kc_table_kind kind, kc_widths widths, kc_error *e);

/* Add n rows.
 *   errors         KC_EIO */
int kc_table_append(kc_table *t, const void *rows, int64_t n, kc_error *e);

/* Read n rows from row `first` on (counted from 0).
 *   errors         KC_EINPUT */
int kc_table_read(kc_table *t, int64_t first, int64_t n, void *rows, kc_error *e);

/* Close; accepts a zeroed table. */
int kc_table_close(kc_table *t, kc_error *e);

#endif
