/* SPDX-License-Identifier: BSD-3-Clause */
#include "run/loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/clock.h"
#include "kcap/data/order.h"
#include "kcap/io/file.h"
#include "kcap/record/reader.h"
#include "kcap/run/signals.h"
#include "run/origin.h"
#include "run/past.h"

int kc_run_start(kc_run *run, kc_error *e)
{
    const int resumed = run->from.path[0] != 0;
    const kc_corpus_info *info = kc_corpus_about(run->corpus);
    KC_TRY_ALL(run->grid, kc_trainer_create(&run->cfg, run->grid, run->corpus, run->host.threads,
                                            &run->trainer, e));
    const kc_model *model = kc_trainer_model(run->trainer);
    kc_measurements_create(&run->measured, &run->cfg, info, &model->shape);
    kc_sign(&run->sign, run->grid, &run->cfg, info, &run->host, &model->layout,
            resumed ? run->from.stamp.run_id : NULL);
    kc_origin_sign(run);
    if (resumed) {
        KC_TRY(kc_checkpoint_read(run->grid, &run->from, kc_trainer_state(run->trainer), e));
        kc_trainer_refresh(run->trainer);
        run->checkpoint_step = kc_trainer_state(run->trainer)->step;
    } else
        KC_TRY(kc_origin_read(run, e));
out:
    return e->code;
}

/* Rank 0 alone: what was measured before and is not asked for any more keeps its rows.
 *   returns     n, and how many were added */
static int add_unasked(const kc_run *run, const char *history, const kc_schema **events, int n)
{
    kc_reader r;
    kc_error ignored = {0}; /* copying the rows says it */
    const int is_open = kc_reader_open(&r, history, &ignored) == KC_OK && r.there;
    for (int i = 0; is_open && i < run->measured.n_unasked; ++i)
        if (kc_h5_has(&r.file, run->measured.unasked[i].group))
            events[n++] = &run->measured.unasked[i];
    kc_reader_close(&r, &ignored);
    return n;
}

int kc_run_open_record(kc_run *run, const char *history, kc_error *e)
{
    const kc_schema *events[KC_N_MEASURES];
    int n = run->measured.n;
    for (int i = 0; i < n; ++i)
        events[i] = &run->measured.of[i].schema;
    if (history && run->grid->rank == 0)
        n = add_unasked(run, history, events, n);
    run->sign.stamp.first_step = run->first_step > 1 ? run->first_step : 1;
    KC_TRY_ROOT(run->grid, kc_folders_create(run->out, e));
    kc_metrics_create(run->grid, run->out, &run->sign.stamp, events, n, history,
                      kc_trainer_state(run->trainer)->step, &run->metrics, e);
    if (e->code == KC_EINPUT)
        kc_advise(e, KC_PAST_INSTEAD);
out:
    return e->code;
}

/* Is the limit near, a checkpoint and a step before it? */
static int out_of_time(const kc_run *run)
{
    const double limit = run->request->max_seconds, ahead = run->step_seconds;
    const double reserve = run->checkpoint_seconds > 0 ? 1.5 * run->checkpoint_seconds + ahead : 0;
    return limit > 0 && kc_clock() - run->begun + reserve > limit;
}

/* What this rank is to stop for, a signal's number or KC_STOP_TIME; 0: nothing. From any thread. */
static int why_stop(void *of)
{
    const kc_run *run = of;
    const int number = kc_signals_asked();
    return number ? number : out_of_time(run) ? KC_STOP_TIME : 0;
}

/* What this rank knows of the step before: how long it took, and where the time went. */
static kc_step_news news_at(const kc_run *run, double now)
{
    kc_step_news news = {.seconds = now - run->row_begun};
    if (run->row_open) {
        memcpy(news.phase, kc_trainer_phases(run->trainer)->seconds, sizeof news.phase);
        news.phase[KC_seconds_record] = news.seconds - run->in_step;
    }
    return news;
}

