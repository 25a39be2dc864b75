/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_SUM_H
#define KCAP_BASE_SUM_H

#include <stdint.h>

/* Elements of a block of the flat parameter layout: the gradient norm is summed in these blocks
 * and slices begin on their boundaries, so the norm's bits do not depend on the ranks. */
enum { KC_BLOCK = 4096 };

/* values[0] + values[1] + ... in this order, in double. Same bits everywhere. */
double kc_sum(const double *values, int64_t n);

/* Sum of squares of n floats in double, in 8 partial sums of fixed order. Same bits everywhere. */
double kc_sum_squares(const float *values, int64_t n);

/* left[i] += right[i] for n floats. */
void kc_add(float *left, const float *right, int64_t n, int threads);

/* Parts p [parts, n] are added pairwise in their order, ((0 + 1) + (2 + 3)) + ...: p[0 ... n-1] is the
 * sum. Same bits everywhere. */
void kc_add_pairwise(float *p, int64_t parts, int64_t n, int threads);

#endif
