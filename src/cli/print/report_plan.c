/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/print/report.h"

static void bytes_line(FILE *out, const char *name, double bytes, const char *what)
{
    static const char *const units[] = {"B  ", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    for (; bytes >= 10000 && unit < 4; ++unit)
        bytes /= 1024;
    fprintf(out, "  %-18s %12.*f %s  %s\n", name, unit ? 1 : 0, bytes, units[unit], what);
}

static void cost(FILE *out, const kc_plan_about *s, const kc_plan *p)
{
    const double rate = s->rate;
    fprintf(out, "what it costs\n");
    fprintf(out, "  %lld steps of %lld tokens, %.4g tokens (%.4g an exposure)%s\n",
            (long long)p->steps, (long long)p->tokens_per_step, p->tokens, p->tokens_per_exposure,
            s->info->lengths_are_equal ? "" : ", estimated");
    char canon[40] = "";
    if (p->flop_per_token.canon > 0)
        snprintf(canon, sizeof canon, "Canon %.3g, ", p->flop_per_token.canon);
    fprintf(out, "  %.4g FLOP a token (linear %.3g, %sattention %.3g, head %.3g), %.4g in all\n",
            p->flop_per_token.all, p->flop_per_token.linear, canon, p->flop_per_token.attention,
            p->flop_per_token.head, p->flops);
    bytes_line(out, "sent", p->sent_bytes, "by a rank in a step");
    bytes_line(out, "checkpoint", p->checkpoint_bytes, "weights and moments, one file");
    if (rate > 0)
        fprintf(out, "  %.4g hours at %.6g tokens/s, %.4g core-hours\n", p->tokens / rate / 3600,
                rate, p->tokens / rate / 3600 * p->machine.ranks * p->machine.threads);
    else
        fprintf(out, "  time: give --rate TOKENS_PER_SECOND; kcap bench measures it\n");
}

/* Every tensor with its global shape: what P is made of. */
static void parameters(FILE *out, const kc_plan *p)
{
    fprintf(out, "parameters\n");
    for (int k = 0; k < p->layout.n; ++k) {
        const kc_tensor *t = &p->layout.tensor[k];
        char shape[128];
        int64_t n = t->layers > 0;
        for (int i = 0; i < t->n_dims; ++i)
            n *= t->dims[i];
        if (n)
            fprintf(out, "  %-18s %12lld  %5.1f %%  %s\n", t->name, (long long)n,
                    100 * (double)n / (double)p->n_params,
                    kc_text_numbers(t->dims, t->n_dims, " x ", shape, sizeof shape));
    }
    fprintf(out, "  %-18s %12lld", "P", (long long)p->n_params);
    if (p->n_params_used < p->n_params)
        fprintf(out, ", of which a token goes through %lld (%.1f %%)", (long long)p->n_params_used,
                100 * (double)p->n_params_used / (double)p->n_params);
    fputc('\n', out);
}

void kc_report_plan(FILE *out, const kc_plan_about *s, const kc_plan *p)
{
    const kc_config *c = s->cfg;
    fprintf(
        out,
        "%s: %s, %lld layers, width %lld, V = %lld, P = %lld; %d ranks x %d threads, %d a node\n",
        s->input, kc_config_word(c, "model", "arch"), (long long)c->model.layers,
        (long long)kc_config_width(c), (long long)p->n_vocab, (long long)p->n_params,
        p->machine.ranks, p->machine.threads, p->machine.ranks_per_node);
    parameters(out, p);
    if (p->ep > 1)
        fprintf(out, "experts\n  %lld, on %d ranks %lld each\n", (long long)p->layout.experts,
                p->ep, (long long)p->layout.here);
    fprintf(out, "what a rank holds\n");
#define KC_LINE(name, help) bytes_line(out, #name, (double)p->needs.bytes[KC_##name], help);
    KC_NEEDS(KC_LINE)
#undef KC_LINE
    bytes_line(out, "base_bytes", (double)p->base_bytes,
               "program, MPI, HDF5 and packing buffers (estimate)");
    bytes_line(out, "arena_bytes", (double)p->arena_bytes, "all but the last two: held throughout");
    bytes_line(out, "peak_bytes", (double)p->peak_bytes, "all");
    fprintf(out, "  %.2f bytes a parameter while training, activations included\n",
            (double)p->arena_bytes / (double)p->n_params);
    bytes_line(out, "node", (double)p->node_needs, "all ranks of a node");
    if (p->machine.node_bytes > 0)
        bytes_line(out, "", (double)p->machine.node_bytes, "a node can give");
    cost(out, s, p);
}
