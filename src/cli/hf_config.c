/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/hf.h"
#include "kcap/io/json.h"
#include "kcap/data/corpus.h"

enum { FIELDS_MAX = 48, SHOWN = 80 };

/* How a member is written and compared. REAL: transformers takes 1 for no float, so 1.0. SHARE: of
 * a head, rotated. WINDOW: null, or one that no window of this model reaches over. NOTHING: null */
typedef enum type { WHOLE, REAL, BOOL, TEXT, SHARE, WINDOW, NOTHING } type;

/* In place of what a class does where a member is left out. TOLD decides nothing of what the model
 * computes. */
enum { NEEDED = -1, TOLD = -2 };

/* A member of config.json: its classes, its value, and the classes' default. */
typedef struct field {
    unsigned classes;
    const char *key;
    type type;
    double left_out, number;
    const char *text;
} field;

typedef struct list {
    kc_hf_class class;
    const kc_shape *shape;
    int n;
    field field[FIELDS_MAX];
} list;

enum {
    NEOX = 1 << KC_HF_GPT_NEOX,
    GPT2 = 1 << KC_HF_GPT2,
    MISTRAL = 1 << KC_HF_MISTRAL,
    MIXTRAL = 1 << KC_HF_MIXTRAL,
    LLAMA = 1 << KC_HF_LLAMA,
    PLAIN = 1 << KC_HF_PLAIN,
    LLAMAS = LLAMA | MISTRAL | MIXTRAL,
    ROTARY = NEOX | LLAMAS,
    OTHERS = ROTARY | PLAIN, /* all but GPT-2, which has words of its own */
    EVERY = OTHERS | GPT2
};

static const char rope[] = "rope_parameters"; /* an object of their own since transformers 5 */
static const double norm_eps = 1e-5;          /* of all norms, as in math/ops.c */

static void add(list *out, const field *fields, size_t n)
{
    for (size_t i = 0; i < n; ++i)
        if (fields[i].classes >> out->class & 1) {
            KC_CHECK(out->n < FIELDS_MAX, "more than %d members", FIELDS_MAX);
            out->field[out->n++] = fields[i];
        }
}

static void add_sizes(list *out, const kc_shape *s)
{
    const double T = (double)s->T, d = (double)s->d, h = (double)s->h, hd = (double)s->hd;
    const double f = (double)s->f, kv = (double)s->kv, l = (double)s->l, V = (double)s->V;
    const field fields[] = {
        {EVERY, "vocab_size", WHOLE, NEEDED, V, NULL},
        {OTHERS, "hidden_size", WHOLE, NEEDED, d, NULL},
        {OTHERS, "intermediate_size", WHOLE, NEEDED, f, NULL},
        {OTHERS, "num_hidden_layers", WHOLE, NEEDED, l, NULL},
        {OTHERS, "num_attention_heads", WHOLE, NEEDED, h, NULL},
        {LLAMA, "num_key_value_heads", WHOLE, h, kv, NULL},
        {MISTRAL | MIXTRAL | PLAIN, "num_key_value_heads", WHOLE, NEEDED, kv, NULL},
        {MIXTRAL, "num_local_experts", WHOLE, 8, (double)s->E, NULL},
        {MIXTRAL, "num_experts_per_tok", WHOLE, 2, (double)s->k, NULL},
        {PLAIN, "experts", WHOLE, NEEDED, (double)s->E, NULL},
        {PLAIN, "experts_topk", WHOLE, NEEDED, (double)s->k, NULL},
        {LLAMAS | PLAIN, "head_dim", WHOLE, d / h, hd, NULL},
        {OTHERS, "max_position_embeddings", WHOLE, TOLD, T, NULL},
        {GPT2, "n_embd", WHOLE, NEEDED, d, NULL},
        {GPT2, "n_inner", WHOLE, 4 * d, f, NULL},
        {GPT2, "n_layer", WHOLE, NEEDED, l, NULL},
        {GPT2, "n_head", WHOLE, NEEDED, h, NULL},
        {GPT2, "n_positions", WHOLE, NEEDED, T, NULL},
    };
    add(out, fields, sizeof fields / sizeof *fields);
}

