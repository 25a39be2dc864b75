/* SPDX-License-Identifier: BSD-3-Clause */
/* Count, layout and initial values of the parameters. */
#include "models.h"

#include "kcap/base/sum.h"

static kc_layout layout_of(int64_t layers, int64_t heads, int64_t head_dim, int64_t V)
{
    kc_config cfg;
    kc_layout layout;
    kc_config_defaults(&cfg);
    cfg.model.layers = layers;
    cfg.model.heads = heads;
    cfg.model.head_dim = head_dim;
    const kc_shape s = kc_shape_of(&cfg, V);
    kc_layout_of(&s, &layout);
    return layout;
}

/* Published sizes: arXiv 2404.05405, figure 1, to four digits; here exact. */
static void counts_are_the_published_ones(void **state)
{
    (void)state;
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

static void tensors_do_not_overlap(void **state)
{
    (void)state;
    const kc_layout layout = layout_of(3, 3, 7, 41);
    int64_t end = 0, count = 0;
    assert_int_equal(layout.n, KC_P_COUNT);
    for (int k = 0; k < layout.n; ++k) {
        const kc_tensor *t = &layout.tensor[k];
        int64_t size = 1;
        assert_int_equal(t->offset, end);
        assert_int_equal(t->offset % 16, 0);
        assert_int_equal(t->stride % 16, 0);
        assert_in_range(t->stride - t->rows * t->cols, 0, 15);
        for (int i = 0; i < t->n_dims; ++i)
            size *= t->dims[i];
        assert_int_equal(size, t->layers * t->rows * t->cols);
        assert_int_equal(t->n_dims, t->per_layer + t->is_matrix + 1);
        assert_int_equal(t->layers, t->per_layer ? 3 : 1);
        assert_int_equal(t->decays, t->is_matrix);
        for (int other = 0; other < k; ++other)
            assert_string_not_equal(t->name, layout.tensor[other].name);
        end += t->layers * t->stride;
        count += size;
    }
    assert_int_equal(count, layout.n_params);
    assert_int_equal(layout.n_flat % KC_BLOCK, 0);
    assert_in_range(layout.n_flat - end, 0, KC_BLOCK - 1);
}

static void shapes_are_those_of_gpt2(void **state)
{
    (void)state;
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

static void rotated_dimensions_follow_the_fraction(void **state)
{
    (void)state;
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
}

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

static void initial_values_follow_the_table(void **state)
{
    (void)state;
    const kc_layout layout = layout_of(8, 2, 21, 301);
    float *w = noise_of(1, layout.n_flat);
    const double std = 0.03;
    int64_t at = 0;
    kc_params_init(&layout, 7, std, w);
    for (int k = 0; k < layout.n; ++k) {
        const kc_tensor *t = &layout.tensor[k];
        const int residual = k == KC_P_attn_out || k == KC_P_mlp_down;
        const float constant = strstr(t->name, "gain") ? 1 : 0;
        for (int64_t l = 0; l < t->layers; ++l) {
            const int64_t begin = t->offset + l * t->stride;
            for (; at < begin; ++at)
                assert_true(w[at] == 0);
            at = begin + t->rows * t->cols;
            if (t->is_matrix)
                check_normal(&layout, w, k, l, residual ? std / 4 : std);
            for (int64_t i = begin; !t->is_matrix && i < at; ++i)
                assert_true(w[i] == constant);
        }
    }
    for (; at < layout.n_flat; ++at)
        assert_true(w[at] == 0);
    free(w);
}

static int64_t equal_values(const float *a, const float *b, int64_t n)
{
    int64_t equal = 0;
    for (int64_t i = 0; i < n; ++i)
        equal += a[i] != 0 && a[i] == b[i];
    return equal;
}

static void initial_values_follow_from_the_seed(void **state)
{
    (void)state;
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
    free(a);
    free(b);
}

/* A function of (tensor, element) alone: a wider vocabulary or a deeper model changes no other. */
static void initial_values_do_not_depend_on_the_rest(void **state)
{
    (void)state;
    const kc_layout small = layout_of(2, 2, 20, 101), large = layout_of(2, 2, 20, 500);
    float *a = test_room(small.n_flat, sizeof *a), *b = test_room(large.n_flat, sizeof *b);
    kc_params_init(&small, 1, 0.02, a);
    kc_params_init(&large, 1, 0.02, b);
    for (int k = 0; k < small.n; ++k)
        assert_memory_equal(kc_at(&small, a, k, 0), kc_at(&large, b, k, 0),
                            (size_t)(small.tensor[k].rows * small.tensor[k].cols) * sizeof *a);
    free(a);
    free(b);
}

static void transposes_lie_in_the_same_place(void **state)
{
    (void)state;
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
    free(w);
    free(wt);
}

static void elements_know_their_tensor(void **state)
{
    (void)state;
    const kc_layout layout = layout_of(3, 1, 10, 23);
    int64_t layer;
    for (int k = 0; k < layout.n; ++k) {
        const kc_tensor *t = &layout.tensor[k];
        for (int64_t i = 0; i < t->layers * t->stride; ++i) {
            assert_int_equal(kc_params_find(&layout, t->offset + i, &layer), k);
            assert_int_equal(layer, i / t->stride);
        }
    }
    assert_int_equal(kc_params_find(&layout, layout.n_flat - 1, &layer), layout.n - 1);
    assert_int_equal(layer, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_the_published_ones),
        cmocka_unit_test(tensors_do_not_overlap),
        cmocka_unit_test(shapes_are_those_of_gpt2),
        cmocka_unit_test(rotated_dimensions_follow_the_fraction),
        cmocka_unit_test(initial_values_follow_the_table),
        cmocka_unit_test(initial_values_follow_from_the_seed),
        cmocka_unit_test(initial_values_do_not_depend_on_the_rest),
        cmocka_unit_test(transposes_lie_in_the_same_place),
        cmocka_unit_test(elements_know_their_tensor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
