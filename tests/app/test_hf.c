/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/hf.h"

enum { WORDS = 11 };

/* A configuration by its keys. */
static kc_config config_of(const char *const *sets, int n)
{
    kc_config cfg;
    kc_error e = {0};
    if (kc_config_parse("model: {heads: 4, head_dim: 6, layers: 3}", 41, "test", sets, n, &cfg,
                        &e) != KC_OK)
        fail_msg("%s", e.text);
    return cfg;
}

/* Every architecture the switches can name, one after the other. */
static int next_architecture(int *at, kc_config *cfg)
{
    static const char *const choices[][4] = {
        {"model.norm=layernorm", "model.norm=rmsnorm"},
        {"model.position=rotary", "model.position=learned", "model.position=none"},
        {"model.rotary_fraction=1", "model.rotary_fraction=0.3333"},
        {"model.mlp=plain", "model.mlp=gated", "model.mlp=none"},
        {"model.activation=gelu", "model.activation=silu"},
        {"model.biases=all", "model.biases=none"},
        {"model.kv_heads=0", "model.kv_heads=2", "model.kv_heads=1"},
        {"model.embeddings=tied", "model.embeddings=untied"},
        {"model.arch=gpt2", "model.arch=mistral"},
        {"model.experts=0", "model.experts=3"},
        {"model.experts_gate=softmax", "model.experts_gate=renormalised"},
    };
    enum { KEYS = sizeof choices / sizeof *choices };
    const char *sets[KEYS + 1];
    int rest = (*at)++;
    for (int k = 0; k < KEYS; ++k) {
        int n = 0;
        while (n < 4 && choices[k][n])
            ++n;
        sets[k] = choices[k][rest % n];
        rest /= n;
    }
    sets[KEYS] = "model.mlp_width=10";
    for (int k = 0; k < KEYS; ++k) /* experts stand in place of an MLP */
        if (strcmp(sets[k], "model.mlp=none") == 0)
            sets[KEYS] = "model.experts=0";
    if (!rest)
        *cfg = config_of(sets, KEYS + 1);
    return !rest;
}

/* Every parameter stands in one tensor, once; what is taken and put back is the same. */
static void pieces_hold_every_parameter_once(void **state)
{
    (void)state;
    kc_config cfg;
    int n = 0, classes[KC_HF_CLASSES] = {0};
    while (next_architecture(&n, &cfg)) {
        const kc_shape s = kc_shape_of(&cfg, WORDS);
        kc_layout layout;
        kc_hf_piece *pieces;
        kc_layout_of(&s, &layout);
        const kc_hf_class class = kc_hf_choose(&cfg, &s);
        const int64_t count = kc_hf_pieces(class, &s, &layout, INT64_MAX, &pieces);
        float *flat = calloc((size_t)layout.n_flat, sizeof *flat);
        float *back = calloc((size_t)layout.n_flat, sizeof *back);
        float *values = calloc((size_t)layout.n_flat, sizeof *values);
        for (int64_t i = 0; i < layout.n_flat; ++i)
            flat[i] = (float)(i + 1);
        int64_t all = 0;
        for (int64_t i = 0; i < count; ++i) {
            int64_t size = 1;
            for (int k = 0; k < pieces[i].n_dims; ++k)
                size *= pieces[i].dims[k];
            assert_int_equal(size,
                             pieces[i].n[0] * pieces[i].n[1] * pieces[i].n[2] * pieces[i].n[3]);
            const int64_t half = size / 2 + 1; /* runs are cut anywhere */
            kc_hf_take(&pieces[i], flat, 0, half, values);
            kc_hf_take(&pieces[i], flat, half, size - half, values + half);
            for (int64_t j = 0; j < size; ++j)
                assert_true(back[(int64_t)values[j] - 1] == 0);
            kc_hf_put(&pieces[i], back, 0, size, values);
            all += size;
        }
        assert_int_equal(all, layout.n_params);
        for (int64_t i = 0; i < layout.n_flat; ++i)
            assert_true(back[i] == 0 || back[i] == flat[i]);
        ++classes[class];
        free(pieces);
        free(values);
        free(back);
        free(flat);
    }
    for (int c = 0; c < KC_HF_CLASSES; ++c)
        assert_true(classes[c] > 0);
}

