/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MATH_LAPACK_H
#define KCAP_MATH_LAPACK_H

#include <stdint.h>

/* The only door to LAPACK, for matrices of thousands of rows. */

/* a [n, n], symmetric and positive definite, becomes the upper triangle U of its inverse,
 * a^-1 = U^T U, zero below.
 *   collective  no
 *   bits        are those of the machine's LAPACK: one rank computes and tells the others
 *   returns     0, or 1: it is not positive definite as far as double precision sees */
int kc_inverse_cholesky(double *a, int64_t n);

#endif
