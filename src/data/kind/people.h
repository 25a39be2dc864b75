/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_KIND_PEOPLE_H
#define KCAP_DATA_KIND_PEOPLE_H

#include "data/kind/kind.h"

/* People as functions of (seed, index): nothing of a person is stored. */
typedef struct kc_people {
    uint64_t seed;
    int64_t n;                   /* N                                 */
    int64_t part[KC_NAME_PARTS]; /* values of each part of the name   */
    int64_t n_names;             /* N0, their product                 */
} kc_people;

/* The pools of names, the first sources of a kind that has people. */
#define KC_NAME_SOURCES                                                                            \
    KC_SOURCE("pools/first_name", first_names), KC_SOURCE("pools/middle_name", middle_names),      \
        KC_SOURCE("pools/last_name", last_names)

/* Where the keys say how many names there are: do they suffice? As kc_kind_ops.check. */
int kc_people_check(const kc_config *settled, const kc_origin *o, kc_error *e);

/* N people over names of these parts, which may be whole pools.
 *   errors      KC_EINPUT: more people than names, or more than 2^62 names */
int kc_people_create(const kc_corpus_keys *keys, uint64_t seed, const int64_t part[KC_NAME_PARTS],
                     kc_people *people, kc_error *e);

/* Say that the corpus has names: attribute 0 and its term. */
void kc_people_describe(const kc_people *people, kc_corpus_info *info);

/* Index of the full name, distinct for distinct people, below N0; `part` receives its parts unless
 * it is NULL. */
int64_t kc_people_name(const kc_people *people, int64_t person, int64_t part[KC_NAME_PARTS]);

/* Fact number `fact` of a person: uniform on 0 ... n-1, independent of all others. */
int64_t kc_people_fact(const kc_people *people, int64_t person, int64_t fact, int64_t n);

/* What the text of (person, exposure) is drawn with; exposure may be KC_MEASURE. */
uint64_t kc_people_text(int64_t person, int64_t exposure);

/* Put 0 ... n-1 into a uniform order, by draws 1 ... n-1 of text `text`. */
void kc_people_order(const kc_people *people, uint64_t text, int32_t n, int32_t *order);

#endif
