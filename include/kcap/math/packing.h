/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MATH_PACKING_H
#define KCAP_MATH_PACKING_H

#include <math.h>
#include <stdint.h>

/* Weights as whole numbers of few bits, the same on both sides of zero but for the lowest, which has no
 * counterpart: weight = code x scale, code from -2^(bits-1) to 2^(bits-1) - 1. An output of a matrix
 * is a channel; `group` inputs of it that follow each other share a scale, which puts the largest of them half
 * a step above the highest code (as AutoGPTQ has it), so that no code is spared. Scales are
 * bfloat16, rounded up. */
typedef struct kc_packing {
    int32_t bits;    /* KC_BITS_LEAST to KC_BITS_MOST; 0: not packed                     */
    int32_t by_rows; /* a channel is a row, as in embeddings; 0: a column of [in, out]    */
    int64_t group;   /* 0: all inputs                                                     */
} kc_packing;

enum { KC_BITS_LEAST = 2, KC_BITS_MOST = 16 };

/* A tensor as matrices of one shape, one after the other. */
typedef struct kc_matrices {
    int64_t n, rows, cols;
} kc_matrices;

/* Matrices of a tensor of this shape: the last two dimensions are one. */
kc_matrices kc_matrices_of(int n_dims, const int64_t *dims);

/* Scales of all matrices, and which of them element i has; i counts through all matrices. */
int64_t kc_packing_scales(const kc_packing *p, const kc_matrices *m);
int64_t kc_packing_scale(const kc_packing *p, const kc_matrices *m, int64_t i);

/* The scales of these values into scales [kc_packing_scales]; 0 where all values are. */
void kc_packing_fit(const kc_packing *p, const kc_matrices *m, const float *values, float *scales);

/* Values to the weights of their nearest codes, in place, with scales of their own [kc_packing_scales]. */
void kc_packing_round(const kc_packing *p, const kc_matrices *m, float *values, float *scales);

/* The code whose weight is nearest, of two as near the even one; 0 where the scale is. Without a branch,
 * so that loops vectorise. */
static inline int32_t kc_packing_code(const kc_packing *p, double value, float scale)
{
    const double half = (double)(1 << (p->bits - 1));
    const double code = rint(value / (scale > 0 ? (double)scale : INFINITY));
    const double least = code < -half ? -half : code;
    return (int32_t)(least > half - 1 ? half - 1 : least);
}

/* Bytes of n codes, and the same moved: of bytes that begin with the code of element `first`, whose
 * first bit is the lowest that is left in its byte.
 *   first       to pack: a multiple of 8 */
int64_t kc_packing_bytes(const kc_packing *p, int64_t n);
void kc_pack(const kc_packing *p, const kc_matrices *m, const float *scales, int64_t first,
             int64_t n, const float *values, uint8_t *bytes);
void kc_unpack(const kc_packing *p, const kc_matrices *m, const float *scales, int64_t first,
               int64_t n, const uint8_t *bytes, float *values);

#endif
