/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_SHAPES_H
#define KCAP_NN_SHAPES_H

#include "kcap/config/config.h"
#include "kcap/math/act.h"
#include "kcap/math/mat.h"

/* The alphabet of shapes, used in every comment of nn:
 *   T positions of a window   d width   h heads   hd head dimension   dh = h hd, mostly d
 *   kv key-value heads (h / kv query heads share one)   qkv = dh + 2 kv hd columns
 *   f hidden width of the MLP (0: none)   m columns of its first matrix: f, or 2 f where it is gated
 *   E experts in place of an MLP (0: none), each of f and m   k experts a token goes to
 *   V vocabulary   l blocks   rot rotated dimensions of a head
 *   canon places of Canon layers, a set of KC_CANON_A ...
 * and the switches of an architecture. */
typedef struct kc_shape {
    int64_t T, d, h, hd, dh, kv, qkv, f, m, E, k, V, l, rot;
    int32_t rms;     /* norms are RMSNorm: no mean, no bias       */
    int32_t learned; /* a table of positions [T, d]               */
    int32_t gated;
    kc_act act;
    int32_t qk_normed;    /* each head of queries and keys               */
    int32_t parallel;     /* attention and MLP read the same             */
    int32_t biased;       /* projections, and norms unless rms         */
    int32_t qkv_biased;   /* queries, keys and values                   */
    int32_t untied;       /* the output head is a matrix of its own    */
    int32_t renormalised; /* gates of a token's experts sum to 1 */
    int32_t canon;
    float norm_eps;
} kc_shape;

/* Before attention and after its norm, on queries, keys and values, before the MLP and after its
 * norm, in the MLP before its activation: the bits of model.canon's words. */
enum { KC_CANON_A = 1, KC_CANON_B = 2, KC_CANON_C = 4, KC_CANON_D = 8 };

/* The shape of a configuration's model over a vocabulary of V words. */
kc_shape kc_shape_of(const kc_config *cfg, int64_t n_vocab);

/* Floating-point operations one token of a full window costs, forward and backward, in matrix
 * products and Canon layers alone: F = 6 (their weights) + 6 l dh T, causal attention counted as the lower
 * triangle it needs. What a kernel does beside (recomputation, blocks across the diagonal) does not
 * count. */
typedef struct kc_flops {
    double linear, canon, attention, head, all;
} kc_flops;

kc_flops kc_flops_of(const kc_shape *s);

#endif
