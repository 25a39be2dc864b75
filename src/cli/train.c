/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/cli/print/report.h"
#include "kcap/run/loop.h"
#include "kcap/cli/verbs.h"
#include "kcap/base/clock.h"
#include "kcap/io/file.h"
#include "kcap/record/checkpoint.h"
#include "kcap/record/outcome.h"
#include "kcap/record/shelf.h"

enum { PATH_MOST = 1024 };

static void choose_out(const kc_session *s, char out[PATH_MOST])
{
    if (s->options->out)
        snprintf(out, PATH_MOST, "%s", s->options->out);
    else if (s->cfg.run.out[0])
        snprintf(out, PATH_MOST, "%s", s->cfg.run.out);
    else
        snprintf(out, PATH_MOST, "runs/%s", s->cfg.run.name);
}

/* The folder must be free unless this run goes on in it; nothing is written before. */
static int claim_out(const kc_session *s, const char *out, int may_hold_a_run, kc_error *e)
{
    if (s->grid.rank == 0) {
        const int full = kc_folder_full(out);
        if (full < 0)
            kc_fail(e, KC_EIO, "%s: cannot be read: %s", out, strerror(errno));
        else if (full && !may_hold_a_run)
            kc_fail(
                e, KC_EINPUT,
                "%s: not empty; choose another --out, or --resume auto to go on with the run in it",
                out);
    }
    return kc_agree(&s->grid, e);
}

/* Going on from an older checkpoint would leave newer ones of another past beside it. */
static void refuse_older(const char *out, const kc_head *head, kc_error *e)
{
    kc_shelf_entry *entries = NULL;
    int64_t n = 0;
    if (kc_shelf_list(out, &entries, &n, e) == KC_OK)
        for (int64_t i = 0; i < n; ++i)
            if (entries[i].has_manifest && entries[i].step > head->step) {
                kc_fail(
                    e, KC_EINPUT,
                    "%s: its folder holds a newer checkpoint, of step %lld; go on from this one "
                    "with another --out, or remove the newer ones",
                    head->path, (long long)entries[i].step);
                break;
            }
    free(entries);
}

/* Find what to resume from; head->path stays empty for a fresh start. */
static int find_start(kc_session *s, const char *out, kc_head *head, kc_error *e)
{
    const char *resume = s->options->resume;
    const int is_auto = strcmp(resume, "auto") == 0;
    if (strcmp(resume, "never") == 0)
        return claim_out(s, out, 0, e);
    int there = 1;
    if (is_auto) {
        if (s->grid.rank == 0)
            there = kc_folder_full(out) == 1;
        kc_bcast(&s->grid, &there, sizeof there);
    }
    if (there)
        KC_TRY(kc_checkpoint_find(&s->grid, is_auto ? out : resume, head, e));
    if (!is_auto && !head->path[0])
        return kc_fail(e, KC_EINPUT, "--resume %s: no checkpoint there", resume);
    /* A run's own folder is its checkpoint's grandparent. */
    const size_t n = strlen(out);
    const int own = is_auto || (strncmp(head->path, out, n) == 0 && head->path[n] == '/');
    if (own && !is_auto && s->grid.rank == 0)
        refuse_older(out, head, e);
    KC_TRY(kc_agree(&s->grid, e));
    KC_TRY(claim_out(s, out, own, e));
out:
    return e->code;
}

static int check_same_experiment(const kc_session *s, const kc_head *head, kc_error *e)
{
    kc_config then;
    char what[KC_TEXT_MAX * 2];
    if (head->imported_from[0])
        kc_fail(e, KC_EINPUT,
                "%s: holds weights imported from %s, without the optimiser's moments: there is no "
                "run to go on with; kcap measure reads it",
                head->path, head->imported_from);
    else if (kc_config_parse(head->config, strlen(head->config), head->path, NULL, 0, &then, e) ==
                 KC_OK &&
             kc_config_differs(&then, &s->cfg, "the checkpoint", "this input", what, sizeof what))
        kc_fail(e, KC_EINPUT, "%s: another experiment: %s", head->path, what);
    return kc_agree(&s->grid, e);
}

