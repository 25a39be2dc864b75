/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TYPES_STATE_H
#define KCAP_TYPES_STATE_H

#include <stdint.h>

#include "kcap/types/batch.h"

enum { KC_TENSORS_MAX = 32 };

/* One parameter tensor of TABLE 2, in the flat layout. The global shape (that of the checkpoint's
 * dataset) is [layers, rows, cols] for a matrix of each block, [layers, cols] for a vector of each
 * block, [rows, cols] or [cols] outside the blocks. In memory layer l starts at
 * offset + l * stride; the stride is rows * cols rounded up to 16 floats, and what lies between is
 * zero for ever. */
typedef struct kc_tensor {
    const char *name, *help;
    int32_t n_dims;     /* 1, 2 or 3: of the global shape                 */
    int64_t dims[3];    /* the global shape                               */
    int64_t layers;     /* 1 outside the blocks; 0: this model lacks it   */
    int64_t rows, cols; /* of one layer; rows = 1 for a vector            */
    int64_t stride, offset;
    int32_t per_layer, is_matrix, decays, init; /* init: a kc_init of params.h */
} kc_tensor;

/* All tensors of TABLE 2, one after the other in its order; those that a model lacks take no room
 * and no dataset. */
typedef struct kc_layout {
    int32_t n;
    kc_tensor tensor[KC_TENSORS_MAX];
    int64_t n_flat;   /* floats of the flat layout, padding included; a multiple of KC_BLOCK */
    int64_t n_params; /* P: without padding, tied tensors once                         */
} kc_layout;

/* All that a run is, between two steps. Weights are whole on each rank; moments are sharded: rank r
 * holds the flat elements lo[r] ... lo[r+1]-1. */
typedef struct kc_state {
    const kc_layout *layout;
    float *params;      /* [n_flat]                             */
    float *m, *v;       /* [lo[rank+1] - lo[rank]]              */
    const int64_t *lo;  /* [ranks+1]                            */
    int64_t step;       /* optimiser steps done                 */
    int64_t tokens;     /* counted tokens trained on            */
    int64_t n_lanes;    /* L                                    */
    kc_cursor *cursors; /* [L]: every lane's, equal on all ranks */
} kc_state;

#endif
