/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MATH_MAT_H
#define KCAP_MATH_MAT_H

#include "kcap/base/arena.h"

/* A matrix in row-major storage whose rows lie `ld` floats apart. A view: owns nothing. With ld < 0 it is
 * for products alone, and in strips of KC_STRIP columns, -ld floats from one to the next, each in row-major
 * storage; the last one is as narrow as what is left of the columns. */
enum { KC_STRIP = 16 };
typedef struct kc_mat {
    float *p;
    int64_t rows, cols, ld;
} kc_mat;

static inline kc_mat kc_mat_of(const float *p, int64_t rows, int64_t cols)
{
    return (kc_mat){(float *)p, rows, cols, cols};
}

/* Rows from ... end - 1 of a matrix. */
static inline kc_mat kc_mat_rows(kc_mat x, int64_t from, int64_t end)
{
    return (kc_mat){x.p + from * x.ld, end - from, x.cols, x.ld};
}

/* A matrix that lives in an arena. */
static inline kc_mat kc_mat_take(kc_arena *a, int64_t rows, int64_t cols)
{
    return kc_mat_of(kc_arena_floats(a, rows * cols), rows, cols);
}

#endif