/* The row of the last step is complete once its time is: hand it on. */
static void close_row(kc_run *run, const kc_step_news *news)
{
    if (!run->row_open)
        return;
    run->row_open = 0;
    run->row.seconds = run->step_seconds = news->seconds;
    run->row.tokens_per_second = (double)(run->row.tokens - run->tokens_before) / news->seconds;
#define KC_TAKE(type, name, unit, help) run->row.name = news->phase[KC_##name];
    KC_COLUMNS_PHASE(KC_TAKE)
#undef KC_TAKE
    if (run->grid->rank == 0 && !run->record_error.code)
        kc_metrics_step(run->metrics, &run->row, &run->record_error);
    if (run->grid->rank == 0 && run->request->watch)
        run->request->watch(run->request->watcher, run);
}

/* As the next step would: the slowest rank's time, the mean of the phases. */
static void share_news(const kc_grid *g, kc_step_news *news)
{
    kc_step_news *all = malloc((size_t)g->size * sizeof *all);
    KC_ROOM(all, "out of memory");
    kc_allgather(g, news, all, sizeof *news);
    memset(news->phase, 0, sizeof news->phase);
    for (int r = 0; r < g->size; ++r) {
        if (all[r].seconds > news->seconds)
            news->seconds = all[r].seconds;
        for (int p = 0; p < KC_N_PHASES; ++p)
            news->phase[p] += all[r].phase[p] / g->size;
    }
    free(all);
}

/* One step; the row of the step before it is closed on the way. */
static int step(kc_run *run, kc_error *e)
{
    const double now = kc_clock();
    kc_step_row row = {0};
    kc_guard_moves(run->guard, KC_MARK_STEP, kc_trainer_state(run->trainer)->step);
    kc_step_news news = news_at(run, now);
    news.stop = run->record_error.code ? KC_STOP_ERROR : why_stop(run);
    /* The row before a checkpoint is closed already: the time of writing it is this step's. */
    if (run->row_open)
        run->row_begun = now;
    const int64_t tokens = kc_trainer_state(run->trainer)->tokens;
    if (kc_trainer_step(run->trainer, &news, &row, e) != KC_OK)
        return e->code;
    run->in_step = kc_clock() - now;
    close_row(run, &news);
    run->row = row;
    run->row_open = 1;
    run->stopped = news.stop;
    run->tokens_before = tokens;
    if (run->grid->rank == 0)
        kc_progress_step(&run->progress, &row, kc_trainer_docs(run->trainer), kc_clock());
    return KC_OK;
}

static int why_break_off(void *of)
{
    const kc_run *run = of;
    kc_guard_moves(run->guard, KC_MARK_MEASURE, kc_trainer_state(run->trainer)->step);
    return why_stop(of);
}

static void show_share(void *of, double share)
{
    kc_run *run = of;
    kc_progress_measuring(&run->progress, share, kc_clock());
}

static kc_subject subject_of(kc_run *run)
{
    const kc_state *state = kc_trainer_state(run->trainer);
    kc_subject subject = {.grid = run->grid,
                          .cfg = &run->cfg,
                          .corpus = run->corpus,
                          .part = kc_corpus_about(run->corpus)->part,
                          .model = kc_trainer_model(run->trainer),
                          .weights = kc_trainer_weights(run->trainer),
                          .threads = run->host.threads,
                          .step = state->step,
                          .tokens = state->tokens,
                          .stopper = {.stop = why_break_off, .of = run, .seen = show_share}};
    kc_order_exposures(run->corpus, state->n_lanes, state->cursors, subject.exposures);
    return subject;
}

