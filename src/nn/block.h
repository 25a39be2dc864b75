/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_BLOCK_H
#define KCAP_NN_BLOCK_H

#include "kcap/nn/model.h"
#include "kcap/nn/moe.h"
#include "kcap/types/phase.h"

/* What one block keeps of a window from forward to backward. */
typedef struct kc_block_kept {
    float *x;             /* [T, d]: input                                            */
    float *a1;            /* [T, d]: normed input of attention                        */
    float *mean1, *rstd1; /* [T]                                                      */
    float *q, *k, *v;     /* [h, T, hd], [kv, T, hd]: q and k rotated                 */
    float *P;             /* [h, kc_attn_kept]                                        */
    float *o;             /* [T, d]: heads' output                                    */
    float *x1;            /* [T, d]: after attention; this and what follows of an MLP */
    float *a2;            /* [T, d]: normed input of the MLP                          */
    float *mean2, *rstd2; /* [T]                                                      */
    float *u, *g;         /* [T, m]: pre-activation; [T, f]: hidden values            */
    kc_moe_kept moe;      /* of experts, in place of u and g                          */
} kc_block_kept;

/* What any block may overwrite. */
typedef struct kc_block_scratch {
    float *qkv;          /* [T, qkv]: and their gradients                   */
    float *kt;           /* [kv, hd, T]                                     */
    float *dq, *dk, *dv; /* [h, T, hd]                                      */
    float *da;           /* [T, d]                                          */
    float *dg;           /* [T, f]                                          */
    float *attn;         /* [h, kc_attn_scratch]                            */
    kc_moe_scratch moe;
    kc_moe_lane lane; /* of experts: this lane so far                    */
    kc_phases phases; /* time spent since it was last cleared            */
} kc_block_scratch;

/* Their room, taken from the arena. */
kc_block_kept kc_block_kept_take(const kc_model *model, kc_arena *a);
kc_block_scratch kc_block_scratch_take(const kc_model *model, kc_arena *a);

/* next [T, d] = the block's output for input kept->x. Where experts are spread over ranks, this and
 * the next two are collective on scratch->lane.ep. */
void kc_block_forward(const kc_model *model, const kc_weights *w, int64_t layer,
                      kc_block_kept *kept, kc_block_scratch *scratch, float *next, int threads);

/* dx [T, d], in place: from the gradient of the output to that of the input; grad += . */
void kc_block_backward(const kc_model *model, const kc_weights *w, int64_t layer,
                       kc_block_kept *kept, kc_block_scratch *scratch, float *dx, float *grad,
                       int threads);

/* Answer for this rank's experts while others have a window and this rank has none: the part that is
 * collective of kc_block_forward, or with grad of kc_block_backward. */
void kc_block_serve(const kc_model *model, const kc_weights *w, int64_t layer, kc_block_kept *kept,
                    kc_block_scratch *scratch, float *grad, int threads);

#endif
