/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/math/cholesky.h"

#include <math.h>

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t k = 0; k < n; ++k)
        sum += a[k] * b[k];
    return sum;
}

int kc_cholesky(double *a, int64_t d)
{
    for (int64_t i = 0; i < d; ++i) {
        double *row = a + i * d;
        for (int64_t j = 0; j < i; ++j)
            row[j] = (row[j] - dot(row, a + j * d, j)) / a[j * d + j];
        const double left = row[i] - dot(row, row, i);
        if (!(left > 0))
            return 0;
        row[i] = sqrt(left);
    }
    return 1;
}

/* Of row i, columns from ... end-1: less so much of row k. */
static void take_off(double *b, int64_t n, int64_t i, int64_t k, double much, int64_t from,
                     int64_t end)
{
    double *restrict to = b + i * n;
    const double *restrict of = b + k * n;
    for (int64_t j = from; j < end; ++j)
        to[j] -= much * of[j];
}

static void divide(double *row, double by, int64_t from, int64_t end)
{
    for (int64_t j = from; j < end; ++j)
        row[j] /= by;
}

void kc_cholesky_solve(const double *l, int64_t d, double *b, int64_t n, int threads)
{
    enum { COLUMNS = 64 };
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
    for (int64_t from = 0; from < n; from += COLUMNS) {
        const int64_t end = from + COLUMNS < n ? from + COLUMNS : n;
        for (int64_t i = 0; i < d; ++i) {
            for (int64_t k = 0; k < i; ++k)
                take_off(b, n, i, k, l[i * d + k], from, end);
            divide(b + i * n, l[i * d + i], from, end);
        }
        for (int64_t i = d - 1; i >= 0; --i) {
            for (int64_t k = i + 1; k < d; ++k)
                take_off(b, n, i, k, l[k * d + i], from, end);
            divide(b + i * n, l[i * d + i], from, end);
        }
    }
}
