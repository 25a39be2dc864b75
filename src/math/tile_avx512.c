/* SPDX-License-Identifier: BSD-3-Clause */
#include "math/small.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f")))
#define INLINE static inline __attribute__((always_inline))

enum { VECTOR = 16, WIDTH = 4 * VECTOR };

/* 6 x 4 sums, four vectors of b and an element of a are 29 of 32 registers. Named, since an array of
 * them may live in memory. */
#define EACH_ROW(X)       X(0) X(1) X(2) X(3) X(4) X(5)
#define EACH_VECTOR(X, i) X(i, 0) X(i, 1) X(i, 2) X(i, 3)

#define ZERO(i, j) __m512 x##i##j = _mm512_setzero_ps();
#define DECLARE(i) EACH_VECTOR(ZERO, i)
#define THERE(j)   (__mmask16)(j < vectors - 1 ? 0xffff : last)
#define LOAD(i, j)                                                                                 \
    const __m512 b##j = j < vectors ? _mm512_maskz_loadu_ps(THERE(j), b + j * b_strip) : x##i##j;
#define FMA(i, j)                                                                                  \
    if (j < vectors)                                                                               \
        x##i##j = _mm512_fmadd_ps(element, b##j, x##i##j);
#define ADD(i)                                                                                     \
    if (i < rows) {                                                                                \
        const __m512 element = _mm512_set1_ps(a[i * a_row]);                                       \
        EACH_VECTOR(FMA, i)                                                                        \
    }
#define STORE_ONE(i, j)                                                                            \
    if (j < vectors)                                                                               \
        store(c + i * ldc + j * VECTOR, x##i##j, beta, THERE(j));
#define STORE(i)                                                                                   \
    if (i < rows) {                                                                                \
        EACH_VECTOR(STORE_ONE, i)                                                                  \
    }

AVX512 INLINE void store(float *c, __m512 sum, float beta, __mmask16 there)
{
    if (beta != 0)
        sum = _mm512_fmadd_ps(_mm512_set1_ps(beta), _mm512_maskz_loadu_ps(there, c), sum);
    _mm512_mask_storeu_ps(c, there, sum);
}

/* Inlined once for each number of rows and vectors. `last` says which elements of the last vector there
 * are. */
AVX512 INLINE void tile(const kc_tile *t, const int rows, const int vectors, __mmask16 last)
{
    const float *a = t->a, *b = t->b, beta = t->beta;
    const int64_t a_row = t->a_row, a_step = t->a_step, ldb = t->ldb, b_strip = t->b_strip,
                  ldc = t->ldc, ahead = t->ahead;
    float *c = t->c;
    EACH_ROW(DECLARE)
    if (ahead)
        for (int64_t l = t->depth; l > 0; --l, a += a_step, b += ldb) {
            __builtin_prefetch(a + ahead);
            EACH_VECTOR(LOAD, 0)
            EACH_ROW(ADD)
        }
    else
        for (int64_t l = t->depth; l > 0; --l, a += a_step, b += ldb) {
            EACH_VECTOR(LOAD, 0)
            EACH_ROW(ADD)
        }
    EACH_ROW(STORE)
}

AVX512 INLINE void vectors_of(const kc_tile *t, const int rows, int64_t cols)
{
    const int64_t vectors = (cols + VECTOR - 1) / VECTOR;
    const __mmask16 last = (__mmask16)(0xffff >> (vectors * VECTOR - cols));
    if (vectors == 4)
        tile(t, rows, 4, last);
    else if (vectors == 3)
        tile(t, rows, 3, last);
    else if (vectors == 2)
        tile(t, rows, 2, last);
    else
        tile(t, rows, 1, last);
}

AVX512 static void compute(const kc_tile *t, int64_t rows, int64_t cols)
{
    switch (rows) {
    case 6:
        vectors_of(t, 6, cols);
        break;
    case 5:
        vectors_of(t, 5, cols);
        break;
    case 4:
        vectors_of(t, 4, cols);
        break;
    case 3:
        vectors_of(t, 3, cols);
        break;
    case 2:
        vectors_of(t, 2, cols);
        break;
    default:
        vectors_of(t, 1, cols);
    }
}

const kc_tiles kc_tiles_avx512 = {WIDTH, 0, compute};
#endif
