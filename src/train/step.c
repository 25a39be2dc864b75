/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "kcap/optim/schedule.h"
#include "train/step_internal.h"

/* The next windows of a lane of this rank. */
static void batch(kc_trainer *t, int64_t here, kc_lane_room *room)
{
    kc_lane_report *r = &t->mine[here];
    const int64_t lane = t->first_lane + here;
    const int64_t parts = t->state.n_parts;
    kc_cursor *next = t->mine_next + here * parts;
    memcpy(next, t->state.cursors + lane * parts, (size_t)parts * sizeof *next);
    kc_batch_next(t->corpus, lane, t->state.n_lanes, next, &room->doc, &room->batch);
    r->counted = room->batch.counted;
    r->loss = 0;
}

/* Loss and gradient of a lane of this rank. A lane that has ended serves the experts of others. */
static void run_lane(kc_trainer *t, int64_t here, kc_lane_room *room, float *grad)
{
    const kc_batch *b = &room->batch;
    kc_lane_report *r = &t->mine[here];
    kc_phases *phases = kc_work_phases(room->work);
    kc_phases_start(phases);
    batch(t, here, room);
    kc_phases_end(phases, KC_seconds_batch);
    memset(grad, 0, (size_t)t->tree.n * sizeof *grad);
    kc_phases_end(phases, KC_seconds_reduce);
    kc_work_lane(room->work);
    for (int64_t at = 0; at < b->windows * b->context; at += b->context)
        if (r->counted) {
            r->loss += kc_model_forward(&t->model, &t->weights, b->tokens + at, b->targets + at,
                                        room->work, grad);
            kc_model_backward(&t->model, &t->weights, b->tokens + at, room->work, grad);
        } else if (t->model.ep_size > 1)
            kc_model_serve(&t->model, &t->weights, room->work, grad);
    r->routing = *kc_work_routing(room->work);
}

/* What the threads timed, as a mean over them; they start anew. */
static void collect_phases(kc_trainer *t)
{
    for (int i = 0; i < t->at_once; ++i) {
        kc_phases *from = kc_work_phases(t->room[i].work);
        for (int k = 0; k < KC_N_PHASES; ++k)
            t->phases.seconds[k] += from->seconds[k] / t->at_once;
        *from = (kc_phases){0};
    }
}

/* The gradient of all lanes of this rank, added in lane order; in the tree. */
static float *run_lanes(kc_trainer *t)
{
    kc_tree_clear(&t->tree);
    for (int64_t from = 0; from < t->lanes_here; from += t->at_once) {
        const int64_t left = t->lanes_here - from;
        const int n = (int)(left < t->at_once ? left : t->at_once);
        for (int i = 0; i < n; ++i)
            t->room[i].grad = kc_tree_buffer(&t->tree);
        /* Not an if clause: a region of one thread would make those inside the lane nested, and
         * libgomp starts a new thread for each of these. */
        if (n == 1)
            run_lane(t, from, &t->room[0], t->room[0].grad);
        else {
#pragma omp parallel for num_threads(n) schedule(static, 1)
            for (int i = 0; i < n; ++i)
                run_lane(t, from + i, &t->room[i], t->room[i].grad);
        }
        kc_phases_start(&t->phases);
        for (int i = 0; i < n; ++i)
            kc_tree_add(&t->tree, t->room[i].grad, t->threads);
        kc_phases_end(&t->phases, KC_seconds_reduce);
    }
    collect_phases(t);
    return kc_tree_total(&t->tree, t->threads);
}

static void add_routing(kc_routing *sum, const kc_routing *r)
{
    sum->balance += r->balance;
    sum->entropy += r->entropy;
    sum->windows += r->windows;
    sum->sent += r->sent;
    sum->dropped += r->dropped;
}

