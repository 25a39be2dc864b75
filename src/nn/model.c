/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/nn/model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/err.h"
#include "kcap/base/memory.h"
#include "kcap/math/gemm.h"
#include "kcap/math/ops.h"
#include "nn/logits.h"
#include "nn/work.h"

/* ceil(factor k tokens / E), at least 1. */
static int64_t capacity(const kc_shape *s, double factor, int64_t tokens)
{
    const double rows = s->E ? ceil(factor * (double)(s->k * tokens) / (double)s->E) : 0;
    return rows < 1 ? 1 : rows > 1e9 ? 1000000000 : (int64_t)rows;
}

static void prepare_experts(kc_model *model, const kc_config *cfg, const kc_grid *ep)
{
    const kc_shape *s = &model->shape;
    const int64_t windows = cfg->train.batch / cfg->train.lanes;
    model->capacity = capacity(s, cfg->model.capacity_factor, windows * s->T);
    model->capacity_measure = capacity(s, cfg->model.capacity_factor_measure, s->T);
    model->arrivals = kc_moe_arrivals(
        s, model->ep_size,
        model->capacity > model->capacity_measure ? model->capacity : model->capacity_measure);
    model->balance_weight = cfg->model.balance_loss;
    model->z_weight = cfg->model.z_loss;
    model->ep = ep;
}

int kc_model_describe(kc_model *model, const kc_config *cfg, int64_t n_vocab, const kc_grid *ep,
                      kc_error *e)
{
    const kc_shape s = kc_shape_of(cfg, n_vocab);
    const int parts = s.E ? (int)cfg->parallel.ep : 1;
    *model = (kc_model){.shape = s, .ep_size = parts};
    if (kc_layout_fits(&s, e) != KC_OK)
        return e->code;
    kc_layout_part(&s, ep ? ep->rank : 0, parts, &model->layout);
    prepare_experts(model, cfg, ep);
    return KC_OK;
}

int kc_model_create(kc_model *model, const kc_config *cfg, int64_t n_vocab, const kc_grid *ep,
                    kc_error *e)
{
    if (kc_model_describe(model, cfg, n_vocab, ep, e) != KC_OK)
        return e->code;
    const kc_shape *s = &model->shape;
    const int64_t entries = s->T * (s->rot / 2);
    model->tables = kc_alloc(2 * entries, sizeof *model->tables, "rotary angles");
    model->rope = (kc_rope){s->rot / 2, model->tables, model->tables + entries};
    kc_rope_tables(s, &cfg->model, model->tables, model->tables + entries);
    return KC_OK;
}

int64_t kc_model_grad_floats(const kc_model *model)
{
    return model->add_sources ? model->layout.n_flat : kc_params_all(&model->layout);
}

void kc_model_destroy(kc_model *model)
{
    free(model->tables);
    *model = (kc_model){0};
}

/* What lies outside the blocks, as a layer. */
static kc_layer outside(const kc_weights *w, float *grad)
{
    return (kc_layer){.w = w, .grad = grad};
}

static kc_norm last_norm(const kc_model *model, const kc_weights *w, const kc_work *work)
{
    const kc_layer layer = outside(w, NULL);
    return (kc_norm){kc_layer_vec(&layer, KC_P_lnf_gain),
                     kc_layer_vec(&layer, KC_P_lnf_bias),
                     work->mean + work->known,
                     work->rstd + work->known,
                     model->shape.rms,
                     model->shape.norm_eps};
}

/* The rows of a window's matrix that a forward is about: all, or of a prediction those that are new. */
static kc_mat on(const kc_work *work, kc_mat x)
{
    return kc_mat_rows(x, work->known, work->known + work->rows);
}

/* x[t] = wte[tokens[t]] + wpe[t], of positions from `first` on. */
static void embed(const kc_layer *layer, const int32_t *tokens, int64_t first, kc_mat x)
{
    const float *wte = kc_layer_vec(layer, KC_P_wte), *wpe = kc_layer_vec(layer, KC_P_wpe);
    wpe = wpe ? wpe + first * x.cols : NULL;
    for (int64_t t = 0; t < x.rows; ++t)
        memcpy(x.p + t * x.cols, wte + tokens[t] * x.cols, (size_t)x.cols * sizeof *wte);
    for (int64_t i = 0; wpe && i < x.rows * x.cols; ++i)
        x.p[i] += wpe[i];
}

