/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/plan/plan.h"

#include <math.h>

#include "kcap/measure/measure.h"
#include "kcap/optim/masters.h"
#include "kcap/train/step.h"

/* Measured as VmHWM of runs with next to no model, 1 and 2 threads: tests/app/plan.py holds the
 * forecast against a real run. */
enum { PROGRAM_BYTES = 44 << 20, THREAD_BYTES = 8 << 20 };

static void count_run(const kc_config *cfg, const kc_corpus_info *info, kc_plan *p)
{
    const double each = info->windows_are_single ? (double)cfg->train.context /* padding too */
                                                 : info->mean_doc_tokens;
    p->tokens_per_exposure = each * (double)info->n_people / info->share;
    p->tokens = p->tokens_per_exposure * (double)info->exposures;
    p->tokens_per_step = cfg->train.batch * cfg->train.context;
    p->steps = (int64_t)ceil(p->tokens / (double)p->tokens_per_step);
    if (cfg->train.max_steps > 0 && cfg->train.max_steps < p->steps) {
        p->steps = cfg->train.max_steps;
        p->tokens = (double)(p->steps * p->tokens_per_step);
    }
    p->flops = p->tokens * p->flop_per_token.all;
}

/* What a rank sends of tokens in a step: to experts and back, forward and backward, if they choose
 * evenly. */
static double tokens_bytes(const kc_config *cfg, const kc_model *model, double ranks)
{
    const kc_shape *s = &model->shape;
    const double tokens = (double)(cfg->train.batch * s->T) / ranks, ep = model->ep_size;
    return 4 * 4 * tokens * (double)(s->k * s->l * s->d) * (ep - 1) / ep;
}

static int count_memory(const kc_config *cfg, const kc_corpus_info *info, const kc_model *model,
                        kc_plan *p, kc_error *e)
{
    const kc_machine *m = &p->machine;
    const size_t measuring = kc_measurements_bytes(cfg, info, model, m->ranks, m->threads);
    int too_many = measuring > INT64_MAX;
    p->needs.bytes[KC_measurement_bytes] = measuring;
    p->base_bytes = PROGRAM_BYTES + (int64_t)m->threads * THREAD_BYTES +
                    (int64_t)info->table.bytes / m->ranks_per_node;
    for (int i = 0; i < KC_N_NEEDS; ++i)
        if (i != KC_measurement_bytes)
            too_many |= __builtin_add_overflow(p->arena_bytes, p->needs.bytes[i], &p->arena_bytes);
    too_many |= __builtin_add_overflow(p->arena_bytes, p->base_bytes, &p->peak_bytes);
    too_many |= __builtin_add_overflow(p->peak_bytes, measuring, &p->peak_bytes);
    if (too_many || __builtin_mul_overflow(p->peak_bytes, m->ranks_per_node, &p->node_needs))
        return kc_fail(
            e, KC_EINPUT,
            "memory: %d ranks of %d threads on a node would hold more than %.2g bytes; a "
            "shorter train.context, fewer parallel.threads or fewer ranks would do",
            m->ranks_per_node, m->threads, (double)INT64_MAX);
    return KC_OK;
}

/* Weights, and what a run goes on from: the moments of what is trained, and what the weights are made of
 * where that is not themselves. */
static double checkpoint_bytes(const kc_config *cfg, const kc_layout *layout)
{
    const kc_method *method = kc_method_of(cfg);
    const double P = (double)layout->n_params, n = (double)kc_method_trained(cfg, layout);
    if (method && method->describe)
        return 4 * (2 * P + 3 * n);
    return 4 * (P + 2 * n + (method ? P : 0));
}

int kc_plan_make(const kc_config *cfg, const kc_corpus *corpus, const kc_machine *machine,
                 kc_plan *plan, kc_error *e)
{
    const kc_corpus_info *info = kc_corpus_about(corpus);
    const kc_grid grid = {.size = machine->ranks, .node_ranks = machine->ranks_per_node};
    const double R = machine->ranks;
    kc_model model;
    *plan = (kc_plan){.machine = *machine, .n_vocab = info->n_vocab};
    if (kc_trainer_needs(cfg, &grid, corpus, machine->threads, &plan->needs, e) != KC_OK)
        return e->code;
    if (kc_model_describe(&model, cfg, info->n_vocab, NULL, e) != KC_OK)
        return e->code;
    plan->layout = model.layout;
    plan->n_params = model.layout.n_params;
    plan->flop_per_token = kc_flops_of(&model.shape);
    plan->n_params_used = model.layout.n_used;
    plan->ep = model.ep_size;
    /* Gradients and weights, with Muon its momentum too. */
    const double each = cfg->train.optimizer == KC_train_optimizer_muon ? 12 : 8;
    plan->sent_bytes =
        each * (double)model.layout.n_dense * (R - 1) / R +
        each * (double)(model.layout.n_flat - model.layout.n_dense) * (R - plan->ep) / R +
        tokens_bytes(cfg, &model, R);
    plan->checkpoint_bytes = checkpoint_bytes(cfg, &model.layout);
    count_run(cfg, info, plan);
    return count_memory(cfg, info, &model, plan, e);
}

int kc_plan_fits(const kc_plan *plan, kc_error *e)
{
    const double gib = 1024.0 * 1024 * 1024;
    if (plan->machine.node_bytes == 0 || plan->node_needs <= plan->machine.node_bytes)
        return KC_OK;
    return kc_fail(
        e, KC_EINPUT,
        "memory: %d ranks on a node need %.2f GiB, it can give %.2f GiB; more nodes (ranks share "
        "the "
        "moments), fewer ranks a node with more threads each, fewer threads (each holds a lane's "
        "activations and gradient), a shorter train.context or a smaller model would do",
        plan->machine.ranks_per_node, (double)plan->node_needs / gib,
        (double)plan->machine.node_bytes / gib);
}
