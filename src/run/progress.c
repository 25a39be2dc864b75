/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/progress.h"

#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "kcap/measure/capacity.h"

enum { COLUMNS = 79 };
static const double live_period = 0.25, line_period = 5, rate_window = 180;

/* mpirun gives its ranks a terminal of their own whatever its output is, so the parent's is asked
 * too; on another node than mpirun's that is no terminal, and plain lines are right. */
int kc_progress_is_live(FILE *out)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getppid(), fileno(out));
    const int parent = isatty(fileno(out)) ? open(path, O_WRONLY | O_NOCTTY | O_NONBLOCK) : -1;
    const int live = parent >= 0 && isatty(parent);
    if (parent >= 0)
        close(parent);
    return live;
}

void kc_progress_start(kc_progress *p, FILE *out, const kc_course *course, int64_t step,
                       int64_t tokens, int64_t docs, double now)
{
    *p = (kc_progress){.out = out,
                       .live = kc_progress_is_live(out),
                       .course = *course,
                       .bits = NAN,
                       .shown = now,
                       .counted = now,
                       .last_step = step,
                       .last_tokens = tokens,
                       .last_docs = docs};
}

const char *kc_hours(double seconds, char text[32])
{
    const double minutes = ceil(seconds / 60);
    if (isfinite(minutes) && minutes < 1e12)
        snprintf(text, 32, "%.0f:%02.0f h", floor(minutes / 60), fmod(minutes, 60));
    else
        strcpy(text, "?");
    return text;
}

/* What is older counts less, by half in about two minutes. */
static void renew_rates(kc_progress *p, const kc_step_row *row, int64_t docs, double now)
{
    const double seconds = now - p->counted, old = exp(-seconds / rate_window);
    const double share = (1 - old) / seconds;
    p->weight = old * p->weight + (1 - old);
    p->steps = old * p->steps + share * (double)(row->step - p->last_step);
    p->tokens = old * p->tokens + share * (double)(row->tokens - p->last_tokens);
    p->docs = old * p->docs + share * (double)(docs - p->last_docs);
    p->last_step = row->step;
    p->last_tokens = row->tokens;
    p->last_docs = docs;
    p->counted = now;
}

/* Seconds to the end of the run, or to its time limit, which *limited says; not finite: not known. */
static double seconds_left(const kc_progress *p, const kc_step_row *row, int64_t docs, double now,
                           int *limited)
{
    const kc_course *c = &p->course;
    double left = p->weight * (double)(c->docs - docs) / p->docs;
    if (c->steps > 0)
        left = fmin(left, p->weight * (double)(c->steps - row->step) / p->steps);
    *limited = c->until > 0 && !(left <= c->until - now);
    return *limited ? fmax(c->until - now, 0) : left;
}

static double share_done(const kc_course *c, int64_t step, int64_t docs)
{
    const double of_docs = (double)docs / (double)c->docs;
    return c->steps > 0 ? fmax(of_docs, (double)step / (double)c->steps) : of_docs;
}

/* Append a field to a line where all of it fits. */
__attribute__((format(printf, 2, 3))) static void add(char line[COLUMNS + 1], const char *format,
                                                      ...)
{
    char field[2 * COLUMNS];
    va_list args;
    va_start(args, format);
    vsnprintf(field, sizeof field, format, args);
    va_end(args);
    const size_t used = strlen(line), more = strlen(field) + (used ? 2 : 0);
    if (used + more <= COLUMNS)
        strcat(strcat(line, used ? "  " : ""), field);
}

static void show_live(const kc_progress *p, const kc_step_row *row, int64_t docs, double left,
                      int limited)
{
    const double speed = p->tokens / p->weight;
    char line[COLUMNS + 1] = "", hours[32];
    add(line, "step %lld", (long long)row->step);
    add(line, "%.1f %%", 100 * share_done(&p->course, row->step, docs));
    if (isfinite(left))
        add(line, "%s to %s", kc_hours(left, hours), limited ? "--max-time" : "go");
    add(line, "loss %.4f", row->loss);
    if (isfinite(p->bits))
        add(line, "%.4f bits/param", p->bits);
    add(line, speed < 1e4 ? "%.0f tokens/s" : "%.0fk tokens/s", speed < 1e4 ? speed : speed / 1e3);
    fprintf(p->out, "\r%s\033[K", line);
}

