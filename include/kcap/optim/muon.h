/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_OPTIM_MUON_H
#define KCAP_OPTIM_MUON_H

#include "kcap/base/arena.h"
#include "kcap/types/state.h"

/* Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon) of the matrices of the blocks, experts'
 * and router's too, with the scale and decay of Moonlight (arXiv 2502.16982, equation 4), which
 * PyTorch's Muon calls match_rms_adamw:
 *   M = mu M + G,  U = G + mu M (Nesterov),
 *   W = (1 - lr decay) W - 0.2 sqrt(max(rows, columns)) lr NS(U),
 * NS five Newton-Schulz iterations X = a X + (b XX^T + c (XX^T)^2) X from U over its norm, in float32
 * with (a, b, c) = (3.4445, -4.7750, 2.0315). The scale makes the root mean square of NS(U) about 0.2,
 * as AdamW's updates have it, so that one rate can serve both. Queries, keys and values, and gate and
 * up, are matrices of their own. All other tensors are AdamW's. M lies in kc_state.m; v stays zero: a
 * rank's share of both moments is one range of the flat layout, which /v of a checkpoint mirrors, and
 * leaving Muon's matrices out of it would need a layout, shares and a checkpoint of its own for v, to
 * save 4 bytes a parameter over all ranks. */
typedef struct kc_muon {
    double lr, momentum, weight_decay, scale; /* scale: of the gradient, as of kc_adamw */
} kc_muon;

/* Does Muon take the tensor? */
static inline int kc_muon_takes(const kc_tensor *t)
{
    return t->is_matrix && t->per_layer;
}

/* What one matrix at a time is worked on in. */
typedef struct kc_muon_room {
    float *x, *xt, *y; /* [most values of a matrix]          */
    float *a, *b;      /* [most rows or columns, squared]: of the shorter side */
} kc_muon_room;

/* Room for all matrices of a layout, from the arena. */
kc_muon_room kc_muon_room_take(const kc_layout *layout, kc_arena *a);

/* x = NS(x) of rows x cols, in place.
 *   room        for a matrix of this size; x may be its own
 *   bits        do not depend on the threads */
void kc_muon_orthogonal(float *x, int64_t rows, int64_t cols, const kc_muon_room *room,
                        int threads);

/* Elements lo ... hi-1 of the flat layout, all dense or all of experts, of Muon's matrices: M in state,
 * and U in place of the gradient in `grad`, which here begins at the layout's first element. */
void kc_muon_momentum(const kc_layout *layout, const kc_muon *muon, int64_t lo, int64_t hi,
                      const kc_state *state, float *grad);

/* Then params' elements lo ... hi-1, from U of every matrix that reaches into them: each rank has
 * gathered all slices of U.
 *   update      U, from the layout's first element on
 *   collective  no
 *   bits        the same in whatever pieces, on any number of threads */
void kc_muon_step(const kc_layout *layout, const kc_muon *muon, int64_t lo, int64_t hi,
                  float *params, const float *update, const kc_muon_room *room, int threads);

#endif
