/* SPDX-License-Identifier: BSD-3-Clause */
/* Low-rank updates (Hu et al., arXiv 2106.09685): a matrix is W + s A B, of which A [rows, r] and
 * B [r, columns] alone are trained: the embedding, and the columns of queries and of values of each
 * block, as arXiv 2309.14316 (section 2.2) has it. One of the two begins at zero, the other at
 * N(0, 1/r), so that a step of AdamW moves the product about as far as it moves a weight. */
#include <math.h>
#include <string.h>

#include "kcap/base/sum.h"
#include "kcap/math/gemm.h"
#include "kcap/math/ops.h"
#include "kcap/nn/params.h"
#include "kcap/optim/masters.h"

/* A matrix that is adapted: columns first ... first + cols - 1 of a tensor. Its A and B are tensors 2 i
 * and 2 i + 1 of the adapters. */
typedef struct target {
    const char *a, *b;
    int tensor, a_begins_at_0;
    int64_t first, cols, rank;
} target;

enum { TARGETS = 3, ALIGN = 16, FIRST_ID = 64 };

static void targets_of(const kc_config *cfg, const kc_layout *model, target of[TARGETS])
{
    const kc_train_keys *keys = &cfg->train;
    const int64_t d = model->tensor[KC_P_wte].cols;
    const int64_t dh = model->tensor[KC_P_attn_out].rows;
    const int64_t kv = (model->tensor[KC_P_attn_qkv].cols - dh) / 2;
    of[0] = (target){"embedding_a", "embedding_b", KC_P_wte, 1, 0, d, keys->lora_embedding_rank};
    of[1] = (target){"query_a", "query_b", KC_P_attn_qkv, 0, 0, dh, keys->lora_rank};
    of[2] = (target){"value_a", "value_b", KC_P_attn_qkv, 0, dh + kv, kv, keys->lora_rank};
}

