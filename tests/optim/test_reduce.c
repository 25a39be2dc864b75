/* SPDX-License-Identifier: BSD-3-Clause */
/* Sums over lanes: one tree whatever the ranks, threads and lanes at a time. */
#include "../comm/grids.h"

#include <math.h>
#include <stdio.h>

#include "kcap/base/sum.h"
#include "kcap/optim/reduce.h"

/* Element i of lane `lane`: sizes from 1e-4 to 1e4, so that every order of adding has its own bits. */
static float element(int64_t lane, int64_t i)
{
    uint32_t x = (uint32_t)(lane * 7919 + i) * 2654435769u;
    x = (x ^ x >> 15) * 2246822519u;
    x ^= x >> 13;
    return ldexpf((float)(x % 2000001) - 1e6f, (int)(x >> 27) % 27 - 33);
}

static float *lane_of(int64_t lane, int64_t n)
{
    float *x = test_room(n, sizeof *x);
    for (int64_t i = 0; i < n; ++i)
        x[i] = element(lane, i);
    return x;
}

/* The sum the tree must have, by recursion: the larger power of two of lanes left, the rest right. */
static float *reference(int64_t first, int64_t lanes, int64_t n)
{
    if (lanes == 1)
        return lane_of(first, n);
    int64_t left_lanes = 1;
    while (2 * left_lanes < lanes)
        left_lanes *= 2;
    float *left = reference(first, left_lanes, n);
    float *right = reference(first + left_lanes, lanes - left_lanes, n);
    for (int64_t i = 0; i < n; ++i)
        left[i] = left[i] + right[i];
    return left;
}

/* The sum of lanes first ... first+lanes-1, `at_once` of them at a time. */
static float *sum_of(int64_t first, int64_t lanes, int at_once, int64_t n, int threads)
{
    const int buffers = kc_tree_buffers(lanes, at_once);
    kc_arena *arena = test_arena();
    kc_tree tree;
    float **grad = test_room(at_once, sizeof *grad), *total = test_room(n, 4);
    kc_tree_create(&tree, n, buffers, arena);
    kc_arena_reserve(arena);
    kc_tree_create(&tree, n, buffers, arena);
    for (int again = 0; again < 2; ++again) { /* a cleared tree is as good as a new one */
        kc_tree_clear(&tree);
        assert_int_equal(tree.n_free, buffers);
        for (int64_t from = 0; from < lanes; from += at_once) {
            const int here = (int)(lanes - from < at_once ? lanes - from : at_once);
            for (int i = 0; i < here; ++i)
                grad[i] = kc_tree_buffer(&tree);
            for (int i = 0; i < here; ++i)
                for (int64_t k = 0; k < n; ++k)
                    grad[i][k] = element(first + from + i, k);
            for (int i = 0; i < here; ++i)
                kc_tree_add(&tree, grad[i], threads);
        }
        memcpy(total, kc_tree_total(&tree, threads), (size_t)n * sizeof *total);
    }
    return total;
}

KC_TEST(the_tree_is_the_tree)
{
    const kc_grid *g = *state;
    enum { N = KC_BLOCK + 100 };
    if (g->size > 1)
        return; /* says nothing of ranks */
    for (int64_t lanes = 1; lanes <= 16; ++lanes) {
        float *want = reference(0, lanes, N);
        for (int at_once = 1; at_once <= lanes; ++at_once) {
            float *total = sum_of(0, lanes, at_once, N, 1 + at_once % 3);
            assert_memory_equal(total, want, N * sizeof *want);
        }
    }
}

/* As many lanes at a time as a large node has threads. */
KC_TEST(many_lanes_at_a_time_have_their_buffers)
{
    const kc_grid *g = *state;
    enum { N = 50, LANES = 200 };
    if (g->size > 1)
        return;
    float *want = reference(0, LANES, N), *total = sum_of(0, LANES, LANES, N, 1);
    for (int i = 0; i < N; ++i)
        assert_float_equal(total[i], want[i], 1e-4 * fabsf(want[i]) + 1e-4);
}

/* The data must tell a tree from a chain, or the test above proves nothing. */
KC_TEST(another_order_has_other_bits)
{
    enum { N = 1000 };
    float *want = reference(0, 8, N), *chain = lane_of(0, N);
    int64_t differ = 0;
    for (int64_t lane = 1; lane < 8; ++lane)
        for (int64_t i = 0; i < N; ++i)
            chain[i] = chain[i] + element(lane, i);
    for (int64_t i = 0; i < N; ++i)
        differ += chain[i] != want[i];
    assert_true(differ > N / 10);
}

