/* SPDX-License-Identifier: BSD-3-Clause */
/* The gradient of experts against differences of the loss, and against that of an MLP. */
#include "experts.h"

/* The lane's training loss, less the z-loss; *load [l, E]: pairs that chose each expert. */
static double whole_loss(pool *m, int64_t *load)
{
    const int64_t n = m->model.shape.l * m->model.shape.E, T = m->model.shape.T;
    const int64_t *all = kc_work_load(m->work);
    float *kept = test_room(m->model.layout.n_flat, sizeof *kept), *grad = m->grad;
    int64_t counted = 0;
    for (int64_t i = 0; i < n; ++i)
        load[i] = -all[i];
    m->grad = kept;
    double loss = pool_grad(m);
    m->grad = grad;
    free(kept);
    for (int64_t i = 0; i < n; ++i)
        load[i] += all[i];
    for (int64_t t = 0; t < T; ++t)
        counted += m->targets[t] != KC_NO_TARGET;
    return loss + (double)counted * m->cfg.model.balance_loss * kc_work_routing(m->work)->balance;
}

/* Derivative along `direction` from five points; who is chosen must not change between them. */
static double difference(pool *m, float *at, int64_t n, const float *direction, double step)
{
    const int64_t experts = m->model.shape.l * m->model.shape.E;
    int64_t *load[5];
    double loss[5];
    float *kept = test_room(n, sizeof *kept);
    memcpy(kept, at, (size_t)n * sizeof *kept);
    for (int k = 0; k < 5; ++k) {
        for (int64_t i = 0; i < n; ++i)
            at[i] = kept[i] + (float)((k - 2) * step) * direction[i];
        pool_refresh(m);
        load[k] = test_room(experts, sizeof *load[k]);
        loss[k] = whole_loss(m, load[k]);
        assert_memory_equal(load[k], load[0], (size_t)experts * sizeof *load[k]);
    }
    memcpy(at, kept, (size_t)n * sizeof *kept);
    pool_refresh(m);
    free(kept);
    for (int k = 0; k < 5; ++k)
        free(load[k]);
    return (8 * (loss[3] - loss[1]) - (loss[4] - loss[0])) / (12 * step);
}

typedef struct bound {
    double step, error; /* of a directional derivative, over the gradient's norm; */
    double least;       /* which is at least so much, or is not looked at          */
} bound;

static double check_piece(pool *m, const kc_tensor *t, kc_piece s, bound b)
{
    const float *grad = m->grad + s.flat;
    double norm = 0, worst = 0;
    for (int64_t i = 0; i < s.n; ++i)
        norm += (double)grad[i] * grad[i];
    norm = sqrt(norm);
    for (uint64_t k = 0; norm > b.least && k < 2; ++k) {
        float *u = noise_of(1000 + k, s.n);
        double length = 0, slope = 0;
        for (int64_t i = 0; i < s.n; ++i)
            length += (double)u[i] * u[i];
        for (int64_t i = 0; i < s.n; ++i) {
            /* Half along the gradient, so that the loss changes; half anywhere. */
            u[i] = (float)(u[i] / sqrt(length) + grad[i] / norm * (k % 2 ? 0.5 : -0.5));
            slope += (double)grad[i] * u[i];
        }
        const double measured = difference(m, m->w + s.flat, s.n, u, b.step);
        worst = fmax(worst, fabs(slope - measured) / norm);
        if (fabs(slope - measured) > b.error * norm)
            fail_msg("%s at %lld: gradient %.8g, differences %.8g, norm %g", t->name,
                     (long long)s.global, slope, measured, norm);
        free(u);
    }
    return worst;
}

