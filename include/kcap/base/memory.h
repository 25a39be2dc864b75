/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_MEMORY_H
#define KCAP_BASE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* n elements of `size` bytes, zeroed; never NULL, also for none. For what is small beside a model:
 * running out ends with KC_EIO and "out of memory for 12 rows", `what` being "rows".
 *   owns        release with free */
void *kc_alloc(int64_t n, size_t size, const char *what);

/* Make `p` hold at least `need` elements of `size` bytes: returns it as it is when *room suffices,
 * else moved to more room, by a quarter of it at least, the new part zeroed. Ends as kc_alloc.
 *   room        elements p holds; updated
 *   owns        p stays the caller's, to be freed with free; NULL with *room 0 is a start */
void *kc_grow(void *p, int64_t *room, int64_t need, size_t size);

/* Bytes that this process may still map (ulimit -v), at least 1; INT64_MAX: no limit. */
int64_t kc_memory_of_process(void);

/* Bytes of stack that the calling thread has (ulimit -s, OMP_STACKSIZE); INT64_MAX: not known. */
int64_t kc_memory_of_stack(void);

/* Bytes this node can still give to this process's group: what the kernel calls available, or what
 * is left under the control group's limit (v1 or v2) where that is less. 0: not known. */
int64_t kc_memory_available(void);

#endif
