/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_MOE_H
#define KCAP_NN_MOE_H

#include "kcap/nn/model.h"
#include "nn/layer.h"

/* A mixture of experts in place of an MLP: y[t] = sum over the k experts e that token t goes to of
 * gate[t,e] MLP_e(x[t]), and the residual alone where all of them are full.
 *
 *   p = softmax(x W), in fp32; a token goes to the k experts of the largest scores, of equal ones to
 *   the first. gate = p[e], or p[e] over the sum of the k chosen (renormalised).
 *   An expert takes at most C tokens of a lane: ceil(capacity_factor k (tokens of the lane) / E), in
 *   the order of windows; in a window all first choices come before the second ones, in order of
 *   position. Measurement counts C for each window, with capacity_factor_measure.
 *   Load balancing (Switch Transformers, arXiv 2101.03961, equations 4 to 6): E sum_e f_e P_e, f_e
 *   the share of (token, choice) pairs that chose e (dropped or not), P_e the mean of p[e].
 *   z-loss (ST-MoE, arXiv 2202.08906, equation 5): mean of logsumexp(x W)^2. Both for each window and
 *   block, and in the training loss as balance_loss x and z_loss x their sum over the blocks, each
 *   window counted by its counted targets.
 *
 * Where experts are spread over ranks (grid ep), the rows of tokens travel to them and back. An
 * expert multiplies the rows of each source window apart, and adds what each source's lanes make of
 * its gradient apart: so bits do not depend on who holds it. */

/* What an MoE layer keeps of a window from forward to backward. S = T k rows at most leave, Rc at
 * most arrive. */
typedef struct kc_moe_kept {
    float *p;               /* [T, E]: softmax of the scores                               */
    float *lse, *entropy;   /* [T]: log of the sum of exp of the scores; -sum p ln p       */
    int32_t *choice, *row;  /* [T, k]: expert; its row among those sent, -1: dropped       */
    float *gate;            /* [T, k]                                                      */
    int32_t *chosen, *sent; /* [E]: of this window's pairs; of these taken                 */
    int32_t *first;         /* [E]: first row of each expert among those sent              */
    int32_t *got;           /* [ep, experts here]: rows by source and expert               */
    float *xs, *u, *g;      /* [Rc, d], [Rc, m], [Rc, f]: of this rank's experts           */
    float *ys;              /* [S, d]: experts' outputs for this rank's tokens             */
} kc_moe_kept;

/* What any MoE layer may overwrite. */
typedef struct kc_moe_scratch {
    float *rows, *back; /* [S, d]: sent; come back                       */
    float *in, *reply;  /* [Rc, d]: arrived; sent back                   */
    float *dg;          /* [Rc, f]                                       */
    float *scores;      /* [T, E]: of the router; backward their gradient */
    float *dgate;       /* [T, k]                                        */
    int64_t *start;     /* [ep x experts here + 1]: first row that arrived of each */
    int64_t *to, *from; /* [ep]: rows to and from each rank              */
    float *sums;        /* NULL, or [ep, experts here, one]: this block's gradient by source, where
                           the sources are added at once                 */
} kc_moe_scratch;

/* One lane's way through the experts. */
typedef struct kc_moe_lane {
    const kc_grid *ep; /* NULL: all experts are here                               */
    int64_t capacity;  /* C                                                        */
    int32_t *used;     /* [l, E]: rows that experts have taken of this lane        */
    int64_t tokens;    /* of the window: T, or 0: only to serve other ranks        */
    double counted;    /* its counted targets                                      */
    double balance_weight, z_weight;
    int64_t *load;      /* [l, E] pairs that chose each expert, added to; NULL: not */
    kc_routing routing; /* added to                                                 */
} kc_moe_lane;

/* Rows that can arrive at this rank's experts for one layer of one window of each rank of ep. */
int64_t kc_moe_arrivals(const kc_shape *s, int ep, int64_t capacity);

/* Their room, taken from the arena.
 *   arrivals    kc_moe_arrivals
 *   sums        floats of kc_moe_scratch.sums; 0: none */
kc_moe_kept kc_moe_kept_take(const kc_shape *s, int64_t arrivals, kc_arena *a);
kc_moe_scratch kc_moe_scratch_take(const kc_shape *s, int ep, int64_t arrivals, int64_t sums,
                                   kc_arena *a);

/* Everything one call works on. */
typedef struct kc_moe {
    const kc_shape *shape;
    const kc_layer *layer;
    kc_moe_kept *kept;
    kc_moe_scratch *scratch;
    kc_moe_lane *lane;
    kc_phases *phases;
    int threads;
} kc_moe;

/* out [T, d] += the experts' answers to x [T, d].
 *   collective  on lane->ep, where there is one: the same layers in the same order
 *   bits        do not depend on threads or ep */
void kc_moe_forward(const kc_moe *m, kc_mat x, kc_mat out);

/* What the last window had multiplied with a matrix of an expert, the second one (`down`) or the first, in
 * place of a token; NULL: the token did not come to it. Without other ranks. */
const float *kc_moe_input(const kc_shape *s, const kc_moe_kept *kept, int down, int64_t expert,
                          int64_t token);

/* dx [T, d] = gradient by x, from dout [T, d]; the layer's gradients +=, those of expert e for source
 * r at kc_at_expert(..., r x here + e), or with scratch->sums those of all sources, added pairwise in
 * their order, at kc_at_expert(..., e).
 *   collective  as above */
void kc_moe_backward(const kc_moe *m, kc_mat x, kc_mat dout, kc_mat dx);

/* The router alone (route.c): from scratch->scores = x W all of kept up to `first`; rows are numbered
 * by expert, then in the order they were taken. Adds to lane's used, load and routing.
 *   bits        do not depend on the threads */
void kc_route(const kc_moe *m);

/* scratch->scores = the gradient by the scores of the loss through the gates, scratch->dgate (0 where
 * dropped), and of the balance and z losses. */
void kc_route_backward(const kc_moe *m);

/* One expert of this rank on the rows of one source (expert.c): item i = source x experts here +
 * expert. Its rows lie at scratch->start[i] of what arrived, kept->got[i] of them. Serial; items do not
 * touch each other, so threads may share them. */

/* The answers to kept->xs, into the same rows of out. */
void kc_expert_forward(const kc_moe *m, int64_t i, float *out);

/* dx's rows from dout's, and the item's gradients (see kc_moe_backward). */
void kc_expert_backward(const kc_moe *m, int64_t i, const float *dout, float *dx);

/* The sources' gradients in scratch->sums, added, to those of the experts here. */
void kc_expert_add_sources(const kc_moe *m);

#endif