static int64_t round_up(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static void add(kc_layout *layout, const char *name, const kc_tensor *of, int64_t rows,
                int64_t cols, int at_0)
{
    kc_tensor t = {.name = name,
                   .help = "of the update A B",
                   .id = FIRST_ID + layout->n,
                   .layers = rows && cols ? of->layers : 0,
                   .per_layer = of->per_layer,
                   .is_matrix = 1,
                   .decays = 1,
                   .rows = rows,
                   .cols = cols,
                   .init = at_0 ? KC_INIT_ZERO : KC_INIT_NORMAL,
                   .stride = round_up(rows * cols, ALIGN),
                   .offset = layout->n_flat};
    if (t.per_layer)
        t.dims[t.n_dims++] = t.layers;
    t.dims[t.n_dims++] = rows;
    t.dims[t.n_dims++] = cols;
    layout->n_flat += t.layers * t.stride;
    layout->n_params += t.layers * rows * cols;
    layout->tensor[layout->n++] = t;
}

static void describe(const kc_config *cfg, const kc_layout *model, kc_layout *layout)
{
    target of[TARGETS];
    targets_of(cfg, model, of);
    *layout = (kc_layout){.layers = model->layers};
    for (int i = 0; i < TARGETS; ++i) {
        const kc_tensor *t = &model->tensor[of[i].tensor];
        add(layout, of[i].a, t, t->rows, of[i].rank, of[i].a_begins_at_0);
        add(layout, of[i].b, t, of[i].rank, of[i].cols, !of[i].a_begins_at_0);
    }
    layout->n_dense = layout->n_flat = round_up(layout->n_flat, KC_BLOCK);
    layout->n_used = layout->n_params;
}

static void begin(const kc_config *cfg, kc_adapters *adapters)
{
    const kc_layout *layout = &adapters->layout;
    kc_params_init(layout, (uint64_t)cfg->run.seed, 1, adapters->params);
    for (int i = 0; i < layout->n; ++i) {
        const kc_tensor *t = &layout->tensor[i];
        const double rank = (double)(i % 2 ? t->rows : t->cols);
        for (int64_t k = 0; k < t->layers * t->stride; ++k)
            adapters->params[t->offset + k] *= (float)(1 / sqrt(rank));
    }
}

/* Layer `layer` of a tensor of a flat array. */
static kc_mat matrix(const kc_layout *layout, const float *flat, int tensor, int64_t layer)
{
    const kc_tensor *t = &layout->tensor[tensor];
    return kc_mat_of(kc_at(layout, flat, tensor, layer), t->rows, t->cols);
}

/* The same of the columns that a target has. */
static kc_mat columns(const kc_layout *model, const float *flat, const target *x, int64_t layer)
{
    kc_mat m = matrix(model, flat, x->tensor, layer);
    m.p += x->first;
    m.cols = x->cols;
    return m;
}

/* dA = s dW B^T, dB = s A^T dW. */
static void gradient(const kc_config *cfg, const kc_state *state, const float *of_model,
                     float *of_adapters, float *room, int threads)
{
    const kc_layout *layout = &state->adapters->layout;
    const float *params = state->adapters->params, s = (float)cfg->train.lora_scale;
    target of[TARGETS];
    targets_of(cfg, state->layout, of);
    memset(of_adapters, 0, (size_t)layout->n_flat * sizeof *of_adapters);
    for (int i = 0; i < TARGETS; ++i)
        for (int64_t l = 0; l < layout->tensor[2 * i].layers; ++l) {
            const kc_mat dw = columns(state->layout, of_model, &of[i], l);
            const kc_mat b = matrix(layout, params, 2 * i + 1, l);
            const kc_mat bt = kc_mat_of(room, b.cols, b.rows);
            kc_transpose(bt, b, threads);
            kc_gemm(matrix(layout, of_adapters, 2 * i, l), dw, bt, 0, threads);
            kc_gemm_t(matrix(layout, of_adapters, 2 * i + 1, l), matrix(layout, params, 2 * i, l),
                      dw, 0, threads);
        }
    for (int64_t k = 0; k < layout->n_flat; ++k)
        of_adapters[k] *= s;
}

/* W + s A B, of all that is adapted; the rest is as it was. */
static void weights(const kc_config *cfg, kc_state *state, float *room, int threads)
{
    const kc_layout *layout = &state->adapters->layout;
    const float *params = state->adapters->params, s = (float)cfg->train.lora_scale;
    target of[TARGETS];
    targets_of(cfg, state->layout, of);
    for (int i = 0; i < TARGETS; ++i)
        for (int64_t l = 0; l < layout->tensor[2 * i].layers; ++l) {
            const kc_mat to = columns(state->layout, state->params, &of[i], l);
            const kc_mat from = columns(state->layout, state->masters, &of[i], l);
            const kc_mat update = kc_mat_of(room, to.rows, to.cols);
            kc_gemm(update, matrix(layout, params, 2 * i, l), matrix(layout, params, 2 * i + 1, l),
                    0, threads);
            for (int64_t r = 0; r < to.rows; ++r)
                for (int64_t c = 0; c < to.cols; ++c)
                    to.p[r * to.ld + c] = from.p[r * from.ld + c] + s * update.p[r * to.cols + c];
        }
}

/* The largest update, or a B transposed, whose rank is no more than the width. */
static int64_t room(const kc_config *cfg, const kc_layout *model)
{
    int64_t most = 0;
    target of[TARGETS];
    targets_of(cfg, model, of);
    for (int i = 0; i < TARGETS; ++i) {
        const int64_t rows = model->tensor[of[i].tensor].rows;
        const int64_t larger = rows > of[i].rank ? rows : of[i].rank;
        most = larger * of[i].cols > most ? larger * of[i].cols : most;
    }
    return most;
}

const kc_method kc_method_lora = {describe, begin, gradient, weights, room};
