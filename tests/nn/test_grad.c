/* SPDX-License-Identifier: BSD-3-Clause */
/* The gradient against differences of the loss, and what must not enter it. */
#include <stdio.h>

#include "differences.h"

/* Two row blocks of attention, two chunks of the head, padding behind every vector. */
static const tiny_size odd_size = {150, 2, 2, 10, 37, 0.4};

/* Largest error of a directional derivative over the gradient's norm: of GPT-2 measured 4.2e-5, of the
 * other architectures 1.2e-4 (attn_out_bias at a width of 16). The gains of queries' and keys' heads
 * have small gradients, and a loss that is rounded hides them (the error falls as the step grows, 5.9e-4
 * at 2e-2, 2.8e-4 at 4e-2, 1.4e-4 at 8e-2), so they take a longer step. */
static const double difference_bound = 1.5e-4, other_bound = 3e-4;

static double loss_alone(tiny *m, int64_t *load)
{
    (void)load;
    return tiny_loss(m);
}

/* Rows r0 ... r1-1 of a layer of a tensor. */
static void check_part(tiny *m, const kc_tensor *t, int64_t layer, int64_t r0, int64_t r1,
                       double error)
{
    const int is_small =
        t == &m->model.layout.tensor[KC_P_q_gain] || t == &m->model.layout.tensor[KC_P_k_gain];
    const int64_t n = (r1 - r0) * t->cols, at = t->offset + layer * t->stride + r0 * t->cols;
    assert_true(norm_of(m->grad + at, n) > 1e-3);
    check_directions(m, t->name, at, n, &(bound){loss_alone, 4, is_small ? 6e-2 : 2e-2, error});
}

/* Every tensor that the model has; returns how many. */
static int check_all(tiny *m, double error)
{
    int tensors = 0;
    tiny_grad(m);
    for (int k = 0; k < m->model.layout.n; ++k) {
        const kc_tensor *t = &m->model.layout.tensor[k];
        for (int64_t l = 0; l < t->layers; ++l)
            check_part(m, t, l, 0, t->rows, error);
        tensors += t->layers > 0;
    }
    return tensors;
}

KC_TEST(differences_agree)
{
    tiny m;
    tiny_create(&m, odd_size, 1, 1);
    assert_int_equal(check_all(&m, difference_bound), 15);
}

static void differences_agree_for(const char *settings, int tensors)
{
    char all[256];
    tiny m;
    snprintf(all, sizeof all, "train.context=150 model.layers=2 %s", settings);
    const kc_config cfg = tiny_config(all);
    tiny_create_of(&m, &cfg, odd_size.V, 11, 1);
    assert_int_equal(check_all(&m, other_bound), tensors);
}

KC_TEST(differences_agree_for_llama)
{
    differences_agree_for("model.arch=llama model.heads=2 model.head_dim=10", 9);
    differences_agree_for("model.arch=llama model.heads=1 model.head_dim=14 model.mlp=plain "
                          "model.embeddings=tied",
                          8);
}

/* Three, two and one query heads to a key-value head. */
KC_TEST(differences_agree_for_mistral)
{
    differences_agree_for("model.arch=mistral model.heads=3 model.head_dim=6", 9);
    differences_agree_for("model.arch=mistral model.heads=4 model.head_dim=6 model.kv_heads=2", 9);
    differences_agree_for("model.arch=mistral model.heads=4 model.head_dim=4", 9);
}

