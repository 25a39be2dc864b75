/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_ATTN_H
#define KCAP_NN_ATTN_H

#include "kcap/nn/rope.h"

/* Causal attention of one window, head by head, in blocks of KC_ATTN_ROWS query rows that see only
 * the columns they need: the upper triangle is never computed. P is kept for backward. */
enum { KC_ATTN_ROWS = 64 };

/* Floats of P of one head: row block i holds its rows times the columns up to its own last one. */
int64_t kc_attn_kept(int64_t T);

/* Floats of scratch that each head needs: two factors of its products [T, hd], one block of
 * dS [KC_ATTN_ROWS, T]. */
int64_t kc_attn_scratch(const kc_shape *s);

/* P = softmax(q k^T / sqrt(hd)) over the past; out [T, dh] = the heads' P v side by side.
 *   P       [h, kc_attn_kept]
 *   scratch [h, kc_attn_scratch]
 *   threads the heads are split over them; inside a head all is serial */
void kc_attn_forward(const kc_shape *s, const kc_heads *heads, float *P, float *out, float *scratch,
                     int threads);

/* From dout [T, dh] to the gradients of packed q, k, v, h heads of each (overwritten).
 *   scratch [h, kc_attn_scratch] */
void kc_attn_backward(const kc_shape *s, const kc_heads *heads, const float *P, const float *dout,
                      const kc_heads *grads, float *scratch, int threads);

#endif
