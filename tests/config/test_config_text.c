/* SPDX-License-Identifier: BSD-3-Clause */
/* The configuration as text: round trip, hash, and input that means harm. */
#include "../test.h"

#include <math.h>

#include "config/config_internal.h"

/* An allocation is dear under the sanitizer, which walks the stack slowly to tell MPI's leaks from
 * ours. */
#ifdef __SANITIZE_ADDRESS__
enum { FEWER = 20 };
#else
enum { FEWER = 1 };
#endif

/* Numbers that look random and repeat; independent of the code under test. */
static uint64_t draw(uint64_t *state)
{
    uint64_t x = *state += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

static void *field(kc_config *cfg, int key)
{
    return (char *)cfg + kc_key_rows[key].offset;
}

/* Any text that YAML can hold, from pieces that need care, parted by $. */
static void draw_text(char *text, int most, uint64_t *state)
{
    static const char pieces[] =
        "a$Z$7$ $  $:$: $ #$\"$'$\\$\n$\t$\r$\x01$\x7f$-$- $? ${$]$,$&a$*a$!$|$%$@$`$"
        "true$~$\xc3\xa9$\xc2\x85$\xc2\xa0$\n $...$---$\xe2\x80\xa8$\xe2\x80\xa9$"
        "\xef\xbb\xbf$\xef\xbf\xbf$\xf0\x9f\x99\x82$/$\x1b";
    text[0] = '\0';
    for (int n = (int)(draw(state) % (uint64_t)most); n > 0; n--) {
        const char *piece = pieces;
        for (uint64_t skip = draw(state) % 44; skip > 0; skip--)
            piece += strcspn(piece, "$") + 1;
        strncat(text, piece, strcspn(piece, "$"));
    }
}

static int64_t words_of(const kc_key_row *row)
{
    int64_t n = 0;
    while (row->words[n])
        n++;
    return n;
}

static void draw_key(kc_config *cfg, int key, uint64_t *state)
{
    const kc_key_row *row = &kc_key_rows[key];
    double share = (double)(draw(state) >> 11) * 0x1p-53;
    char text[KC_TEXT_MAX];
    if (row->type == KC_TYPE_INT) {
        *(int64_t *)field(cfg, key) =
            (int64_t)(row->least + floor(share * (row->most - row->least)));
    } else if (row->type == KC_TYPE_REAL) {
        double scale = draw(state) % 2 ? 1 : exp2(-(double)(draw(state) % 1100));
        *(double *)field(cfg, key) = row->least + share * scale * (row->most - row->least);
    } else if (row->type == KC_TYPE_CHOICE) {
        *(int64_t *)field(cfg, key) = (int64_t)(draw(state) % (uint64_t)words_of(row));
    } else {
        draw_text(text, 60, state);
        memset(field(cfg, key), 0, row->bytes);
        sprintf(field(cfg, key), "%s%s", row->type == KC_TYPE_PATH ? "/" : "", text);
    }
}

static void assert_round_trip(const kc_config *cfg)
{
    kc_config again;
    kc_error e = {0};
    char *text = kc_config_yaml(cfg);
    if (kc_config_parse(text, strlen(text), "x.yaml", NULL, 0, &again, &e) != KC_OK)
        fail_msg("%s\n%s", e.text, text);
    assert_memory_equal(cfg, &again, sizeof again);
    free(text);
}

KC_TEST(random_configs_return)
{
    uint64_t seed = 1;
    for (int round = 0; round < 2000 / FEWER; round++) {
        kc_config cfg;
        kc_config_defaults(&cfg);
        cfg.parts = 1 + round % KC_PARTS_MAX;
        for (int i = 0; i < KC_N_KEYS + (cfg.parts - 1) * KC_N_corpus; i++)
            draw_key(&cfg, i, &seed);
        cfg.corpus.share = 1 / (double)cfg.parts;
        if (cfg.train.mix == KC_train_mix_documents)
            cfg.corpus.windows = KC_corpus_windows_packed;
        for (int i = 0; i < cfg.parts - 1; ++i) {
            cfg.later[i].share = cfg.corpus.share;
            cfg.later[i].windows = cfg.corpus.windows;
            cfg.later[i].exposures = 100; /* is not printed: it follows from the share */
        }
        /* What keys demand, also of each other. */
        memset(cfg.run.name, 0, sizeof cfg.run.name);
        strcpy(cfg.run.name, "\u00e9: \"it's\" #1");
        cfg.train.lanes = cfg.train.batch;
        cfg.model.head_dim = 4 * (1 + cfg.model.head_dim / 4 % 256);
        cfg.model.rotary_fraction = 0.5;
        cfg.model.rotary_low = fmin(cfg.model.rotary_low, 1e5);
        cfg.model.rotary_high = 2 * cfg.model.rotary_low;
        cfg.model.kv_heads %= 2; /* 0 and 1 always divide */
        cfg.model.experts =
            cfg.model.mlp != KC_model_mlp_none ? 64 * (1 + cfg.model.experts / 64 % 9) : 0;
        cfg.model.canon &= cfg.model.experts ? KC_model_canon_ABC : KC_model_canon_AB;
        if (!cfg.run.from[0] || cfg.train.optimizer == KC_train_optimizer_muon)
            cfg.train.method = KC_train_method_full;
        cfg.train.lora_rank %= kc_config_width(&cfg) + 1;
        cfg.train.lora_embedding_rank %= kc_config_width(&cfg) + 1;
        cfg.parallel.ep = cfg.model.experts ? 1 << cfg.parallel.ep % 7 : 1;
        cfg.model.mlp_ratio = fmax(cfg.model.mlp_ratio, 0.25);
        assert_round_trip(&cfg);
    }
}

static char *printed_with_help(const kc_config *cfg)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    kc_config_print(cfg, 1, out);
    fclose(out);
    return text;
}

