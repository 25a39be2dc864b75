/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/work.h"

#include <string.h>

#include "nn/logits.h"

kc_work *kc_work_create(const kc_model *model, kc_arena *a, int threads)
{
    const kc_shape *s = &model->shape;
    kc_work *work = kc_arena_take(a, 1, sizeof *work), w = {.threads = threads, .rows = s->T};
    w.n_experts = s->l * s->E;
    w.kept = kc_arena_take(a, s->l, sizeof *w.kept);
    for (int64_t l = 0; l < s->l; ++l) {
        const kc_block_kept kept = kc_block_kept_take(model, a);
        if (w.kept)
            w.kept[l] = kept;
    }
    w.scratch = kc_block_scratch_take(model, a);
    w.x = kc_mat_take(a, s->T, s->d);
    w.y = kc_mat_take(a, s->T, s->d);
    w.mean = kc_arena_floats(a, s->T);
    w.rstd = kc_arena_floats(a, s->T);
    w.dx = kc_mat_take(a, s->T, s->d);
    w.dy = kc_mat_take(a, s->T, s->d);
    w.logits = kc_arena_floats(a, kc_logits_scratch(s));
    if (work)
        *work = w;
    return work;
}

kc_phases *kc_work_phases(kc_work *work)
{
    return &work->scratch.phases;
}

void kc_work_lane(kc_work *work)
{
    kc_moe_lane *lane = &work->scratch.lane;
    memset(lane->used, 0, (size_t)work->n_experts * sizeof *lane->used);
    lane->routing = (kc_routing){0};
}

void kc_work_keep(kc_work *work, int64_t known)
{
    work->known = known;
}

const kc_routing *kc_work_routing(const kc_work *work)
{
    return &work->scratch.lane.routing;
}

const int64_t *kc_work_load(const kc_work *work)
{
    return work->scratch.lane.load;
}
