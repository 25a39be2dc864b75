/* SPDX-License-Identifier: BSD-3-Clause */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/base/sum.h"
#include "kcap/base/text.h"
#include "kcap/data/order.h"
#include "train/step_internal.h"

/* The windows of one lane, and their documents. */
static kc_lane_room room_of(const kc_trainer *t, kc_arena *a)
{
    const kc_corpus_info *info = kc_corpus_about(t->corpus);
    const int64_t windows = t->cfg->train.batch / t->state.n_lanes, T = t->model.shape.T;
    kc_lane_room r = {.batch = {.windows = windows, .context = T}};
    r.batch.tokens = kc_arena_take(a, windows * T, sizeof *r.batch.tokens);
    r.batch.targets = kc_arena_take(a, windows * T, sizeof *r.batch.targets);
    r.doc.tokens = kc_arena_take(a, info->room_tokens, sizeof *r.doc.tokens);
    r.doc.spans = kc_arena_take(a, info->room_spans, sizeof *r.doc.spans);
    return r;
}

/* Elements of the largest of `ranks` slices. */
static int64_t share_of(int64_t n, int ranks)
{
    return (n / KC_BLOCK + ranks - 1) / ranks * KC_BLOCK;
}

static void take_adapters(kc_trainer *t, kc_arena *a)
{
    const int64_t n = t->adapters.layout.n_flat;
    t->adapters.params = kc_arena_floats(a, n);
    t->adapters.m = kc_arena_floats(a, n);
    t->adapters.v = kc_arena_floats(a, n);
    t->adapter_grad = kc_arena_floats(a, n);
}

/* All that a trainer holds, taken from the arena; bytes by purpose. */
static kc_needs take_room(kc_trainer *t, kc_arena *a)
{
    const kc_layout *layout = &t->model.layout;
    const int64_t n = layout->n_flat, L = t->state.n_lanes;
    const int64_t experts = n - layout->n_dense, ep = t->model.ep_size, parts = t->state.n_parts;
    const int64_t most = share_of(layout->n_dense, t->grid->size) + share_of(experts, t->dp.size);
    kc_needs needs = {{0}};
    size_t *bytes = needs.bytes;
    t->state.params = kc_arena_floats(a, n);
    bytes[KC_weights_bytes] = kc_arena_since(a);
    if (t->method)
        t->state.masters = kc_arena_floats(a, n);
    bytes[KC_weights_bytes] += kc_arena_since(a);
    t->wt = kc_arena_floats(a, n);
    bytes[KC_transposed_bytes] = kc_arena_since(a);
    if (t->state.adapters)
        take_adapters(t, a);
    else {
        t->state.m = kc_arena_floats(a, most);
        t->state.v = kc_arena_floats(a, most);
    }
    if (t->method)
        t->method_room = kc_arena_floats(a, t->method->room(t->cfg, layout));
    bytes[KC_moments_bytes] = kc_arena_since(a);
    kc_tree_create(&t->tree, kc_model_grad_floats(&t->model),
                   kc_tree_buffers(t->lanes_here, t->at_once), a);
    bytes[KC_gradients_bytes] = kc_arena_since(a);
    kc_reducer_create(&t->reducer, t->grid, layout->n_dense, a);
    if (experts)
        kc_reducer_create(&t->expert_reducer, &t->dp, experts, a);
    if (t->cfg->train.optimizer == KC_train_optimizer_muon)
        t->muon = kc_muon_room_take(layout, a);
    t->squares = kc_arena_take(a, ep * (experts / KC_BLOCK), sizeof *t->squares);
    bytes[KC_exchange_bytes] = kc_arena_since(a);
    t->state.cursors = kc_arena_take(a, L * parts, sizeof *t->state.cursors);
    t->next = kc_arena_take(a, L * parts, sizeof *t->next);
    t->mine_next = kc_arena_take(a, t->lanes_here * parts, sizeof *t->mine_next);
    t->room = kc_arena_take(a, t->at_once, sizeof *t->room);
    t->mine = kc_arena_take(a, t->lanes_here, sizeof *t->mine);
    t->reports = kc_arena_take(a, L, sizeof *t->reports);
    for (int i = 0; i < t->at_once; ++i) {
        kc_lane_room r = room_of(t, a);
        bytes[KC_batches_bytes] += kc_arena_since(a);
        r.work = kc_work_create(&t->model, a, t->threads / t->at_once);
        bytes[KC_activations_bytes] += kc_arena_since(a);
        if (t->room)
            t->room[i] = r;
    }
    return needs;
}

