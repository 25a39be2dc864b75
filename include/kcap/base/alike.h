/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_ALIKE_H
#define KCAP_BASE_ALIKE_H

#include <stddef.h>
#include <stdint.h>

/* Texts that look the same and are not: an accent is part of its letter (form C of Unicode's annex 15) or a
 * character behind it (form D), a blank, dash or quotation mark is not ASCII's, a character is not seen.
 * Texts are UTF-8. Nothing here is collective. */

/* What is counted, for messages. */
#define KC_TWINS                                                                                   \
    "texts that look like others, but for how an accent, blank or dash is written or for what is " \
    "not seen, and count as their own"

/* May another text look like this one? Of two that do at least one is odd. */
int kc_alike_odd(const char *text);

/* Equal for texts that look the same, blanks left out; else the chance of it is 2^-64. */
uint64_t kc_alike_key(const char *text);

/* Of n_odd texts, given by their keys, how many look like another one of all n, which they are among;
 * *first is the first of them. Sorts `all`. */
int64_t kc_alike_twins(uint64_t *all, int64_t n, const uint64_t *odd, int64_t n_odd,
                       int64_t *first);

/* The text with what is not seen, or seen as something else, as <U+200B>; cut where `size` ends.
 * Returns `shown`. */
const char *kc_alike_show(const char *text, char *shown, size_t size);

#endif
