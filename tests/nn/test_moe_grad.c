/* SPDX-License-Identifier: BSD-3-Clause */
/* The gradient of experts against differences of the loss, and against that of an MLP. */
#include "differences.h"
#include "experts.h"

/* The lane's training loss, less the z-loss; *load [l, E]: pairs that chose each expert. */
static double whole_loss(tiny *m, int64_t *load)
{
    const int64_t n = m->model.shape.l * m->model.shape.E, T = m->model.shape.T;
    const int64_t *all = kc_work_load(m->work);
    float *kept = kc_alloc(m->model.layout.n_flat, sizeof *kept, "gradients"), *grad = m->grad;
    int64_t counted = 0;
    for (int64_t i = 0; i < n; ++i)
        load[i] = -all[i];
    m->grad = kept;
    double loss = tiny_grad(m);
    m->grad = grad;
    free(kept);
    for (int64_t i = 0; i < n; ++i)
        load[i] += all[i];
    for (int64_t t = 0; t < T; ++t)
        counted += m->targets[t] != KC_NO_TARGET;
    return loss + (double)counted * m->cfg.model.balance_loss * kc_work_routing(m->work)->balance;
}

/* Every piece of every tensor whose gradient's norm is above `least`; there must be one. */
static void check_differences(tiny *m, double step, double error, double least)
{
    const kc_layout *layout = &m->model.layout;
    const bound b = {whole_loss, 2, step, error};
    double worst = 0;
    tiny_grad(m);
    for (int k = 0; k < layout->n; ++k)
        for (int64_t r = 0; r < kc_tensor_pieces(layout, &layout->tensor[k]); ++r) {
            const kc_piece s = kc_tensor_piece(layout, &layout->tensor[k], r);
            if (norm_of(m->grad + s.flat, s.n) > least)
                worst = fmax(worst, check_directions(m, layout->tensor[k].name, s.flat, s.n, &b));
        }
    assert_true(worst > 0);
    print_message("largest error of a derivative: %.2g of the gradient's norm\n", worst);
}

/* All experts are chosen, so that the loss is smooth: largest error measured 1.5e-4. */
KC_TEST(differences_agree_where_all_are_chosen)
{
    static const char *const gates[] = {"softmax", "renormalised"};
    for (int i = 0; i < 2; ++i) {
        char gate[64];
        snprintf(gate, sizeof gate, "model.experts_gate=%s", gates[i]);
        const char *sets[] = {BASE, "model.experts=3", "model.experts_topk=3", gate};
        tiny m;
        experts_create(&m, WORDS, 1, sets, N(sets));
        check_differences(&m, 2e-2, 3e-4, 1e-3);
    }
}

/* Two of five, with the balancing loss: scores far apart, so that no choice changes along a step;
 * steps so short lose digits. Largest error measured 7.8e-4. */
KC_TEST(differences_agree_where_choices_stay)
{
    const char *sets[] = {BASE,
                          "model.experts=5",
                          "model.experts_topk=2",
                          "train.context=12",
                          "model.balance_loss=0.5",
                          "model.experts_gate=renormalised",
                          "model.arch=mistral"};
    tiny m;
    experts_create(&m, WORDS, 6, sets, N(sets));
    float *router = tensor_of(&m, m.w, KC_P_router, 0, 0);
    const int64_t n = m.model.layout.tensor[KC_P_router].stride * m.model.shape.l;
    for (int64_t i = 0; i < n; ++i)
        router[i] *= 5;
    tiny_refresh(&m);
    check_differences(&m, 1e-3, 2.5e-3, 0.1);
}

/* A model with one MLP that has what expert 0 of `from` has. */
static void dense_like(tiny *m, const tiny *from, const char *const *sets, int n_sets)
{
    static const int pairs[][2] = {{KC_P_mlp_up, KC_P_exp_up},
                                   {KC_P_mlp_up_bias, KC_P_exp_up_bias},
                                   {KC_P_mlp_down, KC_P_exp_down},
                                   {KC_P_mlp_down_bias, KC_P_exp_down_bias}};
    experts_create(m, WORDS, 1, sets, n_sets);
    for (int k = 0; k < KC_P_router; ++k)
        for (int64_t l = 0; l < m->model.layout.tensor[k].layers; ++l) {
            int source = k;
            for (int i = 0; i < N(pairs); ++i)
                source = k == pairs[i][0] ? pairs[i][1] : source;
            assert_int_equal(values_of(m, k), values_of(from, source));
            memcpy(tensor_of(m, m->w, k, l, 0), tensor_of(from, from->w, source, l, 0),
                   (size_t)values_of(m, k) * sizeof(float));
        }
    memcpy(m->tokens, from->tokens, (size_t)(m->windows * m->model.shape.T) * sizeof *m->tokens);
    memcpy(m->targets, from->targets, (size_t)(m->windows * m->model.shape.T) * sizeof *m->targets);
    tiny_refresh(m);
}

