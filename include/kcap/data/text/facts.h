/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_TEXT_FACTS_H
#define KCAP_DATA_TEXT_FACTS_H

#include <stdint.h>

#include "kcap/base/err.h"

/* What a table of facts holds, counted. */
typedef struct kc_facts {
    int64_t n_rows;       /* different rows                                          */
    int64_t n_duplicates; /* rows left out because they stand there already           */
    int64_t n_names, n_attributes;
    int64_t n_words;        /* different words, with <eos> and a marker an attribute     */
    double value_bits;      /* sum over attributes of rows x log2(distinct values)       */
    double exposure_tokens; /* one exposure of all in compact text: <eos>, the name's words, then a
                               marker and the value's words for each row of the name    */
} kc_facts;

/* Count a tab-separated file whose first line names its columns, among them name, attribute and
 * value in any order; other columns are ignored. A cell may be quoted as spreadsheets do it: "..."
 * around the whole, "" for a mark inside. Blanks at the ends of a cell do not count, and several are
 * as one: `Rome ` is `Rome`.
 *   collective  no
 *   errors      KC_EINPUT as kc_plain_read; with file:line: no such column, another separator, too
 *               few columns or too many, an empty field, a broken quote; no row */
int kc_facts_read(const char *path, kc_facts *facts, kc_error *e);

#endif
