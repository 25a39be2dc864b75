/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_MODEL_H
#define KCAP_NN_MODEL_H

#include "kcap/base/arena.h"
#include "kcap/comm/grid.h"
#include "kcap/nn/params.h"
#include "kcap/nn/rope.h"
#include "kcap/types/phase.h"

/* A decoder of pre-norm blocks x += attention(norm(x)), x += MLP(norm(x)), a last norm and an output
 * head, with the switches of kc_shape: GPT-2 with rotary positions (arXiv 2404.05405 section 2.3 and
 * appendix A; arXiv 2309.14316 appendix B) or with its own table of positions, LLaMA (arXiv
 * 2302.13971 section 2.2), Mistral (arXiv 2310.06825; windows are shorter than its attention's) and
 * what lies between. One window at a time. */
typedef struct kc_model {
    kc_shape shape;
    kc_layout layout;
    kc_rope rope;
    float *tables; /* cos and sin */
    /* of experts */
    int ep_size;                        /* ranks that share them, at least 1        */
    int64_t capacity, capacity_measure; /* rows of a lane; of a measurement's window */
    int64_t arrivals;                   /* rows that can arrive at a rank, of a block */
    double balance_weight, z_weight;
    const kc_grid *ep; /* NULL: all experts are here */
    int add_sources; /* set before any work is made: experts' gradients of all sources are added block
                      * by block: the sum over lanes where each rank has one lane of one window */
} kc_model;

/* Build shape, layout and rotary tables. Experts are spread over cfg->parallel.ep ranks, this one being
 * `ep->rank` of them; without `ep`, which is borrowed, over none where that is 1.
 *   collective  no; the same on every rank
 *   owns        release with kc_model_destroy
 *   errors      KC_EINPUT as kc_layout_fits */
int kc_model_create(kc_model *model, const kc_config *cfg, int64_t n_vocab, const kc_grid *ep,
                    kc_error *e);

/* The same without tables, for a model that is only asked about its size: takes no memory. */
int kc_model_describe(kc_model *model, const kc_config *cfg, int64_t n_vocab, const kc_grid *ep,
                      kc_error *e);

/* Floats of a lane's gradient: the dense tensors and this rank's experts, these once where
 * add_sources is set, else for each rank of ep; those of source r lie here x each behind those of source r - 1. */
int64_t kc_model_grad_floats(const kc_model *model);
void kc_model_destroy(kc_model *model);

/* How the tokens of some windows were routed. */
typedef struct kc_routing {
    double balance;        /* sum over windows and blocks of E sum_e f_e P_e          */
    double entropy;        /* sum over windows and blocks of the mean of -sum p ln p  */
    int64_t windows;       /* times blocks                                            */
    int64_t sent, dropped; /* (token, choice) pairs                                   */
} kc_routing;

/* The room for one window: activations kept for backward, and scratch. One for each lane that is
 * worked on at a time. */
typedef struct kc_work kc_work;

/* A kc_work taken from an arena; lives as long as the arena. NULL where that only counts.
 *   threads     that work inside one window: 1 when lanes are spread over threads */
kc_work *kc_work_create(const kc_model *model, kc_arena *a, int threads);

/* Where the time of the windows done in this room went; the caller may clear it. */
kc_phases *kc_work_phases(kc_work *work);

/* Begin a lane: its experts are empty and its routing is not counted yet. */
void kc_work_lane(kc_work *work);

/* How the lane's windows were routed since kc_work_lane; and the (token, choice) pairs that chose each
 * expert [l, E] of all windows since the room was made. Borrowed. */
const kc_routing *kc_work_routing(const kc_work *work);
const int64_t *kc_work_load(const kc_work *work);

/* Serve this rank's experts for a window that others have and this rank has not: stands in for
 * kc_model_forward and _backward, or without grad for kc_model_score.
 *   collective  on the ranks that share the experts */
void kc_model_serve(const kc_model *model, const kc_weights *w, kc_work *work, float *grad);

