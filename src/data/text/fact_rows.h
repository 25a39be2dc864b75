/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_TEXT_FACT_ROWS_H
#define KCAP_DATA_TEXT_FACT_ROWS_H

#include "data/text/cells.h"

enum { KC_FACT_NAME, KC_FACT_ATTRIBUTE, KC_FACT_VALUE, KC_FACT_FIELDS };
enum { KC_FACT_ATTRIBUTE_BYTES = 32 }; /* its end included */

/* What the first row says of a table of facts: with the cells name, attribute and value which columns they
 * are, others being passed over; any other is a fact, and each row has these three in this order. */
typedef struct kc_fact_head {
    char separator;
    int n_columns, at[KC_FACT_FIELDS]; /* n_columns 0: there is no row */
    int64_t begin, lines; /* of the first fact: its first byte, the lines in front of it */
} kc_fact_head;

/* The rows of a table that a rank reads: those that begin at byte `begin` or behind it and before `end`,
 * with so many lines of the file in front of them. Where it holds none, begin is end. */
typedef struct kc_fact_part {
    int64_t begin, end, lines;
} kc_fact_part;

/* The facts of a table, one by one. End with kc_fact_rows_end. */
typedef struct kc_fact_rows {
    kc_cells cells;
    kc_fact_head head;
    int is_read;                       /* the next row is in the cells already            */
    const char *field[KC_FACT_FIELDS]; /* of the row, until the next; NULL: there is none */
} kc_fact_rows;

/* Read the head.
 *   errors      KC_EINPUT as kc_cells_start and kc_cells_next; with file:line: a header without one of the
 *               three or with one twice */
int kc_fact_rows_start(kc_fact_rows *r, const char *path, FILE *file, kc_error *e);

/* The facts of a part of the table. As kc_cells_within. */
int kc_fact_rows_within(kc_fact_rows *r, const char *path, FILE *file, const kc_fact_head *head,
                        const kc_fact_part *part, kc_error *e);

/* The next row.
 *   errors      KC_EINPUT as kc_cells_next; with file:line: other than so many columns, an empty cell,
 *               <eos>, an attribute of 32 bytes, more than 2^31 - 1 lines */
int kc_fact_rows_next(kc_fact_rows *r, kc_error *e);
void kc_fact_rows_end(kc_fact_rows *r);

#endif
