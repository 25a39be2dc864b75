/* SPDX-License-Identifier: BSD-3-Clause */
/* In place of the compiler's: what src/math/tile_avx512.c uses of AVX-512, in plain C, so that its tiles are
 * tested on machines without, and by sanitizers, which see no masked load. */
#ifndef KCAP_TESTS_EMULATED_IMMINTRIN_H
#define KCAP_TESTS_EMULATED_IMMINTRIN_H

#include <math.h>
#include <stdint.h>

/* Functions are for the machine's own instructions. */
#define target(set)

typedef struct emulated {
    float at[16];
} __m512;
typedef uint16_t __mmask16;

static inline __m512 _mm512_set1_ps(float x)
{
    __m512 to;
    for (int i = 0; i < 16; ++i)
        to.at[i] = x;
    return to;
}

static inline __m512 _mm512_setzero_ps(void)
{
    return _mm512_set1_ps(0);
}

static inline __m512 _mm512_fmadd_ps(__m512 a, __m512 b, __m512 c)
{
    for (int i = 0; i < 16; ++i)
        c.at[i] = fmaf(a.at[i], b.at[i], c.at[i]);
    return c;
}

static inline __m512 _mm512_loadu_ps(const float *from)
{
    __m512 to;
    for (int i = 0; i < 16; ++i)
        to.at[i] = from[i];
    return to;
}

static inline __m512 _mm512_maskz_loadu_ps(__mmask16 there, const float *from)
{
    __m512 to;
    for (int i = 0; i < 16; ++i)
        to.at[i] = there >> i & 1 ? from[i] : 0;
    return to;
}

static inline void _mm512_mask_storeu_ps(float *to, __mmask16 there, __m512 x)
{
    for (int i = 0; i < 16; ++i)
        if (there >> i & 1)
            to[i] = x.at[i];
}

#endif
