/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_FIND_H
#define KCAP_DATA_FIND_H

#include "kcap/data/corpus.h"

/* Texts of anybody's, in the tokens of a corpus. */

enum { KC_ASKED_BYTES = 100000 }; /* of a text, at most */

/* The tokens of a text, <eos> in front.
 *   most        tokens that there is room for
 *   collective  no
 *   errors      KC_EINPUT: empty, longer than KC_ASKED_BYTES or `most`, not UTF-8, a control
 *               character, a word that is no token */
int kc_corpus_read(const kc_corpus *corpus, const char *text, int32_t most, int32_t *tokens,
                   int32_t *n, kc_error *e);

/* A value whose document begins as a text does; of a question up to three tokens in front of the answer may
 * be left out. */
typedef struct kc_place {
    int part;       /* from 0; -1: there is none                                   */
    int64_t person; /* of the first part, whom it is about; -1: no name is in the text */
    int64_t document, exposure;
    int32_t attribute, begin; /* of the value: the text ends before token `begin` of the document */
} kc_place;

/* Look for it: documents of people whose name is in the text, in up to some thousands of wordings.
 *   tokens      <eos> and the text, as kc_corpus_read
 *   collective  no; the same everywhere */
kc_place kc_corpus_find(const kc_corpus *corpus, const int32_t *tokens, int32_t n);

#endif
