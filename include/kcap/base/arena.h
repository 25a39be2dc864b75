/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_ARENA_H
#define KCAP_BASE_ARENA_H

#include <stddef.h>
#include <stdint.h>

/* One block of zeroed memory, reserved once, handed out in 64-byte aligned pieces and freed whole:
 * nothing is allocated inside a step. */
typedef struct kc_arena {
    char *base;
    size_t bytes, used;
} kc_arena;

/* What `n` elements of `size` bytes take in an arena, alignment included (bytes). */
size_t kc_arena_need(int64_t n, size_t size);

/* Reserve `bytes` zeroed bytes on huge pages where the system grants them.
 *   collective  no
 *   owns        the caller releases it with kc_arena_destroy
 *   errors      out of memory aborts: a forecast should have refused the run */
void kc_arena_create(kc_arena *a, size_t bytes);
void kc_arena_destroy(kc_arena *a);

/* The next `n` elements of `size` bytes, 64-byte aligned, zeroed. Running out aborts: the object
 * that sized the arena did not know its bytes. */
void *kc_arena_take(kc_arena *a, int64_t n, size_t size);

#endif
