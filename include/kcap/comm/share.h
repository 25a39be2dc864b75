/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_COMM_SHARE_H
#define KCAP_COMM_SHARE_H

#include "kcap/comm/grid.h"

/* What rank 0 made, for all ranks, in memory that the ranks of a node have in common. */

/* A walk over the arrays of an object: bytes are counted, or arrays laid into the memory, or found there. */
typedef struct kc_image {
    enum { KC_IMAGE_COUNT, KC_IMAGE_LAY, KC_IMAGE_FIND } step;
    char *at;
    int64_t used;
} kc_image;

/* An array of n elements, which lies in the memory from then on and is read only; rank 0's own is freed.
 *   array       the address of its pointer; n may be read of arrays walked over before */
void kc_image_array(kc_image *image, void *array, int64_t n, size_t size);

/* The memory: once a node where its ranks can have it in common, else once a rank. All zero is none. */
typedef struct kc_shared {
    void *at;
    int64_t bytes;
    int is_mapped;
} kc_shared;

/* Give rank 0's arrays to all. The rest of the object is the same on all ranks before (kc_bcast).
 *   list        walks over all arrays, in the same order each time
 *   collective  on all ranks
 *   owns        release with kc_shared_free, after which the arrays are gone */
void kc_share(const kc_grid *g, void (*list)(void *of, kc_image *image), void *of, kc_shared *s);

/* Not collective: others keep it as long as they want. */
void kc_shared_free(kc_shared *s);

#endif
