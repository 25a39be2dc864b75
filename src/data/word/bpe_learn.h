/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_WORD_BPE_LEARN_H
#define KCAP_DATA_WORD_BPE_LEARN_H

#include "data/word/bpe.h"
#include "kcap/base/teller.h"

/* Learn merges of pieces of text: again and again the pair of neighbours that occurs most often,
 * of those that occur as often the one whose left part's bytes, then whose right part's, come
 * first. It ends after n_merges, or where no pair is left that occurs.
 *   pieces      in printable form; count[i] says how often piece i occurs
 *   teller      is told how far it is; may be NULL
 *   bpe         made by kc_bpe_create; receives the merges */
void kc_bpe_learn(const kc_vocab *pieces, const int64_t *count, int64_t n_merges, kc_teller *teller,
                  kc_bpe *bpe);

#endif
