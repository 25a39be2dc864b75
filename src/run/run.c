/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/run.h"

#include <string.h>

#include "kcap/base/clock.h"
#include "kcap/base/memory.h"
#include "kcap/io/file.h"
#include "kcap/run/input.h"
#include "kcap/run/signals.h"
#include "run/loop.h"
#include "run/origin.h"
#include "run/resume.h"

static int choose_out(kc_run *run, kc_error *e)
{
    const kc_config *cfg = &run->cfg;
    if (run->request->out)
        snprintf(run->out, sizeof run->out, "%s", run->request->out);
    else if (cfg->run.out[0])
        snprintf(run->out, sizeof run->out, "%s", cfg->run.out);
    else
        snprintf(run->out, sizeof run->out, "runs/%s", cfg->run.name);
    if (kc_path_fault(run->out))
        kc_fail(e, KC_EINPUT, "run.out: %.200s: %s", run->out, kc_path_fault(run->out));
    return e->code;
}

/* What this node, and the limits of its ranks, can give. */
static int64_t node_bytes(const kc_grid *g)
{
    const int64_t node = kc_memory_available(), rank = kc_memory_of_process();
    const int64_t ranks = rank < INT64_MAX / g->node_ranks ? rank * g->node_ranks : INT64_MAX;
    return node == 0 && ranks < INT64_MAX ? ranks : node < ranks ? node : ranks;
}

static int make_plan(kc_run *run, kc_error *e)
{
    const kc_machine here = {.ranks = run->grid->size,
                             .threads = run->host.threads,
                             .ranks_per_node = run->grid->node_ranks,
                             .node_bytes = node_bytes(run->grid)};
    if (kc_plan_make(&run->cfg, run->corpus, &here, &run->plan, e) == KC_OK)
        kc_plan_fits(&run->plan, e);
    return kc_agree(run->grid, e);
}

static void guard(kc_run *run)
{
    const kc_run_request *q = run->request;
    const kc_guard_request of = {.grid = run->grid,
                                 .folder = run->out,
                                 .patience = q->patience,
                                 .begun = run->begun,
                                 .most = q->max_seconds,
                                 .others_go_on = q->others_go_on};
    if (q->patience > 0 && !q->look)
        run->guard = kc_guard_start(&of);
}

/* A step at a rate that any core has: who takes longer hangs. */
static double step_seconds_most(const kc_plan *plan)
{
    const double cores = (double)plan->machine.ranks * plan->machine.threads, rate = 1e9;
    return plan->flop_per_token.all * (double)plan->tokens_per_step / cores / rate;
}

int kc_run_prepare(kc_run *run, kc_grid *g, const kc_run_request *q, kc_error *e)
{
    *run = (kc_run){.request = q, .grid = g, .begun = kc_clock(), .checkpoint_step = -1};
    kc_signals_catch(g->rank == 0);
    KC_TRY(kc_input_config(g, q->input, q->sets, q->n_sets, &run->cfg, e));
    KC_TRY(choose_out(run, e));
    if (!q->look)
        KC_TRY_ROOT(g, kc_lock_take(run->out, KC_LOCK_RUN, KC_LOCK_PATIENCE, &run->lock, e));
    guard(run);
    KC_TRY(kc_resume_find(run, e));
    KC_TRY(kc_origin_find(run, e));
    kc_checkpoint_info *given = run->from.path[0] ? &run->from : &run->origin;
    if (given->path[0]) {
        run->files = given->files;
        given->files = (kc_files){0};
        KC_TRY_ROOT(g, kc_files_check(&run->cfg, &run->files, e));
    } else
        KC_TRY(kc_input_files(g, &run->cfg, &run->files, e));
    KC_TRY(kc_input_corpus(g, &run->cfg, &run->files, &run->corpus, e));
    if (run->from.path[0])
        KC_TRY(kc_resume_host(run, e));
    else
        KC_TRY(kc_host_start(&run->host, g, &run->cfg, NULL, q->talk != NULL, e));
    KC_TRY(make_plan(run, e));
    kc_guard_expects(run->guard, step_seconds_most(&run->plan));
out:
    return e->code;
}

static void announce(const kc_run *run)
{
    const kc_stamp *stamp = &run->sign.stamp;
    FILE *to = run->request->talk;
    char from[512] = "";
    if (run->from.path[0])
        snprintf(from, sizeof from, ", resumed from %.400s", run->from.path);
    else if (run->origin.path[0])
        snprintf(from, sizeof from, ", weights from %.400s", run->origin.path);
    fprintf(to,
            "kcap %s: %s, %d ranks x %d threads, %s kernels, P = %lld, corpus %.0f bits -> %s%s\n",
            stamp->kcap_version, run->request->input, run->grid->size, run->host.threads,
            run->host.kernel, (long long)stamp->n_params, stamp->corpus_bits, run->out, from);
    fflush(to);
}

static int train(kc_run *run, kc_error *e)
{
    char history[KC_PATH_MAX];
    const int has_history = kc_resume_history(run, history);
    if (run->without_history)
        KC_TRY_ROOT(run->grid, kc_resume_set_aside(run, e));
    if (has_history)
        kc_resume_measured(run, history);
    KC_TRY(kc_run_open_record(run, has_history ? history : NULL, e));
    if (run->grid->rank == 0 && run->request->talk) {
        const double limit = run->request->max_seconds;
        const kc_course course = {kc_trainer_planned(run->trainer), run->cfg.train.max_steps,
                                  limit > 0 ? run->begun + limit : 0};
        const kc_state *state = kc_trainer_state(run->trainer);
        announce(run);
        kc_progress_start(&run->progress, run->request->talk, &course, state->step, state->tokens,
                          kc_trainer_docs(run->trainer), kc_clock());
    }
    KC_TRY(kc_run_loop(run, e));
    kc_metrics *metrics = run->metrics;
    run->metrics = NULL;
    KC_TRY_ALL(run->grid, kc_metrics_close(metrics, e));
out:
    return e->code;
}

int kc_run_train(kc_run *run, kc_error *e)
{
    const kc_run_request *q = run->request;
    KC_TRY(kc_run_start(run, e));
    if (run->from.path[0] && kc_run_is_trained(run) && kc_resume_record_is_whole(run)) {
        if (run->grid->rank == 0 && q->talk)
            fprintf(stderr, "kcap: %s: this run is finished, nothing to do\n", run->from.path);
        for (int i = 0; i < run->measured.n; ++i)
            kc_run_measure(run, i);
    } else
        KC_TRY(train(run, e));
    if (run->grid->rank == 0 && q->watch)
        q->watch(q->watcher, run);
out:
    return e->code ? e->code : run->stopped && !kc_run_complete(run) ? KC_STOPPED : KC_OK;
}

void kc_run_close(kc_run *run)
{
    kc_error ignored = {0};
    kc_metrics_close(run->metrics, &ignored);
    kc_trainer_destroy(run->trainer);
    kc_measurements_free(&run->measured);
    kc_signature_free(&run->sign);
    kc_checkpoint_info_free(&run->from);
    kc_checkpoint_info_free(&run->origin);
    kc_corpus_destroy(run->corpus);
    kc_files_free(&run->files);
    kc_host_end(&run->host, run->grid);
    kc_guard_end(run->guard);
    kc_lock_release(run->lock);
}
