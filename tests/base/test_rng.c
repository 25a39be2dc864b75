/* SPDX-License-Identifier: BSD-3-Clause */
/* Known answers of Philox; uniform, normal and permuted numbers are what they say. */
#include "../test.h"

#include <math.h>

#include "kcap/base/rng.h"

/* Random123's kat_vectors for philox4x32, 10 rounds: the first two of the four words. Index, draw
 * and stream are the counter, the seed is the key. */
KC_TEST(philox_gives_its_known_answers)
{
    assert_int_equal(kc_rand(0, (kc_stream)0, 0, 0), UINT64_C(0xe169c58d6627e8d5));
    assert_int_equal(kc_rand(UINT64_MAX, (kc_stream)UINT32_MAX, UINT64_MAX, UINT32_MAX),
                     UINT64_C(0x41c83b0e408f276d));
    assert_int_equal(kc_rand(UINT64_C(0x299f31d0a4093822), (kc_stream)0x03707344,
                             UINT64_C(0x85a308d3243f6a88), 0x13198a2e),
                     UINT64_C(0x94fdccebd16cfe09));
}

/* Chi-square as a standard normal (Wilson and Hilferty). */
static double uneven(const int64_t *count, int64_t n)
{
    double total = 0, sum = 0, df = (double)n - 1;
    for (int64_t i = 0; i < n; ++i)
        total += (double)count[i];
    for (int64_t i = 0; i < n; ++i) {
        const double want = total / (double)n, d = (double)count[i] - want;
        sum += d * d / want;
    }
    return (cbrt(sum / df) - (1 - 2 / (9 * df))) / sqrt(2 / (9 * df));
}

/* Neighbours in seed, stream, index and draw share nothing: 64 bits differ in about half. */
KC_TEST(neighbours_are_strangers)
{
    int64_t differ[4] = {0};
    enum { N = 4000 };
    for (uint64_t i = 0; i < N; ++i) {
        const uint64_t x = kc_rand(i, KC_STREAM_FACT, i, 5);
        differ[0] += __builtin_popcountll(x ^ kc_rand(i + 1, KC_STREAM_FACT, i, 5));
        differ[1] += __builtin_popcountll(x ^ kc_rand(i, KC_STREAM_STRING, i, 5));
        differ[2] += __builtin_popcountll(x ^ kc_rand(i, KC_STREAM_FACT, i + 1, 5));
        differ[3] += __builtin_popcountll(x ^ kc_rand(i, KC_STREAM_FACT, i, 6));
        assert_true(x == kc_rand(i, KC_STREAM_FACT, i, 5));
    }
    for (int k = 0; k < 4; ++k) /* 32 of 64, deviation 4 / sqrt(N) */
        assert_float_equal((double)differ[k] / N, 32, 5 * 4 / sqrt(N));
}

KC_TEST(numbers_below_n_are_uniform)
{
    static int64_t count[1000];
    const uint64_t sizes[] = {2, 3, 10, 1000};
    for (int k = 0; k < 4; ++k) {
        memset(count, 0, sizeof count);
        for (uint64_t i = 0; i < 200000; ++i) {
            const uint64_t x = kc_rand_below(3, KC_STREAM_FACT, i, 1, sizes[k]);
            assert_true(x < sizes[k]);
            count[x]++;
        }
        assert_true(fabs(uneven(count, (int64_t)sizes[k])) < 4);
    }
    for (uint64_t i = 0; i < 1000; ++i) {
        assert_int_equal(kc_rand_below(3, KC_STREAM_FACT, i, 1, 1), 0);
        assert_true(kc_rand_below(3, KC_STREAM_FACT, i, 1, UINT64_MAX) < UINT64_MAX);
    }
}

