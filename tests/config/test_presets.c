/* SPDX-License-Identifier: BSD-3-Clause */
/* model.arch and the keys it stands for. */

#include "../test.h"

#include "config/config_internal.h"

enum { SETS_MAX = 8 };

/* `sets`: as --set takes them, divided by spaces. */
static int parse(const char *yaml, const char *sets, kc_config *cfg, kc_error *e)
{
    char copy[400], *rest = copy, *set;
    const char *list[SETS_MAX];
    int n = 0;
    snprintf(copy, sizeof copy, "%s", sets);
    while ((set = strsep(&rest, " ")) != NULL && n < SETS_MAX)
        if (*set)
            list[n++] = set;
    *e = (kc_error){0};
    return kc_config_parse(yaml, strlen(yaml), "inputs/x.yaml", list, n, cfg, e);
}

static kc_config good(const char *yaml, const char *sets)
{
    kc_config cfg;
    kc_error e;
    if (parse(yaml, sets, &cfg, &e) != KC_OK)
        fail_msg("refused: %s", e.text);
    return cfg;
}

static void bad(const char *yaml, const char *sets, const char *message)
{
    kc_config cfg;
    kc_error e;
    assert_int_equal(parse(yaml, sets, &cfg, &e), KC_EINPUT);
    assert_string_equal(e.text, message);
}

/* The switches of a configuration on one line. */
static void assert_switches(const kc_config *cfg, const char *expected)
{
    char text[400];
    snprintf(text, sizeof text, "%s %s %g %g %s %g %lld %s %s %lld %s",
             kc_config_word(cfg, "model", "norm"), kc_config_word(cfg, "model", "position"),
             cfg->model.rotary_fraction, cfg->model.rotary_base,
             kc_config_word(cfg, "model", "mlp"), cfg->model.mlp_ratio,
             (long long)cfg->model.mlp_width, kc_config_word(cfg, "model", "activation"),
             kc_config_word(cfg, "model", "biases"), (long long)cfg->model.kv_heads,
             kc_config_word(cfg, "model", "embeddings"));
    assert_string_equal(text, expected);
}

