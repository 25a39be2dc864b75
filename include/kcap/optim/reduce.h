/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_OPTIM_REDUCE_H
#define KCAP_OPTIM_REDUCE_H

#include "kcap/base/arena.h"
#include "kcap/comm/exchange.h"

/* Gradients are added along one binary tree over all lanes, whatever the ranks: a rank adds its
 * own consecutive lanes like a binary counter, then slices travel and their owner adds the ranks'
 * parts pairwise in rank order. With a power of two of lanes the sum has the same bits on every
 * rank count that divides it. */
enum { KC_TREE_LEVELS = 32 };

/* The sums of this rank's lanes. slot[i] holds the sum of 2^i consecutive lanes where bit i of
 * `full` is set; the other buffers are free. */
typedef struct kc_tree {
    int64_t n; /* floats of a gradient */
    int n_buffers, n_free;
    uint64_t full;
    float *slot[KC_TREE_LEVELS];
    float *free; /* the next free buffer, which begins with the place of the one after it */
} kc_tree;

/* Gradient buffers that `lanes` lanes, `at_once` of them at a time, take. */
int kc_tree_buffers(int64_t lanes, int at_once);

/* A tree for gradients of n floats with that many buffers from the arena; lives as long as it. */
void kc_tree_create(kc_tree *tree, int64_t n, int n_buffers, kc_arena *arena);

/* Take all buffers back. */
void kc_tree_clear(kc_tree *tree);

/* A buffer for the next lane's gradient (contents undefined); give it back with kc_tree_add. */
float *kc_tree_buffer(kc_tree *tree);

/* Add the next lane, in lane order.   bits: do not depend on the threads */
void kc_tree_add(kc_tree *tree, float *grad, int threads);

/* The sum of all lanes added; a buffer of the tree, until the next clear. */
float *kc_tree_total(kc_tree *tree, int threads);

/* Where the sum over ranks happens. */
typedef struct kc_reducer {
    int64_t *lo;    /* [size+1]: the slices                                   */
    int64_t round;  /* elements of a slice a round                            */
    float *partial; /* [size, round]: all ranks' versions of this rank's part */
    double *blocks; /* [n_flat / KC_BLOCK]: sums of squares                   */
} kc_reducer;

/* For a gradient of n_flat elements, with room from the arena; lives as long as it.
 *   g           where the arena only counts, only its size matters */
void kc_reducer_create(kc_reducer *r, const kc_grid *g, int64_t n_flat, kc_arena *a);

/* The sum of all ranks' gradients over this rank's slice: its part of `total`, in place. What
 * `total` holds elsewhere is this rank's own.
 *   collective  on all ranks */
float *kc_grads_reduce(kc_reducer *r, const kc_grid *g, float *total, int threads);

/* Square of the norm of a gradient of which each rank holds its slice: squares summed by blocks of
 * KC_BLOCK elements of the flat layout, the blocks in order, in double. Where the ranks of `ep` have
 * further parts of the gradient each (else NULL), the blocks of all of them in their order; `all`
 * [ep size, n_flat / KC_BLOCK] is room for that.
 *   collective  on the ranks of g and of ep
 *   bits        the same on all ranks and any number of them */
double kc_grads_square(kc_reducer *r, const kc_grid *g, const kc_grid *ep, const float *own,
                       double *all, int threads);

#endif