/* What all lanes report, added in lane order, so equal on all ranks; *news likewise. */
static kc_lane_report share_reports(kc_trainer *t, kc_step_news *news)
{
    kc_lane_report all = {0};
    for (int64_t i = 0; i < t->lanes_here; ++i)
        t->mine[i].news = *news;
    kc_allgather(t->grid, t->mine, t->reports, (size_t)t->lanes_here * sizeof *t->mine);
    kc_allgather(t->grid, t->mine_next, t->next,
                 (size_t)(t->lanes_here * t->state.n_parts) * sizeof *t->next);
    memset(news->phase, 0, sizeof news->phase);
    for (int64_t k = 0; k < t->state.n_lanes; ++k) {
        const kc_lane_report *r = &t->reports[k];
        all.loss += r->loss;
        all.counted += r->counted;
        add_routing(&all.routing, &r->routing);
        news->stop = r->news.stop > news->stop ? r->news.stop : news->stop;
        if (r->news.seconds > news->seconds)
            news->seconds = r->news.seconds;
        for (int p = 0; p < KC_N_PHASES; ++p)
            news->phase[p] += r->news.phase[p] / (double)t->state.n_lanes;
    }
    return all;
}

static kc_adamw adamw_of(const kc_trainer *t, double norm, int64_t counted)
{
    const kc_config *cfg = t->cfg;
    return (kc_adamw){.lr = kc_schedule(cfg, t->state.step, t->docs, kc_trainer_planned(t)),
                      .beta1 = cfg->train.beta1,
                      .beta2 = cfg->train.beta2,
                      .eps = cfg->train.eps,
                      .weight_decay = cfg->train.weight_decay,
                      .scale = kc_clip_factor(norm, cfg->train.clip) / (double)counted,
                      .t = t->state.step + 1,
                      .others = cfg->train.optimizer == KC_train_optimizer_muon};
}

static kc_muon muon_of(const kc_trainer *t, const kc_adamw *adam)
{
    const kc_config *cfg = t->cfg;
    const double peak = cfg->train.muon_lr > 0 ? cfg->train.muon_lr : cfg->train.lr;
    return (kc_muon){.lr =
                         kc_schedule_from(cfg, peak, t->state.step, t->docs, kc_trainer_planned(t)),
                     .momentum = cfg->train.momentum,
                     .weight_decay = cfg->train.weight_decay,
                     .scale = adam->scale};
}

static void fill_row(const kc_trainer *t, const kc_lane_report *all, double lr, double norm,
                     kc_step_row *row)
{
    const kc_routing *r = &all->routing;
    row->step = t->state.step;
    row->tokens = t->state.tokens;
    row->exposures = (double)t->docs / (double)kc_corpus_about(t->corpus)->n_people;
    row->loss = all->loss / (double)all->counted;
    row->lr = lr;
    row->grad_norm = norm;
    row->balance_loss = r->windows ? r->balance / (double)r->windows : NAN;
    row->router_entropy = r->windows ? r->entropy / (double)r->windows : NAN;
    row->dropped = r->windows ? (double)r->dropped / (double)r->sent : NAN;
}

int kc_trainer_step(kc_trainer *t, kc_step_news *news, kc_step_row *row, kc_error *e)
{
    double norm;
    t->phases = (kc_phases){0};
    float *gradient = run_lanes(t); /* batch, forward, backward */
    kc_phases_start(&t->phases);
    const kc_lane_report all = share_reports(t, news);
    KC_CHECK(all.counted > 0, "step %lld has no token", (long long)t->state.step + 1);
    const kc_own_grads own = kc_trainer_reduce(t, gradient, &norm);
    norm /= (double)all.counted;
    kc_phases_end(&t->phases, KC_seconds_reduce);
    if (!isfinite(all.loss) || !isfinite(norm))
        return kc_trainer_not_finite(t, own, all.loss / (double)all.counted, e);
    if (t->state.adapters) {
        kc_trainer_adapt(t, gradient, &norm);
        norm /= (double)all.counted;
        kc_phases_end(&t->phases, KC_seconds_reduce);
    }
    const kc_adamw adam = adamw_of(t, norm, all.counted);
    const kc_muon muon = muon_of(t, &adam);
    kc_trainer_update(t, &adam, adam.others ? &muon : NULL, own);
    memcpy(t->state.cursors, t->next,
           (size_t)(t->state.n_lanes * t->state.n_parts) * sizeof *t->next);
    t->state.step += 1;
    t->state.tokens += all.counted;
    kc_trainer_refresh(t);
    kc_phases_end(&t->phases, KC_seconds_update);
    fill_row(t, &all, adam.lr, norm, row);
    return KC_OK;
}