static void embed_backward(const kc_layer *layer, const int32_t *tokens, kc_mat dx)
{
    float *dwte = kc_layer_grad(layer, KC_P_wte), *dwpe = kc_layer_grad(layer, KC_P_wpe);
    for (int64_t t = 0; t < dx.rows; ++t)
        for (int64_t j = 0; j < dx.cols; ++j)
            dwte[tokens[t] * dx.cols + j] += dx.p[t * dx.cols + j];
    for (int64_t i = 0; dwpe && i < dx.rows * dx.cols; ++i)
        dwpe[i] += dx.p[i];
}

static kc_block block_of(const kc_model *model, const kc_weights *w, kc_work *work, int64_t l,
                         float *grad)
{
    kc_block b = {.model = model,
                  .layer = {.w = w, .l = l, .grad = grad},
                  .kept = &work->kept[l],
                  .scratch = &work->scratch,
                  .threads = work->threads,
                  .first = work->known,
                  .part = model->shape};
    b.part.T = work->rows;
    return b;
}

/* Blocks and last norm, into work->y. */
static void go_up(const kc_model *model, const kc_weights *w, kc_work *work)
{
    const kc_norm norm = last_norm(model, w, work);
    const int64_t layers = model->shape.l;
    for (int64_t l = 0; l < layers; ++l) {
        const kc_block block = block_of(model, w, work, l, NULL);
        kc_block_forward(&block, l + 1 < layers ? work->kept[l + 1].x : work->x);
    }
    kc_norm_forward(on(work, work->y), on(work, work->x), &norm, work->threads);
    kc_phases_end(kc_work_phases(work), KC_seconds_elementwise);
}

static void start(const kc_weights *w, const int32_t *tokens, kc_work *work)
{
    const kc_layer layer = outside(w, NULL);
    kc_phases_start(kc_work_phases(work));
    embed(&layer, tokens + work->known, work->known, on(work, work->kept[0].x));
    kc_phases_end(kc_work_phases(work), KC_seconds_elementwise);
}

/* Embedding, blocks, last norm, into work->y. */
static void forward(const kc_model *model, const kc_weights *w, const int32_t *tokens,
                    kc_work *work)
{
    start(w, tokens, work);
    go_up(model, w, work);
}

/* From the gradient of the last block's output to that of the embedding, in place. */
static void go_down(const kc_model *model, const kc_weights *w, kc_work *work, kc_mat dx,
                    float *grad)
{
    for (int64_t l = model->shape.l - 1; l >= 0; --l) {
        const kc_block block = block_of(model, w, work, l, grad);
        kc_block_backward(&block, dx);
    }
}

/* A window of a measurement: each has the experts for itself. */
static void alone(const kc_model *model, kc_work *work)
{
    kc_work_lane(work);
    work->scratch.lane.capacity = model->capacity_measure;
    work->scratch.lane.tokens = work->rows;
    work->scratch.lane.counted = 0;
}

void kc_model_block(const kc_model *model, const kc_weights *w, int64_t layer, kc_work *work,
                    kc_mat x, kc_mat next)
{
    const kc_block block = block_of(model, w, work, layer, NULL);
    alone(model, work);
    memcpy(block.kept->x.p, x.p, (size_t)(x.rows * x.cols) * sizeof *x.p);
    kc_block_forward(&block, next);
}

const float *kc_work_input(const kc_model *model, const kc_work *work, kc_where matrix,
                           int64_t token)
{
    const kc_block_kept *kept = &work->kept[matrix.layer];
    const int matrices[] = {KC_P_attn_qkv, KC_P_attn_out, KC_P_mlp_up, KC_P_mlp_down};
    const kc_mat inputs[] = {kept->a1, kept->o, kept->a2, kept->g};
    for (int i = 0; i < 4; ++i)
        if (matrices[i] == matrix.tensor)
            return inputs[i].p + token * inputs[i].ld;
    KC_CHECK(matrix.tensor == KC_P_exp_up || matrix.tensor == KC_P_exp_down,
             "tensor %d is no matrix of a block", matrix.tensor);
    return kc_moe_input(&model->shape, &kept->moe, matrix.tensor == KC_P_exp_down, matrix.expert,
                        token);
}