/* No more than wanted are listed, however many there are. */
static void pieces_are_counted(void **state)
{
    (void)state;
    static const char *const sets[] = {"model.arch=mistral", "model.layers=1000",
                                       "model.experts=65536", "model.kv_heads=0"};
    const kc_config cfg = config_of(sets, 4);
    const kc_shape s = kc_shape_of(&cfg, WORDS);
    kc_layout layout;
    kc_hf_piece *pieces;
    kc_layout_of(&s, &layout);
    assert_int_equal(kc_hf_pieces(KC_HF_MIXTRAL, &s, &layout, 1002, &pieces),
                     1000 * (7 + 3 * 65536) + 3);
    assert_string_equal(pieces[1000].name, "model.layers.999.input_layernorm.weight");
    assert_string_equal(pieces[1001].name, "model.layers.0.self_attn.q_proj.weight");
    free(pieces);
    /* wte, two norms, qkv, out, last norm, head, router, up, down */
    assert_int_equal(kc_hf_pieces(KC_HF_PLAIN, &s, &layout, INT64_MAX, &pieces), 10);
    assert_string_equal(pieces[9].name, "exp_down");
    free(pieces);
    assert_int_equal(kc_hf_pieces(KC_HF_PLAIN, &s, &layout, 0, &pieces), 10);
    free(pieces);
}

static kc_hf_class class_of(const char *const *sets, int n)
{
    const kc_config cfg = config_of(sets, n);
    const kc_shape s = kc_shape_of(&cfg, WORDS);
    return kc_hf_choose(&cfg, &s);
}

#define CLASS(...)                                                                                 \
    class_of((const char *const[]){"model.layers=1", __VA_ARGS__},                                 \
             sizeof((const char *const[]){"model.layers=1", __VA_ARGS__}) / sizeof(char *))

static void nearest_class(void **state)
{
    (void)state;
    assert_int_equal(CLASS("model.arch=gpt2", "model.rotary_fraction=0.34"), KC_HF_GPT_NEOX);
    assert_int_equal(CLASS("model.rotary_fraction=1", "model.embeddings=untied"), KC_HF_GPT_NEOX);
    assert_int_equal(CLASS("model.rotary_fraction=0"), KC_HF_PLAIN);
    assert_int_equal(CLASS("model.position=none"), KC_HF_PLAIN);
    assert_int_equal(CLASS("model.position=learned"), KC_HF_GPT2);
    assert_int_equal(CLASS("model.position=learned", "model.activation=silu"), KC_HF_GPT2);
    assert_int_equal(CLASS("model.position=learned", "model.kv_heads=2"), KC_HF_PLAIN);
    assert_int_equal(CLASS("model.position=learned", "model.biases=none"), KC_HF_PLAIN);
    assert_int_equal(CLASS("model.mlp=none"), KC_HF_PLAIN);
    assert_int_equal(CLASS("model.mlp=gated"), KC_HF_PLAIN);
    assert_int_equal(CLASS("model.arch=llama"), KC_HF_LLAMA);
    assert_int_equal(CLASS("model.arch=llama", "model.biases=all"), KC_HF_LLAMA);
    assert_int_equal(CLASS("model.arch=llama", "model.kv_heads=2"), KC_HF_LLAMA);
    assert_int_equal(CLASS("model.arch=llama", "model.norm=layernorm"), KC_HF_PLAIN);
    assert_int_equal(CLASS("model.arch=llama", "model.rotary_fraction=0.34"), KC_HF_PLAIN);
    assert_int_equal(CLASS("model.arch=mistral"), KC_HF_MISTRAL);
    assert_int_equal(CLASS("model.arch=mistral", "model.kv_heads=4"), KC_HF_MISTRAL);
    assert_int_equal(CLASS("model.arch=mistral", "model.biases=all"), KC_HF_LLAMA);
    assert_int_equal(CLASS("model.experts=4"), KC_HF_PLAIN);
    assert_int_equal(CLASS("model.arch=llama", "model.experts=4"), KC_HF_PLAIN);
    assert_int_equal(
        CLASS("model.arch=llama", "model.experts=4", "model.experts_gate=renormalised"),
        KC_HF_MIXTRAL);
    assert_int_equal(CLASS("model.arch=mistral", "model.experts=16",
                           "model.experts_gate=renormalised", "model.experts_topk=2"),
                     KC_HF_MIXTRAL);
    /* Drops: 8 times a seventeenth is less than all. */
    assert_int_equal(
        CLASS("model.arch=mistral", "model.experts=17", "model.experts_gate=renormalised"),
        KC_HF_PLAIN);
}

