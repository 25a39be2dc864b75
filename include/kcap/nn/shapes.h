/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_SHAPES_H
#define KCAP_NN_SHAPES_H

#include "kcap/config/config.h"

/* The alphabet of shapes, used in every comment of nn:
 *   T positions of a window   d width   h heads   hd head dimension (d = h hd)
 *   f hidden width of the MLP   V vocabulary   l blocks   rot rotated dimensions of a head */
typedef struct kc_shape {
    int64_t T, d, h, hd, f, V, l, rot;
} kc_shape;

/* A matrix in row-major storage whose rows lie `ld` floats apart. A view: owns nothing. */
typedef struct kc_mat {
    float *p;
    int64_t rows, cols, ld;
} kc_mat;

/* The shape of a configuration's model over a vocabulary of V words. */
kc_shape kc_shape_of(const kc_config *cfg, int64_t n_vocab);

static inline kc_mat kc_mat_of(const float *p, int64_t rows, int64_t cols)
{
    return (kc_mat){(float *)p, rows, cols, cols};
}

#endif
