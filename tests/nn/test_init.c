/* SPDX-License-Identifier: BSD-3-Clause */
/* Initial values of the parameters. */
#include "layouts.h"

/* Mean and deviation of one layer of a tensor, within 5 standard errors. */
static void check_normal(const kc_layout *layout, const float *w, int k, int64_t layer, double std)
{
    const kc_tensor *t = &layout->tensor[k];
    const float *x = kc_at(layout, w, k, layer);
    const double n = (double)(t->rows * t->cols);
    double sum = 0, square = 0;
    for (int64_t i = 0; i < t->rows * t->cols; ++i) {
        sum += x[i];
        square += (double)x[i] * x[i];
    }
    assert_float_equal(sum / n, 0, 5 * std / sqrt(n));
    assert_float_equal(sqrt(square / n) / std, 1, 5 / sqrt(2 * n));
}

static int64_t equal_values(const float *a, const float *b, int64_t n)
{
    int64_t equal = 0;
    for (int64_t i = 0; i < n; ++i)
        equal += a[i] != 0 && a[i] == b[i];
    return equal;
}

/* Uniform in (-1/2, 1/2), of variance 1/12: within five deviations. */
static void check_half(const float *w, int64_t n)
{
    double sum = 0, square = 0;
    for (int64_t i = 0; i < n; ++i) {
        assert_true(fabs((double)w[i]) <= 0.5);
        sum += w[i];
        square += (double)w[i] * w[i];
    }
    assert_true(fabs(sum / (double)n) < 5 * sqrt(1.0 / 12 / (double)n));
    assert_true(fabs(square / (double)n - 1.0 / 12) < 5 * sqrt(1.0 / 180 / (double)n));
}

static void check_initial(const kc_layout *layout, int64_t layers)
{
    float *w = noise_of(1, layout->n_flat);
    const double std = 0.03;
    int64_t at = 0;
    kc_params_init(layout, 7, std, w);
    for (int k = 0; k < layout->n; ++k) {
        const kc_tensor *t = &layout->tensor[k];
        const int residual = k == KC_P_attn_out || k == KC_P_mlp_down;
        const float constant = strstr(t->name, "gain") ? 1 : 0;
        for (int64_t l = 0; l < t->layers; ++l) {
            const int64_t begin = t->offset + l * t->stride;
            for (; at < begin; ++at)
                assert_true(w[at] == 0);
            at = begin + t->rows * t->cols;
            if (t->is_matrix)
                check_normal(layout, w, k, l, residual ? std / sqrt(2 * (double)layers) : std);
            const int canon = k >= KC_P_canon_a && k <= KC_P_canon_d;
            if (canon)
                check_half(w + begin, t->rows * t->cols);
            for (int64_t i = begin; !t->is_matrix && !canon && i < at; ++i)
                assert_true(w[i] == constant);
        }
    }
    for (; at < layout->n_flat; ++at)
        assert_true(w[at] == 0);
}

KC_TEST(initial_values_follow_the_table)
{
    const kc_layout layout = layout_of(8, 2, 21, 301);
    check_initial(&layout, 8);
    for (int i = 0; i < N_ARCHITECTURES; ++i) {
        const kc_layout other = architecture(i);
        check_initial(&other, 3);
    }
}

/* What version 0.1.0 began with, by the places its tensors had then. */
KC_TEST(initial_values_are_those_of_0_1_0)
{
    static const char *const places[] = {"wte",           "ln1_gain", "ln1_bias",      "attn_qkv",
                                         "attn_qkv_bias", "attn_out", "attn_out_bias", "ln2_gain",
                                         "ln2_bias",      "mlp_up",   "mlp_up_bias",   "mlp_down",
                                         "mlp_down_bias", "lnf_gain", "lnf_bias"};
    const kc_layout layout = layout_of(2, 2, 20, 101);
    float *w = test_room(layout.n_flat, sizeof *w);
    kc_params_init(&layout, 3, 0.02, w);
    for (size_t k = 0; k < sizeof places / sizeof *places; ++k) {
        const kc_tensor *t = &layout.tensor[k];
        const int residual =
            strcmp(places[k], "attn_out") == 0 || strcmp(places[k], "mlp_down") == 0;
        const int64_t each = t->rows * t->cols;
        assert_string_equal(t->name, places[k]);
        for (int64_t i = 0; t->is_matrix && i < t->layers * each; ++i) {
            const double z = kc_rand_normal(3, KC_STREAM_INIT, (uint64_t)k << 48 | (uint64_t)i, 0);
            assert_true(kc_at(&layout, w, (int)k, i / each)[i % each] ==
                        (float)(z * (residual ? 0.02 / sqrt(4) : 0.02)));
        }
    }
}

/* The layout with another matrix [5, 7] of each block before the tensor at `place`, as a new row of
 * TABLE 2 would have it. */
