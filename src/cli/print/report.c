/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/print/report.h"

#include <math.h>

#include "cli/print/lines.h"
#include "cli/print/report_probe.h"
#include "cli/print/report_stored.h"
#include "kcap/measure/capacity.h"

/* R is told to four digits: what a window gives away matters from there on. */
static void warn_of_few(FILE *out, const kc_about *s)
{
    const kc_corpus_info *info = kc_corpus_about(s->corpus);
    const int64_t people = kc_capacity_window(info, s->cfg->train.context);
    const double share = kc_capacity_given_away(info, people) / info->max_bits;
    if (share > 1e-3)
        fprintf(
            out,
            "  warning            can read up to %.1f %% above the maximum: windows hold %lld of "
            "the %lld %s\n",
            100 * share, (long long)people, (long long)info->n_people, info->many);
}

static void print_recall(FILE *out, const kc_corpus_info *info, const kc_capacity_lists *lists,
                         int a)
{
    fprintf(out, "  %-17s %14.1f %%  first token %5.1f %%  %8.4f nats a %s%s",
            info->attribute[a].name, 100 * lists->attribute_recall[a],
            100 * lists->attribute_first[a], lists->attribute_nats[a], info->one,
            info->attribute[a].counted ? "" : "  (stores no bits of its own)");
    if (lists->held_out_recall)
        fprintf(out, "  never asked about %5.1f %%", 100 * lists->held_out_recall[a]);
    fputc('\n', out);
}

static void print_capacity(FILE *out, const kc_about *s, const kc_measured *m, int64_t steps)
{
    const kc_corpus_info *info = kc_corpus_about(s->corpus);
    const kc_capacity_row *row = m->row;
    const kc_capacity_lists lists = kc_capacity_lists_of(&m->schema, m->row);
    const double stored[KC_N_READS] = {[KC_READ_NAME] = row->name_bits,
                                       [KC_READ_VALUES] = row->value_bits,
                                       [KC_READ_CHUNKS] = row->diversity_bits};
    int terms = 0;
    fprintf(out, "stored after %.6g exposures%s", row->exposures, row->step == steps ? "\n" : "");
    if (row->step != steps) {
        char a[32], b[32];
        fprintf(out, ", an older measurement: of step %s, not %s\n", kc_grouped(a, row->step),
                kc_grouped(b, steps));
    }
    for (int r = 0; r < KC_N_READS; ++r)
        if (info->term[r].name) {
            kc_report_item(out, info->term[r].name, stored[r], info->term[r].max_bits);
            ++terms;
        }
    if (terms > 1)
        kc_report_item(out, "total", row->total_bits, info->max_bits);
    if (isfinite(row->held_out_bits))
        kc_report_item(out, "never shown", row->held_out_bits, 0);
    if (terms > 0) {
        fprintf(out, "  %-17s %15.4f  (the corpus's maximum for this model: %.4f)\n",
                "bits a parameter", row->bits_per_param, row->max_bits_per_param);
        warn_of_few(out, s);
    }
    fprintf(out, "recalled exactly\n");
    for (int a = 0; a < info->n_attributes; ++a)
        print_recall(out, info, &lists, a);
}

/* Of a measure without a printer: name, unit and value of what stands alone. */
static void print_values(FILE *out, const kc_about *s, const kc_measured *m, int64_t steps)
{
    (void)s;
    fprintf(out, "%s%s\n", m->schema.group + 1,
            ((const kc_event *)m->row)->step == steps ? "" : ", of an older step");
    for (int i = 0; i < m->schema.n; ++i) {
        const kc_column *c = &m->schema.column[i];
        if (c->width == 0)
            fprintf(out, "  %-17s %15.6g  %s\n", c->name, kc_row_value(&m->schema, m->row, i, 0),
                    c->unit);
    }
}

/* Those who are shown often and those who are shown rarely. */
static void print_bands(FILE *out, const kc_about *s, const kc_measured *m, int64_t steps)
{
    const kc_corpus_info *info = kc_corpus_about(s->corpus);
    const double *name = kc_row_at(&m->schema, m->row, "name_bits");
    const double *value = kc_row_at(&m->schema, m->row, "value_bits");
    const double *recall = kc_row_at(&m->schema, m->row, "value_recall");
    fprintf(out, "by how often %s are shown%s\n", info->many,
            ((const kc_event *)m->row)->step == steps ? "" : ", of an older step");
    for (int b = 0; b < info->n_bands; ++b) {
        const kc_band *band = &info->band[b];
        char a[32];
        const double people = (double)(band->end - band->first);
        fprintf(out, "  %10.4g times %10s %s  %8.2f bits each, values %8.2f, recalled %5.1f %%\n",
                band->exposures, kc_grouped(a, band->end - band->first), info->many,
                (name[b] + value[b]) / people, value[b] / people, 100 * recall[b]);
    }
}

