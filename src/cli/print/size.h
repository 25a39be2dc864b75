/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_PRINT_SIZE_H
#define KCAP_CLI_PRINT_SIZE_H

#include <stdio.h>

#include "kcap/data/corpus.h"
#include "kcap/plan/size.h"

/* What kcap size was asked. All borrowed; nothing here is collective. */
typedef struct kc_size_question {
    const char *of;      /* the file of a table or an input; NULL: bits alone */
    kc_corpus_info info; /* of its corpus */
    const char *input;   /* whose model it is; NULL: GPT-2 */
    kc_load load;
    double params; /* the other way round; 0: not                */
    double rate;   /* operations a second of a core; 0: not stated */
    const kc_law *law;
} kc_size_question;

/* Models for a load: sizes [law->n]. */
void kc_report_size(FILE *out, const kc_size_question *q, const kc_size *sizes);
void kc_report_size_json(FILE *out, const kc_size_question *q, const kc_size *sizes);

/* What a model of q->params holds. */
void kc_report_holds(FILE *out, const kc_size_question *q);
void kc_report_holds_json(FILE *out, const kc_size_question *q);

#endif