/* transformers rotates (int)(head_dim * share) dimensions: the nearest share that says so. */
static double rotary_share(const kc_shape *s)
{
    double share = (double)s->rot / (double)s->hd;
    while ((int64_t)((double)s->hd * share) < s->rot)
        share = nextafter(share, 2);
    return share;
}

static void add_switches(list *out, const kc_config *cfg, const kc_shape *s)
{
    const char *act = s->silu ? "silu" : "gelu_new";
    const double base = cfg->model.rotary_base;
    const field fields[] = {
        {ROTARY, "hidden_act", TEXT, NEEDED, 0, act},
        {GPT2, "activation_function", TEXT, NEEDED, 0, act},
        {NEOX, "layer_norm_eps", REAL, 1e-5, norm_eps, NULL},
        {GPT2, "layer_norm_epsilon", REAL, 1e-5, norm_eps, NULL},
        {LLAMA | MISTRAL, "rms_norm_eps", REAL, 1e-6, norm_eps, NULL},
        {MIXTRAL, "rms_norm_eps", REAL, 1e-5, norm_eps, NULL},
        {NEOX, "rotary_pct", SHARE, 0.25, rotary_share(s), NULL},
        {NEOX, "rotary_emb_base", REAL, 10000, base, NULL},
        {LLAMA | MISTRAL, "rope_theta", REAL, 10000, base, NULL},
        {MIXTRAL, "rope_theta", REAL, 1000000, base, NULL},
        {ROTARY, "rope_scaling", NOTHING, NEEDED, 0, NULL},
        {NEOX, "use_parallel_residual", BOOL, 1, 0, NULL},
        {NEOX, "attention_bias", BOOL, 1, s->biased, NULL},
        {LLAMA, "attention_bias", BOOL, 0, s->biased, NULL},
        {LLAMA, "mlp_bias", BOOL, 0, s->biased, NULL},
        {MISTRAL, "sliding_window", WINDOW, 4096, 0, NULL},
        {MIXTRAL, "sliding_window", WINDOW, 1e9, 0, NULL}, /* left out: none */
        {GPT2, "scale_attn_weights", BOOL, 1, 1, NULL},
        {GPT2, "scale_attn_by_inverse_layer_idx", BOOL, 0, 0, NULL},
        {ROTARY, "tie_word_embeddings", BOOL, 0, !s->untied, NULL},
        {GPT2, "tie_word_embeddings", BOOL, 1, !s->untied, NULL},
        {PLAIN, "norm", TEXT, NEEDED, 0, kc_config_word(cfg, "model", "norm")},
        {PLAIN, "norm_eps", REAL, NEEDED, norm_eps, NULL},
        {PLAIN, "position", TEXT, NEEDED, 0, kc_config_word(cfg, "model", "position")},
        {PLAIN, "rotary_dims", WHOLE, NEEDED, (double)s->rot, NULL},
        {PLAIN, "rotary_base", REAL, NEEDED, base, NULL},
        {PLAIN, "mlp", TEXT, NEEDED, 0, kc_config_word(cfg, "model", "mlp")},
        {PLAIN, "activation", TEXT, NEEDED, 0, act},
        {PLAIN, "biases", TEXT, NEEDED, 0, kc_config_word(cfg, "model", "biases")},
        {PLAIN, "tie_word_embeddings", BOOL, NEEDED, !s->untied, NULL},
        {PLAIN, "experts_gate", TEXT, NEEDED, 0, kc_config_word(cfg, "model", "experts_gate")},
        {PLAIN, "capacity_factor_measure", REAL, NEEDED, cfg->model.capacity_factor_measure, NULL},
    };
    add(out, fields, sizeof fields / sizeof *fields);
}

