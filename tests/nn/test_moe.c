/* SPDX-License-Identifier: BSD-3-Clause */
/* Experts on one rank, at the edges of routing; which part of them a rank holds. */
#include "experts.h"

static void clear_router(tiny *m)
{
    const kc_tensor *t = &m->model.layout.tensor[KC_P_router];
    memset(tensor_of(m, m->w, KC_P_router, 0, 0), 0, (size_t)(t->stride * t->layers) * 4);
    tiny_refresh(m);
}

/* All scores equal: the first experts, every time; and the others learn nothing, but no NaN. */
KC_TEST(equal_scores_go_to_the_first)
{
    const char *sets[] = {BASE, "model.experts=7", "model.experts_topk=2"};
    tiny m;
    experts_create(&m, WORDS, 5, sets, N(sets));
    clear_router(&m);
    tiny_grad(&m);
    const int64_t *load = kc_work_load(m.work), l = m.model.shape.l, E = m.model.shape.E;
    for (int64_t i = 0; i < l * E; ++i)
        assert_int_equal(load[i], i % E < 2 ? m.model.shape.T : 0);
    assert_true(all_finite(m.grad, m.model.layout.n_flat));
    for (int k = KC_P_exp_up; k <= KC_P_exp_down_bias; ++k)
        for (int64_t i = 0; i < l * E; ++i) {
            const float *grad = tensor_of(&m, m.grad, k, i / E, i % E);
            assert_true((largest(grad, values_of(&m, k)) > 0) == (i % E < 2));
        }
    const kc_routing *r = kc_work_routing(m.work);
    assert_float_equal(r->entropy, (double)l * log((double)E), 1e-6);
    assert_float_equal(r->balance, (double)l, 1e-6); /* P is even, so f does not matter */
}

/* Columns 2 and 7 are equal, so 7 is chosen only together with 2, and after it. (Columns far apart may
 * be summed by another kernel, with other bits.) */
KC_TEST(equal_columns_go_to_the_lower)
{
    for (int k = 1; k <= 2; ++k) {
        const char *sets[] = {BASE, "model.experts=20",
                              k == 1 ? "model.experts_topk=1" : "model.experts_topk=2"};
        tiny m;
        experts_create(&m, WORDS, 6, sets, N(sets));
        const kc_tensor *t = &m.model.layout.tensor[KC_P_router];
        for (int64_t l = 0; l < m.model.shape.l; ++l)
            for (int64_t i = 0; i < t->rows; ++i) {
                float *row = tensor_of(&m, m.w, KC_P_router, l, 0) + i * t->cols;
                row[7] = row[2] = 4 * row[2];
            }
        tiny_refresh(&m);
        tiny_grad(&m);
        for (int64_t l = 0; l < m.model.shape.l; ++l) {
            const int64_t *load = kc_work_load(m.work) + l * t->cols;
            assert_true(load[2] > 3);
            assert_int_equal(load[7] > 3, k == 2);
            assert_true(load[7] <= load[2]);
        }
    }
}

/* All go to expert 0, which takes one: the others are as if there were no expert. */
KC_TEST(who_finds_no_room_passes_by)
{
    const char *sets[] = {BASE, "model.experts=4", "model.layers=1", "model.capacity_factor=0.1",
                          "model.capacity_factor_measure=0.1"};
    tiny m;
    experts_create(&m, WORDS, 7, sets, N(sets));
    const int64_t T = m.model.shape.T, V = m.model.shape.V;
    clear_router(&m);
    tiny_grad(&m);
    const kc_routing *r = kc_work_routing(m.work);
    assert_int_equal(m.model.capacity, 1);
    assert_int_equal(r->sent, T);
    assert_int_equal(r->dropped, T - 1);
    assert_true(all_finite(m.grad, m.model.layout.n_flat));
    float *logits = tiny_logits(&m);
    memset(tensor_of(&m, m.w, KC_P_exp_down, 0, 0), 0, (size_t)values_of(&m, KC_P_exp_down) * 4);
    memset(tensor_of(&m, m.w, KC_P_exp_down_bias, 0, 0), 0,
           (size_t)values_of(&m, KC_P_exp_down_bias) * 4);
    tiny_refresh(&m);
    float *without = tiny_logits(&m);
    assert_memory_equal(logits + V, without + V, (size_t)((T - 1) * V) * sizeof *logits);
    assert_true(apart(logits, without, V) > 1e-3);
}

/* The same two windows, as one lane and as two: other tokens are dropped: another model. */
KC_TEST(capacity_is_of_the_lane)
{
    static const char *const lanes[] = {"train.lanes=1", "train.lanes=2"};
    int64_t dropped[2];
    double loss[2];
    for (int i = 0; i < 2; ++i) {
        const char *sets[] = {
            BASE,     "model.experts=5",          "model.experts_topk=2", "train.batch=2",
            lanes[i], "model.capacity_factor=0.8"};
        tiny m;
        experts_create(&m, WORDS, 8, sets, N(sets));
        assert_int_equal(m.model.capacity, i ? 13 : 26); /* ceil(0.8 x 2 x 40 or 80 / 5) */
        int32_t both[80], counted[80];
        for (int k = 0; k < 80; ++k) {
            both[k] = (int32_t)kc_rand_below(9, KC_STREAM_TEXT, (uint64_t)k, 1, k < 40 ? 4 : WORDS);
            counted[k] = (both[k] + 1) % WORDS;
        }
        dropped[i] = 0;
        loss[i] = 0;
        for (int k = 0; k <= i; ++k) {
            memcpy(m.tokens, both + 40 * k, (i ? 40 : 80) * sizeof *both);
            memcpy(m.targets, counted + 40 * k, (i ? 40 : 80) * sizeof *both);
            loss[i] += tiny_grad(&m);
            dropped[i] += kc_work_routing(m.work)->dropped;
            assert_int_equal(kc_work_routing(m.work)->sent, i ? 160 : 320);
        }
    }
    assert_true(dropped[0] > 0 && dropped[1] > 0 && dropped[0] != dropped[1]);
    assert_true(fabs(loss[0] - loss[1]) > 1e-3);
}

