/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/base/rng.h"

#include <math.h>

#include <Random123/philox.h>

#include "kcap/base/err.h"

/* The key carries the seed, so the stream goes into the counter beside index and draw. */
uint64_t kc_rand(uint64_t seed, kc_stream stream, uint64_t index, uint32_t draw)
{
    philox4x32_key_t key = {{(uint32_t)seed, (uint32_t)(seed >> 32)}};
    philox4x32_ctr_t counter = {{(uint32_t)index, (uint32_t)(index >> 32), draw, (uint32_t)stream}};
    philox4x32_ctr_t r = philox4x32(counter, key);
    return (uint64_t)r.v[1] << 32 | r.v[0];
}

uint64_t kc_rand_below(uint64_t seed, kc_stream stream, uint64_t index, uint32_t draw, uint64_t n)
{
    KC_CHECK(n > 0, "nothing to choose from (stream %d)", (int)stream);
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)kc_rand(seed, stream, index, draw) * n >> 64);
}

double kc_rand_normal(uint64_t seed, kc_stream stream, uint64_t index, uint32_t draw)
{
    uint64_t bits = kc_rand(seed, stream, index, draw);
    double u = ((double)(uint32_t)bits + 0.5) * 0x1p-32;
    double angle = (double)(uint32_t)(bits >> 32) * (0x1p-31 * M_PI);
    return sqrt(-2 * log(u)) * cos(angle);
}

enum { ROUNDS = 6 };

static uint64_t feistel(uint64_t seed, kc_stream stream, uint64_t key, uint64_t i, int half)
{
    uint64_t mask = (UINT64_C(1) << half) - 1, left = i >> half, right = i & mask;
    for (uint32_t round = 0; round < ROUNDS; ++round) {
        /* The draw separates rounds, and a permutation from plain draws of the same stream. */
        uint64_t f = kc_rand(seed ^ key * UINT64_C(0x9E3779B97F4A7C15), stream, right,
                             UINT32_C(0x80000000) | round);
        uint64_t next = left ^ (f & mask);
        left = right;
        right = next;
    }
    return left << half | right;
}

uint64_t kc_perm(uint64_t seed, kc_stream stream, uint64_t key, uint64_t i, uint64_t n)
{
    KC_CHECK(i < n && n <= UINT64_C(1) << 62, "item %llu of %llu", (unsigned long long)i,
             (unsigned long long)n);
    int half = 1;
    while (half < 31 && UINT64_C(1) << 2 * half < n)
        ++half;
    do
        i = feistel(seed, stream, key, i, half);
    while (i >= n);
    return i;
}
