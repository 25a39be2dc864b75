/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_WORD_PRETOKEN_H
#define KCAP_DATA_WORD_PRETOKEN_H

#include <stdint.h>

#include "kcap/base/err.h"

/* What texts are cut by before pairs are merged: a regular expression of PCRE2, whose letters, numbers
 * and white space are Unicode's, and whose $ is the end of the text alone; or several, of which each cuts
 * the pieces that those before have made, as texts of their own. Many may cut by one. */
typedef struct kc_pattern kc_pattern;

/* A text while it is cut. */
typedef struct kc_pieces kc_pieces;

/* Compile expressions, a line each, empty ones left out; none is GPT-2's
 * (https://github.com/openai/gpt-2/blob/master/src/encoder.py).
 *   expressions UTF-8
 *   returns     to be freed with kc_pattern_free, which takes NULL too; NULL after an error
 *   errors      KC_EINPUT: what PCRE2 says of it and at which byte, that it takes an empty text, or
 *               that there are too many;
 *               without the key's name */
kc_pattern *kc_pattern_create(const char *expressions, kc_error *e);
void kc_pattern_free(kc_pattern *pattern);

/* Begin to cut a text, which is borrowed no longer than this. A byte that is not UTF-8 is neither
 * letter, number nor white space. */
kc_pieces *kc_pieces_begin(const kc_pattern *pattern, const char *text, const char *end);

/* Bytes of the piece that begins `at` bytes behind the text's first and before its end, no earlier than the
 * last one ended: what the expression takes, or all in front of that. What is left is one piece once PCRE2
 * has given up. */
int64_t kc_pieces_next(kc_pieces *pieces, int64_t at);

/* Returns 1 where PCRE2 gave up: the expression took more steps than it may. */
int kc_pieces_end(kc_pieces *pieces);

#endif
