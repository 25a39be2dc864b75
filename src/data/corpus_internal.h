/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_CORPUS_INTERNAL_H
#define KCAP_DATA_CORPUS_INTERNAL_H

#include "data/kind/kind.h"
#include "data/word/bpe.h"

/* The name of the merges among the files of a corpus. */
#define KC_MERGES "vocab/merges.txt"

struct kc_corpus {
    kc_corpus_info info;
    uint64_t seed;
    kc_bpe bpe; /* of a vocabulary of byte pairs */
    kc_vocab vocab;
    const kc_kind_ops *kind;
    void *made; /* the kind's own */
};

/* As kc_corpus_create, with a vocabulary of a kind of its own. */
int kc_corpus_make(const kc_config *cfg, const kc_files *files, kc_split split, kc_corpus **corpus,
                   kc_error *e);

#endif