/* Gradient of a dense tensor beside the sum over the experts of theirs. */
static void check_sum_of_experts(const tiny *experts, const tiny *dense, int dense_index, int index)
{
    const int64_t n = values_of(experts, index);
    for (int64_t l = 0; n && l < dense->model.shape.l; ++l) {
        float *sum = test_room(n, sizeof *sum),
              *want = tensor_of(dense, dense->grad, dense_index, l, 0);
        for (int64_t e = 0; e < experts->model.shape.E; ++e)
            for (int64_t i = 0; i < n; ++i)
                sum[i] += tensor_of(experts, experts->grad, index, l, e)[i];
        assert_true(largest(want, n) > 1e-2);
        assert_true(apart(sum, want, n) <= 3e-6 * largest(want, n));
    }
}

static void check_as_dense(tiny *experts, tiny *dense)
{
    const kc_shape *s = &dense->model.shape;
    const double loss = tiny_grad(experts), want = tiny_grad(dense);
    float *logits = tiny_logits(experts), *wanted = tiny_logits(dense);
    assert_float_equal(loss, want, 1e-7 * want);
    assert_true(apart(logits, wanted, s->T * s->V) <= 3e-6 * largest(wanted, s->T * s->V));
    check_sum_of_experts(experts, dense, KC_P_mlp_up, KC_P_exp_up);
    check_sum_of_experts(experts, dense, KC_P_mlp_up_bias, KC_P_exp_up_bias);
    check_sum_of_experts(experts, dense, KC_P_mlp_down, KC_P_exp_down);
    check_sum_of_experts(experts, dense, KC_P_mlp_down_bias, KC_P_exp_down_bias);
    for (int k = 0; k < KC_P_mlp_up; ++k) {
        const int64_t n = values_of(dense, k);
        for (int64_t l = 0; n && l < dense->model.layout.tensor[k].layers; ++l) {
            const float *got = tensor_of(experts, experts->grad, k, l, 0),
                        *wants = tensor_of(dense, dense->grad, k, l, 0);
            assert_true(apart(got, wants, n) <= 3e-6 * largest(wants, n));
        }
    }
}

/* Gates of equal experts do not matter where they sum to 1. */
KC_TEST(equal_experts_are_one_mlp)
{
    static const char *const arch[] = {"model.arch=gpt2", "model.arch=mistral"};
    for (int i = 0; i < 2; ++i) {
        const char *one[] = {BASE, arch[i]},
                   *many[] = {BASE, arch[i], "model.experts=4", "model.experts_topk=4"};
        tiny m, dense;
        experts_create(&m, WORDS, 3, many, N(many));
        for (int k = KC_P_exp_up; k <= KC_P_exp_down_bias; ++k)
            for (int64_t e = 1; e < 4; ++e)
                for (int64_t l = 0; l < m.model.layout.tensor[k].layers; ++l)
                    memcpy(tensor_of(&m, m.w, k, l, e), tensor_of(&m, m.w, k, l, 0),
                           (size_t)values_of(&m, k) * sizeof(float));
        tiny_refresh(&m);
        dense_like(&dense, &m, one, N(one));
        check_as_dense(&m, &dense);
        /* What the router would change, changes nothing. */
        const kc_tensor *t = &m.model.layout.tensor[KC_P_router];
        assert_true(largest(tensor_of(&m, m.grad, KC_P_router, 0, 0), t->stride * t->layers) <=
                    3e-6 * largest(m.grad, m.model.layout.n_flat));
    }
}

/* Its gate is 1, whatever its score. */
KC_TEST(one_expert_is_one_mlp)
{
    const char *one[] = {BASE, "model.experts=1", "model.balance_loss=0.3"}, *dense_sets[] = {BASE};
    tiny m, dense;
    experts_create(&m, WORDS, 4, one, N(one));
    dense_like(&dense, &m, dense_sets, N(dense_sets));
    check_as_dense(&m, &dense);
    const kc_tensor *t = &m.model.layout.tensor[KC_P_router];
    assert_true(largest(tensor_of(&m, m.grad, KC_P_router, 0, 0), t->stride * t->layers) == 0);
    assert_true(kc_work_routing(m.work)->entropy == 0);
}

KC_TEST_MAIN(NULL, NULL)
