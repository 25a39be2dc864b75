/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MEASURE_MEASURE_H
#define KCAP_MEASURE_MEASURE_H

#include "kcap/measure/measures.def"
#include "kcap/measure/subject.h"
#include "kcap/types/record.h"

/* What can be measured: a row of measures.def. Plan, loop, run.h5, reports and resume walk the list. */
typedef struct kc_measure {
    /* The schema of its rows: a group of run.h5, the columns of kc_event, then its own. */
    void (*columns)(const kc_corpus_info *info, const kc_shape *shape, kc_schema *s);

    /* Exposures between two measurements; 0: at the end alone; negative: not in this run. */
    int64_t (*every)(const kc_config *cfg);

    /* Bytes that `take` needs on a rank. */
    size_t (*bytes)(const kc_config *cfg, const kc_corpus_info *info, const kc_model *model,
                    int ranks, int threads);

    /* Fill in a row but for its kc_event.
     *   collective  on all ranks; the row is the same on all
     *   returns     0, or what the subject's stopper broke it off for: the row is as it was */
    int (*take)(const kc_subject *x, const kc_schema *s, void *row);
} kc_measure;

#define KC_MEASURE_ID(name) KC_MEASURE_##name,
typedef enum kc_measure_id { KC_MEASURES(KC_MEASURE_ID) KC_N_MEASURES } kc_measure_id;
#undef KC_MEASURE_ID

/* A measure of a run: what its rows are, and the last of them, whose step is KC_NO_INT before one. */
typedef struct kc_measured {
    const kc_measure *measure;
    kc_measure_id id;
    kc_schema schema;
    void *row; /* begins with a kc_event */
} kc_measured;

/* The measures of a run, in the order of measures.def. All zero is empty. */
typedef struct kc_measurements {
    int n;
    kc_measured of[KC_N_MEASURES];
    int n_unasked;
    kc_schema unasked[KC_N_MEASURES]; /* of those that are not taken: earlier rows may be there */
} kc_measurements;

/* Choose those that the configuration asks for.
 *   info        borrowed: the names of attributes are labels of the schemas
 *   owns        release with kc_measurements_free */
void kc_measurements_create(kc_measurements *all, const kc_config *cfg, const kc_corpus_info *info,
                            const kc_shape *shape);
void kc_measurements_free(kc_measurements *all);

/* Bytes that the largest of them takes while it measures. */
size_t kc_measurements_bytes(const kc_config *cfg, const kc_corpus_info *info,
                             const kc_model *model, int ranks, int threads);

/* Measure the subject now, unless the last row is of its step already.
 *   collective  on all ranks; the row is the same on all
 *   returns     1 when it did, 0 when it was there; less than 0: broken off, minus what for, and the row
 *               is the one before */
int kc_measured_take(kc_measured *m, const kc_subject *x);

#endif
