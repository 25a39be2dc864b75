/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_TEXT_H
#define KCAP_BASE_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of a path, its end included, and of one that a user writes, which names of files follow. */
enum { KC_PATH_MAX = 1024, KC_PATH_MOST = KC_PATH_MAX - 129 };

/* The bytes (1 to 4) of the UTF-8 character at `text` and its code point; 0 where there is none:
 * no overlong forms, no surrogates, nothing above U+10FFFF (RFC 3629, section 4). */
int kc_utf8(const char *text, uint32_t *code);

/* Why a path that a user wrote will not do: it begins with `~`, or is longer than KC_PATH_MOST. NULL:
 * nothing is wrong. */
const char *kc_path_fault(const char *path);

/* A copy of a text that the caller frees. Aborts without memory. */
char *kc_text_copy(const char *text);

/* Numbers as running text, parted by `between`: `2, 64, 64`. Returns `text`, which holds as many as
 * fit into `size` bytes. */
const char *kc_text_numbers(const int64_t *numbers, int n, const char *between, char *text,
                            size_t size);

/* The numbers that divide both a and b as running text: `1, 2, 4`, with `, ...` where not all fit.
 * Returns `text`. */
const char *kc_text_divisors(int64_t a, int64_t b, char *text, size_t size);

#endif
