/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TYPES_SCHEMA_H
#define KCAP_TYPES_SCHEMA_H

#include <stddef.h>
#include <stdint.h>

/* What an INT column or stamp reads that a file has not; a REAL one reads NaN. No count of anything. */
#define KC_NO_INT INT64_MIN

/* Values of eight bytes. */
typedef enum kc_value_type {
    KC_VALUE_INT, /* int64_t */
    KC_VALUE_REAL /* double  */
} kc_value_type;

/* A column of a group of run.h5. */
typedef struct kc_column {
    const char *name;
    kc_value_type type;
    int64_t width; /* values a row: 0 for one that stands alone, else a list of so many    */
    const char *unit, *help;
    int64_t at; /* where they begin in a row, counted in values: kc_schema_create sets it */
} kc_column;

/* A group of run.h5: what its rows hold, known when a run is set up. A row is an array of values, those
 * of the columns one after the other; it belongs to whoever fills it in. */
typedef struct kc_schema {
    const char *group;  /* such as /measure                                              */
    int64_t chunk;      /* rows that are stored together                                 */
    int n;              /* columns; the first tells the rows apart and is in every file  */
    kc_column *column;  /* [n]                                                           */
    int64_t row_values; /* of a row, in all                                              */
    int n_labels;
    const char **labels; /* [n_labels] what a list of so many values is of; texts borrowed   */
} kc_schema;

/* A schema of the first n columns that are given, but for lists of width KC_NO_COLUMN.
 *   columns     name, type, width, unit and help; texts are borrowed
 *   owns        release with kc_schema_free */
enum { KC_NO_COLUMN = -1 };
void kc_schema_create(kc_schema *s, const char *group, int64_t chunk, const kc_column *columns,
                      int n);
void kc_schema_free(kc_schema *s);

/* Room for n labels, to be filled in. */
const char **kc_schema_label(kc_schema *s, int n);

/* A row in which every value is missing (owned: release with free); make one so again. */
void *kc_row_create(const kc_schema *s);
size_t kc_row_bytes(const kc_schema *s);
void kc_row_clear(const kc_schema *s, void *row);

/* The values of a column in a row, int64_t or double; NULL when the schema lacks it. */
void *kc_row_at(const kc_schema *s, const void *row, const char *name);

/* The k-th value of a column as a number: NaN where it is missing. */
double kc_row_value(const kc_schema *s, const void *row, int column, int64_t k);

/* Set n values of a column as missing. */
void kc_value_missing(kc_value_type type, void *values, int64_t n);

#endif
