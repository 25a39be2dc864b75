/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/nn/params.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "kcap/base/rng.h"
#include "kcap/base/sum.h"
#include "kcap/math/ops.h"

enum { SCOPE_ONCE, SCOPE_LAYER, SCOPE_EXPERT };
enum { KIND_VECTOR = 0, KIND_MATRIX = 1, ALIGN = 16 };

static int64_t round_up(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* Global shape, place and size of one row of TABLE 2, after the tensors before it. */
static void place(kc_layout *layout, kc_tensor t)
{
    t.n_dims = 0;
    if (t.per_layer)
        t.dims[t.n_dims++] = t.layers;
    if (t.of_expert)
        t.dims[t.n_dims++] = layout->experts;
    if (t.is_matrix)
        t.dims[t.n_dims++] = t.rows;
    t.dims[t.n_dims++] = t.cols;
    t.decays = t.is_matrix;
    t.stride = round_up(t.rows * t.cols, ALIGN);
    /* The dense tensors end where the first of an expert begins. */
    if (t.of_expert && !layout->n_dense)
        layout->n_dense = layout->n_flat = round_up(layout->n_flat, KC_BLOCK);
    t.offset = layout->n_flat;
    layout->n_flat += t.layers * t.stride;
    layout->n_params += t.layers * (t.of_expert ? layout->experts : 1) * t.rows * t.cols;
    layout->tensor[layout->n++] = t;
}

/* Until here the layout has one expert; now it has those of this rank. */
static void repeat_experts(const kc_shape *s, kc_layout *layout)
{
    int64_t used = 0;
    layout->n_flat = round_up(layout->n_flat, KC_BLOCK);
    layout->each = layout->n_flat - layout->n_dense;
    layout->n_flat = layout->n_dense + layout->here * layout->each;
    for (int k = 0; k < layout->n; ++k)
        if (layout->tensor[k].of_expert && layout->tensor[k].layers) {
            used += layout->tensor[k].layers * layout->tensor[k].rows * layout->tensor[k].cols;
            layout->one += layout->tensor[k].stride;
        }
    layout->n_used = layout->n_params - (layout->experts - s->k) * used;
}

void kc_layout_part(const kc_shape *s, int part, int parts, kc_layout *layout)
{
    const int64_t T = s->T, d = s->d, qkv = s->qkv, f = s->f, m = s->m, V = s->V, E = s->E;
    const int mlp = s->f > 0, many = mlp && E > 0, one = mlp && !many;
    const int biased = s->biased, norm_bias = s->biased && !s->rms;
    const int learned = s->learned, untied = s->untied;
    KC_CHECK(E % parts == 0, "%lld experts for %d ranks", (long long)E, parts);
    *layout = (kc_layout){.experts = E, .first_expert = E / parts * part, .here = E / parts};
#define PLACE(tensor_name, scope, when, r, c, kind, start, text)                                   \
    place(layout, (kc_tensor){.name = #tensor_name,                                                \
                              .help = text,                                                        \
                              .per_layer = SCOPE_##scope != SCOPE_ONCE,                            \
                              .of_expert = SCOPE_##scope == SCOPE_EXPERT,                          \
                              .layers = !(when)                       ? 0                          \
                                        : SCOPE_##scope != SCOPE_ONCE ? s->l                       \
                                                                      : 1,                         \
                              .rows = r,                                                           \
                              .cols = c,                                                           \
                              .is_matrix = KIND_##kind,                                            \
                              .init = KC_INIT_##start});
    KC_PARAMS(PLACE)
#undef PLACE
    repeat_experts(s, layout);
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
    default:
        return (float)(kc_rand_normal(seed, KC_STREAM_INIT, index, 0) *
                       (how == KC_INIT_RESIDUAL ? residual : std));
    }
}

void kc_params_init(const kc_layout *layout, uint64_t seed, double std, float *w)
{
    memset(w, 0, (size_t)layout->n_flat * sizeof *w);
    const double residual = std / sqrt(2 * (double)layout->tensor[KC_P_ln1_gain].layers);
    for (int k = 0; k < layout->n; ++k) {
        const kc_tensor *t = &layout->tensor[k];
        for (int64_t r = 0; r < kc_tensor_stretches(layout, t); ++r) {
            const kc_stretch run = kc_tensor_stretch(layout, t, r);
            for (int64_t i = 0; i < run.n; ++i)
                w[run.flat + i] =
                    initial((kc_init)t->init, seed, (uint64_t)k << 48 | (uint64_t)(run.global + i),
                            std, residual);
        }
    }
}

/* The `part`-th of `parts` strips of rows, cut where blocks of registers end. */
static void transpose_strip(float *to, const float *from, const kc_tensor *t, int part, int parts)
{
    const int64_t side = 8, strips = (t->rows + side - 1) / side;
    const int64_t r0 = strips * part / parts * side, end = strips * (part + 1) / parts * side;
    const int64_t r1 = end < t->rows ? end : t->rows;
    if (r0 < r1)
        kc_transpose((kc_mat){to + r0, t->cols, r1 - r0, t->rows},
                     kc_mat_of(from + r0 * t->cols, r1 - r0, t->cols), 1);
}

/* One region for all matrices: where threads sleep between regions, one for each of them took 12 %
 * of the step of a small model. */
void kc_params_transpose(const kc_layout *layout, const float *w, float *wt, int threads)
{
#pragma omp parallel num_threads(threads) if (threads > 1)
    for (int k = 0; k < layout->n; ++k) {
        const kc_tensor *t = &layout->tensor[k];
        for (int64_t r = 0; t->is_matrix && r < kc_tensor_stretches(layout, t); ++r) {
            const int64_t at = kc_tensor_stretch(layout, t, r).flat;
            transpose_strip(wt + at, w + at, t, omp_get_thread_num(), omp_get_num_threads());
        }
    }
}

int64_t kc_params_expert(const kc_layout *layout, int64_t i)
{
    return layout->experts && i >= layout->n_dense ? (i - layout->n_dense) / layout->each : -1;
}

int kc_params_find(const kc_layout *layout, int64_t i, int64_t *layer)
{
    int k = layout->n - 1;
    const int64_t expert = kc_params_expert(layout, i);
    if (expert > 0)
        i -= expert * layout->each;
    while (k > 0 && (layout->tensor[k].offset > i || !layout->tensor[k].layers))
        --k;
    const kc_tensor *t = &layout->tensor[k];
    *layer = (i - t->offset) / t->stride;
    if (*layer >= t->layers)
        *layer = t->layers - 1;
    return k;
}
