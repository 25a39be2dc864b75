/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_CORPUS_INTERNAL_H
#define KCAP_DATA_CORPUS_INTERNAL_H

#include "data/kind/kind.h"

struct kc_corpus {
    kc_corpus_info info;
    uint64_t seed;
    kc_vocab vocab;
    const kc_kind_ops *kind;
    void *made; /* the kind's own */
};

#endif
