/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_KIND_BIOD_H
#define KCAP_DATA_KIND_BIOD_H

#include "data/kind/people.h"
#include "data/text/pool.h"

extern const kc_source kc_biod_sources[KC_NAME_PARTS + 1];

/* bioD(N,K,C,D,L,T). All zero is empty. */
typedef struct kc_biod {
    kc_people people;
    int64_t K, C, D, L, T;
    kc_pool name[KC_NAME_PARTS];
    kc_pool first, again; /* [K]: before an attribute's value, behind the name and later  */
    kc_pool behind;       /* [2]: a chunk that is not the last, a value                   */
    kc_pool character;    /* [T]                                                          */
    int32_t *strings;     /* [K,D,L] characters                                           */
    kc_pool *chunk;       /* [K]: the strings in tokens                                   */
} kc_biod;

/* Read what its text is made of, and its people.
 *   errors      KC_EINPUT as kc_corpus_create */
int kc_biod_read(const kc_corpus_keys *keys, uint64_t seed, const kc_files *files, kc_biod *b,
                 kc_vocab *vocab, kc_error *e);

#endif
