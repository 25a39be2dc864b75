/* SPDX-License-Identifier: BSD-3-Clause */
/* Quantisation-aware training: the model computes with rounded weights, and their gradient is taken for
 * that of the weights which are rounded (straight through: Bengio et al., arXiv 1308.3432, section 2.3). */
#include <string.h>

#include "kcap/base/team.h"
#include "kcap/math/packing.h"
#include "kcap/nn/params.h"
#include "kcap/optim/masters.h"

static kc_packing packing_of(const kc_config *cfg)
{
    return (kc_packing){.bits = (int32_t)cfg->train.quantize_bits,
                        .group = cfg->train.quantize_group,
                        .asymmetric =
                            cfg->train.quantize_codes == KC_train_quantize_codes_asymmetric};
}

static int is_rounded(const kc_layout *layout, int k)
{
    const kc_tensor *t = &layout->tensor[k];
    return t->layers && t->is_matrix && t->per_layer && k != KC_P_router;
}

static void weights(const kc_config *cfg, kc_state *state, float *room, int threads)
{
    const kc_layout *layout = state->layout;
    const kc_packing p = packing_of(cfg);
    memcpy(state->params, state->masters, (size_t)layout->n_flat * sizeof *state->params);
    for (int k = 0; k < layout->n; ++k) {
        const kc_tensor *t = &layout->tensor[k];
        const kc_matrices one = {1, t->rows, t->cols};
        const int64_t pieces = is_rounded(layout, k) ? kc_tensor_pieces(layout, t) : 0;
        KC_EACH(threads, static, i, pieces,
                kc_packing_round(&p, &one, state->params + kc_tensor_piece(layout, t, i).flat,
                                 room + i * kc_packing_room(&p, &one)));
    }
}

/* The scales of all matrices of a tensor. */
static int64_t room(const kc_config *cfg, const kc_layout *model)
{
    const kc_packing p = packing_of(cfg);
    int64_t most = 0;
    for (int k = 0; k < model->n; ++k) {
        const kc_tensor *t = &model->tensor[k];
        const kc_matrices all = {kc_tensor_pieces(model, t), t->rows, t->cols};
        const int64_t n = is_rounded(model, k) ? kc_packing_room(&p, &all) : 0;
        most = n > most ? n : most;
    }
    return most;
}

const kc_method kc_method_quantized = {.weights = weights, .room = room};
