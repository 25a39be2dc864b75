/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_TEXT_SENTENCES_H
#define KCAP_DATA_TEXT_SENTENCES_H

#include "data/text/pool.h"

/* Cut sentences, `{subject} was born on {value}.`, into what stands before the value, without the
 * subject, and what stands behind it; sentence i is value i of both pools.
 *   owns        the caller frees both pools, after an error too
 *   errors      KC_EINPUT with file:line: {subject} not first, {value} not there once, no word of its own, or
 *               right behind the subject, other braces, no full stop at the end */
int kc_sentences_halve(const kc_lines *said, kc_vocab *vocab, kc_pool *before, kc_pool *after,
                       kc_error *e);

#endif