/* Mixtral serves from the least factor on that it names. */
static void mixtral_drops_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *experts, *topk, *factor, *least; /* NULL: served */
    } cases[] = {{"32", "2", "8", "from 8 to at least 16)"},
                 {"32", "2", "16", NULL},
                 {"17", "1", "8", "from 8 to at least 17)"},
                 {"10", "3", "3.3333", "from 3.3333 to at least 3.3334)"},
                 {"10", "3", "3.3334", NULL},
                 {"33", "10", "3.3", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; ++i) {
        char experts[40], topk[40], factor[60], lacks[256];
        snprintf(experts, sizeof experts, "model.experts=%s", cases[i].experts);
        snprintf(topk, sizeof topk, "model.experts_topk=%s", cases[i].topk);
        snprintf(factor, sizeof factor, "model.capacity_factor_measure=%s", cases[i].factor);
        const char *const sets[] = {"model.arch=mistral", "model.experts_gate=renormalised",
                                    experts, topk, factor};
        const kc_config cfg = config_of(sets, 5);
        const kc_shape s = kc_shape_of(&cfg, WORDS);
        const int serves = kc_hf_serves(KC_HF_MIXTRAL, &cfg, &s, lacks, sizeof lacks);
        if (serves != !cases[i].least || (!serves && !strstr(lacks, cases[i].least)))
            fail_msg("%s %s %s: %d %s", experts, topk, factor, serves, lacks);
        assert_int_equal(kc_hf_choose(&cfg, &s), serves ? KC_HF_MIXTRAL : KC_HF_PLAIN);
    }
}

/* config.json as a text says of itself that it is right, and says what is wrong once one member is
 * another. */
static void config_is_checked(void **state)
{
    (void)state;
    static const char *const told[] = {"architectures",        "max_position_embeddings",
                                       "attention_dropout",    "hidden_dropout",
                                       "attn_pdrop",           "embd_pdrop",
                                       "resid_pdrop",          "initializer_range",
                                       "bos_token_id",         "eos_token_id",
                                       "torch_dtype",          "use_cache",
                                       "router_aux_loss_coef", "router_jitter_noise",
                                       "output_router_logits"};
    char another[] = "another";
    kc_config cfg;
    int n = 0;
    while (next_architecture(&n, &cfg)) {
        const kc_shape s = kc_shape_of(&cfg, WORDS);
        const kc_hf_class class = kc_hf_choose(&cfg, &s);
        cJSON *made = kc_hf_config(class, &cfg, &s), *read = NULL;
        char *text = cJSON_Print(made);
        kc_hf_class found;
        kc_error e = {0};
        assert_int_equal(kc_hf_config_class("x", text, strlen(text), &read, &found, &e), KC_OK);
        assert_int_equal(found, class);
        if (kc_hf_config_check("x", read, class, &cfg, &s, "input", &e) != KC_OK)
            fail_msg("%s", e.text);
        for (cJSON *x = read->child; x; x = x->next) {
            int decides = strcmp(x->string, "model_type") != 0;
            for (size_t i = 0; i < sizeof told / sizeof *told; ++i)
                decides &= strcmp(x->string, told[i]) != 0;
            const cJSON before = *x;
            if (cJSON_IsNumber(x))
                x->valuedouble = x->valuedouble * 0.5 + 0.4;
            else if (cJSON_IsBool(x))
                x->type = cJSON_IsTrue(x) ? cJSON_False : cJSON_True;
            else if (cJSON_IsString(x))
                x->valuestring = another;
            else
                x->type = cJSON_True;
            e = (kc_error){0};
            const int code = kc_hf_config_check("x", read, class, &cfg, &s, "input", &e);
            if ((code != KC_OK) != decides || (decides && !strstr(e.text, before.string)))
                fail_msg("%s: %d %s", before.string, code, e.text);
            *x = before;
        }
        cJSON_free(text);
        cJSON_Delete(read);
        cJSON_Delete(made);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_hold_every_parameter_once),
        cmocka_unit_test(pieces_are_counted),
        cmocka_unit_test(nearest_class),
        cmocka_unit_test(mixtral_drops_nothing),
        cmocka_unit_test(config_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