/* No dropout in kcap; its <eos> begins each document. */
static void add_told(list *out, const kc_config *cfg)
{
    const field fields[] = {
        {NEOX | LLAMAS, "attention_dropout", REAL, TOLD, 0, NULL},
        {NEOX, "hidden_dropout", REAL, TOLD, 0, NULL},
        {GPT2, "attn_pdrop", REAL, TOLD, 0, NULL},
        {GPT2, "embd_pdrop", REAL, TOLD, 0, NULL},
        {GPT2, "resid_pdrop", REAL, TOLD, 0, NULL},
        {MIXTRAL, "router_aux_loss_coef", REAL, TOLD, cfg->model.balance_loss, NULL},
        {MIXTRAL, "router_jitter_noise", REAL, TOLD, 0, NULL},
        {MIXTRAL, "output_router_logits", BOOL, TOLD, 0, NULL},
        {EVERY, "initializer_range", REAL, TOLD, cfg->model.init_std, NULL},
        {EVERY, "bos_token_id", WHOLE, TOLD, KC_EOS, NULL},
        {EVERY, "eos_token_id", WHOLE, TOLD, KC_EOS, NULL},
        {EVERY, "torch_dtype", TEXT, TOLD, 0, "float32"},
        {EVERY, "use_cache", BOOL, TOLD, 1, NULL},
    };
    add(out, fields, sizeof fields / sizeof *fields);
}

static void fill(list *out, kc_hf_class class, const kc_config *cfg, const kc_shape *s)
{
    *out = (list){.class = class, .shape = s};
    add_sizes(out, s);
    add_switches(out, cfg, s);
    add_told(out, cfg);
}

static cJSON *value_of(type how, double number, const char *text)
{
    char digits[40];
    if (how == TEXT)
        return cJSON_CreateString(text);
    if (how == BOOL)
        return cJSON_CreateBool(number != 0);
    if (how == NOTHING || how == WINDOW)
        return cJSON_CreateNull();
    cJSON *x = kc_json_exact(number);
    if (how == WHOLE || strpbrk(x->valuestring, ".e"))
        return x;
    snprintf(digits, sizeof digits, "%s.0", x->valuestring);
    cJSON_Delete(x);
    return cJSON_CreateRaw(digits);
}

cJSON *kc_hf_config(kc_hf_class class, const kc_config *cfg, const kc_shape *s)
{
    list all;
    cJSON *object = cJSON_CreateObject(), *names = cJSON_AddArrayToObject(object, "architectures");
    cJSON_AddItemToArray(names, cJSON_CreateString(kc_hf_class_name(class)));
    kc_json_text(object, "model_type", kc_hf_model_type(class));
    fill(&all, class, cfg, s);
    for (int i = 0; i < all.n; ++i)
        cJSON_AddItemToObject(object, all.field[i].key,
                              value_of(all.field[i].type, all.field[i].number, all.field[i].text));
    return object;
}

int kc_hf_config_class(const char *path, const char *text, size_t bytes, cJSON **object,
                       kc_hf_class *class, kc_error *e)
{
    const char *end = NULL;
    *object = bytes ? cJSON_ParseWithLengthOpts(text, bytes, &end, 0) : NULL;
    while (*object && end < text + bytes && *end && strchr(" \t\r\n", *end))
        ++end;
    if (!cJSON_IsObject(*object) || end != text + bytes)
        return kc_fail(e, KC_EINPUT, "%s: is not one JSON object", path);
    const char *twice = kc_json_twice(*object);
    if (!twice)
        twice = kc_json_twice(cJSON_GetObjectItemCaseSensitive(*object, rope));
    if (twice)
        return kc_fail(e, KC_EINPUT, "%s: %.*s is there twice; leave one", path, SHOWN, twice);
    const char *found =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(*object, "model_type"));
    for (int c = 0; found && c < KC_HF_CLASSES; ++c)
        if (strcmp(found, kc_hf_model_type((kc_hf_class)c)) == 0) {
            *class = (kc_hf_class)c;
            return KC_OK;
        }
    return kc_fail(
        e, KC_EINPUT,
        "%s: model_type is %.*s; kcap reads gpt_neox, gpt2, mistral, mixtral, llama and kcap", path,
        SHOWN, found ? found : "missing");
}