/* Neither the lane before nor a measurement takes room from the next lane. */
KC_TEST(begun_lanes_are_empty)
{
    const char *sets[] = {BASE, "model.experts=3", "model.capacity_factor=0.5"};
    tiny m;
    experts_create(&m, WORDS, 9, sets, N(sets));
    const int64_t n = m.model.layout.n_flat;
    float *first = test_room(n, sizeof *first);
    const double loss = tiny_grad(&m);
    const kc_routing before = *kc_work_routing(m.work);
    assert_true(before.dropped > 0);
    memcpy(first, m.grad, (size_t)n * sizeof *first);
    tiny_logits(&m); /* a measurement leaves nothing behind */
    assert_true(tiny_grad(&m) == loss);
    assert_memory_equal(first, m.grad, (size_t)n * sizeof *first);
    assert_memory_equal(&before, kc_work_routing(m.work), sizeof before);
}

/* Loss, gradient and logits have the same bits with any number of threads inside a window. */
KC_TEST(threads_change_no_bit)
{
    static const char *const threads[] = {"parallel.threads=0", "parallel.threads=1",
                                          "parallel.threads=2"};
    float *grad = NULL, *logits = NULL;
    double loss = 0;
    for (int i = 0; i < 3; ++i) { /* of 1, 2 and 3 threads: experts_create */
        const char *sets[] = {BASE,
                              "model.experts=6",
                              "model.experts_topk=2",
                              "train.batch=2",
                              "model.capacity_factor=0.9",
                              "model.balance_loss=0.1",
                              "model.z_loss=0.1",
                              threads[i]};
        tiny m;
        experts_create(&m, WORDS, 10, sets, N(sets));
        const double here = tiny_grad(&m);
        float *logits_here = tiny_logits(&m);
        const size_t n = (size_t)m.model.layout.n_flat * 4,
                     size = (size_t)(m.windows * m.model.shape.T * WORDS) * 4;
        if (i == 0) {
            loss = here;
            grad = memcpy(test_room((int64_t)n, 1), m.grad, n);
            logits = memcpy(test_room((int64_t)size, 1), logits_here, size);
        }
        assert_true(here == loss);
        assert_memory_equal(grad, m.grad, n);
        assert_memory_equal(logits, logits_here, size);
    }
}

/* Of the tensor's global shape. */
static int64_t elements(const kc_layout *layout, int k)
{
    const kc_tensor *t = &layout->tensor[k];
    int64_t n = t->layers > 0;
    for (int i = 0; i < t->n_dims; ++i)
        n *= t->dims[i];
    return n;
}

/* Notes in seen[tensor] what a part holds, no float of it twice. */
static void see_part(const kc_layout *part, unsigned char **seen)
{
    char *taken = test_room(part->n_flat, 1);
    for (int k = 0; k < part->n; ++k)
        for (int64_t r = 0; r < kc_tensor_pieces(part, &part->tensor[k]); ++r) {
            const kc_piece run = kc_tensor_piece(part, &part->tensor[k], r);
            assert_true(run.flat >= 0 && run.flat + run.n <= part->n_flat);
            assert_true(run.global >= 0 && run.global + run.n <= elements(part, k));
            for (int64_t i = 0; i < run.n; ++i) {
                assert_int_equal(taken[run.flat + i]++, 0);
                seen[k][run.global + i]++;
            }
        }
}

/* Field by field, in effect: what stands behind the last one is padding, of any bytes. */
static void same_tensors(const kc_layout *a, const kc_layout *b)
{
    assert_int_equal(a->n, b->n);
    for (int k = 0; k < a->n; ++k)
        assert_memory_equal(&a->tensor[k], &b->tensor[k],
                            offsetof(kc_tensor, of_expert) + sizeof a->tensor[k].of_expert);
}

/* Over all parts each element of an expert's tensor lies at one place, a dense one on each. */
KC_TEST(parts_hold_each_expert_once)
{
    const char *sets[] = {BASE, "model.experts=8"};
    kc_error e = {0};
    kc_config cfg;
    kc_layout whole, part;
    assert_int_equal(kc_config_parse("", 0, "none", sets, N(sets), &cfg, &e), KC_OK);
    const kc_shape s = kc_shape_of(&cfg, WORDS);
    kc_layout_of(&s, &whole);
    for (int parts = 1; parts <= 8; parts *= 2) {
        unsigned char *seen[KC_P_COUNT];
        for (int k = 0; k < whole.n; ++k)
            seen[k] = test_room(elements(&whole, k), 1);
        for (int p = 0; p < parts; ++p) {
            kc_layout_part(&s, p, parts, &part);
            assert_int_equal(part.here, 8 / parts);
            assert_int_equal(part.first_expert, 8 / parts * p);
            assert_int_equal(part.n_params, whole.n_params);
            assert_int_equal(part.n_dense, whole.n_dense);
            assert_int_equal(part.n_flat - part.n_dense, (whole.n_flat - whole.n_dense) / parts);
            same_tensors(&part, &whole);
            see_part(&part, seen);
        }
        for (int k = 0; k < whole.n; ++k) {
            for (int64_t i = 0; i < elements(&whole, k); ++i)
                assert_int_equal(seen[k][i], whole.tensor[k].of_expert ? 1 : parts);
        }
    }
}

KC_TEST_MAIN(NULL, NULL)
