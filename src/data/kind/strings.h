/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_KIND_STRINGS_H
#define KCAP_DATA_KIND_STRINGS_H

#include <stdint.h>

/* A set of D strings of L characters below T; all distinct, uniform without replacement. */
typedef struct kc_string_shape {
    uint64_t seed;
    int64_t attribute; /* whose set: each has its own */
    int64_t D, L, T;
} kc_string_shape;

/* T^L, or 2^62 if it is that or more. */
uint64_t kc_strings_count(int64_t L, int64_t T);

/* Fill characters [D,L] with the attribute's set; needs D <= T^L.
 *   collective  no; same bits everywhere */
void kc_strings_make(const kc_string_shape *shape, int32_t *characters);

/* The way that serves T^L of 2^62 and more: draw all, then draw anew those equal to an earlier one
 * until none is. Right for any D <= T^L, slow near it. */
void kc_strings_draw(const kc_string_shape *shape, int32_t *characters);

#endif
