/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_TEXT_FACT_TWINS_H
#define KCAP_DATA_TEXT_FACT_TWINS_H

#include "data/text/fact_table.h"

/* Texts of a table that came new in rows with odd ones (kc_alike_odd). All zero is none; the caller frees
 * `text`. */
typedef struct kc_odd_texts {
    struct kc_odd_text *text;
    int64_t n, room;
} kc_odd_texts;

/* Text `number` of one of the table's lists, in this line. */
void kc_odd_texts_add(kc_odd_texts *odd, const kc_vocab *among, int32_t number, int32_t line);

/* Fill in how many of them look like others of their list, and the first in words.
 *   path        for them */
void kc_fact_table_twins(const char *path, const kc_odd_texts *odd, kc_fact_table *t);

#endif
