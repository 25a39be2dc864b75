/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_TEXT_FACT_ROWS_H
#define KCAP_DATA_TEXT_FACT_ROWS_H

#include "data/text/cells.h"

enum { KC_FACT_NAME, KC_FACT_ATTRIBUTE, KC_FACT_VALUE, KC_FACT_FIELDS };

/* The rows of a table of facts, one by one. A first row with the cells name, attribute and value says
 * which columns they are, others being passed over; without one each row has these three in this
 * order. End with kc_fact_rows_end. */
typedef struct kc_fact_rows {
    kc_cells cells;
    int n_columns, at[KC_FACT_FIELDS];
    const char *field[KC_FACT_FIELDS]; /* of the row, until the next; NULL: there is none */
} kc_fact_rows;

/* As kc_cells_start. */
int kc_fact_rows_start(kc_fact_rows *r, const char *path, FILE *file, kc_error *e);

/* The next row.
 *   errors      KC_EINPUT as kc_cells_next; with file:line: a header without one of the three or with
 *               one twice, other than so many columns, an empty cell, <eos>, an attribute of 32 bytes */
int kc_fact_rows_next(kc_fact_rows *r, kc_error *e);
void kc_fact_rows_end(kc_fact_rows *r);

#endif
