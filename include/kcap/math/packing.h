/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MATH_PACKING_H
#define KCAP_MATH_PACKING_H

#include <math.h>
#include <stdint.h>

/* Weights as whole numbers of few bits times a scale. An output of a matrix is a channel; `group` inputs of it
 * that follow each other share a scale. Symmetric: from -2^(bits-1) to 2^(bits-1) - 1, and the largest
 * weight lies half a step above the highest (as AutoGPTQ has it), so that no code is spared. Asymmetric: from
 * -z to 2^bits - 1 - z, with a zero point z of each scale, and steps that reach from the lowest weight to the
 * highest, or zero where all lie on one side of it (as AutoGPTQ's sym=False). Scales are bfloat16,
 * rounded up; zero points are codes of the same bits. */
typedef struct kc_packing {
    int32_t bits;       /* KC_BITS_LEAST to KC_BITS_MOST; 0: not packed                     */
    int32_t by_rows;    /* a channel is a row, as in embeddings; 0: a column of [in, out]    */
    int64_t group;      /* 0: all inputs                                                     */
    int32_t asymmetric; /* with zero points                                               */
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

/* Floats of what follows as `scales`: these, and behind them as many zero points where there are any. */
int64_t kc_packing_room(const kc_packing *p, const kc_matrices *m);

/* Those of these values into scales [kc_packing_room]; 0 where all values are. */
void kc_packing_fit(const kc_packing *p, const kc_matrices *m, const float *values, float *scales);

/* Values to the weights of their nearest codes, in place, with scales of their own [kc_packing_room]. */
void kc_packing_round(const kc_packing *p, const kc_matrices *m, float *values, float *scales);

/* How many scales the weight is that is nearest, of two as near the even number of them; 0 where the scale
 * is. Without a branch, so that loops vectorise.
 *   zero        the zero point; 2^(bits-1) of a symmetric one */
static inline int32_t kc_packing_steps(const kc_packing *p, double value, float scale, float zero)
{
    const double least = -(double)zero, most = least + (double)((1 << p->bits) - 1);
    const double steps = rint(value / (scale > 0 ? (double)scale : INFINITY));
    const double above = steps < least ? least : steps;
    return (int32_t)(above > most ? most : above);
}

/* The nearest weight to a value in the place of element i. */
float kc_packing_nearest(const kc_packing *p, const kc_matrices *m, const float *scales, int64_t i,
                         double value);

/* Bytes of n codes, and the same moved: of bytes that begin with the code of element `first`, whose
 * first bit is the lowest that is left in its byte. A code is the weight in scales, from the lowest
 * on.
 *   first       to pack: a multiple of 8 */
int64_t kc_packing_bytes(const kc_packing *p, int64_t n);
void kc_pack(const kc_packing *p, const kc_matrices *m, const float *scales, int64_t first,
             int64_t n, const float *values, uint8_t *bytes);
void kc_unpack(const kc_packing *p, const kc_matrices *m, const float *scales, int64_t first,
               int64_t n, const uint8_t *bytes, float *values);

/* Zero points, n of them, as bytes [kc_packing_bytes], and back. */
void kc_pack_zeros(const kc_packing *p, const float *zeros, int64_t n, uint8_t *bytes);
void kc_unpack_zeros(const kc_packing *p, const uint8_t *bytes, int64_t n, float *zeros);

#endif
