/* SPDX-License-Identifier: BSD-3-Clause */
/* Rotary positions and attention against double precision. */
#include "models.h"

enum { MAX_THREADS = 3 };

/* Heads of one window, their P and output. */
typedef struct heads_bench {
    kc_shape s;
    float *tables, *qkv, *bias, *P, *out;
    kc_rope rope;
    kc_heads heads;
} heads_bench;

static kc_heads heads_create(const kc_shape *s)
{
    const int64_t n = s->T * s->d;
    return (kc_heads){test_room(n, 4), test_room(n, 4), test_room(n, 4), test_room(n, 4)};
}

static void heads_destroy(kc_heads *h)
{
    free(h->q);
    free(h->k);
    free(h->v);
    free(h->kt);
}

static heads_bench bench_create(int64_t T, int64_t h, int64_t hd, int64_t rot)
{
    const int64_t d = h * hd, half = rot / 2;
    heads_bench b = {
        .s = {.T = T, .d = d, .h = h, .hd = hd, .kv = h, .qkv = 3 * d, .V = 5, .l = 1, .rot = rot}};
    b.tables = test_room(2 * T * half, sizeof(float));
    b.rope = (kc_rope){half, b.tables, b.tables + T * half};
    kc_rope_tables(&b.s, 10000, b.tables, b.tables + T * half);
    b.qkv = noise_of(1, T * 3 * d);
    b.bias = noise_of(2, 3 * d);
    b.heads = heads_create(&b.s);
    b.P = noise_of(3, h * kc_attn_kept(T));
    b.out = test_room(T * d, sizeof(float));
    return b;
}

static void bench_destroy(heads_bench *b)
{
    free(b->tables);
    free(b->qkv);
    free(b->bias);
    free(b->P);
    free(b->out);
    heads_destroy(&b->heads);
}

/* Dimension j of vector `which` (0 q, 1 k, 2 v) of head a at position t, turned in double. */
static double expected(const heads_bench *b, int which, int64_t a, int64_t t, int64_t j)
{
    const kc_shape *s = &b->s;
    const int64_t half = s->rot / 2, at = which * s->d + a * s->hd;
    const float *row = b->qkv + t * 3 * s->d + at, *bias = b->bias + at;
    double x = (double)row[j] + bias[j];
    if (which == 2 || j >= s->rot)
        return x;
    const int64_t pair = j < half ? j : j - half;
    const double angle = (double)t * pow(10000, -2.0 * (double)pair / (double)s->rot);
    const double left = (double)row[pair] + bias[pair];
    const double right = (double)row[pair + half] + bias[pair + half];
    return j < half ? left * cos(angle) - right * sin(angle)
                    : right * cos(angle) + left * sin(angle);
}

static void check_turned(int64_t T, int64_t h, int64_t hd, int64_t rot)
{
    heads_bench b = bench_create(T, h, hd, rot);
    kc_heads_split(&b.s, &b.rope, b.qkv, b.bias, &b.heads, 2);
    const float *vectors[] = {b.heads.q, b.heads.k, b.heads.v};
    for (int which = 0; which < 3; ++which)
        for (int64_t a = 0; a < h; ++a)
            for (int64_t t = 0; t < T; ++t)
                for (int64_t j = 0; j < hd; ++j)
                    assert_float_equal(vectors[which][(a * T + t) * hd + j],
                                       expected(&b, which, a, t, j), 2e-6);
    for (int64_t a = 0; a < h; ++a)
        for (int64_t t = 0; t < T; ++t)
            for (int64_t j = 0; j < hd; ++j)
                assert_true(b.heads.kt[(a * hd + j) * T + t] == b.heads.k[(a * T + t) * hd + j]);
    bench_destroy(&b);
}

static void positions_turn(void **state)
{
    (void)state;
    check_turned(100, 2, 16, 16);
    check_turned(70, 3, 20, 10);
    check_turned(200, 1, 8, 2);
    check_turned(33, 2, 6, 0);
}

/* Turned and unpacked again, less the bias. */
static void merge_undoes_split(void **state)
{
    (void)state;
    heads_bench b = bench_create(90, 3, 12, 6);
    const int64_t n = b.s.T * 3 * b.s.d;
    float *back = noise_of(4, n);
    kc_heads_split(&b.s, &b.rope, b.qkv, b.bias, &b.heads, 1);
    kc_heads grads = b.heads;
    grads.kt = NULL;
    kc_heads_merge(&b.s, &b.rope, &grads, back, 2);
    for (int64_t i = 0; i < n; ++i)
        assert_float_equal(back[i], b.qkv[i] + b.bias[i % (3 * b.s.d)], 2e-6);
    free(back);
    bench_destroy(&b);
}

