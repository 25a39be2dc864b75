/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_KIND_BIOD_H
#define KCAP_DATA_KIND_BIOD_H

#include "kcap/data/corpus.h"
#include "data/people.h"
#include "data/word/vocab.h"

/* bioD(N,K,C,D,L,T) in compact text: <eos> first middle last, then for each attribute, in a fresh
 * order, a marker and C chunks of L characters. arXiv 2404.05405, Definition 2.2. All zero is
 * empty; release with kc_biod_free. */
typedef struct kc_biod {
    int64_t K, C, D, L, T;
    int32_t name[KC_NAME_PARTS]; /* tokens of the first value of each part of the name */
    int32_t marker;              /* token of the first marker                          */
    int32_t *strings;            /* [K,D,L] tokens                                     */
} kc_biod;

/* Read the name pools, add all words to the vocabulary, draw the strings, describe the corpus.
 *   vocab       holds <eos> alone before
 *   info        kind, people and exposures filled in before; the rest is filled in
 *   owns        the caller frees biod, after an error too
 *   errors      KC_EINPUT as kc_corpus_create */
int kc_biod_create(const kc_config *cfg, const kc_files *files, kc_biod *biod, kc_vocab *vocab,
                   kc_people *people, kc_corpus_info *info, kc_error *e);
void kc_biod_free(kc_biod *biod);

/* Index of chunk `chunk` of attribute a (from 0), below D. */
int64_t kc_biod_value(const kc_biod *biod, const kc_people *people, int64_t person, int64_t a,
                      int64_t chunk);

/* As kc_corpus_document. */
void kc_biod_document(const kc_biod *biod, const kc_people *people, int64_t person,
                      int64_t exposure, kc_doc *doc);

#endif
