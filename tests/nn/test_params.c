/* SPDX-License-Identifier: BSD-3-Clause */
/* Count and layout of the parameters. */
#include "layouts.h"

#include "kcap/base/sum.h"

/* Published sizes: arXiv 2404.05405, figure 1, to four digits; here exact. */
KC_TEST(counts_are_the_published_ones)
{
    static const struct {
        int64_t layers, heads, head_dim, V, count;
    } known[] = {{1, 2, 64, 3275, 617728},      {2, 2, 64, 3275, 816000},
                 {3, 2, 64, 3275, 1014272},     {2, 3, 64, 3275, 1518912},
                 {4, 4, 64, 3275, 3997952},     {12, 12, 64, 3275, 87571200},
                 {20, 16, 64, 3275, 255280128}, {2, 1, 32, 279, 34400}};
    for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
        const int64_t l = known[i].layers, d = known[i].heads * known[i].head_dim, V = known[i].V;
        assert_int_equal(known[i].count, l * (12 * d * d + 13 * d) + V * d + 2 * d);
        assert_int_equal(layout_of(l, known[i].heads, known[i].head_dim, V).n_params,
                         known[i].count);
    }
}

/* Of each architecture, with T = 50 positions, l = 3 blocks of width d = 4 x 6, V = 41 words:
 * attention takes 2 d^2 and 2 d^2 kv / h, a plain MLP 2 d f, a gated one 3 d f; biases another
 * 2 d + 2 d kv / h and f + d (gated: 2 f + d); norms d for a gain, d for a bias. */
KC_TEST(counts_are_closed_forms)
{
    enum { T = 50, l = 3, d = 24, V = 41, gpt2 = l * (12 * d * d + 13 * d) + V * d + 2 * d };
    static const struct {
        const char *settings;
        int64_t count;
    } known[] = {
        {"", gpt2},
        {"model.position=learned", gpt2 + T * d},
        {"model.position=none", gpt2},
        {"model.embeddings=untied", gpt2 + V * d},
        {"model.activation=silu", gpt2},
        {"model.mlp=none", l * (4 * d * d + 6 * d) + V * d + 2 * d},
        {"model.mlp_ratio=1", l * (6 * d * d + 10 * d) + V * d + 2 * d},
        {"model.mlp_ratio=0.25", l * (4 * d * d + 2 * d * 6 + 9 * d + 6) + V * d + 2 * d},
        {"model.mlp_width=17", l * (4 * d * d + 2 * d * 17 + 9 * d + 17) + V * d + 2 * d},
        {"model.mlp=gated", l * (16 * d * d + 17 * d) + V * d + 2 * d},
        {"model.norm=rmsnorm", l * (12 * d * d + 11 * d) + V * d + d},
        {"model.biases=none", l * (12 * d * d + 2 * d) + V * d + d},
        {"model.biases=qkv", l * (12 * d * d + 5 * d) + V * d + d},
        {"model.arch=llama model.biases=qkv model.kv_heads=2",
         l * (11 * d * d + 4 * d) + 2 * V * d + d},
        {"model.qk_norm=yes", gpt2 + l * 2 * 6},
        {"model.arch=llama model.width=12",
         l * (4 * d * 12 + 3 * 12 * 32 + 2 * 12) + 2 * V * 12 + 12},
        {"model.width=24", gpt2},
        {"model.residual=parallel", gpt2},
        {"model.canon=A", gpt2 + l * 4 * d},
        {"model.canon=BD", gpt2 + l * 4 * (3 * d + 4 * d)},
        {"model.canon=ABCD", gpt2 + l * 4 * 9 * d},
        {"model.arch=llama model.canon=ABCD",
         l * (12 * d * d + 2 * d) + 2 * V * d + d + l * 4 * (5 * d + 16 * d / 3)},
        {"model.kv_heads=2", gpt2 - l * (d * d + d)},
        {"model.kv_heads=1", gpt2 - l * (3 * d * d / 2 + 3 * d / 2)},
        {"model.arch=llama", l * (12 * d * d + 2 * d) + 2 * V * d + d},
        {"model.arch=llama model.embeddings=tied", l * (12 * d * d + 2 * d) + V * d + d},
        {"model.arch=llama model.mlp=plain model.mlp_ratio=4",
         l * (12 * d * d + 2 * d) + 2 * V * d + d},
        {"model.arch=llama model.mlp=none", l * (4 * d * d + d) + 2 * V * d + d},
        {"model.arch=mistral", l * (4 * d * d + 21 * d * d / 2 + 2 * d) + 2 * V * d + d},
        {"model.arch=mistral model.kv_heads=2",
         l * (3 * d * d + 21 * d * d / 2 + 2 * d) + 2 * V * d + d},
        {"model.arch=mistral model.heads=3 model.head_dim=8", /* one key-value head of three */
         l * (2 * d * d + 2 * d * d / 3 + 21 * d * d / 2 + 2 * d) + 2 * V * d + d},
        {"model.arch=mistral model.heads=6 model.head_dim=4", /* two of six */
         l * (2 * d * d + 2 * d * d / 3 + 21 * d * d / 2 + 2 * d) + 2 * V * d + d},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
        char settings[256];
        snprintf(settings, sizeof settings,
                 "train.context=50 model.layers=3 model.heads=4 model.head_dim=6 %s",
                 known[i].settings);
        const int64_t count = layout_with(settings, V).n_params;
        if (count != known[i].count)
            fail_msg("%s: %lld parameters, not %lld", settings, (long long)count,
                     (long long)known[i].count);
    }
}

