/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "kcap/base/memory.h"
#include "kcap/base/sum.h"
#include "train/step_internal.h"

/* The first element that is not finite, in the layout of a rank that holds all experts;
 * kc_params_all where there is none. */
static int64_t first_broken(const kc_trainer *t, kc_own_grads own)
{
    const kc_layout *layout = &t->model.layout;
    const int64_t lo = t->reducer.lo[t->grid->rank], n = t->state.dense_here;
    const int64_t from = t->state.expert_lo[0], more = t->state.expert_lo[1] - from;
    for (int64_t i = 0; i < n; ++i)
        if (!isfinite(own.dense[i]))
            return lo + i;
    for (int64_t i = 0; i < more; ++i)
        if (!isfinite(own.experts[i]))
            return layout->n_dense + layout->first_expert * layout->each + from + i;
    return kc_params_all(&t->model.layout);
}

int kc_trainer_not_finite(const kc_trainer *t, kc_own_grads own, double loss, kc_error *e)
{
    int64_t layer = 0, at = first_broken(t, own);
    int64_t *all = kc_alloc(t->grid->size, sizeof *all, "ranks");
    kc_allgather(t->grid, &at, all, sizeof at);
    for (int r = 0; r < t->grid->size; ++r)
        at = all[r] < at ? all[r] : at;
    free(all);
    char where[160] = "no single gradient element, only their norm, is out of range";
    if (at < kc_params_all(&t->model.layout)) {
        const kc_layout *layout = &t->model.layout;
        const kc_tensor *x = &layout->tensor[kc_params_find(layout, at, &layer)];
        const int64_t expert = kc_params_expert(layout, at);
        int used =
            snprintf(where, sizeof where, "first gradient that is not finite: %s, layer %lld",
                     x->name, (long long)layer);
        if (expert >= 0)
            used += snprintf(where + used, sizeof where - (size_t)used, ", expert %lld",
                             (long long)expert);
        at -= (expert > 0 ? expert * layout->each : 0) + x->offset + layer * x->stride;
        snprintf(where + used, sizeof where - (size_t)used, ", element %lld", (long long)at);
    }
    return kc_fail(e, KC_ENUMERIC,
                   "step %lld: loss %g; %s; the run stops with the checkpoints it has (a lower "
                   "train.lr or a longer train.warmup_steps usually helps)",
                   (long long)t->state.step + 1, loss, where);
}

kc_own_grads kc_trainer_reduce(kc_trainer *t, float *total, double *norm)
{
    const kc_layout *layout = &t->model.layout;
    const int64_t experts = layout->n_flat - layout->n_dense;
    kc_own_grads own = {.dense = kc_grads_reduce(&t->reducer, t->grid, total, t->threads),
                        .whole = total};
    double square = kc_grads_square(&t->reducer, t->grid, NULL, own.dense, NULL, t->threads);
    if (experts) {
        if (!t->model.add_sources)
            kc_add_pairwise(total + layout->n_dense, t->model.ep_size, experts, t->threads);
        own.experts =
            kc_grads_reduce(&t->expert_reducer, &t->dp, total + layout->n_dense, t->threads);
        square += kc_grads_square(&t->expert_reducer, &t->dp, t->grid->ep, own.experts, t->squares,
                                  t->threads);
    }
    *norm = sqrt(square);
    return own;
}

void kc_trainer_adapt(kc_trainer *t, float *total, double *norm)
{
    const int64_t blocks = t->adapters.layout.n_flat / KC_BLOCK;
    double square = 0;
    kc_slices_gather(t->grid, total, t->reducer.lo);
    t->method->gradient(t->cfg, &t->state, total, t->adapter_grad, t->method_room, t->threads);
    for (int64_t b = 0; b < blocks; ++b)
        square += kc_sum_squares(t->adapter_grad + b * KC_BLOCK, KC_BLOCK);
    *norm = sqrt(square);
}

static void update_adapters(kc_trainer *t, const kc_adamw *adam)
{
    kc_adapters *a = &t->adapters;
    const kc_state beside = {.params = a->params, .m = a->m, .v = a->v};
    kc_adamw_step(&a->layout, adam, 0, a->layout.n_flat, &beside, t->adapter_grad, t->threads);
}

/* Of the elements from `first` on that the ranks of g share in slices: the dense ones or experts'. */
static void update(kc_trainer *t, const kc_adamw *adam, const kc_muon *muon, const kc_grid *g,
                   const int64_t *slices, int64_t first, float *whole)
{
    const kc_layout *layout = &t->model.layout;
    float *trained = t->method ? t->state.masters : t->state.params;
    const int64_t lo = first + slices[g->rank], hi = first + slices[g->rank + 1];
    kc_adamw_step(layout, adam, lo, hi, &t->state, whole + lo, t->threads);
    if (muon) {
        kc_muon_momentum(layout, muon, lo, hi, &t->state, whole);
        kc_slices_gather(g, whole + first, slices);
        kc_muon_step(layout, muon, lo, hi, trained, whole, &t->muon, t->threads);
    }
    kc_slices_gather(g, trained + first, slices);
}

void kc_trainer_update(kc_trainer *t, const kc_adamw *adam, const kc_muon *muon, kc_own_grads own)
{
    if (t->state.adapters) {
        update_adapters(t, adam);
        return;
    }
    update(t, adam, muon, t->grid, t->reducer.lo, 0, own.whole);
    if (own.experts)
        update(t, adam, muon, &t->dp, t->expert_reducer.lo, t->model.layout.n_dense, own.whole);
}
