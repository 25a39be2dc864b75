/* SPDX-License-Identifier: BSD-3-Clause */
/* Muon against double precision, on layouts with everything it must tell apart. */
#include "../nn/layouts.h"

#include "kcap/optim/adamw.h"
#include "kcap/optim/muon.h"

static kc_muon_room room_for(const kc_layout *layout)
{
    kc_arena *arena = test_arena();
    kc_muon_room_take(layout, arena);
    kc_arena_reserve(arena);
    const kc_muon_room room = kc_muon_room_take(layout, arena);
    assert_int_equal(arena->used, arena->bytes);
    return room;
}

static float *on_layout(const kc_layout *layout, uint64_t seed)
{
    float *x = test_room(layout->n_flat, sizeof *x);
    perturb(layout, seed, x);
    return x;
}

/* x [n, m] = five steps of x = a x + (b xx' + c (xx')^2) x from x over its norm; never transposed. */
static void reference(double *x, int64_t n, int64_t m)
{
    double *s = test_room(n * n, sizeof *s), *p = test_room(n * n, sizeof *p);
    double *y = test_room(n * m, sizeof *y), norm = 0;
    for (int64_t i = 0; i < n * m; ++i)
        norm += x[i] * x[i];
    for (int64_t i = 0; i < n * m; ++i)
        x[i] /= sqrt(norm) + 1e-7;
    for (int step = 0; step < 5; ++step) {
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = 0; j < n; ++j) {
                s[i * n + j] = 0;
                for (int64_t k = 0; k < m; ++k)
                    s[i * n + j] += x[i * m + k] * x[j * m + k];
            }
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = 0; j < n; ++j) {
                p[i * n + j] = -4.7750 * s[i * n + j];
                for (int64_t k = 0; k < n; ++k)
                    p[i * n + j] += 2.0315 * s[i * n + k] * s[k * n + j];
            }
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = 0; j < m; ++j) {
                y[i * m + j] = 3.4445 * x[i * m + j];
                for (int64_t k = 0; k < n; ++k)
                    y[i * m + j] += p[i * n + k] * x[k * m + j];
            }
        memcpy(x, y, (size_t)(n * m) * sizeof *x);
    }
}

/* Of floats: what rounding makes of small singular values grows by 3.4445 in each iteration. */
static const double rounding = 2e-5;

KC_TEST(matrices_become_orthogonal)
{
    static const int64_t sizes[][2] = {{1, 1},  {1, 9},   {9, 1},  {5, 17},
                                       {17, 5}, {40, 40}, {33, 40}};
    const kc_layout layout =
        layout_with("model.heads=2 model.head_dim=20 model.layers=1 model.position=none",
                    41); /* up to 40 x 160 */
    const kc_muon_room room = room_for(&layout);
    test_kernels();
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; ++k) {
        const int64_t n = sizes[k][0], m = sizes[k][1];
        float *x = noise_of(k + 1, n * m);
        double *want = test_room(n * m, sizeof *want), square = 0;
        for (int64_t i = 0; i < n * m; ++i)
            want[i] = x[i];
        reference(want, n, m);
        kc_muon_orthogonal(x, n, m, &room, 1);
        for (int64_t i = 0; i < n * m; ++i) {
            assert_true(fabs(x[i] - want[i]) < rounding);
            square += (double)x[i] * x[i];
        }
        /* Singular values come to lie about 1, but for tiny ones of square matrices. */
        assert_true(square > 0.45 * (double)(n < m ? n : m));
        assert_true(square < 1.5 * (double)(n < m ? n : m));
    }
}

/* Shared keys, a gated MLP, experts and their router, a head of its own, Canon layers. */
static const char *const settings[] = {
    "model.layers=2 model.heads=2 model.head_dim=10 model.position=none train.context=9",
    "model.arch=mistral model.layers=2 model.heads=4 model.head_dim=6 model.kv_heads=2 "
    "model.canon=ABC model.experts=3 model.biases=all train.context=9",
};

/* Matrices of the tensor and their widths, said anew. */
static int split(const kc_tensor *t, int64_t f, int64_t width[3])
{
    if (strcmp(t->name, "attn_qkv") == 0) {
        width[0] = t->rows;
        width[1] = width[2] = (t->cols - t->rows) / 2;
        return 3;
    }
    if (strstr(t->name, "_up") && t->cols == 2 * f) {
        width[0] = width[1] = f;
        return 2;
    }
    width[0] = t->cols;
    return 1;
}

