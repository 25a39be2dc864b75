/* SPDX-License-Identifier: BSD-3-Clause */
/* sgemm_ of the BLAS by oneDNN, for LD_PRELOAD: the fastest products that PyTorch was found with.
 * The BLAS is column-major and oneDNN row-major, so that C^T = op(B)^T op(A)^T is asked for. */
#include <dnnl.h>
#include <stdlib.h>

void sgemm_(const char *transa, const char *transb, const int *m, const int *n, const int *k,
            const float *alpha, const float *a, const int *lda, const float *b, const int *ldb,
            const float *beta, float *c, const int *ldc);

void sgemm_(const char *transa, const char *transb, const int *m, const int *n, const int *k,
            const float *alpha, const float *a, const int *lda, const float *b, const int *ldb,
            const float *beta, float *c, const int *ldc)
{
    if (dnnl_sgemm(*transb, *transa, *n, *m, *k, *alpha, b, *ldb, a, *lda, *beta, c, *ldc) !=
        dnnl_success)
        abort();
}
