/* SPDX-License-Identifier: BSD-3-Clause */
/* Rotary positions against double precision. */
#include "heads.h"

/* Dimension j of vector `which` (0 q, 1 k, 2 v) of head a at position t, turned in double. */
static double expected(const heads_bench *b, int which, int64_t a, int64_t t, int64_t j)
{
    const kc_shape *s = &b->s;
    const int64_t half = s->rot / 2, starts[] = {0, s->d, s->d + s->kv * s->hd};
    const int64_t at = starts[which] + a * s->hd;
    const float *row = b->qkv + t * s->qkv + at, *bias = b->bias ? b->bias + at : NULL;
    double x = (double)row[j] + (bias ? bias[j] : 0);
    if (which == 2 || j >= s->rot)
        return x;
    const int64_t pair = j < half ? j : j - half;
    const double angle = (double)t * pow(10000, -2.0 * (double)pair / (double)s->rot);
    const double left = (double)row[pair] + (bias ? bias[pair] : 0);
    const double right = (double)row[pair + half] + (bias ? bias[pair + half] : 0);
    return j < half ? left * cos(angle) - right * sin(angle)
                    : right * cos(angle) + left * sin(angle);
}

static void check_split(const heads_bench *b)
{
    const int64_t T = b->s.T, hd = b->s.hd;
    const float *vectors[] = {b->heads.q, b->heads.k, b->heads.v};
    for (int which = 0; which < 3; ++which)
        for (int64_t a = 0; a < (which ? b->s.kv : b->s.h); ++a)
            for (int64_t t = 0; t < T; ++t)
                for (int64_t j = 0; j < hd; ++j)
                    assert_float_equal(vectors[which][(a * T + t) * hd + j],
                                       expected(b, which, a, t, j), 2e-6);
}

static void check_turned(int64_t T, head_count heads, int64_t hd, int64_t rot)
{
    heads_bench b = bench_create(T, heads, hd, rot);
    kc_heads_split(&b.s, &b.rope, b.qkv, b.bias, &b.heads, 2);
    check_split(&b);
    b.bias = NULL;
    kc_heads_split(&b.s, &b.rope, b.qkv, NULL, &b.heads, 2);
    check_split(&b);
}

KC_TEST(positions_turn)
{
    check_turned(100, (head_count){2, 2}, 16, 16);
    check_turned(70, (head_count){3, 3}, 20, 10);
    check_turned(200, (head_count){1, 1}, 8, 2);
    check_turned(33, (head_count){2, 2}, 7, 0);
    check_turned(70, (head_count){4, 2}, 10, 10);
    check_turned(65, (head_count){3, 1}, 6, 4);
}

/* What the packed gradients of query heads `first` ... of `n` come to in one row of dqkv, turned
 * back in double. */
static double unturned(const heads_bench *b, const float *grads, int64_t first, int64_t n,
                       int turned, int64_t t, int64_t j)
{
    const kc_shape *s = &b->s;
    const int64_t half = s->rot / 2, pair = j < half ? j : j - half;
    double at = 0, left = 0, right = 0;
    for (int64_t a = first; a < first + n; ++a) {
        const float *g = grads + (a * s->T + t) * s->hd;
        at += g[j];
        left += g[pair];
        right += pair + half < s->hd ? g[pair + half] : 0;
    }
    if (!turned || j >= s->rot)
        return at;
    const double angle = (double)t * pow(10000, -2.0 * (double)pair / (double)s->rot);
    return j < half ? left * cos(angle) + right * sin(angle)
                    : right * cos(angle) - left * sin(angle);
}

/* Gradients of the query heads that share a key and a value are added. */
static void check_merge(int64_t T, head_count heads, int64_t hd, int64_t rot)
{
    heads_bench b = bench_create(T, heads, hd, rot);
    const int64_t n = T * b.s.d, shared = heads.h / heads.kv;
    const kc_heads grads = {.q = noise_of(5, n), .k = noise_of(6, n), .v = noise_of(7, n)};
    kc_heads kept = {.q = noise_of(5, n), .k = noise_of(6, n), .v = noise_of(7, n)};
    float *dqkv = noise_of(4, T * b.s.qkv);
    kc_heads_merge(&b.s, &b.rope, &grads, dqkv, 2);
    for (int64_t t = 0; t < T; ++t)
        for (int64_t i = 0; i < b.s.qkv; ++i) {
            const int64_t a = i / hd, j = i % hd, k = a - heads.h, v = k - heads.kv;
            const double right = k < 0   ? unturned(&b, kept.q, a, 1, 1, t, j)
                                 : v < 0 ? unturned(&b, kept.k, k * shared, shared, 1, t, j)
                                         : unturned(&b, kept.v, v * shared, shared, 0, t, j);
            assert_float_equal(dqkv[t * b.s.qkv + i], right, 4e-6);
        }
}

KC_TEST(gradients_turn_back)
{
    check_merge(90, (head_count){3, 3}, 12, 6);
    check_merge(90, (head_count){3, 1}, 12, 12);
    check_merge(65, (head_count){6, 2}, 10, 4);
    check_merge(33, (head_count){4, 2}, 7, 0);
}

/* Turned and unpacked again, less the bias. */
KC_TEST(merge_undoes_split)
{
    heads_bench b = bench_create(90, (head_count){3, 3}, 12, 6);
    const int64_t n = b.s.T * 3 * b.s.d;
    float *back = noise_of(4, n);
    kc_heads_split(&b.s, &b.rope, b.qkv, b.bias, &b.heads, 1);
    kc_heads_merge(&b.s, &b.rope, &b.heads, back, 2);
    for (int64_t i = 0; i < n; ++i)
        assert_float_equal(back[i], b.qkv[i] + b.bias[i % (3 * b.s.d)], 2e-6);
}

/* Scores depend on how far apart two positions are, not on where they stand. */
KC_TEST(only_distance_matters)
{
    enum { T = 60, HD = 8 };
    heads_bench b = bench_create(T, (head_count){1, 1}, HD, HD);
    double dot[2] = {0};
    for (int64_t t = 1; t < T; ++t)
        memcpy(b.qkv + t * 3 * HD, b.qkv, 3 * HD * sizeof(float));
    kc_heads_split(&b.s, &b.rope, b.qkv, b.bias, &b.heads, 1);
    for (int64_t j = 0; j < HD; ++j) {
        dot[0] += (double)b.heads.q[7 * HD + j] * b.heads.k[2 * HD + j];
        dot[1] += (double)b.heads.q[55 * HD + j] * b.heads.k[50 * HD + j];
    }
    assert_float_equal(dot[0], dot[1], 2e-5);
}

KC_TEST_MAIN(NULL, NULL)
