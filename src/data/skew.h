/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_SKEW_H
#define KCAP_DATA_SKEW_H

#include "kcap/config/place.h"
#include "kcap/data/corpus.h"

/* Who is shown how often where it is not all alike. Person i has the weight (i + 1)^-a (power), or
 * `ratio` where i < frequent x N, else 1 (levels), and the documents of people 0 ... i are
 *   floor(N E x their weights / all weights)
 * of N E. All zero: all alike. */
typedef struct kc_skew {
    int64_t n;
    int64_t *end; /* [n]: documents of people 0 ... i */
} kc_skew;

/* What the keys demand of each other.
 *   part        from 0: the first part alone has a skew
 *   errors      KC_EINPUT */
int kc_skew_check(const kc_config *cfg, int part, const kc_origin *o, kc_error *e);

/* Fill in *skew and the bands of info (by powers of two of N E x weight / all weights; or the levels),
 * whose people and exposures are known.
 *   owns        release with kc_skew_free */
void kc_skew_create(const kc_corpus_keys *keys, kc_corpus_info *info, kc_skew *skew);
void kc_skew_free(kc_skew *skew);

/* All documents. */
int64_t kc_skew_documents(const kc_skew *skew);

/* Whose document `i` is, and which of that person's. */
int64_t kc_skew_person(const kc_skew *skew, int64_t i, int64_t *exposure);

#endif
