/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/base/sum.h"
#include "kcap/optim/schedule.h"
#include "train/step_internal.h"

/* Elements of the largest of `ranks` slices. */
static int64_t share_of(int64_t n, int ranks)
{
    return (n / KC_BLOCK + ranks - 1) / ranks * KC_BLOCK;
}

/* Windows and documents of one lane in flight. */
static kc_flight flight_of(const kc_trainer *t, kc_arena *a)
{
    const kc_corpus_info *info = kc_corpus_about(t->corpus);
    const int64_t windows = t->cfg->train.batch / t->state.n_lanes, T = t->model.shape.T;
    kc_flight f = {.batch = {.windows = windows, .context = T}};
    f.batch.tokens = kc_arena_take(a, windows * T, sizeof *f.batch.tokens);
    f.batch.targets = kc_arena_take(a, windows * T, sizeof *f.batch.targets);
    f.doc.tokens = kc_arena_take(a, info->max_doc_tokens, sizeof *f.doc.tokens);
    f.doc.spans = kc_arena_take(a, info->n_attributes, sizeof *f.doc.spans);
    return f;
}

/* All that a trainer holds, taken from the arena; bytes by purpose. */
static kc_needs take_room(kc_trainer *t, kc_arena *a)
{
    const kc_layout *layout = &t->model.layout;
    const int64_t n = layout->n_flat, L = t->state.n_lanes;
    const int64_t experts = n - layout->n_dense, ep = t->model.ep_size;
    const int64_t most = share_of(layout->n_dense, t->grid->size) + share_of(experts, t->dp.size);
    kc_needs needs = {{0}};
    size_t *bytes = needs.bytes;
    t->state.params = kc_arena_floats(a, n);
    bytes[KC_weights_bytes] = kc_arena_since(a);
    t->wt = kc_arena_floats(a, n);
    bytes[KC_transposed_bytes] = kc_arena_since(a);
    t->state.m = kc_arena_floats(a, most);
    t->state.v = kc_arena_floats(a, most);
    bytes[KC_moments_bytes] = kc_arena_since(a);
    kc_tree_create(&t->tree, kc_model_leaf(&t->model), kc_tree_buffers(t->lanes_here, t->in_flight),
                   a);
    bytes[KC_gradients_bytes] = kc_arena_since(a);
    kc_reducer_create(&t->reducer, t->grid, layout->n_dense, a);
    if (experts)
        kc_reducer_create(&t->expert_reducer, &t->dp, experts, a);
    t->squares = kc_arena_take(a, ep * (experts / KC_BLOCK), sizeof *t->squares);
    bytes[KC_exchange_bytes] = kc_arena_since(a);
    t->state.cursors = kc_arena_take(a, L, sizeof *t->state.cursors);
    t->flight = kc_arena_take(a, t->in_flight, sizeof *t->flight);
    t->leaf = kc_arena_take(a, t->in_flight, sizeof *t->leaf);
    t->mine = kc_arena_take(a, t->lanes_here, sizeof *t->mine);
    t->reports = kc_arena_take(a, L, sizeof *t->reports);
    for (int i = 0; i < t->in_flight; ++i) {
        kc_flight f = flight_of(t, a);
        bytes[KC_batches_bytes] += kc_arena_since(a);
        f.work = kc_work_create(&t->model, a, t->threads / t->in_flight);
        bytes[KC_activations_bytes] += kc_arena_since(a);
        if (t->flight)
            t->flight[i] = f;
    }
    return needs;
}

static int check_lanes(const kc_config *cfg, const kc_grid *g, kc_error *e)
{
    const int64_t L = cfg->train.lanes;
    if (L % g->size == 0)
        return KC_OK;
    char fits[256] = "";
    size_t used = 0;
    for (int64_t n = 1; n <= L && used + 24 < sizeof fits; ++n)
        if (L % n == 0)
            used += (size_t)snprintf(fits + used, sizeof fits - used, " %lld", (long long)n);
    return kc_fail(
        e, KC_EINPUT,
        "train.lanes: %lld lanes cannot be shared by %d ranks; run on%s ranks, or choose "
        "lanes that the ranks divide",
        (long long)L, g->size, fits);
}

static int check_mesh(const kc_config *cfg, const kc_grid *g, kc_error *e)
{
    const int64_t E = cfg->model.experts, ep = cfg->parallel.ep;
    if (!E || g->size % ep == 0)
        return KC_OK;
    char fits[256] = "";
    size_t used = 0;
    for (int64_t n = 1; n <= g->size && used + 24 < sizeof fits; ++n)
        if (g->size % n == 0 && E % n == 0)
            used += (size_t)snprintf(fits + used, sizeof fits - used, " %lld", (long long)n);
    return kc_fail(
        e, KC_EINPUT,
        "parallel.ep: %d ranks are not divided by groups of %lld that share the experts; "
        "on so many, groups of%s would do",
        g->size, (long long)ep, fits);
}

