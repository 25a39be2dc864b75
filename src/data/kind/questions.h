/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_KIND_QUESTIONS_H
#define KCAP_DATA_KIND_QUESTIONS_H

#include "data/corpus_internal.h"

/* How an attribute of the first part is asked about: before[t], the name, middle[t], the answer, after[t]. */
typedef struct kc_form {
    int32_t attribute;
    kc_pool before, middle, after;
    kc_pool answer; /* the first part's values, marked where answers end: tokens are borrowed */
} kc_form;

/* Questions about the people of a first part, in a keyed order of theirs. */
typedef struct kc_questions {
    const kc_corpus *about; /* the first part */
    int64_t asked;          /* people; the others come last */
    int64_t *begin; /* [people + 1]: the first question about each; NULL: all have as many */
    int32_t n_forms;
    kc_form form[KC_ATTRIBUTES_MAX];
} kc_questions;

/* Add the ask_ATTRIBUTE.txt of corpus.templates, for questions about a table.
 *   errors      KC_EINPUT: no such file, or as kc_plain_read */
int kc_questions_load(const kc_corpus_keys *keys, kc_files *files, kc_error *e);

/* Read the forms.
 *   errors      KC_EINPUT: no form of an attribute of a table; without {subject} or {value} once, or words
 *               between; as kc_lines_load and kc_pool_mark */
int kc_questions_read(const kc_corpus_keys *keys, const kc_files *files, kc_vocab *vocab,
                      kc_questions *q, kc_error *e);

#endif