/* steps: where the model stands; an older measurement says so. */
static void print_measured(FILE *out, const kc_about *s, const kc_measurements *measured,
                           int64_t steps)
{
    static void (*const printers[KC_N_MEASURES])(FILE *, const kc_about *, const kc_measured *,
                                                 int64_t) = {[KC_MEASURE_capacity] = print_capacity,
                                                             [KC_MEASURE_bands] = print_bands,
                                                             [KC_MEASURE_recall] = kc_report_recall,
                                                             [KC_MEASURE_probe] = kc_report_probe};
    for (int i = 0; i < measured->n; ++i) {
        const kc_measured *m = &measured->of[i];
        if (((const kc_event *)m->row)->step != KC_NO_INT)
            (printers[m->id] ? printers[m->id] : print_values)(out, s, m, steps);
    }
}

/* Of a corpus of several parts: what else was shown. */
static void print_parts(FILE *out, const kc_corpus *corpus, const kc_measurements *measured)
{
    const kc_capacity_row *row = kc_capacity_last(measured);
    const int n = kc_corpus_about(corpus)->n_parts;
    char a[32];
    for (int i = 0; n > 1 && i < n; ++i) {
        const kc_corpus_info *info = kc_corpus_about(kc_corpus_part(corpus, i));
        fprintf(out, "  part %d, %.4g %% of the tokens: %s, N = %s %s", i + 1, 100 * info->share,
                info->kind, kc_grouped(a, info->n_people), info->many);
        if (row)
            fprintf(out, ", %.4g exposures",
                    kc_capacity_lists_of(&measured->of[0].schema, row).part_exposures[i]);
        fputs(kc_corpus_part(corpus, i) == corpus ? ", measured\n" : "\n", out);
    }
}

void kc_report_run(FILE *out, const kc_about *s, const kc_measurements *measured,
                   const kc_outcome *outcome)
{
    const kc_corpus_info *info = kc_corpus_about(s->corpus);
    char a[32], b[32];
    fprintf(out,
            "model\n  %s, %lld layers, width %lld (%lld heads of %lld), V = %s, P = %s parameters",
            kc_config_word(s->cfg, "model", "arch"), (long long)s->cfg->model.layers,
            (long long)kc_config_width(s->cfg), (long long)s->cfg->model.heads,
            (long long)s->cfg->model.head_dim, kc_grouped(a, info->n_vocab),
            kc_grouped(b, s->stamp->n_params));
    if (s->cfg->model.experts)
        fprintf(out, "; %lld experts, a token goes to %lld: %s parameters",
                (long long)s->cfg->model.experts, (long long)s->cfg->model.experts_topk,
                kc_grouped(a, s->stamp->n_params_used));
    fputc('\n', out);
    kc_report_head(out, info);
    fprintf(out, ", %s bits at perfect recall\n", kc_grouped_real(a, info->max_bits));
    print_parts(out, s->corpus, measured);
    print_measured(out, s, measured, outcome->steps);
    kc_report_stored(out, s->stamp, kc_capacity_last(measured), outcome->stored_bits);
    fprintf(out, "%s%s%s\n  %s", outcome->status, outcome->stopped_by ? " by " : "",
            outcome->stopped_by ? outcome->stopped_by : "", kc_grouped(a, outcome->steps));
    if (outcome->stopped_by)
        fprintf(out, " of %s steps (%.1f %%)", kc_grouped(a, outcome->planned_steps),
                100 * outcome->share);
    fprintf(out, "%s, %s tokens", outcome->stopped_by ? "" : " steps",
            kc_grouped(b, outcome->tokens));
    if (isfinite(outcome->loss))
        fprintf(out, ", last loss %.4f", outcome->loss);
    if (outcome->seconds > 0)
        fprintf(out, ", %.1f s", outcome->seconds);
    fputc('\n', out);
    if (outcome->out)
        fprintf(out, "  %s/run.h5\n", outcome->out);
    if (outcome->checkpoint)
        fprintf(out, "  %s\n", outcome->checkpoint);
    if (outcome->again)
        fprintf(out, "go on, on any number of ranks, with\n  %s\n", outcome->again);
}
