/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/print/size.h"

#include <math.h>

#include "kcap/io/json.h"

static void print_corpus(FILE *out, const kc_size_question *q)
{
    if (!q->of)
        return;
    const kc_corpus_info *info = &q->info;
    fprintf(out, "%s: ", q->of);
    if (info->table.n_facts)
        fprintf(out, "%lld facts of ", (long long)info->table.n_facts);
    fprintf(out, "%lld %s, %d attributes, V = %lld\n", (long long)info->n_people, info->many,
            info->n_attributes - 1, (long long)info->n_vocab);
    if (info->table.warning[0])
        fprintf(out, "  %s\n", info->table.warning);
    for (const kc_term *t = info->term; t < info->term + KC_N_READS; ++t)
        if (t->name)
            fprintf(out, "  %-8s %12.6g bits\n", t->name, t->max_bits);
}

static double core_hours(const kc_size_question *q, double flops)
{
    return q->rate > 0 ? flops / q->rate / 3600 : NAN;
}

/* The keys that make an input's model this one. */
static void print_keys(FILE *out, const kc_size *c)
{
    const kc_model_keys *m = &c->model;
    fprintf(out, "  %g: --set model.layers=%lld --set model.heads=%lld --set model.head_dim=%lld",
            c->exposures, (long long)m->layers, (long long)m->heads, (long long)m->head_dim);
    if (m->width)
        fprintf(out, " --set model.width=%lld", (long long)m->width);
    if (m->mlp_width)
        fprintf(out, " --set model.mlp_width=%lld", (long long)m->mlp_width);
    if (m->kv_heads)
        fprintf(out, " --set model.kv_heads=%lld", (long long)m->kv_heads);
    fputc('\n', out);
}

void kc_report_size(FILE *out, const kc_size_question *q, const kc_size *sizes)
{
    const double gib = 1024.0 * 1024 * 1024;
    print_corpus(out, q);
    fprintf(out, "%.6g bits, %.4g tokens an exposure, V = %lld\nlaw %s\n", q->load.bits,
            q->load.exposure_tokens, (long long)q->load.n_vocab, q->law->source);
    if (q->rate > 0)
        fprintf(out, "%.4g FLOP/s a core, as stated\n", q->rate);
    else
        fputs("core-hours: state --core-rate, or give it what kcap bench --json prints\n", out);
    fprintf(out, "model %s\n\n", q->input ? q->input : "GPT-2");
    fputs("  exposures  bits/P      needed  layers heads x dim   parameters     tokens       FLOP"
          "  core-hours  GiB a rank at 1, 16, 256 ranks\n",
          out);
    for (int i = 0; i < q->law->n; ++i) {
        const kc_size *c = &sizes[i];
        char hours[24] = "-";
        if (q->rate > 0)
            snprintf(hours, sizeof hours, "%.3g", core_hours(q, c->flops));
        fprintf(out,
                "  %9g  %6.3f  %10.4g  %6lld %5lld x %-3lld  %12lld  %9.3g  %9.3g  %10s  %.3g, "
                "%.3g, %.3g\n",
                c->exposures, c->bits_per_param, c->wanted, (long long)c->model.layers,
                (long long)c->model.heads, (long long)c->model.head_dim, (long long)c->n_params,
                c->tokens, c->flops, hours, c->peak_bytes[0] / gib, c->peak_bytes[1] / gib,
                c->peak_bytes[2] / gib);
    }
    for (int i = 0; i < q->law->n && q->input; ++i)
        print_keys(out, &sizes[i]);
    fputs(
        "\nA model of the size needed is full: it keeps about as many bits as there are, not each "
        "one. To\nkeep nearly all take 1.1 times as many parameters (published: up to 1.8 bits a "
        "parameter nearly all is kept).\n",
        out);
}

/* Facts of the table's kind that so many bits are. */
static double facts_of(const kc_size_question *q, double bits)
{
    return q->info.table.n_facts ? bits / (q->load.bits / (double)q->info.table.n_facts) : NAN;
}