/* A member, by the name it has had since transformers 5 where it is not there by its own: those of
 * rotary positions are in an object of their own. NULL: left out, or null. */
static const cJSON *look_up(const cJSON *object, const char *key)
{
    static const char *const names[][2] = {{"rope_theta", "rope_theta"},
                                           {"rotary_emb_base", "rope_theta"},
                                           {"rotary_pct", "partial_rotary_factor"},
                                           {"rope_scaling", "rope_type"}};
    const cJSON *x = cJSON_GetObjectItemCaseSensitive(object, key);
    const cJSON *inside = cJSON_GetObjectItemCaseSensitive(object, rope);
    for (size_t i = 0; i < sizeof names / sizeof *names && !x; ++i)
        if (strcmp(key, names[i][0]) == 0)
            x = cJSON_GetObjectItemCaseSensitive(inside, names[i][1]);
    return cJSON_IsNull(x) ? NULL : x;
}

/* Words for one function. */
static int same_text(const char *a, const char *b)
{
    static const char *const words[] = {"gelu_new", "gelu_pytorch_tanh", "gelu_fast", "", "silu",
                                        "swish"};
    int of_a = 0, of_b = 0, group = 1;
    for (size_t i = 0; i < sizeof words / sizeof *words; ++i) {
        group += words[i][0] == 0;
        of_a = strcmp(a, words[i]) == 0 ? group : of_a;
        of_b = strcmp(b, words[i]) == 0 ? group : of_b;
    }
    return strcmp(a, b) == 0 || (of_a && of_a == of_b);
}

static int same(const list *all, const field *f, const cJSON *object, const cJSON *x)
{
    const kc_shape *s = all->shape;
    const double number = x ? x->valuedouble : f->left_out;
    if (f->type == NOTHING)
        return !x || (cJSON_IsString(x) && strcmp(x->valuestring, "default") == 0);
    if (f->left_out == NEEDED && !x)
        return 0;
    if (f->type == TEXT)
        return cJSON_IsString(x) && same_text(x->valuestring, f->text);
    if (f->type == BOOL)
        return x ? cJSON_IsBool(x) && cJSON_IsTrue(x) == (f->number != 0)
                 : (f->left_out != 0) == (f->number != 0);
    if (x && !cJSON_IsNumber(x))
        return 0;
    if (f->type == SHARE)
        return number > 0 && number <= 1 && (int64_t)((double)s->hd * number) == s->rot;
    if (f->type == WINDOW) /* null is none at all */
        return number >= (double)s->T || (!x && cJSON_GetObjectItemCaseSensitive(object, f->key));
    return number == f->number;
}

int kc_hf_config_check(const char *path, const cJSON *object, kc_hf_class class,
                       const kc_config *cfg, const kc_shape *s, const char *wanted, kc_error *e)
{
    list all;
    fill(&all, class, cfg, s);
    for (int i = 0; i < all.n && e->code == KC_OK; ++i) {
        const field *f = &all.field[i];
        const cJSON *x = look_up(object, f->key);
        if (f->left_out == TOLD || same(&all, f, object, x))
            continue;
        cJSON *right = value_of(f->type, f->number, f->text);
        char *found = x ? cJSON_PrintUnformatted(x) : NULL, *want = cJSON_PrintUnformatted(right);
        kc_fail(e, KC_EINPUT, "%s: %s is %.*s; the model of %s needs %s", path, f->key, SHOWN,
                found ? found : "left out", wanted, want);
        cJSON_free(found);
        cJSON_free(want);
        cJSON_Delete(right);
    }
    return e->code;
}
