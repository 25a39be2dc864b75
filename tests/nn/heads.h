/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_NN_HEADS_H
#define KCAP_TESTS_NN_HEADS_H

#include "models.h"
#include "nn/attn.h"

/* Query heads, and the key-value heads they share. */
typedef struct head_count {
    int64_t h, kv;
} head_count;

/* Heads of one window, their P and output. */
typedef struct heads_bench {
    kc_shape s;
    float *tables, *qkv, *bias, *P, *out;
    kc_rope rope;
    kc_heads heads;
} heads_bench;

static inline kc_heads heads_create(const kc_shape *s)
{
    const int64_t n = s->T * s->d;
    return (kc_heads){.q = test_room(n, 4), .k = test_room(n, 4), .v = test_room(n, 4)};
}

static inline heads_bench bench_create(int64_t T, head_count heads, int64_t hd, int64_t rot)
{
    const int64_t h = heads.h, d = h * hd, qkv = d + 2 * heads.kv * hd, half = rot / 2;
    heads_bench b = {.s = {.T = T,
                           .d = d,
                           .dh = d,
                           .h = h,
                           .hd = hd,
                           .kv = heads.kv,
                           .qkv = qkv,
                           .V = 5,
                           .l = 1,
                           .rot = rot}};
    b.tables = test_room(2 * T * half, sizeof(float));
    b.rope = (kc_rope){half, b.tables, b.tables + T * half};
    kc_rope_tables(&b.s, &(kc_model_keys){.rotary_base = 10000}, b.tables, b.tables + T * half);
    b.qkv = noise_of(1, T * qkv);
    b.bias = noise_of(2, qkv);
    b.heads = heads_create(&b.s);
    b.P = noise_of(3, h * kc_attn_kept(T));
    b.out = test_room(T * d, sizeof(float));
    return b;
}

#endif