static int check_memory(const kc_trainer *t, kc_error *e)
{
    if (t->arena.used <= INT64_MAX / 4)
        return KC_OK;
    return kc_fail(
        e, KC_EINPUT,
        "memory: a rank of %d threads would hold more than %.2g bytes; a shorter "
        "train.context, fewer parallel.threads, fewer model.layers, heads or experts, or "
        "a narrower MLP (mlp_width, mlp_ratio) would do",
        t->threads, (double)(INT64_MAX / 4));
}

static int check_lanes(const kc_config *cfg, const kc_grid *g, kc_error *e)
{
    const int64_t L = cfg->train.lanes;
    char fits[256];
    if (L % g->size == 0)
        return KC_OK;
    return kc_fail(
        e, KC_EINPUT,
        "train.lanes: %lld lanes cannot be shared by %d ranks; run on %s ranks, or choose "
        "lanes that the ranks divide",
        (long long)L, g->size, kc_text_divisors(L, L, fits, sizeof fits));
}

static int check_mesh(const kc_config *cfg, const kc_grid *g, kc_error *e)
{
    const int64_t E = cfg->model.experts, ep = cfg->parallel.ep;
    char fits[256];
    if (!E || g->size % ep == 0)
        return KC_OK;
    return kc_fail(
        e, KC_EINPUT,
        "parallel.ep: %d ranks are not divided by groups of %lld that share the experts; "
        "on so many, groups of %s would do",
        g->size, (long long)ep, kc_text_divisors(g->size, E, fits, sizeof fits));
}

/* Measurement, which is of the part that sets the pace, reads whole documents, and windows of one hold it whole. */
static int check_context(const kc_config *cfg, const kc_corpus *corpus, kc_error *e)
{
    for (int part = 0; part < kc_corpus_about(corpus)->n_parts; ++part) {
        const kc_corpus_info *info = kc_corpus_about(kc_corpus_part(corpus, part));
        const char *longest = info->table.longest;
        const int measured = part == kc_corpus_about(corpus)->part;
        if ((!measured && (!info->windows_are_single || info->share == 0)) ||
            info->max_doc_tokens <= cfg->train.context)
            continue;
        return kc_fail(
            e, KC_EINPUT,
            "train.context: %lld tokens are fewer than the longest document's %d%s%s%s, which "
            "%s never cuts; raise train.context, or make documents shorter",
            (long long)cfg->train.context, info->max_doc_tokens, *longest ? " (" : "", longest,
            *longest ? ")" : "", measured ? "measurement" : "corpus.windows: single");
    }
    return KC_OK;
}

/* Everything about a trainer but its room, which is counted. */
static int describe(kc_trainer *t, int only_asked, const kc_corpus *corpus, kc_needs *needs,
                    kc_error *e)
{
    const kc_config *cfg = t->cfg;
    const kc_grid *g = t->grid;
    const kc_corpus_info *info = kc_corpus_about(corpus);
    KC_TRY(check_lanes(cfg, g, e));
    KC_TRY(check_mesh(cfg, g, e));
    KC_TRY(check_context(cfg, corpus, e));
    KC_TRY((only_asked ? kc_model_describe : kc_model_create)(&t->model, cfg, info->n_vocab, g->ep,
                                                              e));
    t->corpus = corpus;
    t->method = kc_method_of(cfg);
    if (t->method && t->method->describe) {
        t->method->describe(cfg, &t->model.layout, &t->adapters.layout);
        t->state.adapters = &t->adapters;
    }
    t->dp = g->dp ? *g->dp : *g;
    if (!g->dp)
        t->dp.size = g->size / t->model.ep_size;
    t->state.layout = &t->model.layout;
    t->state.n_lanes = cfg->train.lanes;
    t->state.n_parts = info->n_parts;
    t->lanes_here = cfg->train.lanes / g->size;
    t->first_lane = t->lanes_here * g->rank;
    t->model.add_sources =
        t->model.ep_size > 1 && t->lanes_here == 1 && cfg->train.batch == cfg->train.lanes;
    /* Lanes take turns where they meet other ranks in every layer: one thread speaks for them. */
    t->at_once = t->model.ep_size > 1         ? 1
                 : t->lanes_here < t->threads ? (int)t->lanes_here
                                              : t->threads;
    *needs = take_room(t, &t->arena);
    KC_TRY(check_memory(t, e));
out:
    return e->code;
}