/* Scores depend on how far apart two positions are, not on where they stand. */
static void only_distance_matters(void **state)
{
    (void)state;
    enum { T = 60, HD = 8 };
    heads_bench b = bench_create(T, 1, HD, HD);
    double dot[2] = {0};
    for (int64_t t = 1; t < T; ++t)
        memcpy(b.qkv + t * 3 * HD, b.qkv, 3 * HD * sizeof(float));
    kc_heads_split(&b.s, &b.rope, b.qkv, b.bias, &b.heads, 1);
    for (int64_t j = 0; j < HD; ++j) {
        dot[0] += (double)b.heads.q[7 * HD + j] * b.heads.k[2 * HD + j];
        dot[1] += (double)b.heads.q[55 * HD + j] * b.heads.k[50 * HD + j];
    }
    assert_float_equal(dot[0], dot[1], 2e-5);
    bench_destroy(&b);
}

static double score(const heads_bench *b, int64_t a, int64_t t, int64_t past)
{
    const int64_t hd = b->s.hd, T = b->s.T;
    double dot = 0;
    for (int64_t j = 0; j < hd; ++j)
        dot += (double)b->heads.q[(a * T + t) * hd + j] * b->heads.k[(a * T + past) * hd + j];
    return exp(dot / sqrt((double)hd));
}

static void check_attention(int64_t T, int64_t h, int64_t hd)
{
    heads_bench b = bench_create(T, h, hd, hd / 4 * 2);
    kc_heads_split(&b.s, &b.rope, b.qkv, b.bias, &b.heads, 1);
    kc_attn_forward(&b.s, &b.heads, b.P, b.out, 1);
    for (int64_t a = 0; a < h; ++a)
        for (int64_t t = 0; t < T; ++t)
            for (int64_t j = 0; j < hd; ++j) {
                double sum = 0, out = 0;
                for (int64_t past = 0; past <= t; ++past) {
                    const double p = score(&b, a, t, past);
                    sum += p;
                    out += p * b.heads.v[(a * T + past) * hd + j];
                }
                assert_float_equal(b.out[t * b.s.d + a * hd + j], out / sum, 5e-6);
            }
    bench_destroy(&b);
}

static void attention_is_softmax_over_the_past(void **state)
{
    (void)state;
    check_attention(1, 1, 4);
    check_attention(64, 2, 6);
    check_attention(65, 1, 8);
    check_attention(200, 3, 4);
}

/* Everything of attention on 1, 2, 3 threads. */
static void threads_leave_bits(void **state)
{
    (void)state;
    heads_bench b = bench_create(140, 5, 12, 6);
    const int64_t n = b.s.T * 3 * b.s.d, room = b.s.h * kc_attn_scratch(&b.s);
    kc_heads grads = heads_create(&b.s);
    float *scratch = test_room(room, sizeof *scratch), *dqkv = test_room(n, sizeof *dqkv);
    float *one = test_room(n, sizeof *one), *dout = noise_of(6, b.s.T * b.s.d);
    for (int threads = 1; threads <= MAX_THREADS; ++threads) {
        for (int64_t i = 0; i < n; ++i)
            dqkv[i] = NAN;
        kc_heads_split(&b.s, &b.rope, b.qkv, b.bias, &b.heads, threads);
        kc_attn_forward(&b.s, &b.heads, b.P, b.out, threads);
        kc_attn_backward(&b.s, &b.heads, b.P, dout, &grads, scratch, threads);
        kc_heads_merge(&b.s, &b.rope, &grads, dqkv, threads);
        if (threads == 1)
            memcpy(one, dqkv, (size_t)n * sizeof *one);
        assert_memory_equal(one, dqkv, (size_t)n * sizeof *one);
    }
    for (int64_t i = 0; i < n; ++i)
        assert_true(isfinite(one[i]));
    heads_destroy(&grads);
    free(scratch);
    free(dqkv);
    free(one);
    free(dout);
    bench_destroy(&b);
}

static int on_kernels(void **state)
{
    (void)state;
    test_kernels();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positions_turn),
        cmocka_unit_test(merge_undoes_split),
        cmocka_unit_test(only_distance_matters),
        cmocka_unit_test(attention_is_softmax_over_the_past),
        cmocka_unit_test(threads_leave_bits),
    };
    return cmocka_run_group_tests(tests, on_kernels, NULL);
}
