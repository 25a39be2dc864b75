/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_TABLE_H
#define KCAP_RECORD_TABLE_H

#include "kcap/types/schema.h"
#include "record/check.h"

/* A group of run.h5, taken and given as rows of its schema. All chances to grow a table are in the
 * schema's own table of columns. */
typedef struct kc_table {
    const kc_schema *schema; /* borrowed                                          */
    int64_t n_rows;          /* rows that all columns have                        */
    kc_check check;          /* of each row                                       */
    int64_t block;           /* rows that go through at a time                    */
    void *values;            /* [block x widest column]                           */
    kc_h5_column *column;    /* [schema->n]; not open: the file lacks it           */
} kc_table;

/* Create the group and its columns, each with unit and description.
 *   owns           release with kc_table_close, after an error too
 *   errors         KC_EIO */
int kc_table_create(kc_table *t, kc_h5 *f, const kc_schema *schema, kc_error *e);

/* Open a table for reading. Of a file that is older than a column or the group the values are missing;
 * columns that the schema lacks are not looked at. A killed writer may have grown some columns but
 * not all: only rows that all columns have count.
 *   owns           as above
 *   errors         KC_EINPUT: a group without its first column; a column of another type or width;
 *                  as kc_check_open */
int kc_table_open(kc_table *t, kc_h5 *f, const kc_schema *schema, kc_error *e);

/* Add n rows.
 *   errors         KC_EIO */
int kc_table_append(kc_table *t, const void *rows, int64_t n, kc_error *e);

/* Read n rows from row `first` on (counted from 0).
 *   errors         KC_EINPUT: unreadable, or not what was written */
int kc_table_read(kc_table *t, int64_t first, int64_t n, void *rows, kc_error *e);

/* Close; accepts a zeroed table. */
int kc_table_close(kc_table *t, kc_error *e);

#endif
