/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/nn/params.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "kcap/base/rng.h"
#include "kcap/base/sum.h"
#include "kcap/math/canon.h"
#include "kcap/math/gemm.h"

enum { SCOPE_ONCE, SCOPE_LAYER, SCOPE_EXPERT };
enum { ALIGN = 16 };

/* An id in two rows is added twice. */
#define KC_BIT(id, name, scope, when, shape, init, help) | UINT64_C(1) << (id)
#define KC_SUM(id, name, scope, when, shape, init, help) +(UINT64_C(1) << (id))
_Static_assert((0 KC_PARAMS(KC_BIT)) == (0 KC_PARAMS(KC_SUM)), "two tensors have the same id");

static int64_t round_up(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* One row of TABLE 2: everything but its place. */
static void add(kc_layout *layout, kc_tensor t)
{
    if (t.per_layer)
        t.dims[t.n_dims++] = t.layers;
    if (t.of_expert)
        t.dims[t.n_dims++] = layout->experts;
    if (t.is_matrix || t.rows > 1)
        t.dims[t.n_dims++] = t.rows;
    t.dims[t.n_dims++] = t.cols;
    t.decays = t.is_matrix;
    t.stride = round_up(t.rows * t.cols, ALIGN);
    layout->tensor[layout->n++] = t;
}

/* The dense tensors, or those of one expert, one after the other from n_flat on. */
static void place(kc_layout *layout, int of_expert)
{
    for (int k = 0; k < layout->n; ++k)
        if (layout->tensor[k].of_expert == of_expert) {
            layout->tensor[k].offset = layout->n_flat;
            layout->n_flat += layout->tensor[k].layers * layout->tensor[k].stride;
        }
    layout->n_flat = round_up(layout->n_flat, KC_BLOCK);
}

/* Parameters: all, and those that a token goes through. */
static void count(kc_layout *layout, int64_t chosen)
{
    for (int k = 0; k < layout->n; ++k) {
        const kc_tensor *t = &layout->tensor[k];
        const int64_t n = t->layers * t->rows * t->cols;
        layout->n_params += t->of_expert ? layout->experts * n : n;
        layout->n_used += t->of_expert ? chosen * n : n;
        layout->one += t->of_expert && t->layers ? t->stride : 0;
    }
}

#define MATRIX(r, c) .is_matrix = 1, .rows = s->r, .cols = s->c
#define VECTOR(c)    .rows = 1, .cols = s->c
#define TAPS(c)      .rows = KC_CANON_TAPS, .cols = s->c

static double size_of(kc_tensor t)
{
    return (double)t.rows * (double)t.cols;
}

int kc_layout_fits(const kc_shape *s, kc_error *e)
{
    double n = 0;
#define COUNT(id, name, scope, when, shape, init, help)                                            \
    n += (when) ? (SCOPE_##scope == SCOPE_ONCE ? 1 : (double)s->l) *                               \
                      (SCOPE_##scope == SCOPE_EXPERT ? (double)s->E : 1) *                         \
                      size_of((kc_tensor){shape})                                                  \
                : 0;
    KC_PARAMS(COUNT)
    if (n <= 0x1p48)
        return KC_OK;
    return kc_fail(e, KC_EINPUT,
                   "model: %.3g parameters, of which at most 2^48 = %.3g can be numbered; fewer "
                   "model.layers, heads or experts, a smaller head_dim, or a narrower MLP "
                   "(mlp_width, mlp_ratio) would do",
                   n, 0x1p48);
}

void kc_layout_part(const kc_shape *s, int part, int parts, kc_layout *layout)
{
    const int64_t here = s->E / parts;
    KC_CHECK(s->E % parts == 0, "%lld experts for %d ranks", (long long)s->E, parts);
    *layout =
        (kc_layout){.layers = s->l, .experts = s->E, .first_expert = here * part, .here = here};
#define ADD(number, word, scope, when, shape, start, text)                                         \
    add(layout, (kc_tensor){.id = number,                                                          \
                            .name = #word,                                                         \
                            .help = text,                                                          \
                            .per_layer = SCOPE_##scope != SCOPE_ONCE,                              \
                            .of_expert = SCOPE_##scope == SCOPE_EXPERT,                            \
                            .layers = !(when)                       ? 0                            \
                                      : SCOPE_##scope == SCOPE_ONCE ? 1                            \
                                                                    : s->l,                        \
                            .init = KC_INIT_##start,                                               \
                            shape});
    KC_PARAMS(ADD)
    place(layout, 0);
    layout->n_dense = layout->n_flat;
    place(layout, 1);
    layout->each = layout->n_flat - layout->n_dense;
    layout->n_flat = layout->n_dense + here * layout->each;
    count(layout, s->k);
}

void kc_layout_of(const kc_shape *s, kc_layout *layout)
{
    kc_layout_part(s, 0, 1, layout);
}

static float initial(kc_init how, uint64_t seed, uint64_t index, double std, double residual)
{
    switch (how) {
    case KC_INIT_ZERO:
        return 0;
    case KC_INIT_ONE:
        return 1;
    case KC_INIT_HALF:
        return (float)((double)(kc_rand(seed, KC_STREAM_INIT, index, 0) >> 11) * 0x1p-53 - 0.5);
    default:
        return (float)(kc_rand_normal(seed, KC_STREAM_INIT, index, 0) *
                       (how == KC_INIT_RESIDUAL ? residual : std));
    }
}

void kc_params_init(const kc_layout *layout, uint64_t seed, double std, float *w)
{
    memset(w, 0, (size_t)layout->n_flat * sizeof *w);
    const double residual = std / sqrt(2 * (double)layout->layers);
    for (int k = 0; k < layout->n; ++k) {
        const kc_tensor *t = &layout->tensor[k];
        for (int64_t r = 0; r < kc_tensor_pieces(layout, t); ++r) {
            const kc_piece p = kc_tensor_piece(layout, t, r);
            const uint64_t first = (uint64_t)t->id << 48 | (uint64_t)p.global;
            for (int64_t i = 0; i < p.n; ++i)
                w[p.flat + i] = initial((kc_init)t->init, seed, first + (uint64_t)i, std, residual);
        }
    }
}

/* One region for all matrices: where threads sleep between regions, one for each of them took 12 %
 * of the step of a small model. */
void kc_params_transpose(const kc_layout *layout, const float *w, float *wt, int threads)
{
#pragma omp parallel num_threads(threads) if (threads > 1)
    for (int k = 0; k < layout->n; ++k) {
        const kc_tensor *t = &layout->tensor[k];
        for (int64_t r = 0; t->is_matrix && r < kc_tensor_pieces(layout, t); ++r) {
            const int64_t at = kc_tensor_piece(layout, t, r).flat;
            kc_gemm_lay(kc_gemm_factor(wt + at, t->cols, t->rows),
                        kc_mat_of(w + at, t->rows, t->cols), 1, omp_get_thread_num(),
                        omp_get_num_threads());
        }
    }
}

int64_t kc_params_expert(const kc_layout *layout, int64_t i)
{
    return layout->experts && i >= layout->n_dense ? (i - layout->n_dense) / layout->each : -1;
}

int kc_params_find(const kc_layout *layout, int64_t i, int64_t *layer)
{
    const int64_t expert = kc_params_expert(layout, i);
    const kc_tensor *last = layout->tensor;
    if (expert > 0)
        i -= expert * layout->each;
    for (const kc_tensor *t = last; t < layout->tensor + layout->n; ++t)
        if (t->layers && t->offset <= i && t->offset >= last->offset)
            last = t;
    *layer = (i - last->offset) / last->stride;
    if (*layer >= last->layers)
        *layer = last->layers - 1;
    return (int)(last - layout->tensor);
}
