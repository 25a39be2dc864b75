/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config/config_internal.h"

enum { OTHER_MAX = 400, CHUNK_MOST = 64 };

/* `model.heads 3 (inputs/x.yaml:4)`: another key that a message names, with its value and place. */
static const char *other(const kc_config *cfg, const kc_origin *o, int key, char text[OTHER_MAX])
{
    char value[KC_VALUE_MAX], name[KC_SHOWN_MAX + 1];
    int line = o->line[key];
    kc_value_print(cfg, key, value);
    int n = snprintf(text, OTHER_MAX, "%s.%s %s", kc_key_rows[key].section, kc_key_rows[key].name,
                     kc_shown(value, name, sizeof name));
    if (line > 0)
        snprintf(text + n, OTHER_MAX - (size_t)n, " (%.200s:%d)", o->path, line);
    else
        snprintf(text + n, OTHER_MAX - (size_t)n, line < 0 ? " (--set)" : " (default)");
    return text;
}

/* The divisors of n as running text, as many as fit. */
static void list_divisors(int64_t n, char *list, size_t size)
{
    size_t used = 0;
    list[0] = 0;
    for (int64_t d = 1; d <= n && used < size - 32; d++)
        if (n % d == 0)
            used +=
                (size_t)snprintf(list + used, size - used, "%s%" PRId64, used > 0 ? ", " : "", d);
    if (used >= size - 32)
        snprintf(list + used, size - used, ", ...");
}

static int check_lanes(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    int64_t batch = cfg->train.batch, lanes = cfg->train.lanes;
    char place[KC_PLACE_MAX], text[OTHER_MAX], list[200];
    if (batch % lanes == 0)
        return KC_OK;
    list_divisors(batch, list, sizeof list);
    return kc_fail(e, KC_EINPUT, "%s: %" PRId64 " does not divide %s; its divisors would do: %s",
                   kc_place_key(o, o->line[KC_AT_train_lanes], KC_AT_train_lanes, place), lanes,
                   other(cfg, o, KC_AT_train_batch, text), list);
}

static int check_groups(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    int64_t heads = cfg->model.heads, kv = cfg->model.kv_heads;
    char place[KC_PLACE_MAX], text[OTHER_MAX], list[200];
    if (kv == 0 || heads % kv == 0)
        return KC_OK;
    list_divisors(heads, list, sizeof list);
    return kc_fail(e, KC_EINPUT, "%s: %" PRId64 " does not divide %s; %s would do",
                   kc_place_key(o, o->line[KC_AT_model_kv_heads], KC_AT_model_kv_heads, place), kv,
                   other(cfg, o, KC_AT_model_heads, text), list);
}

static int check_mlp(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    const double d = (double)(cfg->model.heads * cfg->model.head_dim);
    char place[KC_PLACE_MAX];
    if (cfg->model.mlp == KC_model_mlp_none || cfg->model.mlp_width > 0 ||
        cfg->model.mlp_ratio * d >= 1)
        return KC_OK;
    return kc_fail(e, KC_EINPUT,
                   "%s: %g of width %g leaves no hidden unit; %.3g, or model.mlp: none, would do",
                   kc_place_key(o, o->line[KC_AT_model_mlp_ratio], KC_AT_model_mlp_ratio, place),
                   cfg->model.mlp_ratio, d, 1 / d + 0.001);
}

static int check_experts(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    const int64_t E = cfg->model.experts, k = cfg->model.experts_topk, ep = cfg->parallel.ep;
    char place[KC_PLACE_MAX], text[OTHER_MAX], list[200];
    if (E > 0 && cfg->model.mlp == KC_model_mlp_none)
        return kc_fail(e, KC_EINPUT, "%s: experts stand in place of an MLP, and %s has none",
                       kc_place_key(o, o->line[KC_AT_model_experts], KC_AT_model_experts, place),
                       other(cfg, o, KC_AT_model_mlp, text));
    if (E > 0 && k > E)
        return kc_fail(
            e, KC_EINPUT, "%s: a token cannot go to %" PRId64 " of %s; 1 to %" PRId64 " would do",
            kc_place_key(o, o->line[KC_AT_model_experts_topk], KC_AT_model_experts_topk, place), k,
            other(cfg, o, KC_AT_model_experts, text), E);
    if (E == 0 && ep > 1)
        return kc_fail(e, KC_EINPUT,
                       "%s: %" PRId64 " ranks cannot share the experts of a model "
                       "without any (%s); 1 would do",
                       kc_place_key(o, o->line[KC_AT_parallel_ep], KC_AT_parallel_ep, place), ep,
                       other(cfg, o, KC_AT_model_experts, text));
    if (ep == 1 || E % ep == 0)
        return KC_OK;
    list_divisors(E, list, sizeof list);
    return kc_fail(e, KC_EINPUT, "%s: %" PRId64 " ranks cannot share %s evenly; %s would do",
                   kc_place_key(o, o->line[KC_AT_parallel_ep], KC_AT_parallel_ep, place), ep,
                   other(cfg, o, KC_AT_model_experts, text), list);
}

