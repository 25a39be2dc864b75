/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_TEXT_FACT_TABLE_H
#define KCAP_DATA_TEXT_FACT_TABLE_H

#include <stdio.h>

#include "data/word/vocab.h"
#include "kcap/base/err.h"
#include "kcap/base/teller.h"
#include "kcap/types/batch.h"

/* A table of facts, rows of (name, attribute, value), each text held once. A row takes 5 bytes beside its
 * texts, 4 more while it is read; a text its bytes and 25 to 41 more, a name 4 besides; arrays that grow have
 * room for a quarter more, small ones for twice as much. All zero is empty; release with
 * kc_fact_table_free. */
typedef struct kc_fact_table {
    kc_vocab name, attribute;              /* in the order they come                     */
    kc_vocab value[KC_ATTRIBUTES_MAX - 1]; /* of each attribute                          */
    int64_t n_rows;                        /* different (name, attribute), what is below */
    int64_t *begin;                        /* [names + 1]: the first row of a name       */
    int32_t *of_value;                     /* [rows]                                     */
    uint8_t *of_attribute;                 /* [rows]                                     */
    int32_t *line;                         /* [names]: where the name stands first       */
    int64_t n_duplicates;     /* rows left out because the same stands there already        */
    int64_t n_contradictions; /* rows left out because another value does                   */
    char contradiction[400];  /* the first of these in words                                */
    int64_t n_twins; /* names, attributes and values that look like others and are not the same */
    char twin[300];  /* the first of these in words, with its line                              */
} kc_fact_table;

/* Read a table (kc_fact_rows).
 *   path        for messages, and see kc_cells_start
 *   most        take the first so many names; 0: all
 *   teller      is told how far it is; may be NULL
 *   errors      KC_EINPUT as kc_fact_rows_next; with file:line: more attributes than KC_ATTRIBUTES_MAX - 1,
 *               more than 2^31 - 1 lines; no rows; fewer names than `most` */
int kc_fact_table_read(const char *path, FILE *file, int64_t most, kc_teller *teller,
                       kc_fact_table *t, kc_error *e);

/* The same of one file on all ranks' disks, each rank reading a part of it: rank 0 has the table in the end,
 * others one without rows. It and its errors are those that one rank reads.
 *   path, file  as all ranks have opened it; of `bytes` bytes
 *   collective  on all ranks
 *   errors      agreed on */
int kc_fact_table_read_together(const kc_grid *g, const char *path, FILE *file, int64_t bytes,
                                int64_t most, kc_teller *teller, kc_fact_table *t, kc_error *e);
void kc_fact_table_free(kc_fact_table *t);

#endif