/* The kernels of the checkpoint go on, since others give other bits. */
static int resume_machine(kc_session *s, const kc_head *head, kc_error *e)
{
    const int is_auto = s->cfg.parallel.kernel == KC_parallel_kernel_auto;
    if (kc_session_machine(s, is_auto ? head->kernel : NULL, e) != KC_OK && is_auto) {
        kc_error why = *e;
        *e = (kc_error){0};
        return kc_fail(
            e, KC_EINPUT,
            "%s: made with %s kernels (%.300s); --set parallel.kernel=... goes on with others "
            "and other bits",
            head->path, head->kernel, why.text);
    }
    if (!e->code && s->grid.rank == 0 && strcmp(s->kernel, head->kernel) != 0)
        fprintf(stderr,
                "kcap: warning: %s was made with %s kernels, this run uses %s: other bits\n",
                head->path, head->kernel, s->kernel);
    return e->code;
}

/* run.h5 of the run that a checkpoint belongs to: DIR/checkpoints/x.h5 -> DIR/run.h5. */
static void history_of(const kc_head *head, char path[PATH_MOST])
{
    snprintf(path, PATH_MOST, "%s", head->path);
    for (int up = 0; up < 2; ++up) {
        char *slash = strrchr(path, '/');
        if (slash)
            *slash = 0;
        else
            snprintf(path, PATH_MOST, up ? ".." : ".");
    }
    strncat(path, "/run.h5", PATH_MOST - strlen(path) - 1);
}

static int start_metrics(kc_run *run, const kc_head *head, kc_error *e)
{
    kc_session *s = run->session;
    const kc_corpus_info *info = kc_corpus_about(s->corpus);
    const char *names[KC_ATTRIBUTES_MAX];
    char history[PATH_MOST];
    for (int a = 0; a < info->n_attributes; ++a)
        names[a] = info->attribute[a].name;
    if (s->grid.rank == 0)
        kc_folders_create(run->out, e);
    KC_TRY(kc_agree(&s->grid, e));
    history_of(head, history);
    KC_TRY(kc_metrics_create(&s->grid, run->out, &s->stamp, names, kc_session_widths(s),
                             head->path[0] ? history : NULL, kc_trainer_state(run->trainer)->step,
                             &run->metrics, e));
out:
    return e->code;
}

static void announce(const kc_run *run, const kc_head *head, FILE *to)
{
    const kc_session *s = run->session;
    char now[512] = "";
    if (head->path[0])
        snprintf(now, sizeof now, ", resumed from %.400s", head->path);
    fprintf(to,
            "kcap %s: %s, %d ranks x %d threads, %s kernels, P = %lld, corpus %.0f bits -> %s%s\n",
            s->stamp.kcap_version, s->options->input, s->grid.size, s->threads, s->kernel,
            (long long)s->stamp.n_params, s->stamp.corpus_bits, run->out, now);
    fflush(to);
}

static void report(const kc_run *run)
{
    const kc_session *s = run->session;
    const kc_state *state = kc_trainer_state(run->trainer);
    if (run->watch)
        run->watch(run->watcher, run);
    if (s->quiet)
        return;
    const kc_outcome outcome = {.status = kc_run_complete(run) ? "done" : "stopped",
                                .out = run->out,
                                .steps = state->step,
                                .tokens = state->tokens,
                                .loss = run->row.step ? run->row.loss : NAN,
                                .seconds = kc_clock() - run->begun};
    const kc_measure_row *row = run->measured.step >= 0 ? &run->measured : NULL;
    (s->options->json ? kc_report_json : kc_report_table)(stdout, s, row, &outcome);
}

/* A checkpoint with nothing left to do: say what it stores. */
static int report_finished(kc_run *run, const kc_head *head)
{
    kc_session *s = run->session;
    if (s->grid.rank == 0 && !s->quiet)
        fprintf(stderr, "kcap: %s: this run is finished, nothing to do\n", head->path);
    kc_run_measure(run);
    if (s->grid.rank == 0)
        report(run);
    return KC_OK;
}

/* A run killed after its last checkpoint and before its run.h5 was measured and closed has something
 * left to do: that. A measurement of the end that is there already is taken, not made again. */
