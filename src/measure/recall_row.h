/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_RECALL_ROW_H
#define KCAP_MEASURE_RECALL_ROW_H

#include "measure/rank.h"
#include "measure/recall.def"

#include "kcap/measure/subject.h"
#include "kcap/types/record.h"

#define POINTER(type, name, width, unit, help) kc_col_##type *name;
typedef struct kc_recall_lists {
    KC_LISTS_RECALL(POINTER)
} kc_recall_lists;
#undef POINTER

/* The lists of a row of /recall; NULL those that it lacks. */
kc_recall_lists kc_recall_lists_of(const kc_schema *schema, const void *row);

/* Documents drawn out of `all`, of which each rank reads every ranks-th. */
typedef struct kc_recall_draw {
    const kc_subject *x;
    int64_t all, n, here;
    int width; /* results a document    */
    kc_ranker *shown, *asked;
    kc_told *mine, *told; /* [here, width], [ranks x here, width]; attribute -1: none */
} kc_recall_draw;

/* The attribute of a part that has this name, or -1. */
int32_t kc_recall_named(const kc_corpus_info *info, const char *name);

/* What is said of the documents of a draw that is whole on all ranks: of each attribute. */
void kc_recall_fill_shown(const kc_recall_draw *d, const kc_recall_lists *to);

/* The same of pairs: told [2 i] is the answer to a question, told [2 i + 1] the same fact in the
 * biography; by the attributes of the part that is measured. */
void kc_recall_fill_asked(const kc_recall_draw *d, const kc_recall_lists *to);

#endif
