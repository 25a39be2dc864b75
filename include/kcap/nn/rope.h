/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_ROPE_H
#define KCAP_NN_ROPE_H

#include "kcap/nn/shapes.h"

/* Rotary positions (Su et al., arXiv 2104.09864) in the half-split order of GPT-NeoX: dimensions j
 * and j + rot/2 of a head turn together by t base^(-2j/rot), slower where model.rotary_scaling says so;
 * dimensions from rot on stay. */
typedef struct kc_rope {
    int64_t half;           /* rot / 2                   */
    const float *cos, *sin; /* [T, half]                 */
} kc_rope;

/* Fill cos and sin [T, rot/2], in double rounded once. */
void kc_rope_tables(const kc_shape *s, const kc_model_keys *keys, float *cosines, float *sines);

/* Heads of one window, packed: q [h, T, hd], k and v [kv, T, hd]. Their gradients have h heads of
 * each. Views. */
typedef struct kc_heads {
    float *q, *k, *v;
    /* Forward, of positions first ... end - 1 alone, where k and v of those before are there already;
     * end 0: of all. */
    int64_t first, end;
} kc_heads;

/* From qkv [T, qkv] and its bias [qkv] (NULL: none): add the bias, rotate q and k, pack. */
void kc_heads_split(const kc_shape *s, const kc_rope *rope, const float *qkv, const float *bias,
                    const kc_heads *heads, int threads);

/* From gradients in the packed, rotated form, h heads of each, to dqkv [T, qkv]: those
 * of the query heads that share a key and value added in their order (in place of the first),
 * turned back and unpacked. */
void kc_heads_merge(const kc_shape *s, const kc_rope *rope, const kc_heads *grads, float *dqkv,
                    int threads);

#endif
