/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_WORD_TOKENS_H
#define KCAP_DATA_WORD_TOKENS_H

#include <stdio.h>

#include "data/word/vocab.h"
#include "kcap/base/err.h"

/* The tokens of a piece of running text, such as a name, a value, or what stands before or behind
 * one; new ones are added. Pieces are cut into tokens apart, so that no token is of two of them.
 *   words       parted at blanks, and each of , . ; : ! ? at a word's end from the word
 *   else        pieces of the vocabulary's pattern, or what byte pairs make of them, of the text with one
 *               blank in front where running text has one: none before , . ; : ! ?. The bytes of
 *               all tokens of a document, in their order, are its running text
 *   text        in the normal form of kc_lines; blanks at its ends do not count
 *   tokens      room for as many tokens as text has bytes, and one
 *   errors      none; returns the number of tokens */
int32_t kc_vocab_tokens(kc_vocab *vocab, const char *text, int32_t *tokens);

/* The same of a text of anybody's, in the normal form of kc_lines, by the tokens there are. A word of its
 * own (kc_vocab_mark, kc_vocab_add) is one where it stands between blanks; of several alike the first behind
 * the one before, such as Ada the middle name behind Ada the first.
 *   tokens      room for as many as the text has bytes
 *   returns     their number, or -1: `missing`, cut to 63 bytes, is no token */
int32_t kc_vocab_read(const kc_vocab *vocab, const char *text, int32_t *tokens, char missing[64]);

/* Add a token that no text has, such as a marker: in running text it is a word. A vocabulary that is
 * fixed may have one like it, or cuts it as any text.
 *   word        without blanks at its ends
 *   tokens      as kc_vocab_tokens; returns their number, 1 where the vocabulary is not fixed */
int32_t kc_vocab_mark(kc_vocab *vocab, const char *word, int32_t *tokens);

/* Fix a vocabulary of byte pairs that holds <eos> alone: the tokens are those of a text, a line each,
 * whose first is <eos>'s, whatever its name.
 *   errors      KC_EINPUT with file:line: an empty line, a character that stands for no byte, a token
 *               twice */
int kc_vocab_fix(kc_vocab *vocab, const char *path, const char *text, kc_error *e);

/* 1 when a token came by kc_vocab_mark (or kc_vocab_add). */
int kc_vocab_is_mark(const kc_vocab *vocab, int32_t token);

/* Write the running text of a token, with the blank that stands before it. */
void kc_vocab_say(const kc_vocab *vocab, int32_t token, FILE *out);

#endif
