/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_IO_COLUMN_H
#define KCAP_IO_COLUMN_H

#include "kcap/io/h5.h"

/* A column: a dataset [rows] or [rows, width] that grows at its end. */
typedef struct kc_h5_column {
    kc_h5 *file;
    char path[128];
    int64_t id; /* 0: not open */
    kc_h5_kind kind;
    int64_t width; /* values a row; 0: one value a row, [rows] */
    int64_t rows;
} kc_h5_column;

/* Create an empty column that is stored in chunks of `chunk` rows.
 *   c           file, path, kind and width set by the caller
 *   owns        release with kc_h5_column_close
 *   errors      KC_EIO */
int kc_h5_column_create(kc_h5_column *c, int64_t chunk, kc_error *e);

/* Open a column for reading; sets rows.
 *   c           as above
 *   errors      KC_EINPUT: missing, or of another kind or width */
int kc_h5_column_open(kc_h5_column *c, kc_error *e);

/* The same for a column of either kind and any width, which the file says: sets kind and width.
 *   c           file and path set by the caller */
int kc_h5_column_open_any(kc_h5_column *c, kc_error *e);

/* Add n rows: values [n] or [n, width], int64_t or double by kind.
 *   errors      KC_EIO */
int kc_h5_column_append(kc_h5_column *c, const void *values, int64_t n, kc_error *e);

/* Read rows first ... first+n-1.
 *   errors      KC_EINPUT: past the end, or unreadable */
int kc_h5_column_read(kc_h5_column *c, int64_t first, int64_t n, void *values, kc_error *e);

/* Close; accepts a zeroed column and one of a broken file, which it only forgets.
 *   errors      KC_EIO */
int kc_h5_column_close(kc_h5_column *c, kc_error *e);

#endif
