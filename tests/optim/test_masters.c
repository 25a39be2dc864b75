/* SPDX-License-Identifier: BSD-3-Clause */
/* What is trained in place of the weights: its gradient against differences of the loss. */
#include "../nn/differences.h"

#include <stdio.h>

#include "kcap/math/packing.h"
#include "kcap/optim/masters.h"

#define SIZE                                                                                       \
    "run.from=x train.context=60 train.batch=1 train.lanes=1 model.layers=2 model.heads=2 "        \
    "model.head_dim=8 "

/* All experts are chosen, so that the loss is smooth. */
#define EXPERTS                                                                                    \
    "model.experts=3 model.experts_topk=3 model.mlp_width=17 model.capacity_factor=64 "            \
    "model.capacity_factor_measure=64 model.balance_loss=0 "

typedef struct trained {
    tiny m; /* first, as the loss is given it */
    const kc_method *method;
    kc_state state;
    kc_adapters adapters;
    float *room, *grad; /* grad: of the adapters */
} trained;

static void refresh(trained *t)
{
    t->method->weights(&t->m.cfg, &t->state, t->room, 1);
    tiny_refresh(&t->m);
}

static void trained_create(trained *t, const char *settings, uint64_t seed)
{
    char all[512];
    snprintf(all, sizeof all, SIZE "%s", settings);
    const kc_config cfg = tiny_config(all);
    *t = (trained){.method = kc_method_of(&cfg)};
    tiny_create_of(&t->m, &cfg, 37, seed, 1);
    const kc_layout *model = &t->m.model.layout;
    t->state = (kc_state){.layout = model, .params = t->m.w};
    t->state.masters = test_room(model->n_flat, sizeof(float));
    memcpy(t->state.masters, t->m.w, (size_t)model->n_flat * sizeof(float));
    t->room = test_room(t->method->room(&cfg, model), sizeof *t->room);
    if (!t->method->describe)
        return;
    kc_layout *layout = &t->adapters.layout;
    t->method->describe(&cfg, model, layout);
    t->state.adapters = &t->adapters;
    t->adapters.params = test_room(layout->n_flat, sizeof(float));
    t->grad = test_room(layout->n_flat, sizeof *t->grad);
    t->method->begin(&cfg, &t->adapters);
    perturb(layout, seed, t->adapters.params); /* neither side is zero */
    refresh(t);
}

static double loss_of_adapters(tiny *m, int64_t *load)
{
    (void)load;
    refresh((trained *)m);
    return tiny_loss(m);
}

/* Largest error of a directional derivative measured: 3.7e-4 of the gradient's norm, by gcc and by clang; half
 * the step is twice as far off, by rounding. */
static void check_adapters(const char *settings)
{
    trained t;
    trained_create(&t, settings, 21);
    const kc_layout *layout = &t.adapters.layout;
    const bound b = {loss_of_adapters, 4, 2e-2, 5e-4};
    double worst = 0;
    tiny_grad(&t.m);
    t.method->gradient(&t.m.cfg, &t.state, t.m.grad, t.grad, t.room, 1);
    for (int i = 0; i < layout->n; ++i)
        for (int64_t l = 0; l < layout->tensor[i].layers; ++l) {
            const kc_tensor *x = &layout->tensor[i];
            const int64_t at = x->offset + l * x->stride, n = x->rows * x->cols;
            assert_true(norm_of(t.grad + at, n) > 1e-3);
            worst = fmax(worst,
                         check_values(&t.m, x->name, t.adapters.params + at, t.grad + at, n, &b));
        }
    print_message("largest error of a derivative: %.2g of the gradient's norm\n", worst);
}

KC_TEST(low_rank_gradients_agree)
{
    check_adapters("train.method=lora train.lora_rank=3 train.lora_embedding_rank=5 "
                   "train.lora_scale=0.5");
}

/* Shared keys and values, a head of its own, kernels and experts: what is adapted stands elsewhere. */
KC_TEST(low_rank_gradients_agree_of_all_models)
{
    check_adapters("train.method=lora train.lora_rank=4 train.lora_embedding_rank=2 "
                   "model.arch=mistral model.kv_heads=1 model.canon=ABCD");
    check_adapters("train.method=lora train.lora_rank=2 train.lora_embedding_rank=3 "
                   "model.canon=ABC " EXPERTS);
}

static double loss_of_weights(tiny *m, int64_t *load)
{
    (void)load;
    return tiny_loss(m);
}

/* Straight through: what a step takes is the gradient at the rounded weights, whose loss it is of. */
static void check_rounded(const char *settings, int bits)
{
    char all[256];
    trained t;
    snprintf(all, sizeof all, "train.method=quantized train.quantize_bits=%d %s", bits, settings);
    trained_create(&t, all, 22);
    const kc_layout *layout = &t.m.model.layout;
    const bound b = {loss_of_weights, 2, 2e-2, 3e-4};
    refresh(&t);
    tiny_grad(&t.m);
    for (int k = 0; k < layout->n; ++k)
        for (int64_t r = 0; r < kc_tensor_pieces(layout, &layout->tensor[k]); ++r) {
            const kc_tensor *x = &layout->tensor[k];
            const kc_piece s = kc_tensor_piece(layout, x, r);
            const float *is = t.m.w + s.flat, *was = t.state.masters + s.flat;
            double apart = 0;
            for (int64_t i = 0; i < s.n; ++i)
                apart = fmax(apart, fabs((double)is[i] - was[i]) / largest(was, s.n));
            assert_int_equal(apart > 0.2 / (1 << bits),
                             x->is_matrix && x->per_layer && k != KC_P_router);
            assert_true(apart < 2.0 / (1 << bits));
            if (norm_of(t.m.grad + s.flat, s.n) > 1e-3)
                check_directions(&t.m, x->name, s.flat, s.n, &b);
        }
}

KC_TEST(gradients_are_those_of_the_rounded_weights)
{
    check_rounded("", 3);
    check_rounded("train.quantize_group=6 model.canon=ABC " EXPERTS, 4);
}

KC_TEST_MAIN(NULL, NULL)
