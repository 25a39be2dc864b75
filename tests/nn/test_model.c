/* SPDX-License-Identifier: BSD-3-Clause */
/* A model as a whole: no look ahead, three ways to one loss, the same bits on any number of threads. */
#include <stdio.h>

#include "models.h"

enum { MAX_THREADS = 3 };

/* Two row blocks of attention, two chunks of the head, padding behind every vector. */
static const tiny_size odd_size = {150, 2, 2, 10, 37, 0.4};

/* Other architectures, of other odd sizes. */
static const char *const others[] = {
    "model.arch=llama model.heads=2 model.head_dim=10",
    "model.arch=mistral model.heads=6 model.head_dim=4",
    ("model.position=learned model.heads=3 model.head_dim=7 model.mlp=gated model.mlp_width=17 "
     "model.embeddings=untied model.kv_heads=1"),
    "model.position=none model.mlp=none model.heads=2 model.head_dim=9 model.norm=rmsnorm",
    "model.canon=ABCD model.heads=2 model.head_dim=8 model.mlp_width=13",
    ("model.experts=4 model.experts_topk=2 model.capacity_factor=64 model.heads=2 "
     "model.head_dim=8 model.mlp_width=17 model.capacity_factor_measure=64")};
enum { N_OTHERS = sizeof others / sizeof *others };

static void other_create(tiny *m, int which, const char *context, uint64_t seed)
{
    char settings[256];
    snprintf(settings, sizeof settings, "train.context=%s %s", context, others[which]);
    const kc_config cfg = tiny_config(settings);
    tiny_create_of(m, &cfg, odd_size.V, seed, 1);
}

static void check_past(tiny *m)
{
    const int64_t V = m->model.shape.V, T = m->model.shape.T;
    float *before = test_room(T * V, sizeof *before), *after = test_room(T * V, sizeof *after);
    kc_model_logits(&m->model, &m->weights, m->tokens, m->work, before);
    for (int64_t t = 0; t < T; t += t < 60 || t > 70 ? 13 : 1) {
        const int32_t token = m->tokens[t];
        m->tokens[t] = (token + 1) % (int32_t)V;
        kc_model_logits(&m->model, &m->weights, m->tokens, m->work, after);
        assert_memory_equal(before, after, (size_t)(t * V) * sizeof *after);
        for (int64_t later = t; later < T; ++later)
            assert_memory_not_equal(before + later * V, after + later * V,
                                    (size_t)V * sizeof *after);
        m->tokens[t] = token;
    }
}

KC_TEST(the_past_sees_no_future)
{
    tiny m;
    tiny_create(&m, odd_size, 7, 1);
    check_past(&m);
    for (int i = 0; i < N_OTHERS; ++i) {
        other_create(&m, i, "150", 7);
        check_past(&m);
    }
}

/* A shorter window and a few of its rows read what the beginning of a longer one does. */
KC_TEST(a_short_window_is_the_beginning_of_a_long_one)
{
    enum { SHORT = 71, FIRST = 60 };
    for (int i = 0; i < N_OTHERS; ++i) {
        tiny m;
        kc_arena arena = {0};
        other_create(&m, i, "150", 7);
        const int64_t V = m.model.shape.V;
        const kc_model few = kc_model_short(&m.model, SHORT);
        float *all = test_room(150 * V, sizeof *all), *rows = test_room(SHORT * V, sizeof *rows);
        kc_work_create(&few, &arena, 1);
        kc_arena_reserve(&arena);
        kc_work *work = kc_work_create(&few, &arena, 1);
        kc_model_logits(&m.model, &m.weights, m.tokens, m.work, all);
        kc_model_predict(&few, &m.weights, m.tokens, FIRST, SHORT - FIRST, work, rows);
        for (int64_t k = 0; k < (SHORT - FIRST) * V; ++k)
            assert_float_equal(rows[k], all[FIRST * V + k], 1e-4);
        kc_arena_destroy(&arena);
    }
}

/* Predictions of a model whose room has read `tokens` up to `known` are those of a new room, bit for bit, after
 * any text; those of BLIS's kernels, which sum by the shape, nearly. */