static int check_head(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    int64_t dim = cfg->model.head_dim;
    char place[KC_PLACE_MAX], text[OTHER_MAX];
    if (cfg->model.position != KC_model_position_rotary)
        return KC_OK;
    if (dim % 2 != 0)
        return kc_fail(e, KC_EINPUT,
                       "%s: %" PRId64 " is odd, but positions rotate pairs; %" PRId64 " or %" PRId64
                       " would do",
                       kc_place_key(o, o->line[KC_AT_model_head_dim], KC_AT_model_head_dim, place),
                       dim, dim - 1, dim + 1);
    int64_t rotated = llround(cfg->model.rotary_fraction * (double)dim);
    if (rotated % 2 == 0)
        return KC_OK;
    return kc_fail(
        e, KC_EINPUT,
        "%s: %g of %s rotates %" PRId64 " floats, but they rotate in pairs; %.5g or "
        "%.5g would do",
        kc_place_key(o, o->line[KC_AT_model_rotary_fraction], KC_AT_model_rotary_fraction, place),
        cfg->model.rotary_fraction, other(cfg, o, KC_AT_model_head_dim, text), rotated,
        (double)(rotated - 1) / (double)dim, (double)(rotated + 1) / (double)dim);
}

static int check_beta(const kc_config *cfg, const kc_origin *o, int key, kc_error *e)
{
    double beta = *(const double *)((const char *)cfg + kc_key_rows[key].offset);
    char place[KC_PLACE_MAX];
    if (beta < 1)
        return KC_OK;
    return kc_fail(e, KC_EINPUT, "%s: 1 keeps the moment at 0 for ever; below 1 would do",
                   kc_place_key(o, o->line[key], key, place));
}

/* The key's range serves random's strings; a chunk of biod is shorter. */
static int check_length(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    char place[KC_PLACE_MAX], kind[OTHER_MAX];
    if (cfg->corpus.kind != KC_corpus_kind_biod || cfg->corpus.length <= CHUNK_MOST)
        return KC_OK;
    return kc_fail(e, KC_EINPUT,
                   "%s: %" PRId64 " characters are too many for a chunk of %s; 1 to %d would do",
                   kc_place_key(o, o->line[KC_AT_corpus_length], KC_AT_corpus_length, place),
                   cfg->corpus.length, other(cfg, o, KC_AT_corpus_kind, kind), CHUNK_MOST);
}

static int check_strings(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    int64_t diversity = cfg->corpus.diversity;
    double strings = pow((double)cfg->corpus.alphabet, (double)cfg->corpus.length);
    char place[KC_PLACE_MAX], alphabet[OTHER_MAX], length[OTHER_MAX];
    if (cfg->corpus.kind != KC_corpus_kind_biod || (double)diversity <= strings)
        return KC_OK;
    return kc_fail(e, KC_EINPUT,
                   "%s: %" PRId64 " distinct strings cannot be made of %s and %s; at most %.0f, or "
                   "a larger alphabet or length, would do",
                   kc_place_key(o, o->line[KC_AT_corpus_diversity], KC_AT_corpus_diversity, place),
                   diversity, other(cfg, o, KC_AT_corpus_alphabet, alphabet),
                   other(cfg, o, KC_AT_corpus_length, length), strings);
}

/* Strings are drawn, not dealt out: some will be alike long before all have been seen. More of them
 * than there can be different ones is a slip all the same. */
static int check_random(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    double strings = pow((double)cfg->corpus.vocab, (double)cfg->corpus.length);
    char place[KC_PLACE_MAX], vocab[OTHER_MAX], length[OTHER_MAX];
    if (cfg->corpus.kind != KC_corpus_kind_random || (double)cfg->corpus.people <= strings)
        return KC_OK;
    return kc_fail(e, KC_EINPUT,
                   "%s: %" PRId64 " strings cannot all differ with %s and %s; at most %.0f, or a "
                   "larger vocab or length, would do",
                   kc_place_key(o, o->line[KC_AT_corpus_people], KC_AT_corpus_people, place),
                   cfg->corpus.people, other(cfg, o, KC_AT_corpus_vocab, vocab),
                   other(cfg, o, KC_AT_corpus_length, length), strings);
}

/* Only where all three counts are written: 0 stands for a pool that is not read here. */
static int check_names(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    int64_t first = cfg->corpus.first_names, middle = cfg->corpus.middle_names;
    int64_t last = cfg->corpus.last_names, people = cfg->corpus.people;
    int64_t names = first * middle * last; /* at most 10^18 */
    char place[KC_PLACE_MAX];
    if (cfg->corpus.kind == KC_corpus_kind_random || names == 0 || names >= people)
        return KC_OK;
    return kc_fail(e, KC_EINPUT,
                   "%s: %" PRId64 " people need as many names, but corpus.first_names %" PRId64
                   " x middle_names %" PRId64 " x last_names %" PRId64 " are %" PRId64
                   "; fewer people or more names would do",
                   kc_place_key(o, o->line[KC_AT_corpus_people], KC_AT_corpus_people, place),
                   people, first, middle, last, names);
}

int kc_config_check(const kc_config *cfg, const kc_origin *o, kc_error *e)
{
    const kc_config settled = kc_config_settled(cfg);
    KC_TRY(check_lanes(cfg, o, e));
    KC_TRY(check_head(cfg, o, e));
    KC_TRY(check_groups(cfg, o, e));
    KC_TRY(check_mlp(cfg, o, e));
    KC_TRY(check_experts(cfg, o, e));
    KC_TRY(check_beta(cfg, o, KC_AT_train_beta1, e));
    KC_TRY(check_beta(cfg, o, KC_AT_train_beta2, e));
    KC_TRY(check_length(cfg, o, e));
    KC_TRY(check_strings(&settled, o, e));
    KC_TRY(check_random(&settled, o, e));
    KC_TRY(check_names(cfg, o, e));
out:
    return e->code;
}
