/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_ROOM_H
#define KCAP_BASE_ROOM_H

#include <stddef.h>
#include <stdint.h>

/* `n` zeroed elements of `size` bytes, never NULL. For what is built once, before the first step.
 *   collective  no
 *   owns        the caller frees it with free
 *   errors      out of memory aborts */
void *kc_room(int64_t n, size_t size);

/* Make `p` hold at least `need` elements of `size` bytes: returns it as it is when *room suffices,
 * else moved to twice the room or more, the new part zeroed.
 *   room        elements p holds; updated
 *   owns        p stays the caller's, to be freed with free; NULL with *room 0 is a start
 *   errors      out of memory aborts */
void *kc_room_grow(void *p, int64_t *room, int64_t need, size_t size);

#endif
