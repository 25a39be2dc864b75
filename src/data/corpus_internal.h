/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_CORPUS_INTERNAL_H
#define KCAP_DATA_CORPUS_INTERNAL_H

#include "data/kind/kind.h"
#include "data/word/bpe.h"
#include "data/word/pretoken.h"

/* The names of the merges among the files of a corpus. */
#define KC_MERGES "vocab/merges.txt"
#define KC_TOKENS "vocab/tokens.txt" /* and of the tokens of a model */

#include "data/lead.h"
#include "data/skew.h"

/* Exposures of a part that is shown as long as that is which sets the pace. A text is drawn by its exposure's
 * lower 32 bits. */
enum { KC_NO_END = INT32_MAX };

/* A part. The first one holds what is of the whole; the corpus that others have is the one that sets the
 * pace. */
struct kc_corpus {
    kc_corpus_info info;
    uint64_t seed;
    int number; /* of the part, from 0 */
    int paces;  /* 1: its exposures are the run's, and it ends with them */
    kc_corpus *whole;
    kc_pattern *pattern; /* of a vocabulary of byte pairs; of the first part alone */
    kc_bpe bpe;          /* as the pattern */
    kc_vocab *vocab;     /* of all parts */
    const kc_kind_ops *kind;
    void *made;                /* the kind's own                                          */
    int64_t first;             /* its people are those of the kind's index from here on   */
    kc_skew skew;              /* of the part that sets the pace alone                    */
    kc_lead lead;              /* in front of each document                               */
    int by_documents, n_parts; /* of the first part alone, as what follows    */
    kc_corpus *part[KC_PARTS_MAX];
};

/* As kc_corpus_create, with a vocabulary of a kind of its own. */
int kc_corpus_make(const kc_config *cfg, const kc_files *files, kc_split split, kc_corpus **corpus,
                   kc_error *e);

/* Do the keys of the vocabulary go together? kc_corpus_check's part. */
int kc_vocabulary_keys(const kc_config *cfg, const kc_origin *o, kc_error *e);

/* <eos> and, of byte pairs, how texts are cut: pattern, merges, the tokens of a model. kc_corpus_destroy frees
 * what is made, after an error too. */
int kc_vocabulary_create(const kc_config *cfg, const kc_files *files, kc_split split, kc_corpus *c,
                         kc_error *e);

/* Were all texts cut, into tokens that there are?  errors: KC_EINPUT */
int kc_vocabulary_check(const kc_corpus *c, kc_error *e);

#endif
