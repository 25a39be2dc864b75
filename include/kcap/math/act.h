/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_MATH_ACT_H
#define KCAP_MATH_ACT_H

#include "kcap/math/mat.h"

/* The hidden layer of an MLP between its two products. Threads and exponential as in ops.h. */

/* Activations: silu(u) = u / (1 + exp(-u)), and gelu in the tanh form of GPT-2,
 * u / (1 + exp(-2 z)) with z = sqrt(2/pi) (u + 0.044715 u^3); gelu_erf(u) = u Phi(u), Phi the normal
 * distribution (Hendrycks and Gimpel, arXiv 1606.08415). */
typedef enum kc_act { KC_GELU, KC_SILU, KC_GELU_ERF } kc_act;

/* u += bias by rows (NULL: none); g = act(u). u keeps the pre-activation for backward. */
void kc_act_forward(kc_mat g, kc_mat u, const float *bias, kc_act act, int threads);

/* u becomes du = dg act'(u). */
void kc_act_backward(kc_mat u, kc_mat dg, kc_act act, int threads);

/* Gated (Shazeer, arXiv 2002.05202, equation 6): u [n, 2f] holds the gate, then what it gates;
 * u += bias by rows (NULL: none); g [n, f] = act(gate) * up. */
void kc_gate_forward(kc_mat g, kc_mat u, const float *bias, kc_act act, int threads);

/* u becomes du: dgate = dg up act'(gate), dup = dg act(gate). */
void kc_gate_backward(kc_mat u, kc_mat dg, kc_act act, int threads);

#endif
