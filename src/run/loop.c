/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/loop.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kcap/cli/verbs.h"
#include "kcap/base/clock.h"
#include "kcap/record/checkpoint.h"

/* The one thing a signal handler can reach. */
static volatile sig_atomic_t asked_to_stop;

static void on_signal(int number)
{
    (void)number;
    asked_to_stop = 1;
}

static sigset_t stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGTERM);
    return set;
}

/* oneDNN's products before 3.12 run with the stack pointer in the heap, where the frame of a handler
 * would overwrite it (oneDNN issue 4845). So the threads that compute block the signals, and ask
 * for them between steps; the handler is for threads of MPI's own. */
void kc_run_catch_signals(void)
{
    const sigset_t set = stop_signals();
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int kc_run_asked_to_stop(void)
{
    const sigset_t set = stop_signals();
    const struct timespec now = {0, 0};
    if (sigtimedwait(&set, NULL, &now) > 0)
        asked_to_stop = 1;
    return asked_to_stop;
}

static int out_of_time(const kc_run *run)
{
    const double limit = run->session->options->max_seconds;
    return limit > 0 && kc_clock() - run->begun > limit;
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
    run->row.seconds = news->seconds;
    run->row.tokens_per_second = (double)(run->row.tokens - run->tokens_before) / news->seconds;
#define KC_TAKE(type, name, unit, help) run->row.name = news->phase[KC_##name];
    KC_COLUMNS_PHASE(KC_TAKE)
#undef KC_TAKE
    if (run->session->grid.rank == 0 && !run->record_error.code)
        kc_metrics_step(run->metrics, &run->row, &run->record_error);
    if (run->session->grid.rank == 0 && run->watch)
        run->watch(run->watcher, run);
}

/* As the next step would: the slowest rank's time, the mean of the phases. */
static void share_news(const kc_grid *g, kc_step_news *news)
{
    kc_step_news *all = malloc((size_t)g->size * sizeof *all);
    KC_CHECK(all, "out of memory");
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
    kc_step_news news = news_at(run, now);
    news.stop = kc_run_asked_to_stop() || out_of_time(run) || run->record_error.code;
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
    if (run->session->grid.rank == 0)
        kc_progress_step(&run->progress, &row, kc_trainer_docs(run->trainer));
    return KC_OK;
}

void kc_run_measure(kc_run *run)
{
    kc_session *s = run->session;
    const kc_state *state = kc_trainer_state(run->trainer);
    run->measured = (kc_measure_row){.step = state->step,
                                     .tokens = state->tokens,
                                     .exposures = (double)kc_trainer_docs(run->trainer) /
                                                  (double)kc_corpus_about(s->corpus)->n_people};
    kc_measure_now(s, kc_trainer_model(run->trainer), kc_trainer_weights(run->trainer),
                   &run->measured);
}

static void measure_and_record(kc_run *run)
{
    if (run->measured.step == kc_trainer_state(run->trainer)->step)
        return;
    kc_run_measure(run);
    if (run->session->grid.rank != 0)
        return;
    kc_progress_measure(&run->progress, &run->measured);
    if (!run->record_error.code)
        kc_metrics_measure(run->metrics, &run->measured, &run->record_error);
}

/* Rows up to this step first, then the checkpoint: a resume finds them in run.h5. */
static int checkpoint(kc_run *run, kc_error *e)
{
    kc_session *s = run->session;
    const kc_state *state = kc_trainer_state(run->trainer);
    if (run->checkpoint_step == state->step)
        return KC_OK;
    const double now = kc_clock();
    kc_step_news news = news_at(run, now);
    share_news(&s->grid, &news);
    close_row(run, &news);
    run->row_begun = now;
    if (s->grid.rank == 0 && !run->record_error.code)
        kc_metrics_flush(run->metrics, &run->record_error);
    *e = run->record_error;
    if (kc_agree(&s->grid, e) == KC_OK &&
        kc_checkpoint_write(&s->grid, run->out, state, &s->stamp, &s->files, s->cfg.checkpoint.keep,
                            e) == KC_OK)
        run->checkpoint_step = state->step;
    return e->code;
}

/* Does the step from `before` to `after` documents reach another multiple of `period` exposures? */
static int measurement_due(const kc_run *run, int64_t before, int64_t after)
{
    const int64_t period =
        run->session->cfg.measure.every_exposures * kc_corpus_about(run->session->corpus)->n_people;
    return period > 0 && before / period < after / period;
}

int kc_run_complete(const kc_run *run)
{
    const int64_t most = run->session->cfg.train.max_steps;
    return kc_trainer_done(run->trainer) ||
           (most > 0 && kc_trainer_state(run->trainer)->step >= most);
}

int kc_run_steps(kc_run *run, kc_error *e)
{
    const int64_t every = run->session->cfg.checkpoint.every_steps;
    const kc_state *state = kc_trainer_state(run->trainer);
    run->tokens_before = state->tokens;
    run->row_begun = kc_clock();
    while (!run->stopped && !kc_run_complete(run)) {
        const int64_t docs = kc_trainer_docs(run->trainer);
        KC_TRY(step(run, e));
        if (measurement_due(run, docs, kc_trainer_docs(run->trainer)))
            measure_and_record(run);
        if (every > 0 && state->step % every == 0)
            KC_TRY(checkpoint(run, e));
    }
out:
    return e->code;
}

int kc_run_loop(kc_run *run, kc_error *e)
{
    KC_TRY(kc_run_steps(run, e));
    if (kc_run_complete(run))
        measure_and_record(run);
    KC_TRY(checkpoint(run, e));
out:
    if (run->session->grid.rank == 0)
        kc_progress_end(&run->progress);
    return e->code;
}
