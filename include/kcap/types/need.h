/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TYPES_NEED_H
#define KCAP_TYPES_NEED_H

#include <stddef.h>

/* What a rank's memory is for, once: N(name, "what it holds"). */
#define KC_NEEDS(N)                                                                                \
    N(weights_bytes, "weights, whole on every rank; of experts this rank's")                       \
    N(transposed_bytes, "transposed copy of the weights")                                          \
    N(moments_bytes, "two moments of this rank's slice; of Muon's matrices one is in use")         \
    N(gradients_bytes, "gradients: the lanes in flight and the tree over lanes")                   \
    N(exchange_bytes, "parts of the gradient from other ranks, norms; Muon's matrix at work")      \
    N(activations_bytes, "activations and scratch of the lanes in flight")                         \
    N(batches_bytes, "tokens, documents, cursors and reports of lanes")                            \
    N(measurement_bytes, "activations and sums while measuring")

#define KC_NEED(name, help) KC_##name,
typedef enum kc_need { KC_NEEDS(KC_NEED) KC_N_NEEDS } kc_need;
#undef KC_NEED

/* Bytes by what they are for. */
typedef struct kc_needs {
    size_t bytes[KC_N_NEEDS];
} kc_needs;

#endif