static void show_line(const kc_progress *p, const kc_step_row *row, double left)
{
    fprintf(p->out, "step=%lld tokens=%lld exposures=%.3f loss=%.5f lr=%.4g grad_norm=%.4g",
            (long long)row->step, (long long)row->tokens, row->exposures, row->loss, row->lr,
            row->grad_norm);
    if (isfinite(p->bits))
        fprintf(p->out, " bits_per_param=%.4f", p->bits);
    fprintf(p->out, " tokens_per_second=%.0f", p->tokens / p->weight);
    if (isfinite(left))
        fprintf(p->out, " eta_seconds=%.0f", left);
    fputc('\n', p->out);
}

/* Is it time for another line? */
static int is_due(kc_progress *p, double now)
{
    if (!p->out || now - p->shown < (p->live ? live_period : line_period))
        return 0;
    p->shown = now;
    return 1;
}

void kc_progress_step(kc_progress *p, const kc_step_row *row, int64_t docs, double now)
{
    int limited;
    if (!isfinite(row->loss + row->grad_norm) || !is_due(p, now)) /* the run ends, and says why */
        return;
    renew_rates(p, row, docs, now);
    const double left = seconds_left(p, row, docs, now, &limited);
    if (p->live)
        show_live(p, row, docs, left, limited);
    else
        show_line(p, row, left);
    fflush(p->out);
}

void kc_progress_measuring(kc_progress *p, double share, double now)
{
    if (!is_due(p, now))
        return;
    fprintf(p->out, p->live ? "\rmeasuring %.0f %%\033[K" : "event=measuring percent=%.0f\n",
            100 * share);
    fflush(p->out);
}

static void show_capacity(FILE *out, const kc_capacity_row *row)
{
    /* Random strings have no values: they are the name. */
    const int is_named = isnan(row->value_recall);
    fprintf(out, " total_bits=%.0f bits_per_param=%.4f max_bits_per_param=%.4f %s_recall=%.4f",
            row->total_bits, row->bits_per_param, row->max_bits_per_param,
            is_named ? "name" : "value", is_named ? row->name_recall : row->value_recall);
}

/* Of any other measure all values that are its own and stand alone. */
static void show_values(FILE *out, const kc_measured *m)
{
    for (int i = sizeof(kc_event) / sizeof(double); i < m->schema.n; ++i)
        if (m->schema.column[i].width == 0 && isfinite(kc_row_value(&m->schema, m->row, i, 0)))
            fprintf(out, " %s=%.6g", m->schema.column[i].name,
                    kc_row_value(&m->schema, m->row, i, 0));
}

void kc_progress_measure(kc_progress *p, const kc_measured *m)
{
    const kc_event *event = m->row;
    const int is_capacity = m->id == KC_MEASURE_capacity;
    if (is_capacity)
        p->bits = ((const kc_capacity_row *)m->row)->bits_per_param;
    if (!p->out)
        return;
    fprintf(p->out, "%sevent=%s step=%lld exposures=%.3f", p->live ? "\r" : "", m->schema.group + 1,
            (long long)event->step, event->exposures);
    if (is_capacity)
        show_capacity(p->out, m->row);
    else
        show_values(p->out, m);
    fputs(p->live ? "\033[K\n" : "\n", p->out);
    fflush(p->out);
}

void kc_progress_end(kc_progress *p, double loss, int64_t n_vocab)
{
    const double uniform = log((double)n_vocab);
    if (p->live)
        fputc('\n', p->out);
    if (p->out && loss > uniform)
        fprintf(p->out,
                "the last loss, %.4f, is above ln V = %.4f, which a model that guesses reaches: "
                "nothing is learnt; a lower train.lr or more train.warmup_steps may help\n",
                loss, uniform);
}