/* Measurement reads whole documents. */
static int check_context(const kc_config *cfg, const kc_corpus_info *info, kc_error *e)
{
    if (info->max_doc_tokens <= cfg->train.context)
        return KC_OK;
    return kc_fail(e, KC_EINPUT,
                   "train.context: %lld tokens are fewer than the longest document's %d, which "
                   "measurement never cuts; raise train.context, or make documents shorter",
                   (long long)cfg->train.context, info->max_doc_tokens);
}

/* Everything about a trainer but its room. */
static void describe(kc_trainer *t, const kc_config *cfg, const kc_grid *g, const kc_corpus *corpus,
                     int threads)
{
    *t = (kc_trainer){.cfg = cfg, .grid = g, .corpus = corpus, .threads = threads};
    kc_model_create_spread(&t->model, cfg, kc_corpus_about(corpus)->n_vocab, g->ep);
    t->dp = g->dp ? *g->dp : *g;
    if (!g->dp)
        t->dp.size = g->size / t->model.ep_size;
    t->state.layout = &t->model.layout;
    t->state.n_lanes = cfg->train.lanes;
    t->lanes_here = cfg->train.lanes / g->size;
    t->first_lane = t->lanes_here * g->rank;
    t->model.fold =
        t->model.ep_size > 1 && t->lanes_here == 1 && cfg->train.batch == cfg->train.lanes;
    /* Lanes take turns where they meet other ranks in every layer: one thread speaks for them. */
    t->in_flight = t->model.ep_size > 1      ? 1
                   : t->lanes_here < threads ? (int)t->lanes_here
                                             : threads;
}

int kc_trainer_needs(const kc_config *cfg, const kc_grid *g, const kc_corpus *corpus, int threads,
                     kc_needs *needs, kc_error *e)
{
    kc_trainer t;
    if (check_lanes(cfg, g, e) != KC_OK || check_mesh(cfg, g, e) != KC_OK ||
        check_context(cfg, kc_corpus_about(corpus), e) != KC_OK)
        return e->code;
    describe(&t, cfg, g, corpus, threads);
    *needs = take_room(&t, &t.arena);
    kc_model_destroy(&t.model);
    return KC_OK;
}

int kc_trainer_create(const kc_config *cfg, const kc_grid *g, const kc_corpus *corpus, int threads,
                      kc_trainer **trainer, kc_error *e)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);
    *trainer = NULL;
    if (check_lanes(cfg, g, e) != KC_OK || check_mesh(cfg, g, e) != KC_OK ||
        check_context(cfg, info, e) != KC_OK)
        return e->code;
    KC_CHECK(!cfg->model.experts || kc_grid_ep(g) == cfg->parallel.ep,
             "a grid of ep %d for parallel.ep %lld", kc_grid_ep(g), (long long)cfg->parallel.ep);
    kc_trainer *t = kc_alloc(1, sizeof *t, "trainer");
    describe(t, cfg, g, corpus, threads);
    take_room(t, &t->arena);
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
    kc_trainer_refresh(t);
    *trainer = t;
    return KC_OK;
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

int kc_trainer_done(const kc_trainer *t)
{
    for (int64_t k = 0; k < t->state.n_lanes; ++k)
        if (!kc_batch_done(t->corpus, k, t->state.n_lanes, &t->state.cursors[k]))
            return 0;
    return 1;
}

void kc_trainer_refresh(kc_trainer *t)
{
    t->docs = 0;
    for (int64_t k = 0; k < t->state.n_lanes; ++k)
        t->docs += t->state.cursors[k].docs;
    kc_params_transpose(&t->model.layout, t->state.params, t->wt, t->threads);
}

/* One lane: its windows, forward and backward, into `grad`. */
static void run_lane(kc_trainer *t, int64_t here, kc_flight *f, float *grad)
{
    kc_phases *phases = kc_work_phases(f->work);
    const int64_t lane = t->first_lane + here, T = f->batch.context;
    kc_lane_report *r = &t->mine[here];
    r->cursor = t->state.cursors[lane];
    kc_phases_start(phases);
    kc_batch_next(t->corpus, lane, t->state.n_lanes, &r->cursor, &f->doc, &f->batch);
    r->counted = f->batch.counted;
    r->loss = 0;
    kc_phases_end(phases, KC_seconds_batch);
    memset(grad, 0, (size_t)kc_model_leaf(&t->model) * sizeof *grad);
    kc_phases_end(phases, KC_seconds_reduce);
    kc_work_lane(f->work);
    for (int64_t b = 0; b < f->batch.windows; ++b)
        if (r->counted)
            r->loss += kc_model_grad(&t->model, &t->weights, f->batch.tokens + b * T,
                                     f->batch.targets + b * T, f->work, grad);
        else if (t->model.ep_size > 1)
            kc_model_serve(&t->model, &t->weights, f->work, grad);
    r->routing = *kc_work_routing(f->work);
}

