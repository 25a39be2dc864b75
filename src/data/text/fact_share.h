/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_TEXT_FACT_SHARE_H
#define KCAP_DATA_TEXT_FACT_SHARE_H

#include "data/text/fact_rows.h"
#include "data/word/vocab.h"
#include "kcap/comm/grid.h"

/* Rows of a part of a table as they stand there, each text held once: 13 bytes a row beside its texts, with
 * room for a quarter more. All zero is empty; release with kc_fact_share_free. */
typedef struct kc_fact_share {
    kc_vocab name, fact; /* in the order they come; a fact is an attribute and a value */
    int64_t n_rows;
    int32_t *of_name, *of_fact, *line; /* [rows] */
    uint8_t *is_odd;                   /* [rows]: see kc_alike_odd */
    int64_t room[4];
    kc_error error; /* why there are no more rows; KC_OK: they have ended */
} kc_fact_share;

/* Read rows until there are no more, or to the first fault, which is the share's. */
void kc_fact_share_read(kc_fact_rows *rows, kc_fact_share *s);
void kc_fact_share_free(kc_fact_share *s);

/* Rank `from`'s share to rank 0, where texts are looked up by number alone.
 *   collective  on these two */
void kc_fact_share_pass(const kc_grid *g, int from, kc_fact_share *s);

/* The value of a fact, borrowed, and its attribute. */
const char *kc_fact_share_value(const kc_fact_share *s, int32_t fact,
                                char attribute[KC_FACT_ATTRIBUTE_BYTES]);

#endif