KC_TEST(normals_have_their_moments)
{
    enum { N = 400000 };
    double sum[5] = {0}, past = 0, lag = 0;
    int64_t beyond = 0;
    for (uint64_t i = 0; i < N; ++i) {
        const double x = kc_rand_normal(1, KC_STREAM_INIT, i, 0);
        for (int k = 1; k < 5; ++k)
            sum[k] += pow(x, k) / N;
        lag += x * past / N;
        past = x;
        beyond += fabs(x) > 1.959963985;
        assert_true(fabs(x) < 7);
    }
    const double error = 5 / sqrt(N);
    assert_float_equal(sum[1], 0, error);
    assert_float_equal(sum[2], 1, error * sqrt(2));
    assert_float_equal(sum[3], 0, error * sqrt(15));
    assert_float_equal(sum[4], 3, error * sqrt(96));
    assert_float_equal(lag, 0, error);
    assert_float_equal((double)beyond / N, 0.05, error * 0.22);
}

KC_TEST(permutations_hit_each_once)
{
    const uint64_t sizes[] = {1, 2, 3, 4, 5, 10, 16, 17, 1000, 65537};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; ++k)
        for (uint64_t key = 0; key < 3; ++key) {
            char *seen = calloc(sizes[k], 1);
            for (uint64_t i = 0; i < sizes[k]; ++i) {
                const uint64_t to = kc_perm(7, KC_STREAM_SHUFFLE, key, i, sizes[k]);
                assert_true(to < sizes[k] && !seen[to]);
                seen[to] = 1;
            }
            free(seen);
        }
    const uint64_t most = UINT64_C(1) << 62;
    assert_true(kc_perm(7, KC_STREAM_SHUFFLE, 0, most - 1, most) < most);
}

/* Places that two permutations of n share; one is expected, whatever n. */
static int64_t shared(uint64_t seed, kc_stream stream, uint64_t key, uint64_t n)
{
    int64_t same = 0;
    for (uint64_t i = 0; i < n; ++i)
        same += kc_perm(1, KC_STREAM_SHUFFLE, 1, i, n) == kc_perm(seed, stream, key, i, n);
    return same;
}

KC_TEST(permutations_differ_by_key)
{
    assert_int_equal(shared(1, KC_STREAM_SHUFFLE, 1, 5000), 5000);
    assert_in_range(shared(1, KC_STREAM_SHUFFLE, 2, 5000), 0, 8);
    assert_in_range(shared(2, KC_STREAM_SHUFFLE, 1, 5000), 0, 8);
    assert_in_range(shared(1, KC_STREAM_NAME, 1, 5000), 0, 8);
}

KC_TEST(permutations_look_random)
{
    enum { N = 1000, KEYS = 2000 };
    static int64_t where[N];
    double moved = 0, pairs = 0, expected = (N - 1.0 / N) / 3;
    for (uint64_t key = 0; key < KEYS; ++key) {
        const double a = (double)kc_perm(3, KC_STREAM_SHUFFLE, key, key % N, N);
        const double b = (double)kc_perm(3, KC_STREAM_SHUFFLE, key, (key + 1) % N, N);
        moved += fabs(a - (double)(key % N)) / KEYS;
        pairs += fabs(a - b) / KEYS;
        for (uint64_t i = 0; i < 10; ++i)
            where[kc_perm(3, KC_STREAM_SHUFFLE, key, i * 97, N)]++;
    }
    /* The deviation of |a - b| is 0.236 N. */
    assert_float_equal(moved, expected, 5 * 0.236 * N / sqrt(KEYS));
    assert_float_equal(pairs, expected, 5 * 0.236 * N / sqrt(KEYS));
    assert_true(fabs(uneven(where, N)) < 4);
}

/* All orders of three come about equally often. */
KC_TEST(small_permutations_are_fair)
{
    int64_t order[9] = {0};
    for (uint64_t key = 0; key < 60000; ++key)
        order[kc_perm(5, KC_STREAM_SHUFFLE, key, 0, 3) * 3 +
              kc_perm(5, KC_STREAM_SHUFFLE, key, 1, 3)]++;
    for (int i = 0; i < 9; ++i) {
        if (i % 4 == 0)
            assert_int_equal(order[i], 0);
        else
            assert_in_range(order[i], 9000, 11000);
    }
}

KC_TEST_MAIN(NULL, NULL)