double kc_model_forward(const kc_model *model, const kc_weights *w, const int32_t *tokens,
                        const int32_t *targets, kc_work *work, float *grad)
{
    const kc_shape *s = &model->shape;
    kc_moe_lane *lane = &work->scratch.lane;
    lane->capacity = model->capacity;
    lane->tokens = s->T;
    lane->counted = 0;
    for (int64_t t = 0; t < s->T; ++t)
        lane->counted += targets[t] != KC_NO_TARGET;
    forward(model, w, tokens, work);
    const double loss =
        kc_logits_grad(w, work->y, targets, work->dy, grad, work->logits, work->threads);
    kc_phases_end(kc_work_phases(work), KC_seconds_head);
    return loss;
}

void kc_model_backward(const kc_model *model, const kc_weights *w, const int32_t *tokens,
                       kc_work *work, float *grad)
{
    const kc_norm norm = last_norm(model, w, work);
    const kc_layer layer = outside(w, grad);
    kc_phases *phases = kc_work_phases(work);
    memset(work->dx.p, 0, (size_t)(work->dx.rows * work->dx.cols) * sizeof(float));
    kc_norm_backward(work->dx, work->dy, work->x, &norm, kc_layer_grad(&layer, KC_P_lnf_gain),
                     kc_layer_grad(&layer, KC_P_lnf_bias), work->threads);
    kc_phases_end(phases, KC_seconds_elementwise);
    go_down(model, w, work, work->dx, grad);
    embed_backward(&layer, tokens, work->dx);
    kc_phases_end(phases, KC_seconds_elementwise);
}

void kc_model_serve(const kc_model *model, const kc_weights *w, kc_work *work, float *grad)
{
    const int64_t layers = model->shape.l;
    kc_phases_start(kc_work_phases(work));
    for (int64_t i = 0; i < (grad ? 2 : 1) * layers; ++i) { /* forward, then backward */
        const int64_t l = i < layers ? i : 2 * layers - 1 - i;
        const kc_block block = block_of(model, w, work, l, i < layers ? NULL : grad);
        kc_block_serve(&block);
    }
}

static void measure(const kc_model *model, const kc_weights *w, const int32_t *tokens,
                    kc_work *work)
{
    alone(model, work);
    forward(model, w, tokens, work);
}

void kc_model_score(const kc_model *model, const kc_weights *w, const int32_t *tokens,
                    const int32_t *targets, kc_work *work, float *nats, uint8_t *hit)
{
    measure(model, w, tokens, work);
    kc_logits_score(w, work->y, targets, nats, hit, work->logits, work->threads);
}

void kc_model_predict(const kc_model *model, const kc_weights *w, const int32_t *tokens,
                      int64_t first, int64_t n, kc_work *work, float *logits)
{
    const int64_t known = work->known, end = first + n;
    KC_CHECK(known < end && end <= model->shape.T, "%lld of %lld tokens", (long long)end,
             (long long)model->shape.T);
    work->rows = end - known;
    measure(model, w, tokens, work);
    work->known = 0;
    work->rows = model->shape.T;
    kc_logits_all(w, kc_mat_rows(work->y, first, end), kc_mat_of(logits, n, model->shape.V),
                  work->threads);
}

int kc_model_keeps(const kc_model *model, int64_t n)
{
    return kc_gemm_rows_stand_alone() && (!model->shape.E || model->capacity_measure >= n);
}

void kc_model_logits(const kc_model *model, const kc_weights *w, const int32_t *tokens,
                     kc_work *work, float *logits)
{
    measure(model, w, tokens, work);
    kc_logits_all(w, work->y, kc_mat_of(logits, model->shape.T, model->shape.V), work->threads);
}

kc_model kc_model_short(const kc_model *model, int64_t T)
{
    kc_model other = *model;
    other.shape.T = T < model->shape.T ? T : model->shape.T;
    return other;
}

kc_mat kc_model_embed(const kc_weights *w, const int32_t *tokens, kc_work *work)
{
    start(w, tokens, work);
    return work->kept[0].x;
}

void kc_model_hidden(const kc_model *model, const kc_weights *w, kc_work *work, kc_mat *hidden)
{
    const int64_t layers = model->shape.l;
    alone(model, work);
    go_up(model, w, work);
    for (int64_t l = 0; l < layers; ++l)
        hidden[l] = work->kept[l].x;
    hidden[layers] = work->x;
    hidden[layers + 1] = work->y;
}

void kc_model_pull(const kc_model *model, const kc_weights *w, kc_work *work, kc_mat dx)
{
    KC_CHECK(model->ep == NULL, "experts are spread over %d ranks", model->ep_size);
    go_down(model, w, work, dx, NULL);
}
