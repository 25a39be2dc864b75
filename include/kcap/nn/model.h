/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_NN_MODEL_H
#define KCAP_NN_MODEL_H

#include "kcap/base/arena.h"
#include "kcap/nn/attn.h"
#include "kcap/nn/params.h"
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
} kc_model;

/* Build shape, layout and rotary tables.
 *   collective  no; the same on every rank
 *   owns        release with kc_model_destroy */
void kc_model_create(kc_model *model, const kc_config *cfg, int64_t n_vocab);
void kc_model_destroy(kc_model *model);

/* The room for one window in flight: activations kept for backward, and scratch. One a lane in
 * flight. */
typedef struct kc_work kc_work;

/* Bytes a kc_work takes of an arena. */
size_t kc_work_bytes(const kc_model *model);

/* Carve a kc_work out of an arena; lives as long as the arena.
 *   threads     that work inside one window: 1 when lanes are spread over threads */
kc_work *kc_work_create(const kc_model *model, kc_arena *arena, int threads);

/* Where the time of the windows done in this room went; the caller may clear it. */
kc_phases *kc_work_phases(kc_work *work);

/* Forward and backward of one window: returns the sum of the counted targets' losses (nats) and
 * adds its gradient to `grad` [n_flat].
 *   tokens, targets  [T], as in kc_batch
 *   collective  no
 *   bits        depend on the window and the weights, not on the threads */
double kc_model_grad(const kc_model *model, const kc_weights *w, const int32_t *tokens,
                     const int32_t *targets, kc_work *work, float *grad);

/* Forward only: loss and hit of each target, see kc_head_score. */
void kc_model_score(const kc_model *model, const kc_weights *w, const int32_t *tokens,
                    const int32_t *targets, kc_work *work, float *nats, uint8_t *hit);

/* Forward only: all logits [T, V]. */
void kc_model_logits(const kc_model *model, const kc_weights *w, const int32_t *tokens,
                     kc_work *work, float *logits);

#endif
