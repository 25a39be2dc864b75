/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/print/report_probe.h"

#include <math.h>

static void put_share(FILE *out, double share)
{
    if (isnan(share))
        fprintf(out, "%7s", "-");
    else
        fprintf(out, "%7.1f", 100 * share);
}

/* Mean over the positions where something was asked. */
static double mean_of(const kc_matrix *m, const double *x, int64_t attribute)
{
    double sum = 0, n = 0;
    for (int64_t p = 0; p < m->positions; ++p)
        if (!isnan(x[p * m->attributes + attribute])) {
            sum += x[p * m->attributes + attribute];
            ++n;
        }
    return n > 0 ? sum / n : NAN;
}

void kc_report_matrix(FILE *out, const kc_corpus_info *info, const char *title, const kc_matrix *m)
{
    fprintf(out, "  %s\n  %-17s%7s", title, "", m->positions > 1 ? "name" : "");
    for (int64_t p = 1; p < m->positions; ++p)
        fprintf(out, "%7lld", (long long)p);
    fprintf(out, "%9s%9s\n", "shuffled", "chance");
    int64_t asked = 0;
    for (int64_t a = 0; a < m->attributes; ++a) {
        if (isnan(mean_of(m, m->accuracy, a)))
            continue;
        ++asked;
        fprintf(out, "  %-17s", info->attribute[a + 1].name);
        for (int64_t p = 0; p < m->positions; ++p)
            put_share(out, m->accuracy[p * m->attributes + a]);
        fprintf(out, "  ");
        put_share(out, m->control ? mean_of(m, m->control, a) : NAN);
        fprintf(out, "  ");
        put_share(out, m->chance[a]);
        fputc('\n', out);
    }
    if (!asked)
        fputs("  none: no attribute has four learners to a value; more people would do\n", out);
}

void kc_report_probe(FILE *out, const kc_about *about, const kc_measured *measured, int64_t steps)
{
    static const struct {
        const char *title, *accuracy, *control, *chance;
    } kinds[2] = {{"first token of the value, last block; by position in the text", "first",
                   "control_first", "chance_first"},
                  {"whole value, last block", "value", "control_value", "chance_value"}};
    const kc_schema *s = &measured->schema;
    const void *row = measured->row;
    const int64_t layers = *(int64_t *)kc_row_at(s, row, "layers");
    kc_matrix m = {.positions = *(int64_t *)kc_row_at(s, row, "positions"),
                   .attributes = *(int64_t *)kc_row_at(s, row, "attributes")};
    const int64_t last = (layers - 2) * m.positions * m.attributes;
    fprintf(out, "linear probes, %% of %lld people held out of %lld%s\n",
            (long long)*(int64_t *)kc_row_at(s, row, "held_out"),
            (long long)(*(int64_t *)kc_row_at(s, row, "held_out") +
                        *(int64_t *)kc_row_at(s, row, "learners")),
            ((const kc_event *)row)->step == steps ? "" : ", of an older step");
    for (int k = 0; k < 2; ++k) {
        m.accuracy = (const double *)kc_row_at(s, row, kinds[k].accuracy) + last;
        m.control = (const double *)kc_row_at(s, row, kinds[k].control) + last;
        m.chance = kc_row_at(s, row, kinds[k].chance);
        kc_report_matrix(out, kc_corpus_about(about->corpus), kinds[k].title, &m);
    }
}