/* Every piece of every tensor; experts' at least must have had a gradient worth the name. */
static void check_differences(pool *m, bound b)
{
    const kc_layout *layout = &m->model.layout;
    double worst = 0;
    pool_grad(m);
    for (int k = 0; k < layout->n; ++k)
        for (int64_t r = 0; r < kc_tensor_pieces(layout, &layout->tensor[k]); ++r)
            worst = fmax(worst, check_piece(m, &layout->tensor[k],
                                            kc_tensor_piece(layout, &layout->tensor[k], r), b));
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
        pool m;
        pool_create(&m, WORDS, 1, sets, N(sets));
        check_differences(&m, (bound){2e-2, 3e-4, 1e-3});
        pool_destroy(&m);
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
    pool m;
    pool_create(&m, WORDS, 6, sets, N(sets));
    float *router = tensor_of(&m, m.w, KC_P_router, 0, 0);
    const int64_t n = m.model.layout.tensor[KC_P_router].stride * m.model.shape.l;
    for (int64_t i = 0; i < n; ++i)
        router[i] *= 5;
    pool_refresh(&m);
    check_differences(&m, (bound){1e-3, 2.5e-3, 0.1});
    pool_destroy(&m);
}

/* A model with one MLP that has what expert 0 of `from` has. */
static void dense_like(pool *m, const pool *from, const char *const *sets, int n_sets)
{
    static const int pairs[][2] = {{KC_P_mlp_up, KC_P_exp_up},
                                   {KC_P_mlp_up_bias, KC_P_exp_up_bias},
                                   {KC_P_mlp_down, KC_P_exp_down},
                                   {KC_P_mlp_down_bias, KC_P_exp_down_bias}};
    pool_create(m, WORDS, 1, sets, n_sets);
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
    pool_refresh(m);
}

/* Gradient of a dense tensor beside the sum over the experts of theirs. */
static void check_sum_of_experts(const pool *experts, const pool *dense, int dense_index, int index)
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
        free(sum);
    }
}

static void check_as_dense(pool *experts, pool *dense)
{
    const kc_shape *s = &dense->model.shape;
    const double loss = pool_grad(experts), want = pool_grad(dense);
    float *logits = pool_logits(experts), *wanted = pool_logits(dense);
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
    free(logits);
    free(wanted);
}

/* Gates of equal experts do not matter where they sum to 1. */
KC_TEST(equal_experts_are_one_mlp)
{
    static const char *const arch[] = {"model.arch=gpt2", "model.arch=mistral"};
    for (int i = 0; i < 2; ++i) {
        const char *one[] = {BASE, arch[i]},
                   *many[] = {BASE, arch[i], "model.experts=4", "model.experts_topk=4"};
        pool m, dense;
        pool_create(&m, WORDS, 3, many, N(many));
        for (int k = KC_P_exp_up; k <= KC_P_exp_down_bias; ++k)
            for (int64_t e = 1; e < 4; ++e)
                for (int64_t l = 0; l < m.model.layout.tensor[k].layers; ++l)
                    memcpy(tensor_of(&m, m.w, k, l, e), tensor_of(&m, m.w, k, l, 0),
                           (size_t)values_of(&m, k) * sizeof(float));
        pool_refresh(&m);
        dense_like(&dense, &m, one, N(one));
        check_as_dense(&m, &dense);
        /* What the router would change, changes nothing. */
        const kc_tensor *t = &m.model.layout.tensor[KC_P_router];
        assert_true(largest(tensor_of(&m, m.grad, KC_P_router, 0, 0), t->stride * t->layers) <=
                    3e-6 * largest(m.grad, m.model.layout.n_flat));
        pool_destroy(&m);
        pool_destroy(&dense);
    }
}

/* Its gate is 1, whatever its score. */
KC_TEST(one_expert_is_one_mlp)
{
    const char *one[] = {BASE, "model.experts=1", "model.balance_loss=0.3"}, *dense_sets[] = {BASE};
    pool m, dense;
    pool_create(&m, WORDS, 4, one, N(one));
    dense_like(&dense, &m, dense_sets, N(dense_sets));
    check_as_dense(&m, &dense);
    const kc_tensor *t = &m.model.layout.tensor[KC_P_router];
    assert_true(largest(tensor_of(&m, m.grad, KC_P_router, 0, 0), t->stride * t->layers) == 0);
    assert_true(kc_work_routing(m.work)->entropy == 0);
    pool_destroy(&m);
    pool_destroy(&dense);
}

KC_TEST_MAIN(NULL, NULL)