/* arXiv 2404.05405, appendix A: LLaMA has the parameters of GPT-2 where 3 divides the width, but
 * for biases and the head; else its hidden width is rounded down. */
KC_TEST(published_sizes_of_others)
{
    const int64_t V = 3275, d = 768, l = 12;
    const char *settings = "model.arch=llama model.layers=12 model.heads=12 model.head_dim=64";
    assert_int_equal(layout_with(settings, V).n_params, l * (12 * d * d + 2 * d) + 2 * V * d + d);
    const kc_layout odd = layout_with("model.arch=llama model.heads=2 model.head_dim=64", V);
    assert_int_equal(odd.tensor[KC_P_mlp_up].cols, 2 * 341); /* 8/3 of 128 is 341.3 */
    assert_int_equal(odd.tensor[KC_P_mlp_down].rows, 341);
    /* arXiv 2505.24832 counts positions too: 8.04e4 at one layer of width 32. */
    assert_int_equal(layout_with("model.layers=1 model.heads=1 model.head_dim=32 "
                                 "model.position=learned train.context=64",
                                 2048)
                         .n_params,
                     80352);
}

/* Experts in place of an MLP, E of 2 d f + f + d with biases, 3 d f without where gated, and d E of
 * router in each block; a token goes through k of the E. f = d, 4 d
 * and 7/2 d here. Of arXiv 2404.05405's 32 experts the blocks' matrices are 68 l d^2, those used 6 l d^2. */
KC_TEST(counts_of_experts_are_closed_forms)
{
    enum { l = 3, d = 24, V = 41, rest = l * (4 * d * d + 8 * d) + V * d + 2 * d };
    enum { gated = 3 * d * (7 * d / 2), mistral = l * (4 * d * d + 2 * d) + 2 * V * d + d };
    static const struct {
        const char *settings;
        int64_t count, used;
    } known[] = {
        {"model.mlp_ratio=1 model.experts=32", rest + l * 32 * (2 * d * d + 3 * d),
         rest + l * (2 * d * d + 2 * d + 32 * d)},
        {"model.mlp_ratio=1 model.experts=32 model.experts_topk=2",
         rest + l * 32 * (2 * d * d + 3 * d), rest + l * (2 * (2 * d * d + 2 * d) + 32 * d)},
        {"model.experts=5", rest + l * 5 * (8 * d * d + 6 * d),
         rest + l * (8 * d * d + 5 * d + 5 * d)},
        {"model.arch=mistral model.experts=8 model.experts_topk=2",
         mistral + l * (8 * gated + 8 * d), mistral + l * (2 * gated + 8 * d)},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
        char settings[256];
        snprintf(settings, sizeof settings, "model.layers=3 model.heads=4 model.head_dim=6 %s",
                 known[i].settings);
        const kc_layout layout = layout_with(settings, V);
        if (layout.n_params != known[i].count || layout.n_used != known[i].used)
            fail_msg("%s: %lld parameters, %lld used, not %lld and %lld", settings,
                     (long long)layout.n_params, (long long)layout.n_used,
                     (long long)known[i].count, (long long)known[i].used);
    }
}

