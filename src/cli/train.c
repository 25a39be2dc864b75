/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/train.h"

#include <math.h>
#include <stdlib.h>

#include "cli/again.h"
#include "cli/print/report.h"
#include "kcap/base/clock.h"
#include "kcap/record/shelf.h"
#include "kcap/run/run.h"

typedef kc_train_options options;

static double share_done(const kc_run *run)
{
    const double most = (double)run->cfg.train.max_steps;
    const double steps = most > 0 ? (double)kc_trainer_state(run->trainer)->step / most : 0;
    const double docs =
        (double)kc_trainer_docs(run->trainer) / (double)kc_trainer_planned(run->trainer);
    return steps > docs ? steps : docs;
}

void kc_train_report(const kc_run *run, int json)
{
    const kc_state *state = kc_trainer_state(run->trainer);
    const kc_about about = {&run->cfg, run->corpus, &run->sign.stamp};
    const int is_done = kc_run_complete(run);
    char checkpoint[KC_PATH_MAX];
    kc_shelf_path(run->out, state->step, ".h5", checkpoint, sizeof checkpoint);
    char *again = is_done ? NULL : kc_again();
    const kc_outcome outcome = {.status = is_done ? "done" : "stopped",
                                .out = run->out,
                                .checkpoint = is_done ? NULL : checkpoint,
                                .steps = state->step,
                                .tokens = state->tokens,
                                .loss = run->row.step ? run->row.loss : NAN,
                                .seconds = kc_clock() - run->begun,
                                .stopped_by = is_done ? NULL : kc_stopped_by(run->stopped),
                                .again = again,
                                .planned_steps = run->plan.steps,
                                .share = share_done(run)};
    (json ? kc_report_run_json : kc_report_run)(stdout, &about, &run->measured, &outcome);
    free(again);
}

/* What a node cannot hold is shown with the refusal. */
static void show_plan(const kc_run *run, int json, kc_error *e)
{
    kc_error ignored = {0};
    if (run->grid->rank != 0 || run->plan.machine.ranks == 0)
        return;
    const kc_plan_about about = {run->request->input, &run->cfg, kc_corpus_about(run->corpus), 0};
    if (e->code == KC_OK)
        (json ? kc_report_plan_json : kc_report_plan)(stdout, &about, &run->plan);
    else if (kc_plan_fits(&run->plan, &ignored) != KC_OK)
        kc_report_plan(stderr, &about, &run->plan);
}

int kc_train(kc_grid *g, const void *given, kc_error *e)
{
    const options *o = given;
    const kc_run_request request = {.input = o->input,
                                    .sets = o->sets.set,
                                    .n_sets = o->sets.n,
                                    .out = o->out,
                                    .resume = o->resume,
                                    .without_history = o->without_history,
                                    .max_seconds = o->max_seconds,
                                    .patience = o->patience,
                                    .look = o->dry_run,
                                    .talk = o->json ? stderr : stdout};
    kc_run run;
    int code = kc_run_prepare(&run, g, &request, e);
    if (code || o->dry_run)
        show_plan(&run, o->json, e);
    else
        code = kc_run_train(&run, e);
    if (!o->dry_run && e->code == KC_OK && g->rank == 0)
        kc_train_report(&run, o->json);
    kc_run_close(&run);
    return code;
}

static const options defaults = KC_TRAIN_DEFAULTS;
static const kc_option list[] = {{KC_OPTION("INPUT.yaml", KC_WORD, input)}, KC_TRAIN_OPTIONS};

const kc_verb kc_verb_train = {
    .name = "train",
    .summary = "train, measure, record",
    .about =
        "Train a model on the input file's corpus, measure what it stores, and write OUT/run.h5 "
        "and OUT/checkpoints.",
    .notes = KC_TRAIN_NOTES,
    KC_OPTIONS(list),
    .bytes = sizeof(options),
    .defaults = &defaults,
    .run = kc_train};
