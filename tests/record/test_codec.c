/* SPDX-License-Identifier: BSD-3-Clause */

#include "../test.h"

#include <math.h>

#include "kcap/record/codec.h"

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Around every value that bfloat16 has: the nearest of the two neighbours, which are exact in double
 * precision, the even one where both are as near, infinity behind the last. */
KC_TEST(bfloat16_rounds_to_nearest_even)
{
    const kc_codec *c = kc_codec_of(KC_CODEC_bfloat16);
    static const uint16_t lower[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
    assert_string_equal(c->name, "bfloat16");
    for (uint32_t upper = 0; upper < 0x10000; ++upper) {
        float x[6], back[6];
        uint16_t half[6];
        for (int i = 0; i < 6; ++i)
            x[i] = from_bits(upper << 16 | lower[i]);
        c->encode(x, half, 6);
        c->decode(half, back, 6);
        for (int i = 0; i < 6; ++i) {
            if (isnan(x[i])) {
                assert_true(isnan(back[i]) && signbit(back[i]) == signbit(x[i]));
                continue;
            }
            const int past = ((upper + 1) & 0x7fff) == 0x7f80; /* as if there were one more */
            const double low = from_bits(upper << 16);
            const double high = past ? copysign(0x1p128, low) : from_bits((upper + 1) << 16);
            const double mine = fabs(x[i] - low), other = fabs(x[i] - high);
            const int up = isfinite(low) && (other < mine || (other == mine && upper % 2));
            assert_int_equal(half[i], upper + (uint32_t)up);
        }
        if (!isnan(back[0]))
            assert_true(back[0] == x[0]);
    }
}

KC_TEST_MAIN(NULL, NULL)
