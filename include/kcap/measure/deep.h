/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_DEEP_H
#define KCAP_MEASURE_DEEP_H

#include "kcap/measure/deep.def"
#include "kcap/measure/subject.h"
#include "kcap/types/record.h"

/* P-probing and Q-probing (arXiv 2309.14316): the network is frozen; trained are a low-rank update A B of
 * the embedding, x[t] = wte[token] + A[token] B, and for each position a norm with gain and bias and a
 * linear softmax classifier on the last block's output. Each task has an update of its own, shared by the
 * positions of the text (in the paper each position has one too); the control is trained the same on
 * shuffled labels. Tasks that tell people apart in the same way, such as first tokens where no two values
 * share one, are the same task and trained once. */
typedef enum kc_deep_kind {
    KC_DEEP_P, /* from the text, before each value; LayerNorm */
    KC_DEEP_Q, /* from <eos> name <eos> alone; BatchNorm      */
    KC_N_DEEP
} kc_deep_kind;

typedef struct kc_deep_how {
    KC_COLUMNS_DEEP_HOW(KC_COLUMN_FIELD)
} kc_deep_how;

/* Its schema, group /how.   owns: release with kc_schema_free */
void kc_deep_how_schema(kc_schema *s);

/* What probes of a kind find, a row a task: of each attribute the first token, then of each the whole
 * value. Values of a row as in deep.def. */
typedef struct kc_deep {
    kc_deep_kind kind;
    kc_schema schema; /* group /p or /q; its labels are the attributes */
    int64_t n, done;  /* rows; the first of them are filled in         */
    void *rows;
} kc_deep;

/* No row is filled in yet.
 *   info        borrowed: names are labels
 *   owns        release with kc_deep_free; accepts a zeroed one */
void kc_deep_create(kc_deep *d, kc_deep_kind kind, const kc_corpus_info *info);
void kc_deep_free(kc_deep *d);
void *kc_deep_row(const kc_deep *d, int64_t i);

/* Who is given the rows as they are found: rows from ... d->done - 1. Called on all ranks; an error, agreed
 * on, ends it. */
typedef struct kc_deep_keeper {
    int (*keep)(void *of, const kc_deep *d, int64_t from, kc_error *e);
    void *of;
} kc_deep_keeper;

/* Find the rows that are not there yet. All experts of the model are on each rank.
 *   keeper      NULL: nobody
 *   collective  on all ranks, the rows are the same on all: tasks are spread over ranks and threads
 *   bits        depend neither on ranks and threads nor on what was there before
 *   errors      the keeper's */
int kc_deep_probe(const kc_subject *x, const kc_deep_how *how, kc_deep *d,
                  const kc_deep_keeper *keeper, kc_error *e);

#endif
