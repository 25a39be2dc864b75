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
#define STRIP(j)   ((j) < 2 ? b + (j)*b_strip : b_2 + ((j)-2) * b_strip)
#define LOAD(i, j) const __m512 b##j = j < vectors ? load(STRIP(j), THERE(j)) : x##i##j;
#define FMA(i, j)                                                                                  \
    if (j < vectors)                                                                               \
        x##i##j = _mm512_fmadd_ps(element, b##j, x##i##j);
#define ADD(i)                                                                                     \
    if (i < rows) {                                                                                \
        const __m512 element = _mm512_set1_ps(i < 3 ? a[i * a_row] : a_3[(i - 3) * a_row]);        \
        EACH_VECTOR(FMA, i)                                                                        \
    }
#define STORE_ONE(i, j)                                                                            \
    if (j < vectors)                                                                               \
        store(c + i * ldc + j * VECTOR, x##i##j, beta, THERE(j));
#define STORE(i)                                                                                   \
    if (i < rows) {                                                                                \
        EACH_VECTOR(STORE_ONE, i)                                                                  \
    }

/* Not masked where it is known that all are there: what is put in place of others takes a register. */
AVX512 INLINE __m512 load(const float *p, __mmask16 there)
{
    return __builtin_constant_p(there) && there == 0xffff ? _mm512_loadu_ps(p)
                                                          : _mm512_maskz_loadu_ps(there, p);
}

AVX512 INLINE void store(float *c, __m512 sum, float beta, __mmask16 there)
{
    if (beta != 0)
        sum = _mm512_fmadd_ps(_mm512_set1_ps(beta), load(c, there), sum);
    _mm512_mask_storeu_ps(c, there, sum);
}

/* The next element of each row, against the next row of b. Of the pointers each has a second, three rows and two
 * strips on: with less arithmetic of addresses all of it stays in registers. */
#define NEXT                                                                                       \
    EACH_VECTOR(LOAD, 0)                                                                           \
    EACH_ROW(ADD)                                                                                  \
    a += a_step, a_3 += a_step, b += ldb, b_2 += ldb;

/* Inlined once for each number of rows and vectors. `last` says which elements of the last vector there
 * are. Volatile for kc_fetch_row's reason. */
AVX512 INLINE void tile(const kc_tile *t, const int rows, const int vectors, const __mmask16 last)
{
    const int64_t a_row = t->a_row, a_step = t->a_step, ldb = t->ldb, b_strip = t->b_strip,
                  ldc = t->ldc, ahead = t->ahead;
    const float *a = t->a, *a_3 = a + 3 * a_row, *b = t->b, *b_2 = b + 2 * b_strip;
    const float beta = t->beta;
    float *c = t->c;
    volatile int64_t left = t->depth, share = t->depth / rows + 1;
    EACH_ROW(DECLARE)
    while (left > 0) {
        int64_t n = left < share ? left : share;
        left -= n;
        kc_fetch_row(t, vectors, WIDTH / KC_STRIP);
        if (ahead)
            for (; n > 0; --n) {
                __builtin_prefetch(a + ahead);
                NEXT
            }
        else
            for (; n > 0; --n) {
                NEXT
            }
    }
    EACH_ROW(STORE)
}

/* One without masks where there are all columns. */
#define ONE(rows, vectors)                                                                         \
    AVX512 static void whole_##rows##_##vectors(const kc_tile *t, __mmask16 last)                  \
    {                                                                                              \
        (void)last;                                                                                \
        tile(t, rows, vectors, 0xffff);                                                            \
    }                                                                                              \
    AVX512 static void part_##rows##_##vectors(const kc_tile *t, __mmask16 last)                   \
    {                                                                                              \
        tile(t, rows, vectors, last);                                                              \
    }
#define WITH_ROWS(rows) ONE(rows, 1) ONE(rows, 2) ONE(rows, 3) ONE(rows, 4)
#define OF_ROWS(which, rows)                                                                       \
    {                                                                                              \
        which##_##rows##_1, which##_##rows##_2, which##_##rows##_3, which##_##rows##_4             \
    }
#define OF(which)                                                                                  \
    {                                                                                              \
        OF_ROWS(which, 1), OF_ROWS(which, 2), OF_ROWS(which, 3), OF_ROWS(which, 4),                \
            OF_ROWS(which, 5), OF_ROWS(which, 6)                                                   \
    }

WITH_ROWS(1)
WITH_ROWS(2)
WITH_ROWS(3)
WITH_ROWS(4)
WITH_ROWS(5)
WITH_ROWS(6)

static void (*const tiles[2][KC_TILE_ROWS][4])(const kc_tile *, __mmask16) = {OF(part), OF(whole)};

AVX512 static void compute(const kc_tile *t, int64_t rows, int64_t cols)
{
    const int64_t vectors = (cols + VECTOR - 1) / VECTOR;
    const __mmask16 last = (__mmask16)(0xffff >> (vectors * VECTOR - cols));
    tiles[cols % VECTOR == 0][rows - 1][vectors - 1](t, last);
}

const kc_tiles kc_tiles_avx512 = {WIDTH, 0, compute};
#endif
