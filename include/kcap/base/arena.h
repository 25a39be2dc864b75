/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_ARENA_H
#define KCAP_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

/* One block of zeroed memory, reserved once, handed out in 64-byte aligned pieces and freed whole:
 * nothing is allocated inside a step. An arena without memory, {0}, counts and gives NULL, so that
 * what an object holds is listed once: take it from an empty arena, reserve, take it again. */
typedef struct kc_arena {
    char *base;         /* NULL: it only counts                    */
    size_t bytes, used; /* reserved; taken                         */
    size_t told;        /* of `used`, what kc_arena_since has told */
} kc_arena;

/* Give an arena the memory it has counted, zeroed, on huge pages where the system grants them;
 * nothing is taken of it yet.
 *   collective  no
 *   owns        the caller releases it with kc_arena_destroy
 *   errors      ends with KC_EIO as kc_alloc: a forecast should have refused the run */
void kc_arena_reserve(kc_arena *a);
void kc_arena_destroy(kc_arena *a);

/* The next `n` elements of `size` bytes, 64-byte aligned, zeroed; NULL where the arena only counts:
 * `used` stays SIZE_MAX once it is more than that. Running out aborts: what is taken is not what was
 * counted. */
void *kc_arena_take(kc_arena *a, int64_t n, size_t size);

static inline float *kc_arena_floats(kc_arena *a, int64_t n)
{
    return (float *)kc_arena_take(a, n, sizeof(float));
}

/* Bytes taken since this was last asked. */
size_t kc_arena_since(kc_arena *a);

#endif
