/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/math/cholesky.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"

/* Rows that are worked out at a time, so that those above are read once for all of them; columns of a
 * thread's turn. */
enum { ROWS = 8, COLUMNS = 64 };

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* sum[r][c] += u[k, i + r] u[k, j + c] over k = from ... end - 1, in that order. */
static void add_products(const double *u, int64_t d, int64_t from, int64_t end, int64_t i,
                         int64_t rows, int64_t j, int64_t n, double sum[][COLUMNS])
{
    for (int64_t k = from; k < end; ++k)
        for (int64_t r = 0; r < rows; ++r) {
            const double by = u[k * d + i + r], *restrict of = u + k * d + j;
            for (int64_t c = 0; c < n; ++c)
                sum[r][c] += by * of[c];
        }
}

/* Rows i ... i + rows - 1 in columns j ... j + n - 1, all to the right of the diagonal's square or, from
 * j = i on, that square. */
static int finish(double *u, int64_t d, int64_t i, int64_t rows, int64_t j, int64_t n)
{
    double sum[ROWS][COLUMNS] = {{0}};
    add_products(u, d, 0, i, i, rows, j, n, sum);
    for (int64_t r = 0; r < rows; ++r) {
        double *row = u + (i + r) * d;
        add_products(u, d, i, i + r, i + r, 1, j, n, sum + r);
        for (int64_t c = j > i ? 0 : r; c < n; ++c) {
            const double left = row[j + c] - sum[r][c];
            const int diagonal = j + c == i + r;
            if (diagonal && !(left > 0))
                return 0;
            row[j + c] = diagonal ? sqrt(left) : left / row[i + r];
        }
    }
    return 1;
}

int kc_cholesky(double *a, int64_t d, int threads)
{
    for (int64_t i = 0; i < d; i += ROWS) {
        const int64_t rows = least(ROWS, d - i);
        if (!finish(a, d, i, rows, i, rows))
            return 0;
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
        for (int64_t j = i + rows; j < d; j += COLUMNS)
            finish(a, d, i, rows, j, least(COLUMNS, d - j));
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

/* These columns of b become those of the y with U^T y = b, of which rows above the first one are 0. */
static void go_down(const double *u, int64_t d, double *b, int64_t n, int64_t first, int64_t from,
                    int64_t end)
{
    for (int64_t i = first; i < d; ++i) {
        for (int64_t k = first; k < i; ++k)
            take_off(b, n, i, k, u[k * d + i], from, end);
        divide(b + i * n, u[i * d + i], from, end);
    }
}

static void go_up(const double *u, int64_t d, double *b, int64_t n, int64_t from, int64_t end)
{
    for (int64_t i = d - 1; i >= 0; --i) {
        for (int64_t k = i + 1; k < d; ++k)
            take_off(b, n, i, k, u[i * d + k], from, end);
        divide(b + i * n, u[i * d + i], from, end);
    }
}

void kc_cholesky_solve(const double *u, int64_t d, double *b, int64_t n, int threads)
{
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(static)
    for (int64_t from = 0; from < n; from += COLUMNS) {
        const int64_t end = least(from + COLUMNS, n);
        go_down(u, d, b, n, 0, from, end);
        go_up(u, d, b, n, from, end);
    }
}

static void turn_round(double *a, int64_t n)
{
    for (int64_t i = 0; i < n / 2; ++i) {
        const double kept = a[i];
        a[i] = a[n - 1 - i];
        a[n - 1 - i] = kept;
    }
}

/* With the order of rows and columns turned round, J a J = U^T U, so a^-1 = (J U^-T J)^T (J U^-T J), which
 * is upper where U^-T is lower. */
int kc_cholesky_inverse(double *a, int64_t d, int threads)
{
    turn_round(a, d * d);
    if (!kc_cholesky(a, d, threads))
        return 0;
    double *y = kc_alloc(d * d, sizeof *y, "the inverse of a matrix");
    for (int64_t i = 0; i < d; ++i)
        y[i * d + i] = 1;
#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(dynamic)
    for (int64_t from = 0; from < d; from += COLUMNS)
        go_down(a, d, y, d, from, from, least(from + COLUMNS, d));
    memcpy(a, y, (size_t)(d * d) * sizeof *a);
    turn_round(a, d * d);
    free(y);
    return 1;
}