static int record_is_whole(kc_run *run, const kc_head *head)
{
    const kc_grid *g = &run->session->grid;
    const int64_t end = kc_trainer_state(run->trainer)->step;
    char history[PATH_MOST], own[PATH_MOST + 16];
    history_of(head, history);
    snprintf(own, sizeof own, "%s/run.h5", run->out);
    int whole = strcmp(history, own) != 0; /* a checkpoint from elsewhere: nothing is written */
    if (g->rank == 0 && !whole) {
        kc_outcome_file f;
        kc_error ignored = {0}; /* going on says it */
        kc_outcome_read(run->out, kc_session_widths(run->session).loads, &f, &ignored);
        whole = f.there && f.closed && f.step.step == end && f.measure.step == end;
        if (f.there && f.measure.step == end)
            run->measured = f.measure;
    }
    kc_bcast(g, &whole, sizeof whole);
    kc_bcast(g, &run->measured, sizeof run->measured);
    return whole;
}

static int set_up(kc_run *run, kc_head *head, kc_error *e)
{
    kc_session *s = run->session;
    const int resumed = head->path[0] != 0;
    if (resumed)
        KC_TRY(check_same_experiment(s, head, e));
    KC_TRY(kc_session_corpus(s, resumed ? &head->files : NULL, e));
    KC_TRY(resumed ? resume_machine(s, head, e) : kc_session_machine(s, NULL, e));
    KC_TRY(kc_session_plan(s, &run->plan, e));
    if (s->options->dry_run)
        return KC_OK;
    kc_session_mesh(s);
    kc_trainer_create(&s->cfg, &s->grid, s->corpus, s->threads, &run->trainer, e);
    KC_TRY(kc_agree(&s->grid, e));
    kc_session_stamp(s, &kc_trainer_model(run->trainer)->layout, resumed ? head->run_id : NULL);
    if (resumed) {
        KC_TRY(kc_checkpoint_read(&s->grid, head, kc_trainer_state(run->trainer), e));
        kc_trainer_refresh(run->trainer);
        run->checkpoint_step = kc_trainer_state(run->trainer)->step;
    }
out:
    return e->code;
}

int kc_verb_train(kc_session *s, kc_error *e)
{
    char out[PATH_MOST];
    kc_head head = {0};
    kc_run run = {.session = s,
                  .out = out,
                  .begun = kc_clock(),
                  .measured = {.step = -1},
                  .checkpoint_step = -1,
                  .watch = s->watch,
                  .watcher = s->watcher};
    FILE *talk = s->options->json ? stderr : stdout;
    kc_run_catch_signals();
    KC_TRY(kc_session_config(s, e));
    choose_out(s, out);
    KC_TRY(find_start(s, out, &head, e));
    KC_TRY(set_up(&run, &head, e));
    if (s->options->dry_run) {
        if (s->grid.rank == 0)
            (s->options->json ? kc_report_plan_json : kc_report_plan)(stdout, s, &run.plan);
        goto out;
    }
    if (head.path[0] && kc_run_complete(&run) && record_is_whole(&run, &head)) {
        report_finished(&run, &head);
        goto out;
    }
    KC_TRY(start_metrics(&run, &head, e));
    if (s->grid.rank == 0 && !s->quiet) {
        announce(&run, &head, talk);
        kc_progress_start(&run.progress, talk, kc_trainer_planned(run.trainer),
                          kc_trainer_docs(run.trainer), kc_trainer_state(run.trainer)->tokens);
    }
    KC_TRY(kc_run_loop(&run, e));
    if (s->grid.rank == 0)
        kc_metrics_close(run.metrics, e);
    run.metrics = NULL;
    KC_TRY(kc_agree(&s->grid, e));
    if (s->grid.rank == 0)
        report(&run);
out:
    if (run.metrics) {
        kc_error ignored = {0};
        kc_metrics_close(run.metrics, &ignored);
    }
    const int code = e->code ? e->code : run.stopped && !kc_run_complete(&run) ? KC_STOPPED : KC_OK;
    kc_trainer_destroy(run.trainer);
    kc_head_free(&head);
    return code;
}