/* What the threads timed, as a mean over them; they start anew. */
static void collect_phases(kc_trainer *t)
{
    for (int i = 0; i < t->in_flight; ++i) {
        kc_phases *from = kc_work_phases(t->flight[i].work);
        for (int k = 0; k < KC_N_PHASES; ++k)
            t->phases.seconds[k] += from->seconds[k] / t->in_flight;
        *from = (kc_phases){0};
    }
}

/* All lanes of this rank, as many at a time as are in flight, folded in lane order. */
static float *run_lanes(kc_trainer *t)
{
    kc_tree_clear(&t->tree);
    for (int64_t from = 0; from < t->lanes_here; from += t->in_flight) {
        const int64_t left = t->lanes_here - from;
        const int n = (int)(left < t->in_flight ? left : t->in_flight);
        for (int i = 0; i < n; ++i)
            t->leaf[i] = kc_tree_leaf(&t->tree);
        /* Not an if clause: a region of one thread would make those inside the lane nested, and
         * libgomp starts a new thread for each of these. */
        if (n == 1)
            run_lane(t, from, &t->flight[0], t->leaf[0]);
        else {
#pragma omp parallel for num_threads(n) schedule(static, 1)
            for (int i = 0; i < n; ++i)
                run_lane(t, from + i, &t->flight[i], t->leaf[i]);
        }
        kc_phases_start(&t->phases);
        for (int i = 0; i < n; ++i)
            kc_tree_push(&t->tree, t->leaf[i], t->threads);
        kc_phases_end(&t->phases, KC_seconds_reduce);
    }
    collect_phases(t);
    return kc_tree_total(&t->tree, t->threads);
}

/* What all lanes report, in lane order: equal on all ranks. */
static void share_reports(kc_trainer *t, kc_pulse *pulse, double *loss, int64_t *counted,
                          kc_routing *routing)
{
    for (int64_t i = 0; i < t->lanes_here; ++i)
        t->mine[i].pulse = *pulse;
    kc_allgather(t->grid, t->mine, t->reports, (size_t)t->lanes_here * sizeof *t->mine);
    *loss = 0;
    *counted = 0;
    *routing = (kc_routing){0};
    memset(pulse->phase, 0, sizeof pulse->phase);
    for (int64_t k = 0; k < t->state.n_lanes; ++k) {
        const kc_lane_report *r = &t->reports[k];
        *loss += r->loss;
        *counted += r->counted;
        routing->balance += r->routing.balance;
        routing->entropy += r->routing.entropy;
        routing->windows += r->routing.windows;
        routing->sent += r->routing.sent;
        routing->dropped += r->routing.dropped;
        pulse->stop |= r->pulse.stop;
        if (r->pulse.seconds > pulse->seconds)
            pulse->seconds = r->pulse.seconds;
        for (int p = 0; p < KC_N_PHASES; ++p)
            pulse->phase[p] += r->pulse.phase[p] / (double)t->state.n_lanes;
    }
}

int kc_trainer_step(kc_trainer *t, kc_pulse *pulse, kc_step_row *row, kc_error *e)
{
    const kc_config *cfg = t->cfg;
    double loss, norm;
    int64_t counted;
    kc_routing routing;
    t->phases = (kc_phases){0};
    float *total = run_lanes(t);
    kc_phases_start(&t->phases);
    share_reports(t, pulse, &loss, &counted, &routing);
    KC_CHECK(counted > 0, "step %lld has no token", (long long)t->state.step + 1);
    const kc_own_grads own = kc_trainer_reduce(t, total, &norm);
    norm /= (double)counted;
    kc_phases_end(&t->phases, KC_seconds_reduce);
    if (!isfinite(loss) || !isfinite(norm))
        return kc_trainer_not_finite(t, own, loss / (double)counted, e);
    const kc_adamw a = {.lr = kc_schedule(cfg, t->state.step, t->docs, kc_trainer_planned(t)),
                        .beta1 = cfg->train.beta1,
                        .beta2 = cfg->train.beta2,
                        .eps = cfg->train.eps,
                        .weight_decay = cfg->train.weight_decay,
                        .scale = kc_clip_factor(norm, cfg->train.clip) / (double)counted,
                        .t = t->state.step + 1};
    kc_trainer_update(t, &a, own);
    for (int64_t k = 0; k < t->state.n_lanes; ++k)
        t->state.cursors[k] = t->reports[k].cursor;
    t->state.step += 1;
    t->state.tokens += counted;
    kc_trainer_refresh(t);
    kc_phases_end(&t->phases, KC_seconds_update);
    row->step = t->state.step;
    row->tokens = t->state.tokens;
    row->exposures = (double)t->docs / (double)kc_corpus_about(t->corpus)->n_people;
    row->loss = loss / (double)counted;
    row->lr = a.lr;
    row->grad_norm = norm;
    row->balance_loss = routing.windows ? routing.balance / (double)routing.windows : NAN;
    row->router_entropy = routing.windows ? routing.entropy / (double)routing.windows : NAN;
    row->dropped = routing.windows ? (double)routing.dropped / (double)routing.sent : NAN;
    return KC_OK;
}
