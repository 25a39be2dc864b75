/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/base/arena.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kcap/base/err.h"

enum { ALIGN = 64, HUGE_PAGE = 2 << 20 };

size_t kc_arena_need(int64_t n, size_t size)
{
    KC_CHECK(n >= 0 && (n == 0 || size <= SIZE_MAX / 2 / (size_t)n), "%lld elements of %zu bytes",
             (long long)n, size);
    return ((size_t)n * size + ALIGN - 1) / ALIGN * ALIGN;
}

void kc_arena_create(kc_arena *a, size_t bytes)
{
    size_t whole = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    a->base = whole ? aligned_alloc(HUGE_PAGE, whole) : NULL;
    a->bytes = whole;
    a->used = 0;
    KC_CHECK(a->base || !whole, "out of memory: %zu bytes asked for", whole);
    if (whole) {
        madvise(a->base, whole, MADV_HUGEPAGE);
        memset(a->base, 0, whole);
    }
}

void kc_arena_destroy(kc_arena *a)
{
    free(a->base);
    *a = (kc_arena){0};
}

void *kc_arena_take(kc_arena *a, int64_t n, size_t size)
{
    size_t need = kc_arena_need(n, size);
    KC_CHECK(need <= a->bytes - a->used, "arena of %zu bytes has %zu left, %zu asked for", a->bytes,
             a->bytes - a->used, need);
    void *piece = a->base + a->used;
    a->used += need;
    return piece;
}