/* arXiv 2404.05405, section 2.3 and appendix A. */
KC_TEST(presets_are_those_of_the_paper)
{
    static const char *const known[][2] = {
        {"gpt2", "layernorm rotary 0.25 10000 plain 4 0 gelu all 0 tied"},
        {"llama", "rmsnorm rotary 1 10000 gated 2.66667 0 silu none 0 untied"},
        {"mistral", "rmsnorm rotary 1 10000 gated 3.5 0 silu none 2 untied"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
        char text[100];
        snprintf(text, sizeof text, "model: {arch: %s}", known[i][0]);
        kc_config cfg = good(text, "");
        assert_switches(&cfg, known[i][1]);
        snprintf(text, sizeof text, "model.arch=%s", known[i][0]);
        cfg = good("", text);
        assert_switches(&cfg, known[i][1]);
        assert_string_equal(kc_config_word(&cfg, "model", "arch"), known[i][0]);
    }
    const kc_config nothing = good("", ""), gpt2 = good("model: {arch: gpt2}", "");
    assert_memory_equal(&nothing, &gpt2, sizeof gpt2);
    /* 8/3 as a number with digits enough: no width comes out one short. */
    const double ratio = good("", "model.arch=llama").model.mlp_ratio;
    for (int64_t d = 1; d < 1000000; ++d)
        assert_true((int64_t)(ratio * (double)d) == 8 * d / 3);
}

/* A preset changes what nobody wrote, and nothing but its own keys. */
KC_TEST(presets_touch_nothing_else)
{
    static const char *const arches[] = {"llama", "mistral"};
    static const char *const own[] = {"arch",   "norm",      "rotary_fraction",
                                      "mlp",    "mlp_ratio", "activation",
                                      "biases", "kv_heads",  "embeddings"};
    const kc_config plain = good("train: {lr: 0.5}\nmodel: {layers: 5, init_std: 0.3}", "");
    for (int a = 0; a < 2; ++a) {
        char set[64];
        snprintf(set, sizeof set, "model.arch=%s", arches[a]);
        const kc_config cfg = good("train: {lr: 0.5}\nmodel: {layers: 5, init_std: 0.3}", set);
        for (int k = 0; k < KC_N_KEYS; ++k) {
            const kc_key_row *row = &kc_key_rows[k];
            int mine = 0;
            for (size_t i = 0; i < sizeof own / sizeof *own; ++i)
                mine |= strcmp(row->section, "model") == 0 && strcmp(row->name, own[i]) == 0;
            if (!mine)
                assert_memory_equal((const char *)&cfg + row->offset,
                                    (const char *)&plain + row->offset, row->bytes);
        }
    }
}

KC_TEST(what_is_written_wins)
{
    static const char after[] = "model: {arch: llama, norm: layernorm, mlp_ratio: 4, kv_heads: 1}";
    static const char before[] = "model: {kv_heads: 1, mlp_ratio: 4, norm: layernorm, arch: llama}";
    static const char want[] = "layernorm rotary 1 10000 gated 4 0 silu none 1 untied";
    kc_config cfg = good(after, "");
    assert_switches(&cfg, want);
    cfg = good(before, "");
    assert_switches(&cfg, want);
    cfg = good("model: {norm: layernorm, mlp_ratio: 4, kv_heads: 1}", "model.arch=llama");
    assert_switches(&cfg, want);
    cfg = good("model: {arch: llama}", "model.norm=layernorm model.mlp_ratio=4 model.kv_heads=1");
    assert_switches(&cfg, want);
    cfg = good("", "model.norm=layernorm model.mlp_ratio=4 model.arch=llama model.kv_heads=1");
    assert_switches(&cfg, want);
    /* The last word on arch decides: nothing is left of the first. */
    cfg = good("model: {arch: llama}", "model.arch=gpt2");
    assert_switches(&cfg, "layernorm rotary 0.25 10000 plain 4 0 gelu all 0 tied");
    cfg = good("model: {arch: mistral}", "model.arch=llama");
    assert_switches(&cfg, "rmsnorm rotary 1 10000 gated 2.66667 0 silu none 0 untied");
    /* Every value written, though it is the default of keys.def. */
    cfg = good("model: {norm: layernorm, rotary_fraction: 0.25, mlp: plain, mlp_ratio: 4, "
               "activation: gelu, biases: all, kv_heads: 0, embeddings: tied}",
               "model.arch=mistral");
    assert_switches(&cfg, "layernorm rotary 0.25 10000 plain 4 0 gelu all 0 tied");
}

/* arXiv 2404.05405, appendix A: 4 groups where 4 divides the heads, 1 where odd, else 2. */
KC_TEST(mistral_has_its_rule)
{
    static const int64_t known[][2] = {
        {1, 1},  {2, 2},  {3, 1},  {4, 4},  {5, 1},  {6, 2},  {7, 1},  {8, 4},   {9, 1},   {10, 2},
        {12, 4}, {14, 2}, {15, 1}, {16, 4}, {18, 2}, {20, 4}, {32, 4}, {999, 1}, {1000, 4}};
    for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
        char yaml[100], set[64];
        snprintf(yaml, sizeof yaml, "model: {arch: mistral, heads: %lld}", (long long)known[i][0]);
        snprintf(set, sizeof set, "model.heads=%lld", (long long)known[i][0]);
        assert_int_equal(good(yaml, "").model.kv_heads, known[i][1]);
        assert_int_equal(good("model: {arch: mistral, heads: 11}", set).model.kv_heads,
                         known[i][1]);
    }
    assert_int_equal(good("", "model.arch=mistral model.heads=8 model.kv_heads=2").model.kv_heads,
                     2);
    assert_int_equal(good("", "model.arch=mistral model.heads=8 model.kv_heads=0").model.kv_heads,
                     0);
}

