/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_TEXT_FACT_TABLE_H
#define KCAP_DATA_TEXT_FACT_TABLE_H

#include <stdio.h>

#include "data/word/vocab.h"
#include "kcap/base/err.h"
#include "kcap/types/batch.h"

/* A table of facts, rows of (name, attribute, value), each text held once. A row takes 5 bytes beside its
 * texts, 9 more while it is read; a text its bytes and 9 to 33 more. All zero is empty; release with
 * kc_fact_table_free. */
typedef struct kc_fact_table {
    kc_vocab name, attribute;              /* in the order they come                     */
    kc_vocab value[KC_ATTRIBUTES_MAX - 1]; /* of each attribute                          */
    int64_t n_rows;                        /* different (name, attribute), what is below */
    int64_t *begin;                        /* [names + 1]: the first row of a name       */
    int32_t *of_value;                     /* [rows]                                     */
    uint8_t *of_attribute;                 /* [rows]                                     */
    int64_t *line;                         /* [names]: where the name stands first       */
    int64_t n_duplicates;     /* rows left out because the same stands there already        */
    int64_t n_contradictions; /* rows left out because another value does                   */
    char contradiction[400];  /* the first of these in words                                */
} kc_fact_table;

/* Read a table. A first row with the cells name, attribute and value says which columns they are, others
 * being passed over; without one each row has these three in this order.
 *   path        for messages, and see kc_cells_start
 *   most        take the first so many names; 0: all
 *   progress    where to tell every second how far it is; NULL: nowhere
 *   errors      KC_EINPUT as kc_cells_next; with file:line: a header without one of them or with one
 *               twice, other than so many columns, an empty cell, <eos>, more attributes than
 *               KC_ATTRIBUTES_MAX - 1 or one of 32 bytes; no rows; fewer names than `most` */
int kc_fact_table_read(const char *path, FILE *file, int64_t most, FILE *progress, kc_fact_table *t,
                       kc_error *e);
void kc_fact_table_free(kc_fact_table *t);

#endif