static void check_kept(const tiny *m, const int32_t *tokens, int64_t known, int64_t end)
{
    const int64_t V = m->model.shape.V, n = end - known;
    float *whole = test_room(n * V, sizeof *whole), *kept = test_room(n * V, sizeof *kept);
    kc_work *work = work_for(&m->model, 1);
    kc_model_predict(&m->model, &m->weights, tokens, known, n, work_for(&m->model, 1), whole);
    kc_model_predict(&m->model, &m->weights, m->tokens, 0, 150, work, test_room(150 * V, 4));
    kc_work_keep(work, known);
    kc_model_predict(&m->model, &m->weights, tokens, known, n, work, kept);
    if (kc_model_keeps(&m->model, end))
        assert_memory_equal(whole, kept, (size_t)(n * V) * sizeof *whole);
    for (int64_t k = 0; k < n * V; ++k)
        assert_float_equal(whole[k], kept[k], 1e-4);
    kc_model_logits(&m->model, &m->weights, tokens, work, test_room(150 * V, 4)); /* of all again */
    kc_model_predict(&m->model, &m->weights, tokens, known, n, work, kept);
    for (int64_t k = 0; k < n * V; ++k)
        assert_float_equal(whole[k], kept[k], 1e-4);
}

KC_TEST(what_is_known_of_a_text_is_not_computed_again)
{
    static const int64_t ends[][2] = {{1, 2}, {2, 5}, {3, 71}, {63, 64}, {64, 65}, {100, 150}};
    const char *kernel = getenv("KCAP_TEST_KERNEL");
    for (int i = -1; i < N_OTHERS; ++i) {
        tiny m;
        if (i < 0)
            tiny_create(&m, (tiny_size){150, 2, 3, 10, 37, 0.4}, 7, 1);
        else
            other_create(&m, i, "150", 7);
        if (!kernel)
            assert_true(kc_model_keeps(&m.model, 65));
        for (size_t k = 0; k < sizeof ends / sizeof *ends; ++k) {
            int32_t *text = test_room(150, sizeof *text);
            memcpy(text, m.tokens, 150 * sizeof *text);
            for (int64_t t = ends[k][0]; t < 150; ++t)
                text[t] = (text[t] + 1) % (int32_t)m.model.shape.V;
            check_kept(&m, text, ends[k][0], ends[k][1]);
        }
    }
}

/* Loss, score and logits are three ways to the same numbers. */
KC_TEST(scores_follow_from_logits)
{
    tiny m;
    tiny_create(&m, odd_size, 8, 1);
    const int64_t V = odd_size.V, T = odd_size.T;
    float *logits = test_room(T * V, sizeof *logits), *nats = test_room(T, sizeof *nats);
    uint8_t *hit = test_room(T, 1);
    double loss = tiny_grad(&m);
    kc_model_logits(&m.model, &m.weights, m.tokens, m.work, logits);
    for (int64_t t = 0; t < T; t += 4) { /* as many hits as misses */
        if (m.targets[t] == KC_NO_TARGET)
            continue;
        for (int32_t v = 0; v < V; ++v)
            m.targets[t] = logits[t * V + v] > logits[t * V + m.targets[t]] ? v : m.targets[t];
    }
    kc_model_score(&m.model, &m.weights, m.tokens, m.targets, m.work, nats, hit);
    int64_t hits = 0;
    for (int64_t t = 0; t < T; ++t) {
        const float *row = logits + t * V;
        if (m.targets[t] == KC_NO_TARGET) {
            assert_true(nats[t] == 0 && hit[t] == 0);
            continue;
        }
        double sum = 0;
        int best = 1;
        for (int64_t v = 0; v < V; ++v) {
            sum += exp((double)row[v]);
            best &= row[v] <= row[m.targets[t]];
        }
        assert_float_equal(nats[t], log(sum) - row[m.targets[t]], 4e-6);
        assert_int_equal(hit[t], best);
        hits += best;
    }
    assert_in_range(hits, T / 5, T / 2);
    assert_float_equal(tiny_grad(&m), tiny_loss(&m), 1e-9 * loss);
}

