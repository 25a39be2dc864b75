/* SPDX-License-Identifier: BSD-3-Clause */
/* Sums in their fixed order, in double. */
#include "../test.h"

#include <math.h>

#include "kcap/base/sum.h"

KC_TEST(sums_keep_their_order)
{
    const double values[] = {1e16, 1, 1, -1e16};
    assert_true(kc_sum(values, 4) == 0); /* a single 1 is lost at 1e16, the two together are not */
    assert_true(kc_sum((const double[]){1, 1, 1e16, -1e16}, 4) == 2);
    assert_true(kc_sum(values, 0) == 0);
}

KC_TEST(squares_are_summed_in_double)
{
    static float x[5000];
    for (int64_t n = 0; n < 5000; n = n * 2 + 1) {
        double want = 0;
        for (int64_t i = 0; i < n; ++i) {
            x[i] = (float)(i % 2 ? 1e-3 : 1e15) * (float)(i + 1);
            want += (double)x[i] * x[i];
        }
        assert_float_equal(kc_sum_squares(x, n) / (want ? want : 1), want ? 1 : 0, 1e-14);
    }
    for (int64_t i = 0; i < 16; ++i)
        x[i] = i == 7 ? 1e30f : 0;
    assert_float_equal(kc_sum_squares(x, 16) / 1e60, 1, 1e-6);
    x[11] = NAN;
    assert_true(isnan(kc_sum_squares(x, 16)));
}

KC_TEST(additions_are_by_element)
{
    float left[37], right[37];
    for (int i = 0; i < 37; ++i) {
        left[i] = (float)i;
        right[i] = 0.5f;
    }
    kc_add(left, right, 36, 1);
    for (int i = 0; i < 36; ++i)
        assert_true(left[i] == (float)i + 0.5f && right[i] == 0.5f);
    assert_true(left[36] == 36);
}

/* Five parts: ((0 + 1) + (2 + 3)) + 4, where in floats other orders give other sums. */
KC_TEST(parts_are_folded_in_pairs)
{
    enum { PARTS = 5, MANY = 2 * KC_BLOCK + 3 };
    static const float value[PARTS] = {1.0f, 3.0e7f, -3.0e7f, 0.3f, 7.7f};
    static float p[PARTS][MANY];
    const float sum = ((value[0] + value[1]) + (value[2] + value[3])) + value[4];
    assert_true(sum != (((value[0] + value[1]) + value[2]) + value[3]) + value[4]);
    for (int threads = 1; threads <= 2; ++threads) {
        for (int i = 0; i < PARTS * MANY; ++i)
            p[i / MANY][i % MANY] = value[i / MANY] * (float)(1 << i % MANY % 4);
        kc_add_pairwise(p[0], PARTS, MANY, threads);
        for (int i = 0; i < MANY; ++i)
            assert_true(p[0][i] == sum * (float)(1 << i % 4));
    }
}

KC_TEST_MAIN(NULL, NULL)
