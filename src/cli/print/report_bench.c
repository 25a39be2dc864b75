/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/print/report.h"

static void phase_line(FILE *out, const kc_bench *b, const char *name, double seconds, double flops)
{
    fprintf(out, "  %-14s %10.3f  %6.1f %%", name, 1e3 * seconds, 100 * seconds / b->seconds);
    if (flops > 0 && seconds > 0) {
        fprintf(out, "  %9.1f", 1e-9 * flops / seconds);
        if (b->peak > 0)
            fprintf(out, "  %6.1f %%", 100 * flops / seconds / b->peak);
    }
    fputc('\n', out);
}

void kc_report_bench(FILE *out, const char *input, const kc_stamp *stamp, const kc_bench *b)
{
    double timed = 0;
    const double rate = b->tokens_per_second * b->flop_per_token;
    fprintf(out, "%s: %d ranks x %d threads, %s kernels, P = %lld, V = %lld\n",
            input ? input : "the default configuration", (int)stamp->ranks, (int)stamp->threads,
            stamp->kernel, (long long)stamp->n_params, (long long)stamp->n_vocab);
    fprintf(out, "  %lld steps of %.0f tokens, %.4g FLOP a token\n", (long long)b->steps, b->tokens,
            b->flop_per_token);
    fprintf(out, "  %.0f tokens/s, %.1f GFLOP/s", b->tokens_per_second, 1e-9 * rate);
    if (b->peak > 0)
        fprintf(out, ", %.1f %% of the %.0f GFLOP/s multiply-adds reach", 100 * rate / b->peak,
                1e-9 * b->peak);
    fprintf(out, "\n  phase           ms a step    share    GFLOP/s   of peak\n");
#define KC_LINE(type, name, unit, help)                                                            \
    phase_line(out, b, &#name[sizeof "seconds"], b->phase[KC_##name], b->flops[KC_##name]);        \
    timed += b->phase[KC_##name];
    KC_COLUMNS_PHASE(KC_LINE)
#undef KC_LINE
    phase_line(out, b, "other", b->seconds - timed, 0);
    phase_line(out, b, "step", b->seconds, b->flop_per_token * b->tokens);
}
