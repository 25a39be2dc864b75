/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MATH_CHOLESKY_H
#define KCAP_MATH_CHOLESKY_H

#include <stdint.h>

/* Symmetric positive definite matrices of up to some thousand rows, in double. Each sum runs in a fixed
 * order: the same bits on any number of threads, whatever BLAS or LAPACK is installed (OpenBLAS's depend
 * on its threads, which are all cores' unless told). None is collective. */

/* a [d, d] becomes its upper factor, a = U^T U; only what lies on and above the diagonal is read and
 * written.   returns 1, or 0 where a is not positive definite */
int kc_cholesky(double *a, int64_t d, int threads);

/* b [d, n] becomes the x with U^T U x = b. */
void kc_cholesky_solve(const double *u, int64_t d, double *b, int64_t n, int threads);

/* a [d, d] becomes the upper factor of its inverse, a^-1 = U^T U, zero below.
 *   returns 1, or 0 as kc_cholesky; a is nothing then */
int kc_cholesky_inverse(double *a, int64_t d, int threads);

#endif