static void check_places(const kc_layout *layout, int64_t layers)
{
    int64_t end = 0, count = 0;
    assert_int_equal(layout->n, KC_P_COUNT);
    for (int k = 0; k < layout->n; ++k) {
        const kc_tensor *t = &layout->tensor[k];
        int64_t size = 1;
        if (t->of_expert && end < layout->n_dense) { /* experts begin with a block */
            assert_in_range(layout->n_dense - end, 0, KC_BLOCK - 1);
            end = layout->n_dense;
        }
        assert_int_equal(t->offset, end);
        assert_int_equal(t->offset % 16, 0);
        for (int i = 0; i < t->n_dims; ++i)
            size *= t->dims[i];
        assert_int_equal(t->n_dims,
                         t->per_layer + t->of_expert + (t->is_matrix || t->rows > 1) + 1);
        assert_int_equal(t->decays, t->is_matrix);
        for (int other = 0; other < k; ++other)
            assert_string_not_equal(t->name, layout->tensor[other].name);
        if (t->layers == 0)
            continue;
        assert_int_equal(size,
                         t->layers * (t->of_expert ? layout->experts : 1) * t->rows * t->cols);
        assert_int_equal(t->stride % 16, 0);
        assert_in_range(t->stride - t->rows * t->cols, 0, 15);
        assert_int_equal(t->layers, t->per_layer ? layers : 1);
        end += t->layers * t->stride;
        count += size;
    }
    assert_int_equal(count, layout->n_params);
    assert_int_equal(layout->n_dense % KC_BLOCK, 0);
    assert_int_equal(layout->each % KC_BLOCK, 0);
    assert_in_range(layout->n_dense + layout->each - end, 0, KC_BLOCK - 1);
    assert_int_equal(layout->n_flat, layout->n_dense + layout->experts * layout->each);
}

KC_TEST(tensors_do_not_overlap)
{
    const kc_layout layout = layout_of(3, 3, 7, 41);
    check_places(&layout, 3);
    for (int i = 0; i < N_ARCHITECTURES; ++i) {
        const kc_layout other = architecture(i);
        check_places(&other, 3);
    }
    const kc_layout experts =
        layout_with("model.layers=3 model.heads=1 model.head_dim=56 model.experts=5", 41);
    check_places(&experts, 3);
}

/* Names of the tensors that a model lacks, in the order of the table. */
static void check_absent(const char *settings, const char *names)
{
    const kc_layout layout = layout_with(settings, 41);
    char found[512] = "";
    for (int k = 0; k < layout.n; ++k)
        if (layout.tensor[k].layers == 0 &&
            (k < KC_P_canon_a || (layout.experts && k > KC_P_k_gain)))
            sprintf(found + strlen(found), "%s ", layout.tensor[k].name);
    assert_string_equal(found, names);
}

/* Which Canon layers there are, as bits. */
KC_TEST(canon_layers_are_those_named)
{
    static const char *const words[] = {"none", "A",  "B",  "AB",  "C",  "AC",  "BC",  "ABC",
                                        "D",    "AD", "BD", "ABD", "CD", "ACD", "BCD", "ABCD"};
    for (int set = 0; set < 16; ++set) {
        char settings[40];
        snprintf(settings, sizeof settings, "model.canon=%s", words[set]);
        const kc_layout layout = layout_with(settings, 41);
        for (int i = 0; i < 4; ++i)
            assert_int_equal(layout.tensor[KC_P_canon_a + i].layers > 0, set >> i & 1);
    }
}

KC_TEST(models_lack_what_they_should)
{
    check_absent("", "wpe head ");
    check_absent("model.position=learned model.embeddings=untied", "");
    check_absent("model.norm=rmsnorm", "ln1_bias ln2_bias lnf_bias wpe head ");
    check_absent("model.biases=none", "ln1_bias attn_qkv_bias attn_out_bias ln2_bias mlp_up_bias "
                                      "mlp_down_bias lnf_bias wpe head ");
    check_absent("model.mlp=none", "ln2_gain ln2_bias mlp_up mlp_up_bias mlp_down mlp_down_bias "
                                   "wpe head ");
    check_absent("model.experts=2", "mlp_up mlp_up_bias mlp_down mlp_down_bias wpe head ");
    check_absent("model.arch=llama model.experts=2",
                 "ln1_bias attn_qkv_bias attn_out_bias ln2_bias mlp_up mlp_up_bias mlp_down "
                 "mlp_down_bias lnf_bias wpe exp_up_bias exp_down_bias ");
    check_absent("model.arch=llama", "ln1_bias attn_qkv_bias attn_out_bias ln2_bias mlp_up_bias "
                                     "mlp_down_bias lnf_bias wpe ");
    check_absent("model.arch=mistral", "ln1_bias attn_qkv_bias attn_out_bias ln2_bias mlp_up_bias "
                                       "mlp_down_bias lnf_bias wpe ");
}

