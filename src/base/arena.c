/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/base/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kcap/base/err.h"

enum { ALIGN = 64, HUGE_PAGE = 2 << 20 };

void kc_arena_reserve(kc_arena *a)
{
    const size_t bytes = a->used, whole = (bytes / HUGE_PAGE + 1) * HUGE_PAGE;
    KC_CHECK(!a->base, "reserved already: %zu bytes", a->bytes);
    *a = (kc_arena){.base = aligned_alloc(HUGE_PAGE, whole), .bytes = bytes};
    KC_ROOM(a->base, "out of memory: %zu bytes asked for", bytes);
    madvise(a->base, whole, MADV_HUGEPAGE);
    memset(a->base, 0, bytes);
}

void kc_arena_destroy(kc_arena *a)
{
    free(a->base);
    *a = (kc_arena){0};
}

void *kc_arena_take(kc_arena *a, int64_t n, size_t size)
{
    size_t need, used;
    KC_CHECK(n >= 0, "%lld elements of %zu bytes", (long long)n, size);
    if (__builtin_mul_overflow((size_t)n, size, &need) ||
        __builtin_add_overflow(need, -need % ALIGN, &need) ||
        __builtin_add_overflow(a->used, need, &used))
        used = SIZE_MAX;
    KC_CHECK(!a->base || used <= a->bytes, "arena of %zu bytes has %zu left, %lld x %zu asked for",
             a->bytes, a->bytes - a->used, (long long)n, size);
    char *piece = a->base ? a->base + a->used : NULL;
    a->used = used;
    return piece;
}

size_t kc_arena_since(kc_arena *a)
{
    const size_t since = a->used - a->told;
    a->told = a->used;
    return since;
}