KC_TEST(defaults_with_help_return)
{
    kc_config cfg, again;
    kc_error e = {0};
    kc_config_defaults(&cfg);
    char *text = printed_with_help(&cfg);
    assert_int_equal(kc_config_parse(text, strlen(text), "x", NULL, 0, &again, &e), KC_OK);
    assert_memory_equal(&cfg, &again, sizeof cfg);
    assert_non_null(strstr(text, "\n  layers: 2  # [1, 1000] layers: transformer blocks\n"));
    assert_non_null(strstr(text, "\n  pools: \"\"  # folder of the value lists;"));
    assert_non_null(strstr(text, "\n  eps: 1.0e-06  # [0, 1]: AdamW"));
    free(text);
}

/* Another value, not necessarily an allowed one. */
static void alter(kc_config *cfg, int key)
{
    if (kc_key_rows[key].type == KC_TYPE_INT)
        *(int64_t *)field(cfg, key) += 3; /* a length of 0 may mean 1, 0 kv_heads 2 */
    else if (key == KC_AT_model_mlp_ratio)
        cfg->model.mlp_ratio += 1; /* less may leave the hidden width as it is */
    else if (kc_key_rows[key].type == KC_TYPE_REAL)
        *(double *)field(cfg, key) = nextafter(*(double *)field(cfg, key), 2e9);
    else if (kc_key_rows[key].type == KC_TYPE_CHOICE)
        *(int64_t *)field(cfg, key) =
            (*(int64_t *)field(cfg, key) + 1) % words_of(&kc_key_rows[key]);
    else
        strcat(field(cfg, key), "x");
}

/* What was hashed before a key came is hashed alike after. */
KC_TEST(hash_is_of_what_is_said)
{
    kc_config cfg;
    kc_error e = {0};
    char hash[17];
    const char text[] = "corpus: {kind: biod, people: 2000}\nmodel: {layers: 4}";
    assert_int_equal(kc_config_parse(text, strlen(text), "x", NULL, 0, &cfg, &e), KC_OK);
    kc_config_hash(&cfg, hash);
    assert_string_equal(hash, "249b0a9fa0626a33");
}

KC_TEST(hash_follows_the_experiment)
{
    kc_config cfg;
    char hash[17], other[17], text[200];
    int bits = 0;
    kc_config_defaults(&cfg);
    kc_config_hash(&cfg, hash);
    assert_int_equal(strspn(hash, "0123456789abcdef"), 16);
    for (int i = 0; i < KC_N_KEYS; i++) {
        kc_config altered = cfg;
        alter(&altered, i);
        kc_config_hash(&altered, other);
        int is_bits = kc_key_rows[i].effect == KC_EFFECT_BITS;
        assert_int_equal(strcmp(hash, other) != 0, is_bits);
        assert_int_equal(kc_config_differs(&cfg, &altered, "a", "b", text, sizeof text), is_bits);
        bits += is_bits;
    }
    assert_in_range(bits, 1, KC_N_KEYS - 1);
    kc_config altered = cfg;
    altered.model.layers = 4;
    kc_config_differs(&cfg, &altered, "the first", "the second", text, sizeof text);
    assert_string_equal(text, "model.layers: 2 in the first, 4 in the second");
}

static void assert_same_experiment(const char *first, const char *second, int same)
{
    kc_config a, b;
    kc_error e = {0};
    char hash[17], other[17], text[200];
    assert_int_equal(kc_config_parse(first, strlen(first), "x", NULL, 0, &a, &e), KC_OK);
    assert_int_equal(kc_config_parse(second, strlen(second), "x", NULL, 0, &b, &e), KC_OK);
    kc_config_hash(&a, hash);
    kc_config_hash(&b, other);
    assert_int_equal(strcmp(hash, other) == 0, same);
    assert_int_equal(kc_config_differs(&a, &b, "a", "b", text, sizeof text), !same);
}

