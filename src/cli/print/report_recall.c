/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "cli/print/report.h"

static const double *list_of(const kc_measured *m, const char *name)
{
    return kc_row_at(&m->schema, m->row, name);
}

/* Questions never asked: of one attribute, or of all. */
static void print_asked(FILE *out, const kc_measured *m, int a)
{
    const double *memorised = list_of(m, "memorised"), *extracted = list_of(m, "extracted");
    if (memorised && list_of(m, "asked_read")[a] > 0)
        fprintf(out, "; never asked %5.1f %% memorised, %5.1f %% answered", 100 * memorised[a],
                100 * extracted[a]);
}

/* `a` of b, give or take its standard error. */
static void print_ratio(FILE *out, const kc_measured *m)
{
    const double *memorised = list_of(m, "memorised_all"), *extracted = list_of(m, "extracted_all");
    if (!memorised)
        return;
    fprintf(out,
            "  never asked about: %.1f +- %.1f %% memorised, %.1f +- %.1f %% extracted, ratio %.3f "
            "+- %.3f\n",
            100 * *memorised, 100 * *list_of(m, "memorised_error"), 100 * *extracted,
            100 * *list_of(m, "extracted_error"), *list_of(m, "extracted_ratio"),
            *list_of(m, "ratio_error"));
}

void kc_report_recall(FILE *out, const kc_about *s, const kc_measured *m, int64_t steps)
{
    const kc_corpus_info *info = kc_corpus_about(s->corpus);
    const double *recall = list_of(m, "recall"), *error = list_of(m, "recall_error");
    const double *candidates = list_of(m, "candidates"), *top = list_of(m, "top");
    const double *reciprocal = list_of(m, "reciprocal_rank"), *median = list_of(m, "median_rank");
    fprintf(out, "recalled alone in a window%s\n",
            ((const kc_event *)m->row)->step == steps ? "" : ", of an older step");
    for (int i = 0; i < info->n_attributes; ++i) {
        fprintf(out, "  %-17s %6.1f +- %.1f %% of %.0f", info->attribute[i].name, 100 * recall[i],
                100 * error[i], list_of(m, "read")[i]);
        if (isfinite(candidates[i]))
            fprintf(out, "; likeliest of %.0f %5.1f %%, 1/rank %.3f, median rank %.6g",
                    candidates[i], 100 * top[i], reciprocal[i], median[i]);
        print_asked(out, m, i);
        fputc('\n', out);
    }
    print_ratio(out, m);
}
