/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MATH_EXP_H
#define KCAP_MATH_EXP_H

/* The exponential of src/math, inlined into the loops of ops.c and act.c so that they vectorise; nobody
 * else includes it. */

#include <stdint.h>
#include <string.h>

/* Where exp is clamped. The compiler must not see the values: it would split the loops into a
 * branch for each clamp (the result is a constant there) and compute all of them, four times as
 * slow. */
typedef struct kc_exp_limits {
    float least, most;
} kc_exp_limits;

static inline kc_exp_limits kc_exp_clamp(void)
{
    kc_exp_limits l = {-87.0f, 88.0f};
    __asm__("" : "+m"(l));
    return l;
}

/* exp by x = n ln 2 + r, |r| <= ln(2)/2, a polynomial in r and n added to the exponent. The
 * constant 1.5 * 2^23 rounds to nearest and leaves n in the low bits. A NaN passes through the
 * clamps. */
static inline float kc_exp_poly(float x, kc_exp_limits clamp)
{
    const float log2e = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f,
                round = 12582912.0f;
    x = x < clamp.least ? clamp.least : x;
    x = x > clamp.most ? clamp.most : x;
    float t = x * log2e + round;
    float n = t - round;
    float r = x - n * ln2_high - n * ln2_low;
    float p = 1.0f / 5040;
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * r * r + r + 1.0f;
    uint32_t bits;
    memcpy(&bits, &t, sizeof bits);
    bits = (bits << 23) + 0x3f800000u;
    float power;
    memcpy(&power, &bits, sizeof power);
    return p * power;
}

#endif