KC_TEST(differences_agree_for_each_switch)
{
    differences_agree_for("model.heads=3 model.head_dim=7 model.position=learned", 16);
    differences_agree_for("model.heads=3 model.head_dim=7 model.position=none", 15);
    differences_agree_for("model.heads=2 model.head_dim=8 model.mlp=none", 9);
    differences_agree_for("model.heads=2 model.head_dim=8 model.mlp=gated", 15);
    differences_agree_for("model.heads=2 model.head_dim=8 model.mlp=gated model.activation=silu "
                          "model.mlp_width=17",
                          15);
    differences_agree_for("model.heads=2 model.head_dim=8 model.mlp_width=17", 15);
    differences_agree_for("model.heads=2 model.head_dim=8 model.activation=silu", 15);
    differences_agree_for("model.heads=2 model.head_dim=8 model.norm=rmsnorm", 12);
    differences_agree_for("model.heads=2 model.head_dim=8 model.biases=none", 8);
    differences_agree_for("model.heads=6 model.head_dim=8 model.kv_heads=2", 15);
    differences_agree_for("model.heads=2 model.head_dim=8 model.biases=qkv model.norm_eps=0.1", 9);
    differences_agree_for("model.heads=2 model.head_dim=8 model.qk_norm=yes model.width=10", 17);
    differences_agree_for("model.heads=2 model.head_dim=8 model.residual=parallel "
                          "model.activation=gelu_erf",
                          15);
    differences_agree_for("model.heads=2 model.head_dim=8 model.rotary_fraction=1 "
                          "model.rotary_scaling=llama3 model.rotary_context=90",
                          15);
    differences_agree_for("model.heads=2 model.head_dim=8 model.embeddings=untied", 16);
    differences_agree_for("model.heads=2 model.head_dim=8 model.canon=ABCD", 19);
    differences_agree_for("model.arch=mistral model.heads=3 model.head_dim=6 model.canon=ABCD", 13);
}

/* With a head of its own, a word that is never read has no gradient in the embedding. */
KC_TEST(untied_rows_have_one_part)
{
    enum { INPUT = 3, TARGET = 4 };
    const kc_config cfg = tiny_config("train.context=150 model.arch=llama model.head_dim=10");
    tiny m;
    tiny_create_of(&m, &cfg, 37, 12, 1);
    const kc_tensor *wte = &m.model.layout.tensor[KC_P_wte];
    for (int64_t t = 0; t < 150; ++t) {
        m.tokens[t] = t % 7 == 0 ? INPUT : 10 + m.tokens[t] % 20;
        if (m.targets[t] != KC_NO_TARGET)
            m.targets[t] = t % 3 == 0 ? TARGET : 10 + m.targets[t] % 20;
    }
    tiny_grad(&m);
    check_part(&m, wte, 0, INPUT, INPUT + 1, other_bound);
    check_part(&m, &m.model.layout.tensor[KC_P_head], 0, TARGET, TARGET + 1, other_bound);
    for (int64_t j = 0; j < wte->cols; ++j)
        assert_true(m.grad[wte->offset + TARGET * wte->cols + j] == 0);
}

/* The embedding's gradient comes from the input and from the output head. */
KC_TEST(tied_rows_have_both_parts)
{
    enum { INPUT = 3, TARGET = 4, NEITHER = 5, BOTH = 6 };
    tiny m;
    tiny_create(&m, odd_size, 2, 1);
    for (int64_t t = 0; t < odd_size.T; ++t) {
        m.tokens[t] = t % 7 == 0 ? INPUT : t % 7 == 1 ? BOTH : 10 + m.tokens[t] % 20;
        if (m.targets[t] != KC_NO_TARGET)
            m.targets[t] = t % 3 == 0 ? TARGET : t % 3 == 1 ? BOTH : 10 + m.targets[t] % 20;
    }
    tiny_grad(&m);
    for (int64_t row = INPUT; row <= BOTH; ++row)
        check_part(&m, &m.model.layout.tensor[KC_P_wte], 0, row, row + 1, difference_bound);
}

/* Learned positions, a head of its own, shared keys and values, a gated MLP. */
static void mixed_create(tiny *m, uint64_t seed)
{
    const kc_config cfg = tiny_config("train.context=67 model.arch=mistral model.heads=3 "
                                      "model.head_dim=6 model.mlp_width=17 model.position=learned");
    tiny_create_of(m, &cfg, odd_size.V, seed, 2);
}