void kc_report_holds(FILE *out, const kc_size_question *q)
{
    print_corpus(out, q);
    fprintf(out, "%.6g parameters\nlaw %s\n\n  exposures  bits/P        bits", q->params,
            q->law->source);
    fputs(q->of ? "       facts  of the whole\n" : "\n", out);
    for (int i = 0; i < q->law->n; ++i) {
        const double bits = q->params * q->law->bits_per_param[i];
        fprintf(out, "  %9g  %6.3f  %10.4g", q->law->exposures[i], q->law->bits_per_param[i], bits);
        if (q->of)
            fprintf(out, "  %10.4g  %.4g times", facts_of(q, bits), bits / q->load.bits);
        fputc('\n', out);
    }
    if (q->info.table.n_facts)
        fprintf(out, "\nA fact of this table is %.4g bits on average.\n",
                q->load.bits / (double)q->info.table.n_facts);
}

/* One number of a JSON object. */
typedef struct entry {
    const char *name;
    double value;
} entry;

static void add_entries(cJSON *object, const entry *entries, size_t n)
{
    for (size_t i = 0; i < n; ++i)
        kc_json_number(object, entries[i].name, entries[i].value);
}
#define ADD(object, ...)                                                                           \
    add_entries(object, (const entry[]){__VA_ARGS__},                                              \
                sizeof((const entry[]){__VA_ARGS__}) / sizeof(entry))

static cJSON *question(const kc_size_question *q)
{
    cJSON *object = cJSON_CreateObject();
    if (q->input)
        kc_json_text(object, "input", q->input);
    if (q->of) {
        if (q->of != q->input)
            kc_json_text(object, "facts", q->of);
        const kc_corpus_info *info = &q->info;
        ADD(object, {"n_facts", (double)info->table.n_facts},
            {"n_duplicates", (double)info->table.n_duplicates},
            {"n_contradictions", (double)info->table.n_contradictions},
            {"n_names", (double)info->n_people}, {"n_attributes", info->n_attributes - 1},
            {"name_bits", info->term[KC_READ_NAME].max_bits},
            {"value_bits", info->term[KC_READ_VALUES].max_bits},
            {"value_uniform_bits", info->table.uniform_bits},
            {"string_bits", info->term[KC_READ_CHUNKS].max_bits});
    }
    if (q->of || q->params == 0)
        ADD(object, {"bits", q->load.bits}, {"tokens_per_exposure", q->load.exposure_tokens},
            {"n_vocab", (double)q->load.n_vocab});
    kc_json_text(object, "law", q->law->source);
    return object;
}

void kc_report_size_json(FILE *out, const kc_size_question *q, const kc_size *sizes)
{
    cJSON *object = question(q);
    ADD(object, {"core_flop_per_second", q->rate > 0 ? q->rate : NAN});
    cJSON *list = cJSON_AddArrayToObject(object, "choices");
    for (int i = 0; i < q->law->n; ++i) {
        const kc_size *c = &sizes[i];
        cJSON *one = cJSON_CreateObject();
        ADD(one, {"exposures", c->exposures}, {"bits_per_param", c->bits_per_param},
            {"parameters_needed", c->wanted}, {"layers", (double)c->model.layers},
            {"heads", (double)c->model.heads}, {"head_dim", (double)c->model.head_dim},
            {"width", (double)c->model.width}, {"mlp_width", (double)c->model.mlp_width},
            {"kv_heads", (double)c->model.kv_heads}, {"n_params", (double)c->n_params},
            {"tokens", c->tokens}, {"flops", c->flops}, {"core_hours", core_hours(q, c->flops)},
            {"peak_bytes_dp1", c->peak_bytes[0]}, {"peak_bytes_dp16", c->peak_bytes[1]},
            {"peak_bytes_dp256", c->peak_bytes[2]});
        cJSON_AddItemToArray(list, one);
    }
    kc_json_put(out, object);
}

void kc_report_holds_json(FILE *out, const kc_size_question *q)
{
    cJSON *object = question(q);
    ADD(object, {"params", q->params});
    cJSON *list = cJSON_AddArrayToObject(object, "holds");
    for (int i = 0; i < q->law->n; ++i) {
        const double R = q->law->bits_per_param[i], bits = q->params * R;
        cJSON *one = cJSON_CreateObject();
        ADD(one, {"exposures", q->law->exposures[i]}, {"bits_per_param", R}, {"bits", bits},
            {"facts", facts_of(q, bits)});
        cJSON_AddItemToArray(list, one);
    }
    kc_json_put(out, object);
}
