/* SPDX-License-Identifier: BSD-3-Clause */
#include "math/small.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2   __attribute__((target("avx2,fma")))
#define INLINE static inline __attribute__((always_inline))

enum { VECTOR = 8, WIDTH = 2 * VECTOR };

/* The first n of a vector's elements, which may be none or all. */
AVX2 INLINE void store(float *c, __m256 sum, float beta, int64_t n)
{
    const __m256i there =
        _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    if (beta != 0)
        sum = _mm256_fmadd_ps(_mm256_set1_ps(beta),
                              n < VECTOR ? _mm256_maskload_ps(c, there) : _mm256_loadu_ps(c), sum);
    if (n < VECTOR)
        _mm256_maskstore_ps(c, there, sum);
    else
        _mm256_storeu_ps(c, sum);
}

/* 6 x 2 sums, two vectors of b and an element of a are 15 of 16 registers. Named, since an array of
 * them may live in memory. */
#define EACH_ROW(X) X(0) X(1) X(2) X(3) X(4) X(5)
#define DECLARE(i)  __m256 x##i = _mm256_setzero_ps(), y##i = x##i;
#define ADD(i)                                                                                     \
    if (i < rows) {                                                                                \
        const __m256 element = _mm256_broadcast_ss(a + i * a_row);                                 \
        x##i = _mm256_fmadd_ps(element, b0, x##i);                                                 \
        y##i = _mm256_fmadd_ps(element, b1, y##i);                                                 \
    }
#define STORE(i)                                                                                   \
    if (i < rows) {                                                                                \
        store(c + i * ldc, x##i, beta, cols);                                                      \
        store(c + i * ldc + VECTOR, y##i, beta, cols - VECTOR);                                    \
    }

/* Inlined once for each number of rows. */
AVX2 INLINE void tile(const kc_tile *t, const int rows, int64_t cols)
{
    const float *a = t->a, *b = t->b, beta = t->beta;
    const int64_t a_row = t->a_row, a_step = t->a_step, ldc = t->ldc;
    float *c = t->c;
    volatile int64_t left = t->depth, share = t->depth / rows + 1; /* as in kc_fetch_row */
    EACH_ROW(DECLARE)
    while (left > 0) {
        int64_t n = left < share ? left : share;
        left -= n;
        kc_fetch_row(t, WIDTH / KC_STRIP, WIDTH / KC_STRIP);
#pragma GCC unroll 4
        for (; n > 0; --n, a += a_step, b += WIDTH) {
            const __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + VECTOR);
            EACH_ROW(ADD)
        }
    }
    EACH_ROW(STORE)
}

AVX2 static void compute(const kc_tile *t, int64_t rows, int64_t cols)
{
    switch (rows) {
    case 6:
        tile(t, 6, cols);
        break;
    case 5:
        tile(t, 5, cols);
        break;
    case 4:
        tile(t, 4, cols);
        break;
    case 3:
        tile(t, 3, cols);
        break;
    case 2:
        tile(t, 2, cols);
        break;
    default:
        tile(t, 1, cols);
    }
}

const kc_tiles kc_tiles_avx2 = {WIDTH, 1, compute};
#endif
