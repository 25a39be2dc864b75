/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/math/lapack.h"

#include <lapacke.h>

int kc_inverse_cholesky(double *a, int64_t n)
{
    const lapack_int order = (lapack_int)n;
    if (LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'U', order, a, order) != 0 ||
        LAPACKE_dpotri(LAPACK_ROW_MAJOR, 'U', order, a, order) != 0 ||
        LAPACKE_dpotrf(LAPACK_ROW_MAJOR, 'U', order, a, order) != 0)
        return 1;
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < i; ++j)
            a[i * n + j] = 0;
    return 0;
}