void kc_run_measure(kc_run *run, int i)
{
    kc_measured *m = &run->measured.of[i];
    const kc_subject subject = subject_of(run);
    const int taken = run->stopped ? 0 : kc_measured_take(m, &subject);
    if (taken < 0)
        run->stopped = -taken;
    if (taken <= 0 || run->grid->rank != 0)
        return;
    kc_progress_measure(&run->progress, m);
    if (run->metrics && !run->record_error.code)
        kc_metrics_event(run->metrics, i, m->row, &run->record_error);
}

/* Rows up to this step first, then the checkpoint: a resume finds them in run.h5. */
static int checkpoint(kc_run *run, kc_error *e)
{
    const kc_grid *g = run->grid;
    const kc_state *state = kc_trainer_state(run->trainer);
    if (run->checkpoint_step == state->step)
        return KC_OK;
    const double now = kc_clock();
    kc_step_news news = news_at(run, now);
    kc_guard_moves(run->guard, KC_MARK_CHECKPOINT, state->step);
    share_news(g, &news);
    close_row(run, &news);
    run->row_begun = now;
    if (g->rank == 0 && !run->record_error.code)
        kc_metrics_flush(run->metrics, &run->record_error);
    *e = run->record_error;
    if (kc_agree(g, e) == KC_OK &&
        kc_checkpoint_write(g, run->out, state, &run->sign.stamp, &run->files,
                            run->cfg.checkpoint.keep, e) == KC_OK) {
        run->checkpoint_step = state->step;
        run->checkpoint_seconds = kc_clock() - now;
        kc_guard_moves(run->guard, KC_MARK_STEP, state->step);
    }
    return e->code;
}

/* Measure what is due: a multiple of a measure's period was reached since it was last taken. That may have
 * been before a resume, when the run was stopped while it measured. */
static void measure_when_due(kc_run *run)
{
    const int64_t people = kc_corpus_about(run->corpus)->n_people;
    const int64_t docs = kc_trainer_docs(run->trainer);
    for (int i = 0; i < run->measured.n; ++i) {
        const kc_measured *m = &run->measured.of[i];
        const kc_event *last = m->row;
        const int64_t period = m->measure->every(&run->cfg) * people;
        const int64_t docs_then =
            last->step == KC_NO_INT ? 0 : llround(last->exposures * (double)people);
        if (period > 0 && docs_then / period < docs / period)
            kc_run_measure(run, i);
    }
}

int kc_run_is_trained(const kc_run *run)
{
    const int64_t most = run->cfg.train.max_steps;
    return kc_trainer_done(run->trainer) ||
           (most > 0 && kc_trainer_state(run->trainer)->step >= most);
}

int kc_run_complete(const kc_run *run)
{
    const int64_t step = kc_trainer_state(run->trainer)->step;
    int measured = 1;
    for (int i = 0; i < run->measured.n; ++i)
        measured = measured && ((const kc_event *)run->measured.of[i].row)->step == step;
    return kc_run_is_trained(run) && measured;
}

int kc_run_steps(kc_run *run, kc_error *e)
{
    const int64_t every = run->cfg.checkpoint.every_steps;
    const kc_state *state = kc_trainer_state(run->trainer);
    run->tokens_before = state->tokens;
    run->row_begun = kc_clock();
    measure_when_due(run);
    while (!run->stopped && !kc_run_is_trained(run)) {
        KC_TRY(step(run, e));
        measure_when_due(run);
        if (every > 0 && state->step % every == 0)
            KC_TRY(checkpoint(run, e));
    }
out:
    return e->code;
}

int kc_run_loop(kc_run *run, kc_error *e)
{
    kc_signals_stake();
    KC_TRY(kc_run_steps(run, e));
    for (int i = 0; i < run->measured.n && kc_run_is_trained(run); ++i)
        kc_run_measure(run, i);
    KC_TRY(checkpoint(run, e));
out:
    if (run->grid->rank == 0)
        kc_progress_end(&run->progress, run->row.step && kc_run_complete(run) ? run->row.loss : NAN,
                        kc_corpus_about(run->corpus)->n_vocab);
    return e->code;
}