/* Forward of one window: returns the sum of the counted targets' losses (nats). What the logits
 * give, they give at once, chunk by chunk: the output head's gradient, to be added to `grad`.
 *   tokens, targets  [T], as in kc_batch
 *   grad        [kc_model_grad_floats], of the lane: added to
 *   collective  no; on the ranks that share experts
 *   bits        depend on the window and the weights, not on the threads */
double kc_model_forward(const kc_model *model, const kc_weights *w, const int32_t *tokens,
                        const int32_t *targets, kc_work *work, float *grad);

/* Backward of the window just gone forward: the rest of its gradient is added to `grad`, with experts
 * also that of the router's losses.  collective, bits: as above */
void kc_model_backward(const kc_model *model, const kc_weights *w, const int32_t *tokens,
                       kc_work *work, float *grad);

/* Forward only: loss and hit of each target, 0 and 0 where it does not count; of equally likely tokens
 * the first is the hit. */
void kc_model_score(const kc_model *model, const kc_weights *w, const int32_t *tokens,
                    const int32_t *targets, kc_work *work, float *nats, uint8_t *hit);

/* Forward only: logits [n, V] of what follows tokens first ... first+n-1 of the window; those behind are
 * not read. */
void kc_model_predict(const kc_model *model, const kc_weights *w, const int32_t *tokens,
                      int64_t first, int64_t n, kc_work *work, float *logits);

/* The next kc_model_predict in this room is of the same weights and a text whose first `known` tokens, fewer
 * than it reads, are those of the last one's: they are not computed again. For texts of up to n tokens that gives
 * the same bits where kc_model_keeps: not by BLIS's kernels, nor where an expert could be full. */
void kc_work_keep(kc_work *work, int64_t known);
int kc_model_keeps(const kc_model *model, int64_t n);

/* Block by block, for who changes weights between: x [T, d] through one block to `next` [T, d], which may be
 * x, as measurement has it. For models of which this rank has all experts. */
void kc_model_block(const kc_model *model, const kc_weights *w, int64_t layer, kc_work *work,
                    kc_mat x, kc_mat next);

/* A matrix of a block: its tensor, a KC_P_..., and where it is of experts, whose. */
typedef struct kc_where {
    int tensor;
    int64_t layer, expert;
} kc_where;

/* What the last window of this room had multiplied with a matrix in place of a token: as many floats as the
 * matrix has rows, borrowed; NULL: the token did not come to this expert. */
const float *kc_work_input(const kc_model *model, const kc_work *work, kc_where matrix,
                           int64_t token);

/* Forward only: all logits [T, V]. */
void kc_model_logits(const kc_model *model, const kc_weights *w, const int32_t *tokens,
                     kc_work *work, float *logits);

/* The same model for shorter windows, of T tokens: of the same weights and tables, which are borrowed. A
 * window predicts what the beginning of a longer one does. */
kc_model kc_model_short(const kc_model *model, int64_t T);

/* What the model makes of a window, layer by layer, with no weight's gradient: for probes.
 * kc_model_embed gives the embedding [T, d], which the caller may add to. kc_model_hidden takes it through
 * the blocks: hidden [l + 2] are, each [T, d], the embedding, every block's output and the last norm's.
 * All are lent, until the room's next window.
 *   collective, bits   as kc_model_score, also what kc_model_serve stands in for */
kc_mat kc_model_embed(const kc_weights *w, const int32_t *tokens, kc_work *work);
void kc_model_hidden(const kc_model *model, const kc_weights *w, kc_work *work, kc_mat *hidden);

/* Backward of kc_model_hidden's window through frozen blocks, once: dx [T, d], in place, from a gradient of
 * the last block's output, hidden[l], to that of the embedding; no router's losses. All experts are here.
 *   collective  no;  bits as above */
void kc_model_pull(const kc_model *model, const kc_weights *w, kc_work *work, kc_mat dx);

#endif