static void check_sum(tiny *m)
{
    const int64_t n = m->model.layout.n_flat;
    float *sum = test_room(n, sizeof *sum), *other = test_room(n, sizeof *other);
    tiny_grad(m);
    memcpy(other, m->grad, (size_t)n * sizeof *other);
    memcpy(sum, m->grad, (size_t)n * sizeof *sum);
    tiny_text(m, 77);
    loss_and_grad(&m->model, &m->weights, m->tokens, m->targets, m->work, sum);
    tiny_grad(m);
    const double scale = largest(sum, n);
    for (int64_t i = 0; i < n; ++i)
        assert_true(fabs((double)sum[i] - other[i] - m->grad[i]) < 2e-6 * scale);
}

KC_TEST(gradients_add_up)
{
    tiny m;
    tiny_create(&m, odd_size, 3, 1);
    check_sum(&m);
    mixed_create(&m, 3);
    check_sum(&m);
}

/* What no tensor covers. */
static void check_padding(tiny *m)
{
    const kc_layout *layout = &m->model.layout;
    int64_t at = 0, padded = 0;
    tiny_grad(m);
    for (int k = 0; k < layout->n; ++k) {
        const kc_tensor *t = &layout->tensor[k];
        for (int64_t l = 0; l < t->layers; ++l) {
            const int64_t begin = t->offset + l * t->stride;
            for (; at < begin; ++at, ++padded)
                assert_true(m->grad[at] == 0 && m->wt[at] == 0 && m->w[at] == 0);
            at = begin + t->rows * t->cols;
        }
    }
    for (; at < layout->n_flat; ++at, ++padded)
        assert_true(m->grad[at] == 0 && m->wt[at] == 0);
    assert_int_equal(padded, layout->n_flat - layout->n_params);
    assert_true(padded > layout->n * 4);
}

KC_TEST(padding_stays_zero)
{
    tiny m;
    tiny_create(&m, odd_size, 4, 2);
    check_padding(&m);
    mixed_create(&m, 4);
    check_padding(&m);
}

/* What comes after the last counted target changes neither loss nor gradient. */
KC_TEST(uncounted_targets_contribute_nothing)
{
    tiny m;
    tiny_create(&m, odd_size, 5, 1);
    const int64_t n = m.model.layout.n_flat, T = odd_size.T, last = 90;
    float *first = test_room(n, sizeof *first);
    for (int64_t t = last + 1; t < T; ++t)
        m.targets[t] = KC_NO_TARGET;
    double loss = tiny_grad(&m);
    assert_true(loss > 10);
    memcpy(first, m.grad, (size_t)n * sizeof *first);
    for (int64_t t = last + 1; t < T; ++t)
        m.tokens[t] = (m.tokens[t] + 1 + (int32_t)t % 5) % (int32_t)odd_size.V;
    assert_true(tiny_grad(&m) == loss);
    for (int64_t i = 0; i < n; ++i)
        assert_true(m.grad[i] == first[i]);
    for (int64_t t = 0; t < T; ++t)
        m.targets[t] = KC_NO_TARGET;
    assert_true(tiny_grad(&m) == 0);
    assert_true(largest(m.grad, n) == 0);
}

/* Two halves of the targets have the whole's loss and gradient between them. */
KC_TEST(targets_split)
{
    tiny m;
    tiny_create(&m, odd_size, 6, 1);
    const int64_t n = m.model.layout.n_flat, T = odd_size.T;
    int32_t *targets = test_room(T, sizeof *targets);
    float *whole = test_room(n, sizeof *whole), *half = test_room(n, sizeof *half);
    double loss = tiny_grad(&m), halves = 0;
    memcpy(whole, m.grad, (size_t)n * sizeof *whole);
    memcpy(targets, m.targets, (size_t)T * sizeof *targets);
    for (int side = 0; side < 2; ++side) {
        for (int64_t t = 0; t < T; ++t)
            m.targets[t] = t % 2 == side ? targets[t] : KC_NO_TARGET;
        halves += tiny_grad(&m);
        for (int64_t i = 0; i < n; ++i)
            half[i] += m.grad[i];
    }
    assert_float_equal(halves, loss, 1e-9 * loss);
    for (int64_t i = 0; i < n; ++i)
        assert_true(fabs((double)half[i] - whole[i]) < 2e-6 * largest(whole, n));
}

KC_TEST_MAIN(NULL, NULL)