/* Six for each weight of a product; a table that is looked up costs none. */
KC_TEST(operations_follow_the_matrices)
{
    for (int i = 0; i < N_ARCHITECTURES; ++i) {
        const kc_layout layout = architecture(i);
        const kc_shape s = architecture_shape(i);
        const kc_flops n = kc_flops_of(&s);
        double linear = 0, canon = 0;
        for (int k = 0; k < layout.n; ++k) {
            const kc_tensor *t = &layout.tensor[k];
            if (t->per_layer && t->is_matrix)
                linear += 6 * (double)(t->layers * t->rows * t->cols);
        }
        for (int k = KC_P_canon_a; k <= KC_P_canon_d; ++k)
            canon += 6 * (double)(layout.tensor[k].layers * 4 * layout.tensor[k].cols);
        assert_true(n.linear == linear);
        assert_true(n.canon == canon);
        assert_true(n.head == 6 * 41 * (double)s.d);
        assert_true(n.attention == 6 * 3 * (double)s.dh * 19);
        assert_true(n.all == n.linear + n.canon + n.head + n.attention);
    }
}

/* A token goes through k of its E experts, and every block scores all E: 2 d f of weights an expert,
 * 3 d f where it is gated, d E for the router; attention and head as in a model without experts. */
KC_TEST(operations_of_experts_are_those_of_the_chosen)
{
    enum { T = 19, l = 3, h = 3, hd = 8, d = h * hd, V = 41 };
    static const struct {
        const char *settings;
        int64_t attention, experts; /* weights of the products that a token meets in a block */
    } known[] = {
        {"model.experts=32 model.mlp_ratio=1", 4 * d * d, 2 * d * d + 32 * d},
        {"model.experts=32 model.mlp_ratio=1 model.experts_topk=2", 4 * d * d,
         2 * 2 * d * d + 32 * d},
        {"model.experts=8", 4 * d * d, 8 * d * d + 8 * d},
        {"model.experts=8 model.experts_topk=2", 4 * d * d, 2 * 8 * d * d + 8 * d},
        {"model.experts=8 model.experts_topk=2 model.experts_gate=renormalised "
         "model.capacity_factor=9",
         4 * d * d, 2 * 8 * d * d + 8 * d},
        {"model.experts=5 model.experts_topk=3 model.mlp_width=17", 4 * d * d,
         3 * 2 * d * 17 + 5 * d},
        {"model.arch=mistral model.experts=8 model.experts_topk=2 model.kv_heads=1",
         2 * d * d + 2 * d * hd, 2 * 3 * d * (7 * d / 2) + 8 * d},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
        char settings[256];
        snprintf(settings, sizeof settings,
                 "train.context=19 model.layers=3 model.heads=3 model.head_dim=8 %s",
                 known[i].settings);
        const kc_shape s = shape_with(settings, V);
        const kc_flops n = kc_flops_of(&s);
        const int64_t linear = 6 * l * (known[i].attention + known[i].experts);
        if (n.linear != (double)linear)
            fail_msg("%s: %.0f operations, not %lld", settings, n.linear, (long long)linear);
        assert_true(n.head == 6 * V * d);
        assert_true(n.attention == 6 * l * d * T);
        assert_true(n.all == (double)(linear + 6 * V * d + 6 * l * d * T));
    }
}

KC_TEST(shapes_are_those_of_gpt2)
{
    const kc_layout layout = layout_of(2, 3, 8, 50);
    const struct {
        int index;
        int64_t rows, cols;
    } known[] = {{KC_P_wte, 50, 24},        {KC_P_attn_qkv, 24, 72}, {KC_P_attn_out, 24, 24},
                 {KC_P_mlp_up, 24, 96},     {KC_P_mlp_down, 96, 24}, {KC_P_attn_qkv_bias, 1, 72},
                 {KC_P_mlp_up_bias, 1, 96}, {KC_P_lnf_gain, 1, 24}};
    for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
        assert_int_equal(layout.tensor[known[i].index].rows, known[i].rows);
        assert_int_equal(layout.tensor[known[i].index].cols, known[i].cols);
    }
}

