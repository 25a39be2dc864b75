/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TYPES_STATE_H
#define KCAP_TYPES_STATE_H

#include <stdint.h>

#include "kcap/types/batch.h"

enum { KC_TENSORS_MAX = 32 };

/* One parameter tensor of TABLE 2, in the flat layout. The global shape (that of the checkpoint's
 * dataset) is [layers, rows, cols] for a matrix of each block, [layers, cols] for a vector of each
 * block, [rows, cols] or [cols] outside the blocks; what is no matrix but has several rows as a
 * matrix. In memory layer l starts at
 * offset + l * stride; the stride is rows * cols rounded up to 16 floats, and what lies between is
 * zero for ever. A tensor of experts is [layers, experts, rows, cols] or [layers, experts, cols];
 * all tensors of one expert lie together, kc_layout.each floats from those of the next. */
typedef struct kc_tensor {
    const char *name, *help;
    int32_t id;         /* what its initial values are drawn by           */
    int32_t n_dims;     /* 1 to 4: of the global shape                    */
    int64_t dims[4];    /* the global shape                               */
    int64_t layers;     /* 1 outside the blocks; 0: this model lacks it   */
    int64_t rows, cols; /* of one layer; rows = 1 for a vector            */
    int64_t stride, offset;
    int32_t per_layer, is_matrix, decays, init; /* init: a kc_init of params.h */
    int32_t of_expert;
} kc_tensor;

/* All tensors of TABLE 2, one after the other in its order; those that a model lacks take no room
 * and no dataset. Experts come last, in order of their number; a rank holds only its own. */
typedef struct kc_layout {
    int32_t n;
    int64_t layers; /* blocks */
    kc_tensor tensor[KC_TENSORS_MAX];
    int64_t n_flat;  /* floats this rank holds, padding included; a multiple of KC_BLOCK */
    int64_t n_dense; /* of these before the first expert; a multiple of KC_BLOCK        */
    int64_t each;    /* floats of one expert, padding included; a multiple of KC_BLOCK  */
    int64_t one;     /* floats of one expert in one block                               */
    int64_t experts, first_expert, here; /* E; this rank's are first ... first + here - 1 */
    int64_t n_params;                    /* P: of all ranks, without padding, tied tensors once */
    int64_t n_used;                      /* of these, what one token goes through               */
} kc_layout;

/* Values of a tensor that lie together: one layer, of one expert where it is of experts. */
typedef struct kc_piece {
    int64_t flat;   /* its first element in the flat layout  */
    int64_t global; /* the same in the tensor's global shape */
    int64_t n;
} kc_piece;

/* Pieces of a tensor on this rank, in flat order, and the i-th of them. */
static inline int64_t kc_tensor_pieces(const kc_layout *layout, const kc_tensor *t)
{
    return t->of_expert ? t->layers * layout->here : t->layers;
}

static inline kc_piece kc_tensor_piece(const kc_layout *layout, const kc_tensor *t, int64_t i)
{
    const int64_t n = t->rows * t->cols;
    if (!t->of_expert)
        return (kc_piece){t->offset + i * t->stride, i * n, n};
    const int64_t expert = i / t->layers, layer = i % t->layers;
    return (kc_piece){t->offset + expert * layout->each + layer * t->stride,
                      (layer * layout->experts + layout->first_expert + expert) * n, n};
}

/* All that a run is, between two steps. Dense weights are whole on each rank, experts' on each rank
 * that has these experts; moments, of what is trained, are sharded: rank r holds those of the dense elements
 * lo[r] ... lo[r+1]-1, and after them those of experts' elements n_dense + expert_lo[0] ... - 1. */
typedef struct kc_state {
    const kc_layout *layout;
    float *params;  /* [n_flat]                             */
    float *masters; /* [n_flat]: what params are made of, see optim/masters.h; NULL: themselves */
    struct kc_adapters *adapters; /* trained beside them; NULL: none. m, v are NULL then */
    float *m, *v;                 /* [lo[rank+1] - lo[rank] + expert_lo[1] - expert_lo[0]] */
    const int64_t *lo;            /* [ranks+1]                            */
    int64_t expert_lo[2];         /* this rank's share of its experts; 0, 0: none */
    int64_t dense_here;           /* lo[rank+1] - lo[rank]                        */
    int64_t step;                 /* optimiser steps done                 */
    int64_t tokens;               /* counted tokens trained on            */
    int64_t n_lanes;              /* L                                    */
    int64_t n_parts;              /* of the corpus                        */
    kc_cursor *cursors;           /* [L, n_parts]: every lane's, equal on all ranks */
} kc_state;

#endif
