/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_WORD_ENCODER_H
#define KCAP_DATA_WORD_ENCODER_H

#include "data/word/bpe.h"

/* Hold an encoder.json (vocab.json), the numbers of a tokenizer's tokens, against its merges: each of its
 * tokens must be a byte, made by a merge, or one of its own such as <|endoftext|>, each symbol of the merges
 * one of its tokens, and no two of the same number.
 *   path        for messages, as that of the merges; the text ends with a zero byte
 *   errors      KC_EINPUT with file:line and the token: no JSON object of numbers, or other tokens */
int kc_encoder_check(const char *path, const char *text, const char *merges, const kc_bpe *bpe,
                     kc_error *e);

#endif
