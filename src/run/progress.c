/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/run/progress.h"

#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#include "kcap/base/clock.h"
#include "kcap/measure/capacity.h"

static const double live_period = 0.25, line_period = 5;

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

void kc_progress_start(kc_progress *p, FILE *out, int64_t planned, int64_t docs, int64_t tokens)
{
    *p = (kc_progress){.out = out,
                       .live = kc_progress_is_live(out),
                       .planned = planned,
                       .bits = NAN,
                       .shown = kc_clock(),
                       .last_tokens = tokens,
                       .last_docs = docs};
}

/* Rates since the last line, half of the news at a time. */
static void renew_rates(kc_progress *p, int64_t tokens, int64_t docs, double now)
{
    const double seconds = now - p->shown;
    const double tokens_now = (double)(tokens - p->last_tokens) / seconds;
    const double docs_now = (double)(docs - p->last_docs) / seconds;
    const double old = p->tokens_per_second > 0 ? 0.5 : 0;
    p->tokens_per_second = old * p->tokens_per_second + (1 - old) * tokens_now;
    p->docs_per_second = old * p->docs_per_second + (1 - old) * docs_now;
    p->last_tokens = tokens;
    p->last_docs = docs;
    p->shown = now;
}

void kc_progress_step(kc_progress *p, const kc_step_row *row, int64_t docs)
{
    const double now = kc_clock();
    if (!p->out || now - p->shown < (p->live ? live_period : line_period))
        return;
    renew_rates(p, row->tokens, docs, now);
    const double eta =
        p->docs_per_second > 0 ? (double)(p->planned - docs) / p->docs_per_second : NAN;
    if (p->live)
        fprintf(
            p->out,
            "\rstep %lld  loss %.4f  bits/param %.4f  %.0f tokens/s  %.1f %%  %.0f s to go \033[K",
            (long long)row->step, row->loss, p->bits, p->tokens_per_second,
            100 * (double)docs / (double)p->planned, eta);
    else
        fprintf(p->out,
                "step=%lld tokens=%lld exposures=%.3f loss=%.5f lr=%.4g grad_norm=%.4g "
                "bits_per_param=%.4f tokens_per_second=%.0f eta_seconds=%.0f\n",
                (long long)row->step, (long long)row->tokens, row->exposures, row->loss, row->lr,
                row->grad_norm, p->bits, p->tokens_per_second, eta);
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
        if (m->schema.column[i].width == 0)
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

void kc_progress_end(kc_progress *p)
{
    if (p->live)
        fputc('\n', p->out);
}