/* Equal logits: the first of them is the likeliest. */
KC_TEST(ties_go_to_the_first)
{
    tiny m;
    tiny_create(&m, (tiny_size){20, 1, 1, 8, 9, 1}, 9, 1);
    float nats[20];
    uint8_t hit[20];
    const kc_tensor *wte = &m.model.layout.tensor[KC_P_wte];
    memset(m.w + wte->offset, 0, (size_t)(wte->rows * wte->cols) * sizeof *m.w);
    tiny_refresh(&m);
    for (int32_t t = 0; t < 20; ++t)
        m.targets[t] = t % 9;
    kc_model_score(&m.model, &m.weights, m.tokens, m.targets, m.work, nats, hit);
    for (int32_t t = 0; t < 20; ++t) {
        assert_int_equal(hit[t], t % 9 == 0);
        assert_float_equal(nats[t], log(9), 1e-6);
    }
}

static void check_not_a_number(tiny *m)
{
    for (int k = 0; k < m->model.layout.n; ++k) {
        const kc_tensor *t = &m->model.layout.tensor[k];
        for (int64_t l = 0; l < t->layers; ++l) {
            float *at = m->w + t->offset + l * t->stride + t->rows * t->cols - 1, kept = *at;
            *at = NAN;
            tiny_refresh(m);
            assert_true(isnan(tiny_grad(m)));
            assert_true(isnan(tiny_loss(m)));
            *at = kept;
        }
    }
    tiny_refresh(m);
    assert_true(isfinite(tiny_grad(m)));
}

/* A weight that is not a number can never hide. */
KC_TEST(not_a_number_shows)
{
    tiny m;
    tiny_create(&m, (tiny_size){70, 2, 2, 6, 19, 0.5}, 10, 1);
    check_not_a_number(&m);
    for (int i = 0; i < N_OTHERS; ++i) {
        other_create(&m, i, "70", 10);
        check_not_a_number(&m);
    }
}

/* What one window leaves behind, on this many threads: loss, digest of the scores, gradient. */
static void run(tiny *m, int threads, float *left)
{
    const int64_t n = m->model.layout.n_flat, T = m->model.shape.T;
    float *nats = test_room(T, sizeof *nats);
    uint8_t *hit = test_room(T, 1);
    kc_work *work = work_for(&m->model, threads);
    memset(m->wt, 255, (size_t)n * sizeof *m->wt);
    kc_params_transpose(&m->model.layout, m->w, m->wt, threads);
    kc_model_score(&m->model, &m->weights, m->tokens, m->targets, work, nats, hit);
    memset(left, 0, (size_t)(n + 2) * sizeof *left);
    left[n] = (float)loss_and_grad(&m->model, &m->weights, m->tokens, m->targets, work, left);
    for (int64_t t = 0; t < T; ++t)
        left[n + 1] = 0.9f * left[n + 1] + nats[t] + hit[t];
}

static void check_threads(tiny *m)
{
    const int64_t n = m->model.layout.n_flat + 2;
    float *one = test_room(n, sizeof *one), *more = test_room(n, sizeof *more);
    run(m, 1, one);
    assert_true(one[n - 2] > (float)m->model.shape.T && one[n - 1] > 1);
    for (int threads = 2; threads <= MAX_THREADS; ++threads) {
        run(m, threads, more);
        assert_memory_equal(more, one, (size_t)n * sizeof *one);
    }
}

KC_TEST(threads_leave_bits)
{
    static const tiny_size sizes[] = {
        {256, 2, 1, 32, 279, 1}, {140, 2, 3, 20, 101, 0.5}, {512, 1, 2, 64, 700, 0.25}};
    tiny m;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; ++i) {
        tiny_create(&m, sizes[i], i, 1);
        check_threads(&m);
    }
    for (int i = 0; i < N_OTHERS; ++i) {
        other_create(&m, i, "140", 3);
        check_threads(&m);
    }
}

KC_TEST_MAIN(NULL, NULL)
