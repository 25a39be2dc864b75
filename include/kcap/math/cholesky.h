/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MATH_CHOLESKY_H
#define KCAP_MATH_CHOLESKY_H

#include <stdint.h>

/* Symmetric positive definite systems in double. Each sum runs in a fixed order: the same bits on any
 * number of threads.  Neither is collective. */

/* a [d, d] becomes its lower factor, a = L L^T; only what lies on and below the diagonal is read and
 * written.   returns 1, or 0 where a is not positive definite */
int kc_cholesky(double *a, int64_t d);

/* b [d, n] becomes the x with L L^T x = b. */
void kc_cholesky_solve(const double *l, int64_t d, double *b, int64_t n, int threads);

#endif
