/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_CHECK_H
#define KCAP_RECORD_CHECK_H

#include "kcap/io/column.h"
#include "kcap/types/schema.h"

/* What tells rows that were written from damaged ones: HDF5 checks what it keeps of a dataset, not
 * the values in it, and reads zeros where a file was cut or never written. Each group of run.h5 has a
 * column `check`, the CRC-32 of each row's values, 8 bytes each, in the order of columns that its
 * attribute `covers` names. All zero is a group without one: a file from before, nothing is
 * checked. */
typedef struct kc_check {
    kc_h5_column sum;
    int n;
    kc_h5_column *of; /* [n] columns that are covered */
    int64_t *sums;    /* [block] of the rows that go through */
    int64_t block;
} kc_check;

/* Create it for the columns of a schema, in chunks of `chunk` rows; add n rows of that schema.
 *   owns           release with kc_check_close, after an error too
 *   errors         KC_EIO */
int kc_check_create(kc_check *c, kc_h5 *f, const kc_schema *schema, int64_t chunk, kc_error *e);
int kc_check_append(kc_check *c, const void *rows, size_t row_bytes, int64_t n, kc_error *e);

/* Open it for reading, with all columns that it covers.
 *   rows           lessened to what all of these have
 *   owns           as above
 *   errors         KC_EINPUT: a column that it covers is missing; in a file that was closed, columns
 *                  of different lengths */
int kc_check_open(kc_check *c, kc_h5 *f, const char *group, int64_t *rows, kc_error *e);

/* Hold rows first ... first+n-1 against their sums.
 *   good           of these so many fit, until one does not
 *   errors         KC_EINPUT: names the one that does not */
int kc_check_rows(kc_check *c, int64_t first, int64_t n, int64_t *good, kc_error *e);

int kc_check_close(kc_check *c, kc_error *e);

#endif
