/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config/config_internal.h"

/* It stands in tables and plots, and names the folder runs/NAME. */
static int check_name(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    const unsigned char *name = (const unsigned char *)cfg->run.name, *c = name;
    while (*c >= 0x20 && *c != 0x7F)
        ++c;
    if (*name && !*c)
        return KC_OK;
    return kc_fail_key(e, o, KC_AT_run_name, "%s; a word or some would do",
                       *name ? "a control character in the name" : "an empty name");
}

static int check_lanes(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    int64_t batch = cfg->train.batch, lanes = cfg->train.lanes;
    char text[KC_SAID_MAX], list[200];
    if (batch % lanes == 0)
        return KC_OK;
    return kc_fail_key(e, o, KC_AT_train_lanes,
                       "%" PRId64 " does not divide %s; its divisors would do: %s", lanes,
                       kc_key_said(cfg, o, KC_AT_train_batch, text),
                       kc_text_divisors(batch, batch, list, sizeof list));
}

static int check_groups(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    int64_t heads = cfg->model.heads, kv = cfg->model.kv_heads;
    char text[KC_SAID_MAX], list[200];
    if (kv == 0 || heads % kv == 0)
        return KC_OK;
    return kc_fail_key(e, o, KC_AT_model_kv_heads, "%" PRId64 " does not divide %s; %s would do",
                       kv, kc_key_said(cfg, o, KC_AT_model_heads, text),
                       kc_text_divisors(heads, heads, list, sizeof list));
}

static int check_mlp(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    const double d = (double)kc_config_width(cfg);
    if (cfg->model.mlp == KC_model_mlp_none || cfg->model.mlp_width > 0 ||
        cfg->model.mlp_ratio * d >= 1)
        return KC_OK;
    return kc_fail_key(e, o, KC_AT_model_mlp_ratio,
                       "%g of width %g leaves no hidden unit; %.3g, or model.mlp: none, would do",
                       cfg->model.mlp_ratio, d, 1 / d + 0.001);
}

static int check_experts(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    const int64_t E = cfg->model.experts, k = cfg->model.experts_topk, ep = cfg->parallel.ep;
    char text[KC_SAID_MAX], list[200];
    if (E > 0 && cfg->model.mlp == KC_model_mlp_none)
        return kc_fail_key(e, o, KC_AT_model_experts,
                           "experts stand in place of an MLP, and %s has none",
                           kc_key_said(cfg, o, KC_AT_model_mlp, text));
    if (E > 0 && k > E)
        return kc_fail_key(e, o, KC_AT_model_experts_topk,
                           "a token cannot go to %" PRId64 " of %s; 1 to %" PRId64 " would do", k,
                           kc_key_said(cfg, o, KC_AT_model_experts, text), E);
    if (E == 0 && ep > 1)
        return kc_fail_key(e, o, KC_AT_parallel_ep,
                           "%" PRId64 " ranks cannot share the experts of a model "
                           "without any (%s); 1 would do",
                           ep, kc_key_said(cfg, o, KC_AT_model_experts, text));
    if (ep == 1 || E % ep == 0)
        return KC_OK;
    return kc_fail_key(
        e, o, KC_AT_parallel_ep, "%" PRId64 " ranks cannot share %s evenly; %s would do", ep,
        kc_key_said(cfg, o, KC_AT_model_experts, text), kc_text_divisors(E, E, list, sizeof list));
}

/* Canon layers of the MLP, where there is one whose tokens lie in their order. */
static int check_canon(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    enum { C = KC_model_canon_C, D = KC_model_canon_D };
    const int lost = cfg->model.mlp == KC_model_mlp_none ? C | D : cfg->model.experts ? D : 0;
    const int why = lost & C ? KC_AT_model_mlp : KC_AT_model_experts;
    const char *const *words = kc_key_rows[KC_AT_model_canon].words;
    char text[KC_SAID_MAX];
    if (!(cfg->model.canon & lost))
        return KC_OK;
    return kc_fail_key(e, o, KC_AT_model_canon, "%s with %s, %s; %s would do",
                       words[cfg->model.canon], kc_key_said(cfg, o, why, text),
                       lost & C ? "so C and D have no MLP to stand at"
                                : "where D would see tokens that are not the ones before",
                       words[cfg->model.canon & ~lost]);
}

static int check_head(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    int64_t dim = cfg->model.head_dim;
    char text[KC_SAID_MAX];
    if (cfg->model.position != KC_model_position_rotary)
        return KC_OK;
    if (dim % 2 != 0)
        return kc_fail_key(e, o, KC_AT_model_head_dim,
                           "%" PRId64 " is odd, but positions rotate pairs; %" PRId64 " or %" PRId64
                           " would do",
                           dim, dim - 1, dim + 1);
    int64_t rotated = llround(cfg->model.rotary_fraction * (double)dim);
    if (rotated % 2 == 0)
        return KC_OK;
    return kc_fail_key(e, o, KC_AT_model_rotary_fraction,
                       "%g of %s rotates %" PRId64 " floats, but they rotate in pairs; %.5g or "
                       "%.5g would do",
                       cfg->model.rotary_fraction, kc_key_said(cfg, o, KC_AT_model_head_dim, text),
                       rotated, (double)(rotated - 1) / (double)dim,
                       (double)(rotated + 1) / (double)dim);
}

