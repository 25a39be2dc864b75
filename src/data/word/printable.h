/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_WORD_PRINTABLE_H
#define KCAP_DATA_WORD_PRINTABLE_H

#include <stdint.h>

/* Bytes as characters that can be seen, as files of byte-level vocabularies write them: a byte that
 * Latin-1 shows is that character, the others are U+0100, U+0101, ... in their order. A blank is Ġ.
 * After bytes_to_unicode of https://github.com/openai/gpt-2/blob/master/src/encoder.py */

enum { KC_PRINTABLE_MOST = 2 }; /* bytes of a character of it */

/* Write the character of a byte; returns its 1 or 2 bytes. */
int kc_printable(uint8_t byte, char to[KC_PRINTABLE_MOST]);

/* The byte of the character that stands first in a text, and the character's bytes in *n; -1: it
 * is none of those. */
int kc_printable_byte(const char *text, int *n);

#endif