static const kc_muon usual = {.lr = 0.02, .momentum = 0.9, .weight_decay = 0.3, .scale = 0.25};

/* Two steps of one matrix in double; p, m and grad [rows, cols] as floats at the same place. */
static void check_matrix(const kc_tensor *t, int64_t f, const float *before, const float *m,
                         const float *grad, const float *after)
{
    int64_t width[3], first = 0;
    for (int i = 0, n = split(t, f, width); i < n; first += width[i++]) {
        double *u = test_room(t->rows * width[i], sizeof *u);
        for (int64_t j = 0; j < t->rows * width[i]; ++j) {
            const int64_t at = j / width[i] * t->cols + first + j % width[i];
            const double g = usual.scale * grad[at];
            u[j] = g + usual.momentum * (usual.momentum * m[at] + g);
        }
        reference(u, t->rows, width[i]);
        const double longer = fmax((double)t->rows, (double)width[i]);
        for (int64_t j = 0; j < t->rows * width[i]; ++j) {
            const int64_t at = j / width[i] * t->cols + first + j % width[i];
            const double want = (1 - usual.lr * usual.weight_decay) * before[at] -
                                0.2 * sqrt(longer) * usual.lr * u[j];
            assert_true(fabs(after[at] - want) < rounding * usual.lr * sqrt(longer) + 1e-7);
        }
    }
}

typedef struct muon_bench {
    kc_layout layout;
    int64_t f;
    kc_state state;
    float *grad;
} muon_bench;

static void bench_create(muon_bench *b, int which)
{
    const kc_shape s = shape_with(settings[which], 41);
    kc_layout_of(&s, &b->layout);
    b->f = s.f;
    b->state = (kc_state){.layout = &b->layout, .dense_here = b->layout.n_dense};
    b->state.params = on_layout(&b->layout, 1);
    b->state.m = on_layout(&b->layout, 2);
    b->state.v = on_layout(&b->layout, 3);
    b->grad = on_layout(&b->layout, 4);
    test_kernels();
}

/* Dense elements or experts', lo ... hi-1 of the flat layout. */
static void momentum_of(muon_bench *b, int64_t lo, int64_t hi)
{
    kc_state slice = b->state;
    slice.m += lo < b->layout.n_dense ? lo : lo - b->layout.n_dense;
    kc_muon_momentum(&b->layout, &usual, lo, hi, &slice, b->grad);
}

KC_TEST(steps_are_right)
{
    for (int which = 0; which < 2; ++which) {
        muon_bench b, old;
        bench_create(&b, which);
        bench_create(&old, which);
        const kc_layout *layout = &b.layout;
        const kc_muon_room room = room_for(layout);
        momentum_of(&b, 0, layout->n_dense);
        momentum_of(&b, layout->n_dense, layout->n_flat);
        kc_muon_step(layout, &usual, 0, layout->n_flat, b.state.params, b.grad, &room, 1);
        for (int k = 0; k < layout->n; ++k) {
            const kc_tensor *t = &layout->tensor[k];
            const int muon =
                strstr("attn_qkv attn_out mlp_up mlp_down router exp_up exp_down", t->name) != NULL;
            for (int64_t r = 0; r < kc_tensor_pieces(layout, t); ++r) {
                const kc_piece p = kc_tensor_piece(layout, t, r);
                if (muon)
                    check_matrix(t, b.f, old.state.params + p.flat, old.state.m + p.flat,
                                 old.grad + p.flat, b.state.params + p.flat);
                else {
                    const size_t n = (size_t)p.n * sizeof(float);
                    assert_memory_equal(b.state.params + p.flat, old.state.params + p.flat, n);
                    assert_memory_equal(b.state.m + p.flat, old.state.m + p.flat, n);
                    assert_memory_equal(b.grad + p.flat, old.grad + p.flat, n);
                }
            }
        }
    }
}