KC_TEST(slices_cover_everything)
{
    const kc_grid *g = *state;
    int64_t *lo = test_room(g->size + 1, sizeof *lo);
    for (int64_t blocks = 1; blocks < 40; ++blocks) {
        kc_slices(g, blocks * KC_BLOCK, lo);
        assert_int_equal(lo[0], 0);
        assert_int_equal(lo[g->size], blocks * KC_BLOCK);
        for (int r = 0; r < g->size; ++r) {
            assert_int_equal(lo[r] % KC_BLOCK, 0);
            assert_in_range((lo[r + 1] - lo[r]) / KC_BLOCK, blocks / g->size,
                            (blocks + g->size - 1) / g->size);
        }
    }
    assert_same_on_all(g, lo, ((size_t)g->size + 1) * sizeof *lo);
    assert_int_equal(kc_slices_round(g) % KC_BLOCK, 0);
    assert_in_range(kc_slices_round(g) * g->size * 4, 1, 4 << 20);
}

/* In an arena of its own, which it fills. */
static kc_reducer reducer_for(const kc_grid *g, int64_t n)
{
    kc_arena *arena = test_arena();
    kc_reducer r;
    kc_reducer_create(&r, g, n, arena);
    kc_arena_reserve(arena);
    kc_reducer_create(&r, g, n, arena);
    assert_int_equal(arena->used, arena->bytes);
    return r;
}

/* What one rank alone has for the norm of this gradient. */
static double norm_alone(const kc_grid *g, float *total, int64_t n)
{
    alone self;
    alone_create(&self, g);
    kc_reducer r = reducer_for(&self.grid, n);
    assert_ptr_equal(kc_grads_reduce(&r, &self.grid, total, 1), total);
    return sqrt(kc_grads_square(&r, &self.grid, NULL, total, NULL, 1));
}

static void check_norm(const kc_grid *g, kc_reducer *r, const float *own, float *whole, int64_t n)
{
    double square = 0, norm = sqrt(kc_grads_square(r, g, NULL, own, NULL, 1)),
           norm2 = sqrt(kc_grads_square(r, g, NULL, own, NULL, 2));
    for (int64_t i = 0; i < n; ++i)
        square += (double)whole[i] * whole[i];
    assert_float_equal(norm / sqrt(square), 1, 1e-12);
    assert_memory_equal(&norm, &norm2, sizeof norm);
    assert_same_on_all(g, &norm, sizeof norm);
    const double one = norm_alone(g, whole, n);
    assert_memory_equal(&norm, &one, sizeof norm);
}

/* Sum over ranks of what each rank added, pairwise in rank order: the tree over all lanes. */
static float *reference_of_ranks(int first, int ranks, int64_t lanes_each, int64_t n)
{
    if (ranks == 1)
        return reference(first * lanes_each, lanes_each, n);
    int left_ranks = 1;
    while (2 * left_ranks < ranks)
        left_ranks *= 2;
    float *left = reference_of_ranks(first, left_ranks, lanes_each, n);
    float *right = reference_of_ranks(first + left_ranks, ranks - left_ranks, lanes_each, n);
    kc_add(left, right, n, 1);
    return left;
}

static void check_reduce(const kc_grid *g, int64_t lanes, int64_t blocks)
{
    const int64_t n = blocks * KC_BLOCK, here = lanes / g->size;
    const int power = (lanes & (lanes - 1)) == 0;
    float *want = power ? reference(0, lanes, n) : reference_of_ranks(0, g->size, here, n);
    for (int threads = 1; threads <= 1 + (blocks == 5); ++threads) {
        float *total = sum_of(g->rank * here, here, 1, n, threads);
        kc_reducer r = reducer_for(g, n);
        const int64_t lo = r.lo[g->rank], hi = r.lo[g->rank + 1];
        const float *own = kc_grads_reduce(&r, g, total, threads);
        assert_memory_equal(own, want + lo, (size_t)(hi - lo) * sizeof *own);
        check_norm(g, &r, own, want, n);
        for (int64_t i = 0; i < n; ++i)
            total[i] = i >= lo && i < hi ? own[i - lo] : NAN;
        kc_slices_gather(g, total, r.lo);
        assert_memory_equal(total, want, (size_t)n * sizeof *want);
    }
}

KC_TEST(any_number_of_ranks_has_the_same_sum)
{
    const kc_grid *g = *state;
    for (int64_t lanes = g->size; lanes <= 16; lanes *= 2)
        for (int64_t blocks = 1; blocks < 8; blocks += 2)
            check_reduce(g, lanes, blocks);
}

/* More than travels in one round, and slices that end in different rounds. */
KC_TEST(long_slices_travel_in_rounds)
{
    const kc_grid *g = *state;
    const int64_t round = kc_slices_round(g) / KC_BLOCK;
    check_reduce(g, 4, round * g->size + g->size / 2);
    check_reduce(g, 4, 2 * round * g->size + 1);
}

KC_TEST(other_numbers_of_lanes_work)
{
    const kc_grid *g = *state;
    for (int64_t each = 1; each <= 7; each += 2)
        check_reduce(g, each * g->size, 5);
}

KC_TEST(the_reducer_knows_its_bytes)
{
    const kc_grid *g = *state;
    for (int64_t n = KC_BLOCK; n < 50 * KC_BLOCK; n += 7 * KC_BLOCK)
        reducer_for(g, n);
}

KC_TEST_MAIN(all_ranks, all_ranks_stop)
