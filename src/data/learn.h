/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_LEARN_H
#define KCAP_DATA_LEARN_H

#include "kcap/data/corpus.h"

/* Learn the byte pairs of a corpus from its documents: all of a few, or a keyed draw of people. A
 * vocabulary of them has vocab.size tokens or fewer: <eos>, markers, the bytes of all texts
 * that documents are made of, drawn or not, and what merges make, where it is not merged again
 * wherever it occurs.
 *   files       what the corpus is made of; its teller is told how far it is
 *   text        the merges as kc_bpe_read takes them; the caller frees it, after an error too
 *   collective  on all ranks of files->readers, where that is set, which get rank 0's text; errors are
 *               agreed on there
 *   errors      KC_EINPUT as kc_corpus_create; vocab.size does not hold the bytes */
int kc_learn_merges(const kc_config *cfg, const kc_files *files, char **text, int64_t *bytes,
                    kc_error *e);

#endif
