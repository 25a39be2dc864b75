/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_WORD_PRETOKEN_H
#define KCAP_DATA_WORD_PRETOKEN_H

#include <stdint.h>

/* Bytes of the first piece of a text that is not empty, as GPT-2 cuts it before pairs are merged:
 *   's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * (https://github.com/openai/gpt-2/blob/master/src/encoder.py), the first alternative that fits.
 * A byte that is not UTF-8 is neither letter, number nor white space. */
int64_t kc_pretoken(const char *text, const char *end);

#endif
