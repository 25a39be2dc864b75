/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/base/sum.h"

#include "kcap/base/team.h"

double kc_sum(const double *values, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; ++i)
        sum += values[i];
    return sum;
}

double kc_sum_squares(const float *values, int64_t n)
{
    double part[8] = {0};
    int64_t whole = n / 8 * 8;
    for (int64_t i = 0; i < whole; i += 8)
        for (int j = 0; j < 8; ++j)
            part[j] += (double)values[i + j] * values[i + j];
    for (int64_t i = whole; i < n; ++i)
        part[i - whole] += (double)values[i] * values[i];
    return kc_sum(part, 8);
}

static void add(float *restrict left, const float *restrict right, int64_t n)
{
    for (int64_t i = 0; i < n; ++i)
        left[i] += right[i];
}

void kc_add(float *left, const float *right, int64_t n, int threads)
{
    const int64_t blocks = (n + KC_BLOCK - 1) / KC_BLOCK;
    KC_EACH(blocks > 1 ? threads : 1, static, i, blocks,
            add(left + i * KC_BLOCK, right + i * KC_BLOCK,
                i < blocks - 1 ? KC_BLOCK : n - i * KC_BLOCK));
}

void kc_add_pairwise(float *p, int64_t parts, int64_t n, int threads)
{
    for (int64_t stride = 1; stride < parts; stride *= 2)
        for (int64_t k = 0; k + stride < parts; k += 2 * stride)
            kc_add(p + k * n, p + (k + stride) * n, n, threads);
}
