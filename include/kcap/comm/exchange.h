/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_COMM_EXCHANGE_H
#define KCAP_COMM_EXCHANGE_H

#include "kcap/comm/grid.h"

/* A flat array of floats, a whole number of KC_BLOCKs, cut into one slice a rank: rank r owns
 * elements lo[r] ... lo[r+1]-1, whole blocks. MPI only moves the bytes; additions are the
 * caller's. */

/* Fill lo [size+1] for n_flat elements, as even as whole blocks come. */
void kc_slices(const kc_grid *g, int64_t n_flat, int64_t *lo);

/* Elements of a slice that travel in one round, so that a round over all ranks takes at most 4 MiB
 * (or one block a rank, where that is more). */
int64_t kc_slices_round(const kc_grid *g);

/* One round of the exchange: each rank sends every owner r the elements lo[r]+from ... of its own
 * `full`, at most `round` of them; `partial` [size x n] receives all ranks' versions of this
 * rank's piece, in rank order.
 *   collective  on all ranks, with equal from and round, both multiples of KC_BLOCK
 *   returns     n, the elements of this rank's piece (0 when its slice has ended) */
int64_t kc_slices_scatter(const kc_grid *g, const float *full, const int64_t *lo, int64_t from,
                          int64_t round, float *partial);

/* Every owner's slice to all, in place.  collective on all ranks */
void kc_slices_gather(const kc_grid *g, float *full, const int64_t *lo);

/* The same for one double a block: values [lo[size] / KC_BLOCK], in place.  collective on all
 * ranks */
void kc_blocks_gather(const kc_grid *g, double *values, const int64_t *lo);

#endif