int kc_trainer_needs(const kc_config *cfg, const kc_grid *g, const kc_corpus *corpus, int threads,
                     kc_needs *needs, kc_error *e)
{
    kc_trainer t = {.cfg = cfg, .grid = g, .threads = threads};
    return describe(&t, 1, corpus, needs, e);
}

int kc_trainer_create(const kc_config *cfg, const kc_grid *g, const kc_corpus *corpus, int threads,
                      kc_trainer **trainer, kc_error *e)
{
    kc_needs needs;
    kc_trainer *t = kc_alloc(1, sizeof *t, "trainer");
    *t = (kc_trainer){.cfg = cfg, .grid = g, .threads = threads};
    *trainer = NULL;
    KC_TRY(describe(t, 0, corpus, &needs, e));
    KC_CHECK(!cfg->model.experts || kc_grid_ep(g) == cfg->parallel.ep,
             "a grid of ep %d for parallel.ep %lld", kc_grid_ep(g), (long long)cfg->parallel.ep);
    kc_arena_reserve(&t->arena);
    take_room(t, &t->arena);
    KC_CHECK(t->arena.used == t->arena.bytes, "%zu bytes taken, %zu forecast", t->arena.used,
             t->arena.bytes);
    t->state.lo = t->reducer.lo;
    t->state.dense_here = t->reducer.lo[g->rank + 1] - t->reducer.lo[g->rank];
    for (int i = 0; i < 2 && t->expert_reducer.lo; ++i)
        t->state.expert_lo[i] = t->expert_reducer.lo[t->dp.rank + i];
    t->weights = (kc_weights){&t->model.layout, t->state.params, t->wt};
    kc_params_init(&t->model.layout, (uint64_t)cfg->run.seed, cfg->model.init_std, t->state.params);
    omp_set_max_active_levels(2);
    kc_trainer_begin(t);
    *trainer = t;
out:
    if (e->code)
        kc_trainer_destroy(t);
    return e->code;
}

void kc_trainer_destroy(kc_trainer *t)
{
    if (!t)
        return;
    kc_arena_destroy(&t->arena);
    kc_model_destroy(&t->model);
    free(t);
}

const kc_model *kc_trainer_model(const kc_trainer *t)
{
    return &t->model;
}

const kc_weights *kc_trainer_weights(const kc_trainer *t)
{
    return &t->weights;
}

kc_state *kc_trainer_state(kc_trainer *t)
{
    return &t->state;
}

const kc_phases *kc_trainer_phases(const kc_trainer *t)
{
    return &t->phases;
}

int64_t kc_trainer_docs(const kc_trainer *t)
{
    return t->docs;
}

int64_t kc_trainer_planned(const kc_trainer *t)
{
    const kc_corpus_info *info = kc_corpus_about(t->corpus);
    return info->n_people * info->exposures;
}

/* Where a lane stands in the part that sets the pace. */
static const kc_cursor *pace_of(const kc_trainer *t, int64_t lane)
{
    return &t->state.cursors[lane * t->state.n_parts + kc_corpus_about(t->corpus)->part];
}

int kc_trainer_done(const kc_trainer *t)
{
    for (int64_t k = 0; k < t->state.n_lanes; ++k)
        if (!kc_order_done(t->corpus, k, t->state.n_lanes, pace_of(t, k)))
            return 0;
    return 1;
}

void kc_trainer_begin(kc_trainer *t)
{
    if (t->method)
        memcpy(t->state.masters, t->state.params,
               (size_t)t->model.layout.n_flat * sizeof *t->state.masters);
    if (t->state.adapters && t->method->begin)
        t->method->begin(t->cfg, t->state.adapters);
    kc_trainer_refresh(t);
}

void kc_trainer_refresh(kc_trainer *t)
{
    t->docs = 0;
    for (int64_t k = 0; k < t->state.n_lanes; ++k)
        t->docs += pace_of(t, k)->docs;
    if (t->method)
        t->method->weights(t->cfg, &t->state, t->method_room, t->threads);
    kc_params_transpose(&t->model.layout, t->state.params, t->wt, t->threads);
}
