/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_PARAMS_H
#define KCAP_NN_PARAMS_H

#include "kcap/nn/params.def"
#include "kcap/nn/shapes.h"
#include "kcap/types/state.h"

/* Index of a tensor in kc_layout.tensor: KC_P_wte, ... */
#define KC_INDEX(id, name, scope, when, shape, init, help) KC_P_##name,
enum { KC_PARAMS(KC_INDEX) KC_P_COUNT };
#undef KC_INDEX

typedef enum kc_init {
    KC_INIT_NORMAL,
    KC_INIT_RESIDUAL,
    KC_INIT_ZERO,
    KC_INIT_ONE,
    KC_INIT_HALF
} kc_init;

/* All weights of a model: w in the flat layout, wt with each matrix transposed at the same place as a
 * factor of products (kc_gemm_factor). Views. */
typedef struct kc_weights {
    const kc_layout *layout;
    const float *w, *wt;
} kc_weights;

/* KC_EINPUT, naming keys, where a model of this shape has more parameters than are numbered (2^48). */
int kc_layout_fits(const kc_shape *s, kc_error *e);

/* The flat layout of a shape that fits, from TABLE 2: every row has its tensor at its own index; one that the
 * architecture lacks has 0 layers. P = layout->n_params is, for arXiv 2404.05405's GPT-2,
 * l (12 d^2 + 13 d) + V d + 2 d. */
void kc_layout_of(const kc_shape *s, kc_layout *layout);

/* The same on a rank that holds part `part` of `parts` equal ones of the experts. */
void kc_layout_part(const kc_shape *s, int part, int parts, kc_layout *layout);

/* Initial weights into w [n_flat]: functions of (seed, tensor, element), zero in the padding.
 *   bits        the same on every rank */
void kc_params_init(const kc_layout *layout, uint64_t seed, double std, float *w);

/* wt from w, matrix by matrix, on `threads` threads, for the kernels chosen by then. */
void kc_params_transpose(const kc_layout *layout, const float *w, float *wt, int threads);

/* Layer `layer` of tensor `index` (a KC_P_...) inside a flat array. */
static inline const float *kc_at(const kc_layout *layout, const float *flat, int index,
                                 int64_t layer)
{
    const kc_tensor *t = &layout->tensor[index];
    return flat + t->offset + layer * t->stride;
}

/* The same of the tensor of this rank's expert `expert`, counted from 0 on each rank. */
static inline const float *kc_at_expert(const kc_layout *layout, const float *flat, int index,
                                        int64_t layer, int64_t expert)
{
    return kc_at(layout, flat, index, layer) + expert * layout->each;
}

/* n_flat of a rank that holds all experts. */
static inline int64_t kc_params_all(const kc_layout *layout)
{
    return layout->n_dense + layout->experts * layout->each;
}

/* Which tensor and layer element i belongs to, in the flat layout of a rank that holds all experts;
 * *layer is set. Padding belongs to the tensor before it. */
int kc_params_find(const kc_layout *layout, int64_t i, int64_t *layer);

/* Which expert it belongs to; -1: none. */
int64_t kc_params_expert(const kc_layout *layout, int64_t i);

#endif