KC_TEST(shapes_are_those_of_mistral)
{
    const kc_layout layout =
        layout_with("model.arch=mistral model.heads=6 model.head_dim=4 train.context=19", 50);
    const struct {
        int index;
        int64_t rows, cols;
    } known[] = {{KC_P_wte, 50, 24},      {KC_P_attn_qkv, 24, 24 + 2 * 2 * 4},
                 {KC_P_attn_out, 24, 24}, {KC_P_mlp_up, 24, 2 * 84},
                 {KC_P_mlp_down, 84, 24}, {KC_P_head, 50, 24},
                 {KC_P_ln2_gain, 1, 24},  {KC_P_lnf_gain, 1, 24}};
    for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
        assert_int_equal(layout.tensor[known[i].index].rows, known[i].rows);
        assert_int_equal(layout.tensor[known[i].index].cols, known[i].cols);
    }
    const kc_layout learned = layout_with("model.position=learned train.context=19", 50);
    assert_int_equal(learned.tensor[KC_P_wpe].rows, 19);
    assert_int_equal(learned.tensor[KC_P_wpe].cols, 128);
}

KC_TEST(rotated_dimensions_follow_the_fraction)
{
    kc_config cfg;
    kc_config_defaults(&cfg);
    assert_int_equal(kc_shape_of(&cfg, 9).rot, 16);
    cfg.model.rotary_fraction = 1;
    assert_int_equal(kc_shape_of(&cfg, 9).rot, 64);
    cfg.model.rotary_fraction = 0;
    assert_int_equal(kc_shape_of(&cfg, 9).rot, 0);
    cfg.model.head_dim = 20;
    cfg.model.rotary_fraction = 0.3; /* 0.3 x 20 is not 6 in binary */
    assert_int_equal(kc_shape_of(&cfg, 9).rot, 6);
    assert_int_equal(kc_shape_of(&cfg, 9).T, cfg.train.context);
    assert_int_equal(kc_shape_of(&cfg, 9).f, 4 * 20 * cfg.model.heads);
    cfg.model.position = KC_model_position_none;
    assert_int_equal(kc_shape_of(&cfg, 9).rot, 0);
}

KC_TEST(transposes_lie_in_the_same_place)
{
    const kc_layout layout = layout_of(2, 3, 13, 71);
    float *w = noise_of(1, layout.n_flat), *wt = test_room(layout.n_flat, sizeof *wt);
    for (int threads = 1; threads <= 3; threads += 2) {
        memset(wt, 0, (size_t)layout.n_flat * sizeof *wt);
        kc_params_transpose(&layout, w, wt, threads);
        for (int k = 0; k < layout.n; ++k) {
            const kc_tensor *t = &layout.tensor[k];
            for (int64_t l = 0; t->is_matrix && l < t->layers; ++l)
                for (int64_t i = 0; i < t->rows * t->cols; ++i)
                    assert_true(kc_at(&layout, w, k, l)[i] ==
                                kc_at(&layout, wt, k, l)[i % t->cols * t->rows + i / t->cols]);
        }
    }
}

static void check_finds(const kc_layout *layout)
{
    int64_t layer, at = 0;
    for (int k = 0; k < layout->n; ++k) {
        const kc_tensor *t = &layout->tensor[k];
        for (int64_t i = 0; i < t->layers * t->stride; ++i, ++at) {
            assert_int_equal(kc_params_find(layout, t->offset + i, &layer), k);
            assert_int_equal(layer, i / t->stride);
        }
    }
    const int last = kc_params_find(layout, at - 1, &layer);
    for (; at < layout->n_flat; ++at) { /* the rest belongs to the last one that is there */
        assert_int_equal(kc_params_find(layout, at, &layer), last);
        assert_int_equal(layer, layout->tensor[last].layers - 1);
    }
}

KC_TEST(elements_know_their_tensor)
{
    const kc_layout layout = layout_of(3, 1, 10, 23);
    check_finds(&layout);
    for (int i = 0; i < N_ARCHITECTURES; ++i) {
        const kc_layout other = architecture(i);
        check_finds(&other);
    }
}

KC_TEST_MAIN(NULL, NULL)