static kc_layout with_a_row(const kc_layout *layout, int place)
{
    kc_layout more = *layout;
    kc_tensor *t = &more.tensor[place];
    memmove(t + 1, t, (size_t)(more.n - place) * sizeof *t);
    *t = (kc_tensor){.name = "new", .id = 63, .layers = more.layers, .rows = 5, .cols = 7};
    t->offset = layout->tensor[place].offset;
    t->stride = 48;
    t->is_matrix = t->per_layer = 1;
    for (int k = place + 1; k <= layout->n; ++k)
        more.tensor[k].offset += more.layers * t->stride;
    more.n_flat += more.layers * t->stride;
    more.n_dense += more.layers * t->stride;
    ++more.n;
    return more;
}

KC_TEST(a_new_row_moves_no_other_value)
{
    const kc_layout before = layout_with("model.experts=3 model.layers=2 model.head_dim=8", 41);
    float *a = test_room(before.n_flat, sizeof *a);
    kc_params_init(&before, 5, 0.02, a);
    for (int place = 0; place <= KC_P_router; ++place) {
        const kc_layout after = with_a_row(&before, place);
        float *b = test_room(after.n_flat, sizeof *b);
        kc_params_init(&after, 5, 0.02, b);
        for (int k = 0; k < before.n; ++k) {
            const int now = k + (k >= place);
            assert_string_equal(before.tensor[k].name, after.tensor[now].name);
            for (int64_t i = 0; i < kc_tensor_pieces(&before, &before.tensor[k]); ++i) {
                const kc_piece p = kc_tensor_piece(&before, &before.tensor[k], i);
                const kc_piece q = kc_tensor_piece(&after, &after.tensor[now], i);
                assert_memory_equal(a + p.flat, b + q.flat, (size_t)p.n * sizeof *a);
            }
        }
        check_normal(&after, b, place, 1, 0.02);
    }
}

/* Another architecture begins with the same values where its tensors have the same size. */
KC_TEST(architectures_begin_alike)
{
    const kc_layout gpt2 = architecture(0), most = architecture(3);
    float *a = test_room(gpt2.n_flat, sizeof *a), *b = test_room(most.n_flat, sizeof *b);
    kc_params_init(&gpt2, 1, 0.02, a);
    kc_params_init(&most, 1, 0.02, b);
    const int same[] = {KC_P_wte, KC_P_attn_qkv, KC_P_attn_out, KC_P_lnf_gain};
    for (size_t i = 0; i < sizeof same / sizeof *same; ++i) {
        const kc_tensor *t = &gpt2.tensor[same[i]];
        for (int64_t l = 0; l < t->layers; ++l)
            assert_memory_equal(kc_at(&gpt2, a, same[i], l), kc_at(&most, b, same[i], l),
                                (size_t)(t->rows * t->cols) * sizeof *a);
    }
    /* The head is not the embedding again. */
    const float *head = kc_at(&most, b, KC_P_head, 0);
    assert_in_range(equal_values(kc_at(&most, b, KC_P_wte, 0), head, 41 * 24), 0, 2);
}

KC_TEST(initial_values_follow_from_the_seed)
{
    const kc_layout layout = layout_of(2, 2, 20, 101);
    const int64_t n = layout.n_flat;
    float *a = test_room(n, sizeof *a), *b = test_room(n, sizeof *b);
    kc_params_init(&layout, 1, 0.02, a);
    kc_params_init(&layout, 1, 0.02, b);
    assert_memory_equal(a, b, (size_t)n * sizeof *a);
    kc_params_init(&layout, 2, 0.02, b);
    const int64_t gains = 5 * 40; /* two norms in each of two blocks, one at the end */
    assert_in_range(equal_values(a, b, n), gains, gains + 3);
    /* Neither layers nor tensors repeat each other. */
    const float *first = kc_at(&layout, a, KC_P_attn_qkv, 0);
    assert_in_range(equal_values(first, kc_at(&layout, a, KC_P_attn_qkv, 1), 40 * 120), 0, 2);
    assert_in_range(equal_values(first, kc_at(&layout, a, KC_P_mlp_up, 0), 40 * 120), 0, 2);
}

/* A function of (tensor, element) alone: a wider vocabulary or a deeper model changes no other. */
KC_TEST(initial_values_do_not_depend_on_the_rest)
{
    const kc_layout small = layout_of(2, 2, 20, 101), large = layout_of(2, 2, 20, 500);
    float *a = test_room(small.n_flat, sizeof *a), *b = test_room(large.n_flat, sizeof *b);
    kc_params_init(&small, 1, 0.02, a);
    kc_params_init(&large, 1, 0.02, b);
    for (int k = 0; k < small.n; ++k)
        if (small.tensor[k].layers > 0)
            assert_memory_equal(kc_at(&small, a, k, 0), kc_at(&large, b, k, 0),
                                (size_t)(small.tensor[k].rows * small.tensor[k].cols) * sizeof *a);
}

KC_TEST_MAIN(NULL, NULL)