/* What Muon takes AdamW leaves, and the other way round: together everything. */
KC_TEST(adamw_takes_the_others)
{
    for (int which = 0; which < 2; ++which) {
        muon_bench b, old;
        bench_create(&b, which);
        bench_create(&old, which);
        const kc_adamw adam = {3e-3, 0.9, 0.98, 1e-6, 0, 1, 1, 1};
        for (int64_t i = 0; i < b.layout.n_flat; ++i)
            b.state.v[i] *= b.state.v[i];
        kc_adamw_step(&b.layout, &adam, 0, b.layout.n_dense, &b.state, b.grad, 1);
        kc_adamw_step(&b.layout, &adam, b.layout.n_dense, b.layout.n_flat, &b.state,
                      b.grad + b.layout.n_dense, 1);
        for (int k = 0; k < b.layout.n; ++k)
            for (int64_t r = 0; r < kc_tensor_pieces(&b.layout, &b.layout.tensor[k]); ++r) {
                const kc_piece p = kc_tensor_piece(&b.layout, &b.layout.tensor[k], r);
                const int same = memcmp(b.state.params + p.flat, old.state.params + p.flat,
                                        (size_t)p.n * sizeof(float)) == 0;
                assert_int_equal(same, kc_muon_takes(&b.layout.tensor[k]));
            }
    }
}

/* In pieces cut anywhere, on several threads. */
KC_TEST(pieces_have_the_bits_of_the_whole)
{
    muon_bench whole;
    bench_create(&whole, 1);
    const int64_t n = whole.layout.n_flat, dense = whole.layout.n_dense;
    const kc_muon_room room = room_for(&whole.layout);
    momentum_of(&whole, 0, dense);
    momentum_of(&whole, dense, n);
    kc_muon_step(&whole.layout, &usual, 0, n, whole.state.params, whole.grad, &room, 1);
    for (int64_t pieces = 2; pieces < 30; pieces += 9) {
        muon_bench cut;
        bench_create(&cut, 1);
        for (int64_t k = 0; k < pieces; ++k) {
            momentum_of(&cut, dense * k / pieces, dense * (k + 1) / pieces);
            momentum_of(&cut, dense + (n - dense) * k / pieces,
                        dense + (n - dense) * (k + 1) / pieces);
        }
        assert_memory_equal(cut.grad, whole.grad, (size_t)n * sizeof(float));
        for (int64_t k = 0; k < pieces; ++k)
            kc_muon_step(&cut.layout, &usual, n * k / pieces, n * (k + 1) / pieces,
                         cut.state.params, cut.grad, &room, 1 + (int)(k % 3));
        assert_memory_equal(cut.state.params, whole.state.params, (size_t)n * sizeof(float));
        assert_memory_equal(cut.state.m, whole.state.m, (size_t)n * sizeof(float));
    }
}

/* The root mean square of an update is about 0.2 times the rate, whatever the gradient's size. */
KC_TEST(updates_are_as_large_as_adamws)
{
    for (int big = 0; big < 2; ++big) {
        muon_bench b;
        bench_create(&b, 0);
        const kc_muon plain = {.lr = 0.02, .scale = big ? 1e3 : 1e-3};
        const kc_piece p = kc_tensor_piece(&b.layout, &b.layout.tensor[KC_P_mlp_up], 1);
        const kc_muon_room room = room_for(&b.layout);
        float *before = test_room(p.n, sizeof *before);
        double square = 0;
        memcpy(before, b.state.params + p.flat, (size_t)p.n * sizeof *before);
        kc_muon_momentum(&b.layout, &plain, 0, b.layout.n_flat, &b.state, b.grad);
        kc_muon_step(&b.layout, &plain, 0, b.layout.n_flat, b.state.params, b.grad, &room, 2);
        for (int64_t i = 0; i < p.n; ++i)
            square += pow(b.state.params[p.flat + i] - before[i], 2);
        assert_in_range(1000 * sqrt(square / (double)p.n) / plain.lr, 160, 240);
    }
}

/* No gradient: decay alone, and nothing that is not a number. */
KC_TEST(no_gradient_is_no_step)
{
    muon_bench b, old;
    bench_create(&b, 0);
    bench_create(&old, 0);
    const kc_muon still = {.lr = 0.02, .momentum = 0.9, .scale = 1};
    const kc_muon_room room = room_for(&b.layout);
    const size_t bytes = (size_t)b.layout.n_flat * sizeof(float);
    memset(b.grad, 0, bytes);
    memset(b.state.m, 0, bytes);
    kc_muon_momentum(&b.layout, &still, 0, b.layout.n_flat, &b.state, b.grad);
    kc_muon_step(&b.layout, &still, 0, b.layout.n_flat, b.state.params, b.grad, &room, 1);
    assert_memory_equal(b.state.params, old.state.params, bytes);
}

KC_TEST_MAIN(NULL, NULL)