static int check_turns(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    char text[KC_SAID_MAX];
    if (cfg->model.rotary_scaling != KC_model_rotary_scaling_llama3 ||
        cfg->model.rotary_low < cfg->model.rotary_high)
        return KC_OK;
    return kc_fail_key(e, o, KC_AT_model_rotary_low, "%g is not below %s", cfg->model.rotary_low,
                       kc_key_said(cfg, o, KC_AT_model_rotary_high, text));
}

static int check_beta(const kc_config *cfg, const kc_origin *o, int key, kc_error *e)
{
    double beta = *(const double *)((const char *)cfg + kc_key_rows[key].offset);
    if (beta < 1)
        return KC_OK;
    return kc_fail_key(e, o, key, "1 keeps the moment at 0 for ever; below 1 would do");
}

/* A key of a part that is not there. */
static int check_places(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    for (int key = kc_config_keys(cfg); key < KC_N_PLACES; ++key)
        if (o->line[key] != 0)
            return kc_fail_key(e, o, key, "the corpus has %lld part%s", (long long)cfg->parts,
                               cfg->parts > 1 ? "s" : "");
    return KC_OK;
}

/* Parts share all tokens; how often the people of a later one are shown follows from that. */
static int check_parts(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    const int pace = kc_config_pace(cfg);
    double sum = 0;
    KC_TRY(check_places(cfg, o, e));
    for (int part = 0; part < cfg->parts; ++part) {
        const kc_config one = kc_config_of_part(cfg, part);
        if (part != pace && o->line[kc_key_of_part(KC_AT_corpus_exposures, part)] != 0)
            return kc_fail_key(e, o, kc_key_of_part(KC_AT_corpus_exposures, part),
                               "follows from the shares; those of part %d alone, the first that "
                               "has tokens, are given",
                               pace + 1);
        if (one.corpus.windows == KC_corpus_windows_single &&
            cfg->train.mix == KC_train_mix_documents)
            return kc_fail_key(
                e, o, kc_key_of_part(KC_AT_corpus_windows, part),
                "single, but train.mix documents fills windows with documents of all "
                "parts; packed, or train.mix: windows, would do");
        sum += one.corpus.share;
    }
    if (fabs(sum - 1) > 1e-9)
        return kc_fail_key(e, o, kc_key_of_part(KC_AT_corpus_share, (int)cfg->parts - 1),
                           "the shares of the corpus's parts sum to %.10g; 1 would do", sum);
out:
    return e->code;
}

/* Ranks beyond the width say nothing that the width does not. */
static int check_rank(const kc_config *cfg, const kc_origin *o, int key, int64_t rank, kc_error *e)
{
    const int64_t d = kc_config_width(cfg);
    if (rank <= d)
        return KC_OK;
    return kc_fail_key(e, o, key,
                       "%" PRId64 " of a model of width %" PRId64 "; at most %" PRId64 " would do",
                       rank, d, d);
}

static int check_method(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    const kc_train_keys *t = &cfg->train;
    if (t->method != KC_train_method_lora)
        return KC_OK;
    if (!cfg->run.from[0])
        return kc_fail_key(e, o, KC_AT_train_method,
                           "lora: an update of weights that there are none of; kcap finetune, or "
                           "run.from, gives them");
    if (cfg->train.optimizer == KC_train_optimizer_muon)
        return kc_fail_key(e, o, KC_AT_train_optimizer,
                           "muon is for the matrices of the blocks, and lora trains none of them; "
                           "adamw would do");
    KC_TRY(check_rank(cfg, o, KC_AT_train_lora_rank, t->lora_rank, e));
    KC_TRY(check_rank(cfg, o, KC_AT_train_lora_embedding_rank, t->lora_embedding_rank, e));
out:
    return e->code;
}

int kc_config_check(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    KC_TRY(check_name(cfg, o, e));
    KC_TRY(check_parts(cfg, o, e));
    KC_TRY(check_lanes(cfg, o, e));
    KC_TRY(check_head(cfg, o, e));
    KC_TRY(check_turns(cfg, o, e));
    KC_TRY(check_groups(cfg, o, e));
    KC_TRY(check_mlp(cfg, o, e));
    KC_TRY(check_experts(cfg, o, e));
    KC_TRY(check_canon(cfg, o, e));
    KC_TRY(check_method(cfg, o, e));
    KC_TRY(check_beta(cfg, o, KC_AT_train_beta1, e));
    KC_TRY(check_beta(cfg, o, KC_AT_train_beta2, e));
    KC_TRY(check_beta(cfg, o, KC_AT_train_momentum, e));
out:
    return e->code;
}
