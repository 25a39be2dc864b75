/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_OPTIM_ADAMW_H
#define KCAP_OPTIM_ADAMW_H

#include "kcap/types/state.h"

/* One AdamW update (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2, decay scaled by the rate
 * as in PyTorch). `scale` multiplies the gradient first: 1 / tokens, and clipping. */
typedef struct kc_adamw {
    double lr, beta1, beta2, eps, weight_decay, scale;
    int64_t t;  /* number of this update, from 1               */
    int others; /* what Muon does not take alone, of a layout */
} kc_adamw;

/* Factor that clips a gradient of this norm: min(1, clip / (norm + 1e-6)); 1 when clip is 0. */
double kc_clip_factor(double norm, double clip);

/* Update plain arrays of n elements in place: of a model, or of a head or an adapter beside one.
 *   m, v        both moments, zero before the first update
 *   grads       as they were added up; adam->scale makes them the mean, clipped
 *   adam        weight_decay 0 for what does not decay (norms, biases)
 *   collective  no
 *   bits        each element's depend on itself alone */
void kc_adamw_update(float *params, const float *grads, float *m, float *v, int64_t n,
                     const kc_adamw *adam, int threads);

/* Update elements lo ... hi-1 of the flat layout, all dense or all of experts: masters, or params where
 * there are none, [n_flat], grad [hi - lo], and the moments of state where kc_state has them.
 * Tensors that do not decay (TABLE 2) take no weight decay.  collective, bits: as above */
void kc_adamw_step(const kc_layout *layout, const kc_adamw *adam, int64_t lo, int64_t hi,
                   const kc_state *state, const float *grad, int threads);

#endif
