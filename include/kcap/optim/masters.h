/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_OPTIM_MASTERS_H
#define KCAP_OPTIM_MASTERS_H

#include "kcap/config/config.h"
#include "kcap/types/state.h"

/* What a step acts on where that is not the weights that the model computes with (train.method).
 * Forward and backward know these effective weights alone, state->params; after each step they are
 * made anew of the masters, state->masters [n_flat], in one place (kc_method.weights):
 *   full   params are their own masters; no row of functions
 *   lora   params = masters + s A B for some matrices; a step acts on A and B (state->adapters), and
 *          the masters stay what the run began with (arXiv 2106.09685)
 *   quantized  params = masters, the matrices of the blocks (but for routers) at the nearest weights of
 *          few bits (kc_packing), as `kcap quantize --method rtn` has them
 * A method without adapters trains its masters with the gradient of params, straight through. */

/* Trained tensors of a layout of their own, beside the model's; whole and equal on every rank. */
typedef struct kc_adapters {
    kc_layout layout;
    float *params, *m, *v; /* [layout.n_flat] */
} kc_adapters;

typedef struct kc_method {
    /* What is trained beside the model, into layout; one without tensors where nothing is.
     * NULL: the masters are trained. */
    void (*describe)(const kc_config *cfg, const kc_layout *model, kc_layout *layout);

    /* Before the first step. */
    void (*begin)(const kc_config *cfg, kc_adapters *adapters);

    /* The gradient of the adapters from the model's, both summed over all lanes and whole.
     *   room        [kc_method.room] floats
     *   bits        do not depend on the threads */
    void (*gradient)(const kc_config *cfg, const kc_state *state, const float *of_model,
                     float *of_adapters, float *room, int threads);

    /* state->params of state->masters and state->adapters.   room, bits: as above */
    void (*weights)(const kc_config *cfg, kc_state *state, float *room, int threads);

    /* Floats of `room`. */
    int64_t (*room)(const kc_config *cfg, const kc_layout *model);
} kc_method;

/* That of train.method; NULL: the weights are trained themselves. */
const kc_method *kc_method_of(const kc_config *cfg);

/* Elements that a step changes. */
int64_t kc_method_trained(const kc_config *cfg, const kc_layout *model);

extern const kc_method kc_method_lora, kc_method_quantized;

#endif
