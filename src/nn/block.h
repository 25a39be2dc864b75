/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_BLOCK_H
#define KCAP_NN_BLOCK_H

#include "kcap/nn/model.h"
#include "nn/moe.h"

/* What one block keeps of a window from forward to backward. */
typedef struct kc_block_kept {
    kc_mat x, a1; /* [T, d]: input; normed, input of attention                */
    kc_mat n[2];  /* [T, d]: normed before Canon layers A and C; then these give a1, a2 */
    kc_mat z;     /* [T, qkv]: before Canon layer B                           */
    kc_mat r;     /* [T, qkv]: before the norms of queries and keys           */
    float *qk_mean, *qk_rstd; /* [h + kv, T]: of these                                    */
    float *mean[2], *rstd[2]; /* [T]: of the norms before attention and before the MLP    */
    float *q, *k, *v;         /* [h, T, hd], [kv, T, hd]: q and k rotated                 */
    float *P;                 /* [h, kc_attn_kept]                                        */
    kc_mat o;                 /* [T, dh]: heads' output                                    */
    kc_mat x1, a2;            /* [T, d]: after attention; normed. These and u, g of an MLP */
    kc_mat u, g;              /* [T, m]: pre-activation; [T, f]: hidden values            */
    kc_mat c;                 /* [T, m]: u behind Canon layer D                           */
    kc_moe_kept moe;          /* of experts, in place of u and g                          */
} kc_block_kept;

/* What any block may overwrite. */
typedef struct kc_block_scratch {
    kc_mat qkv;          /* [T, qkv]: and their gradients                   */
    float *dq, *dk, *dv; /* [h, T, hd]                                      */
    kc_mat da, dg;       /* [T, d], [T, f]                                  */
    kc_mat dout;         /* [T, dh]: of the heads' output; da where that is d */
    kc_mat dy;           /* [T, d]: of the output, where two read the input */
    float *attn;         /* [h, kc_attn_scratch]                            */
    kc_moe_scratch moe;
    kc_moe_lane lane; /* of experts: this lane so far                    */
    kc_phases phases; /* time spent since it was last cleared            */
} kc_block_scratch;

/* Their room, taken from the arena. */
kc_block_kept kc_block_kept_take(const kc_model *model, kc_arena *a);
kc_block_scratch kc_block_scratch_take(const kc_model *model, kc_arena *a);

/* One block at work. Where experts are spread over ranks, what follows is collective on
 * scratch->lane.ep. */
typedef struct kc_block {
    const kc_model *model;
    kc_layer layer;
    kc_block_kept *kept;
    kc_block_scratch *scratch;
    int threads;
    int64_t first; /* row that a forward begins with; what is kept of those before stands */
    kc_shape part; /* the model's, of as many positions as there are from there on */
} kc_block;

/* next [T, d] = the block's output for input kept->x: its rows from `first` on, in their places. */
void kc_block_forward(const kc_block *b, kc_mat next);

/* dx [T, d], in place: from the gradient of the output to that of the input; layer.grad += . */
void kc_block_backward(const kc_block *b, kc_mat dx);

/* Answer for this rank's experts while others have a window and this rank has none: the part that is
 * collective of kc_block_forward, or with layer.grad of kc_block_backward. */
void kc_block_serve(const kc_block *b);

#endif
