/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/print/lines.h"

#include <math.h>

const char *kc_grouped(char text[32], int64_t n)
{
    char plain[24];
    const int length = snprintf(plain, sizeof plain, "%lld", (long long)n);
    int at = 0;
    for (int i = 0; i < length; ++i) {
        text[at++] = plain[i];
        const int left = length - 1 - i;
        if (left && left % 3 == 0 && plain[i] != '-')
            text[at++] = ',';
    }
    text[at] = 0;
    return text;
}

const char *kc_grouped_real(char text[32], double n)
{
    if (fabs(n) < 1e18)
        return kc_grouped(text, llround(n));
    snprintf(text, 32, "%.6g", n);
    return text;
}

void kc_report_head(FILE *out, const kc_corpus_info *info)
{
    char a[32];
    fprintf(out, "corpus\n  %s, N = %s %s", info->kind, kc_grouped(a, info->n_people), info->many);
}

void kc_report_item(FILE *out, const char *name, double bits, double most)
{
    char text[32];
    fprintf(out, "  %-17s %15s bits", name, isfinite(bits) ? kc_grouped_real(text, bits) : "nan");
    if (most > 0)
        fprintf(out, "  %5.1f %% of the corpus's", 100 * bits / most);
    fputc('\n', out);
}
