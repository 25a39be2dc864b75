/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/base/room.h"

#include <stdlib.h>
#include <string.h>

#include "kcap/base/err.h"

void *kc_room(int64_t n, size_t size)
{
    void *p = calloc(n > 0 ? (size_t)n : 1, size);

    KC_CHECK(p, "no memory for %lld elements of %zu bytes", (long long)n, size);
    return p;
}

void *kc_room_grow(void *p, int64_t *room, int64_t need, size_t size)
{
    int64_t more = *room;

    if (need <= *room)
        return p;
    while (more < need)
        more = more ? 2 * more : 64;
    p = realloc(p, (size_t)more * size);
    KC_CHECK(p, "no memory for %lld elements of %zu bytes", (long long)more, size);
    memset((char *)p + (size_t)*room * size, 0, (size_t)(more - *room) * size);
    *room = more;
    return p;
}