/* What is printed reads back to the same, and means the same where presets change. */
KC_TEST(effective_text_returns)
{
    static const char *const sets[] = {"",
                                       "model.arch=llama",
                                       "model.arch=mistral model.heads=6",
                                       "model.arch=llama model.norm=layernorm model.biases=all",
                                       "model.arch=mistral model.heads=8 model.kv_heads=0",
                                       "model.position=learned model.head_dim=7 model.mlp=none",
                                       "model.mlp=gated model.mlp_width=17"};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; ++i) {
        const kc_config cfg = good("", sets[i]);
        char *text = kc_config_yaml(&cfg), hash[17], other[17];
        const kc_config again = good(text, "");
        assert_memory_equal(&cfg, &again, sizeof cfg);
        kc_config_hash(&cfg, hash);
        kc_config_hash(&again, other);
        assert_string_equal(hash, other);
        free(text);
    }
}

static void hash_of_file(const char *name, const char *sets, char hash[17])
{
    char path[600], text[8192];
    snprintf(path, sizeof path, "%s/inputs/%s", KCAP_SOURCE, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    const kc_config cfg = good(text, sets);
    kc_config_hash(&cfg, hash);
}

/* Every switch is another experiment. */
KC_TEST(hashes_tell_architectures_apart)
{
    static const char *const sets[] = {"model.arch=llama",
                                       "model.arch=mistral",
                                       "model.norm=rmsnorm",
                                       "model.position=learned",
                                       "model.position=none",
                                       "model.mlp=gated",
                                       "model.mlp=none",
                                       "model.mlp_ratio=1",
                                       "model.mlp_width=17",
                                       "model.activation=silu",
                                       "model.biases=none",
                                       "model.heads=2 model.kv_heads=1",
                                       "model.embeddings=untied",
                                       "model.rotary_base=500000",
                                       "model.biases=qkv",
                                       "model.norm_eps=1e-6",
                                       "model.rotary_scaling=linear",
                                       "model.rotary_scaling=llama3",
                                       "model.rotary_scaling=llama3 model.rotary_low=2",
                                       "model.width=30",
                                       "model.qk_norm=yes",
                                       "model.residual=parallel",
                                       "model.activation=gelu_erf"};
    enum { N = sizeof sets / sizeof *sets };
    char hash[N][17], quickstart[17], text[200];
    hash_of_file("quickstart.yaml", "", quickstart);
    hash_of_file("quickstart.yaml",
                 "model.norm=layernorm model.position=rotary model.mlp=plain model.mlp_ratio=4 "
                 "model.activation=gelu model.biases=all model.kv_heads=1 model.embeddings=tied",
                 text);
    assert_string_equal(text, quickstart);
    for (int i = 0; i < N; ++i) {
        hash_of_file("quickstart.yaml", sets[i], hash[i]);
        assert_string_not_equal(hash[i], quickstart);
        for (int j = 0; j < i; ++j)
            assert_string_not_equal(hash[i], hash[j]);
    }
    const kc_config gpt2 = good("", ""), llama = good("", "model.arch=llama"),
                    none = good("", "model.mlp=none");
    assert_int_equal(
        kc_config_differs(&gpt2, &llama, "the checkpoint", "this input", text, sizeof text), 1);
    assert_string_equal(text, "model.arch: gpt2 in the checkpoint, llama in this input");
    assert_int_equal(
        kc_config_differs(&gpt2, &none, "the checkpoint", "this input", text, sizeof text), 1);
    assert_string_equal(text, "model.mlp: plain in the checkpoint, none in this input");
}

KC_TEST(groups_that_do_not_divide)
{
    bad("model:\n  heads: 6\n  kv_heads: 4\n", "",
        "inputs/x.yaml:3: model.kv_heads: 4 does not divide model.heads 6 (inputs/x.yaml:2); 1, 2, "
        "3, 6 would do");
    bad("model: {heads: 2}", "model.kv_heads=4",
        "--set model.kv_heads=4: 4 does not divide model.heads 2 (inputs/x.yaml:1); 1, 2 would do");
    bad("model: {kv_heads: 3}", "",
        "inputs/x.yaml:1: model.kv_heads: 3 does not divide model.heads 2 (default); 1, 2 would "
        "do");
    bad("model: {kv_heads: -1}", "",
        "inputs/x.yaml:1: model.kv_heads: -1 is outside [0, 1000] heads: key-value heads, shared "
        "by "
        "query heads; 0: model.heads");
    good("model: {heads: 6, kv_heads: 6}", "");
    good("model: {heads: 6, kv_heads: 1}", "");
}

KC_TEST(odd_heads_cannot_rotate)
{
    bad("model:\n  head_dim: 7\n", "",
        "inputs/x.yaml:2: model.head_dim: 7 is odd, but positions rotate pairs; 6 or 8 would do");
    bad("model: {arch: llama, head_dim: 7}", "",
        "inputs/x.yaml:1: model.head_dim: 7 is odd, but positions rotate pairs; 6 or 8 would do");
    bad("model: {position: learned, head_dim: 7}", "model.position=rotary",
        "inputs/x.yaml:1: model.head_dim: 7 is odd, but positions rotate pairs; 6 or 8 would do");
    good("model: {position: learned, head_dim: 7}", "");
    good("model: {position: none, head_dim: 7, rotary_fraction: 0.3}", "");
    good("model: {arch: llama, position: none, head_dim: 7}", "");
    /* A quarter of 10 is no pair; llama's whole is. */
    bad("model: {head_dim: 10}", "",
        "default: model.rotary_fraction: 0.25 of model.head_dim 10 (inputs/x.yaml:1) rotates 3 "
        "floats, but they rotate in pairs; 0.2 or 0.4 would do");
    good("model: {arch: llama, head_dim: 10}", "");
}

KC_TEST(canon_layers_that_nothing_is_there_for)
{
    bad("model:\n  canon: ABCD\n  experts: 4\n", "",
        "inputs/x.yaml:2: model.canon: ABCD with model.experts 4 (inputs/x.yaml:3), where D "
        "would see tokens that are not the ones before; ABC would do");
    bad("model:\n  canon: D\n", "model.experts=4",
        "inputs/x.yaml:2: model.canon: D with model.experts 4 (--set), where D would see tokens "
        "that are not the ones before; none would do");
    bad("model: {canon: BCD}", "model.mlp=none",
        "inputs/x.yaml:1: model.canon: BCD with model.mlp none (--set), so C and D have no MLP to "
        "stand at; B would do");
    bad("model: {canon: BA}", "",
        "inputs/x.yaml:1: model.canon: 'BA' is not one of none|A|B|AB|C|AC|BC|ABC|D|AD|BD|ABD|CD|"
        "ACD|BCD|ABCD");
    good("model: {canon: ABC, experts: 4}", "");
    good("model: {canon: AB, mlp: none}", "");
    good("model: {canon: ABCD, arch: mistral}", "");
}

KC_TEST(too_narrow_an_mlp)
{
    bad("model:\n  heads: 1\n  head_dim: 32\n  mlp_ratio: 0.03\n", "",
        "inputs/x.yaml:4: model.mlp_ratio: 0.03 of width 32 leaves no hidden unit; 0.0323, or "
        "model.mlp: none, would do");
    bad("model: {arch: llama, heads: 1, head_dim: 2}", "model.mlp_ratio=0.4",
        "--set model.mlp_ratio=0.4: 0.4 of width 2 leaves no hidden unit; 0.501, or model.mlp: "
        "none, would do");
    bad("model: {mlp_ratio: 0}", "",
        "inputs/x.yaml:1: model.mlp_ratio: 0 is outside [0.001, 64] widths: hidden width of the "
        "MLP: floor(mlp_ratio x width)");
    good("model: {heads: 1, head_dim: 32, mlp_ratio: 0.0323}", "");
    good("model: {arch: llama, heads: 1, head_dim: 2, mlp_ratio: 0.501}", "");
    good("model: {heads: 1, head_dim: 32, mlp_ratio: 0.03, mlp: none}", "");
    good("model: {heads: 1, head_dim: 32, mlp_ratio: 0.03, mlp_width: 1}", "");
    bad("model: {arch: lama}", "",
        "inputs/x.yaml:1: model.arch: 'lama' is not one of gpt2|llama|mistral");
    bad("model: {norm: rms}", "",
        "inputs/x.yaml:1: model.norm: 'rms' is not one of layernorm|rmsnorm");
}

KC_TEST_MAIN(NULL, NULL)