/* Two ways of saying one thing are the same experiment. */
KC_TEST(what_stands_for_the_same_is_the_same)
{
    assert_same_experiment("model: {heads: 4}", "model: {heads: 4, kv_heads: 4}", 1);
    assert_same_experiment("model: {heads: 4}", "model: {heads: 4, kv_heads: 2}", 0);
    assert_same_experiment("model: {mlp_ratio: 2}", "model: {mlp_width: 256}", 1);
    assert_same_experiment("model: {mlp_ratio: 2}", "model: {mlp_ratio: 2.001}", 1);
    assert_same_experiment("model: {mlp_ratio: 2}", "model: {mlp_width: 257}", 0);
    assert_same_experiment("model: {mlp: none}", "model: {mlp: none, mlp_ratio: 2}", 1);
    assert_same_experiment("corpus: {kind: biod}", "corpus: {kind: biod, length: 1}", 1);
    assert_same_experiment("corpus: {kind: biod}", "corpus: {kind: biod, length: 2}", 0);
    assert_same_experiment("corpus: {kind: random}", "corpus: {kind: random, length: 64}", 1);
    assert_same_experiment("corpus: {kind: random}", "corpus: {kind: random, length: 1}", 0);
    assert_same_experiment("corpus: {kind: random}", "corpus: {kind: random, vocab: 2048}", 1);
    assert_same_experiment("corpus: {kind: random}", "corpus: {kind: random, vocab: 2047}", 0);
}

static const char sample[] =
    "# a valid file\nrun: {name: \"exa\\u00e9mple\", seed: 1, out: runs/example}\n"
    "corpus:\n  kind: biod\n  people: 5e2\n  pools: ../p\n"
    "model: {arch: gpt2, layers: 2, heads: 1, head_dim: 64}\n"
    "train:\n  batch: 8\n  lanes: 4\n  lr: 1.0e-3\n  beta1: .9\nparallel: {threads: 0}\n";

static void mutate(char *text, size_t *bytes, uint64_t *state)
{
    static const char special[] = "[]{}:,-?#&*!|>'\"%@`\n \t0e.~\\\xff\x80\xc2\xef";
    for (int n = 1 + (int)(draw(state) % 4); n > 0; n--) {
        size_t at = draw(state) % *bytes;
        switch (draw(state) % 4) {
        case 0: /* NUL among the special ones */
            text[at] = special[draw(state) % sizeof special];
            break;
        case 1:
            text[at] = (char)draw(state);
            break;
        case 2: /* drop a byte */
            memmove(text + at, text + at + 1, --*bytes - at);
            break;
        default: /* repeat the rest from here */
            memmove(text + at + 1, text + at, (*bytes)++ - at);
            break;
        }
    }
}

KC_TEST(broken_input_never_crashes)
{
    uint64_t seed = 7;
    int accepted = 0, rounds = 20000 / FEWER;
    for (int round = 0; round < rounds; round++) {
        kc_config cfg;
        kc_error e = {0};
        size_t bytes = sizeof sample - 1;
        char *text = malloc(bytes + 8);
        memcpy(text, sample, bytes);
        mutate(text, &bytes, &seed);
        text = realloc(text, bytes); /* so that a sanitizer sees a byte too far */
        if (kc_config_parse(text, bytes, "x.yaml", NULL, 0, &cfg, &e) == KC_OK) {
            accepted++;
            assert_round_trip(&cfg);
        } else {
            assert_int_equal(e.code, KC_EINPUT);
            assert_true(strncmp(e.text, "default:", 8) == 0 || strncmp(e.text, "x.yaml:", 7) == 0);
            assert_null(strchr(e.text, '\n'));
        }
        free(text);
    }
    assert_in_range(accepted, rounds / 100, rounds - rounds / 10);
}

KC_TEST(garbage_in_overrides)
{
    uint64_t seed = 9;
    for (int round = 0; round < 5000 / FEWER; round++) {
        kc_config cfg;
        kc_error e = {0};
        char set[KC_TEXT_MAX] = "run.name=";
        const char *sets = set;
        draw_text(set + 9, 12, &seed);
        if (kc_config_parse("", 0, "x.yaml", &sets, 1, &cfg, &e) == KC_OK) {
            assert_round_trip(&cfg);
        } else {
            assert_memory_equal(e.text, "--set run.name=", 15);
            assert_null(strchr(e.text, '\n'));
        }
    }
}

KC_TEST_MAIN(NULL, NULL)
