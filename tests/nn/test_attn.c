/* SPDX-License-Identifier: BSD-3-Clause */
/* Causal attention, with and without shared keys and values, against double precision. */
#include "heads.h"

enum { MAX_THREADS = 3 };

/* The softmax of one query head in double: P [T, T]. */
static double *weights_of(const heads_bench *b, int64_t a)
{
    const int64_t hd = b->s.hd, T = b->s.T;
    const float *q = b->heads.q + a * T * hd, *k = b->heads.k + a / (b->s.h / b->s.kv) * T * hd;
    double *P = test_room(T * T, sizeof *P);
    for (int64_t t = 0; t < T; ++t) {
        double sum = 0;
        for (int64_t past = 0; past <= t; ++past) {
            double dot = 0;
            for (int64_t j = 0; j < hd; ++j)
                dot += (double)q[t * hd + j] * k[past * hd + j];
            sum += P[t * T + past] = exp(dot / sqrt((double)hd));
        }
        for (int64_t past = 0; past <= t; ++past)
            P[t * T + past] /= sum;
    }
    return P;
}

static void check_forward(const heads_bench *b, int64_t a, const double *P)
{
    const int64_t hd = b->s.hd, T = b->s.T;
    const float *v = b->heads.v + a / (b->s.h / b->s.kv) * T * hd;
    for (int64_t t = 0; t < T; ++t)
        for (int64_t j = 0; j < hd; ++j) {
            double out = 0;
            for (int64_t past = 0; past <= t; ++past)
                out += P[t * T + past] * v[past * hd + j];
            assert_float_equal(b->out[t * b->s.d + a * hd + j], out, 5e-6);
        }
}

/* dP = dout v^T and dS = P (dP - rowsum(dP P)) / sqrt(hd), in double. */
static double *slopes_of(const heads_bench *b, int64_t a, const double *P, const float *dout)
{
    const int64_t hd = b->s.hd, T = b->s.T;
    const float *v = b->heads.v + a / (b->s.h / b->s.kv) * T * hd;
    double *dS = test_room(T * T, sizeof *dS);
    for (int64_t t = 0; t < T; ++t) {
        double sum = 0;
        for (int64_t past = 0; past <= t; ++past) {
            for (int64_t j = 0; j < hd; ++j)
                dS[t * T + past] += (double)dout[t * b->s.d + a * hd + j] * v[past * hd + j];
            sum += dS[t * T + past] * P[t * T + past];
        }
        for (int64_t past = 0; past <= t; ++past)
            dS[t * T + past] = P[t * T + past] * (dS[t * T + past] - sum) / sqrt((double)hd);
    }
    return dS;
}

/* dq = dS k, dk = dS^T q, dv = P^T dout of one query head. */
static void check_backward(const heads_bench *b, int64_t a, const double *P, const float *dout,
                           const kc_heads *grads)
{
    const int64_t hd = b->s.hd, T = b->s.T, at = a * T * hd;
    const float *q = b->heads.q + at, *k = b->heads.k + a / (b->s.h / b->s.kv) * T * hd;
    double *dS = slopes_of(b, a, P, dout);
    for (int64_t t = 0; t < T; ++t)
        for (int64_t j = 0; j < hd; ++j) {
            double dq = 0, dk = 0, dv = 0;
            for (int64_t i = 0; i < T; ++i) {
                dq += dS[t * T + i] * k[i * hd + j];
                dk += dS[i * T + t] * q[i * hd + j];
                dv += P[i * T + t] * dout[i * b->s.d + a * hd + j];
            }
            assert_float_equal(grads->q[at + t * hd + j], dq, 1e-5);
            assert_float_equal(grads->k[at + t * hd + j], dk, 1e-5);
            assert_float_equal(grads->v[at + t * hd + j], dv, 1e-5);
        }
}

static void check_attention(int64_t T, head_count heads, int64_t hd)
{
    heads_bench b = bench_create(T, heads, hd, hd / 4 * 2);
    kc_heads grads = heads_create(&b.s);
    float *scratch = noise_of(7, b.s.h * kc_attn_scratch(&b.s)), *dout = noise_of(6, T * b.s.d);
    for (int64_t i = 0; i < T * b.s.d; ++i)
        grads.q[i] = grads.k[i] = grads.v[i] = NAN; /* overwritten */
    kc_heads_split(&b.s, &b.rope, b.qkv, b.bias, &b.heads, 1);
    kc_attn_forward(&b.s, &b.heads, b.P, b.out, scratch, 1);
    kc_attn_backward(&b.s, &b.heads, b.P, dout, &grads, scratch, 1);
    for (int64_t a = 0; a < heads.h; ++a) {
        double *P = weights_of(&b, a);
        check_forward(&b, a, P);
        check_backward(&b, a, P, dout, &grads);
    }
}

KC_TEST(attention_is_softmax_over_the_past)
{
    check_attention(1, (head_count){1, 1}, 4);
    check_attention(64, (head_count){2, 2}, 6);
    check_attention(65, (head_count){1, 1}, 8);
    check_attention(200, (head_count){3, 3}, 4);
    check_attention(70, (head_count){2, 2}, 7);
}

KC_TEST(heads_share_keys_and_values)
{
    check_attention(70, (head_count){3, 1}, 6);
    check_attention(130, (head_count){4, 2}, 10);
    check_attention(65, (head_count){6, 2}, 4);
}

/* Everything of attention on 1, 2, 3 threads. */
static void check_threads(head_count heads)
{
    heads_bench b = bench_create(140, heads, 12, 6);
    const int64_t n = b.s.T * b.s.qkv, room = b.s.h * kc_attn_scratch(&b.s);
    kc_heads grads = heads_create(&b.s);
    float *scratch = test_room(room, sizeof *scratch), *dqkv = test_room(n, sizeof *dqkv);
    float *one = test_room(n, sizeof *one), *dout = noise_of(6, b.s.T * b.s.d);
    for (int threads = 1; threads <= MAX_THREADS; ++threads) {
        for (int64_t i = 0; i < n; ++i)
            dqkv[i] = NAN;
        kc_heads_split(&b.s, &b.rope, b.qkv, b.bias, &b.heads, threads);
        kc_attn_forward(&b.s, &b.heads, b.P, b.out, scratch, threads);
        kc_attn_backward(&b.s, &b.heads, b.P, dout, &grads, scratch, threads);
        kc_heads_merge(&b.s, &b.rope, &grads, dqkv, threads);
        if (threads == 1)
            memcpy(one, dqkv, (size_t)n * sizeof *one);
        assert_memory_equal(one, dqkv, (size_t)n * sizeof *one);
    }
    for (int64_t i = 0; i < n; ++i)
        assert_true(isfinite(one[i]));
}

KC_TEST(threads_leave_bits)
{
    check_threads((head_count){5, 5});
    check_threads((head_count){6, 2});
    check_threads((head_count){3, 1});
}

static int on_kernels(void **state)
{
    (void)state;
    test_kernels();
    return 0;
}

KC_TEST_MAIN(on_kernels, NULL)
