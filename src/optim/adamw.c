/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/optim/adamw.h"

#include <math.h>

#include "kcap/base/sum.h"
#include "kcap/base/team.h"
#include "kcap/optim/muon.h"

double kc_clip_factor(double norm, double clip)
{
    const double factor = clip / (norm + 1e-6);
    return clip > 0 && factor < 1 ? factor : 1;
}

/* The constants of one update, rounded once. */
typedef struct rates {
    float beta1, beta2, keep1, keep2, scale, rate, root, eps, decay;
} rates;

static rates rates_of(const kc_adamw *adam)
{
    return (rates){.beta1 = (float)adam->beta1,
                   .beta2 = (float)adam->beta2,
                   .keep1 = (float)(1 - adam->beta1),
                   .keep2 = (float)(1 - adam->beta2),
                   .scale = (float)adam->scale,
                   .rate = (float)(adam->lr / (1 - pow(adam->beta1, (double)adam->t))),
                   .root = (float)(1 / sqrt(1 - pow(adam->beta2, (double)adam->t))),
                   .eps = (float)adam->eps,
                   .decay = (float)(1 - adam->lr * adam->weight_decay)};
}

static void update(float *restrict p, const float *restrict grad, float *restrict m,
                   float *restrict v, int64_t n, const rates *r)
{
    const rates c = *r;
    for (int64_t i = 0; i < n; ++i) {
        const float g = grad[i] * c.scale;
        m[i] = c.beta1 * m[i] + c.keep1 * g;
        v[i] = c.beta2 * v[i] + c.keep2 * g * g;
        p[i] = c.decay * p[i] - c.rate * m[i] / (sqrtf(v[i]) * c.root + c.eps);
    }
}

static void update_block(float *params, const float *grads, float *m, float *v, int64_t n,
                         const rates *r, int64_t i)
{
    update(params + i, grads + i, m + i, v + i, n - i < KC_BLOCK ? n - i : KC_BLOCK, r);
}

void kc_adamw_update(float *params, const float *grads, float *m, float *v, int64_t n,
                     const kc_adamw *adam, int threads)
{
    const rates r = rates_of(adam);
    const int64_t blocks = (n + KC_BLOCK - 1) / KC_BLOCK;
    KC_EACH(threads, static, i, blocks, update_block(params, grads, m, v, n, &r, i * KC_BLOCK));
}

void kc_adamw_step(const kc_layout *layout, const kc_adamw *adam, int64_t lo, int64_t hi,
                   const kc_state *state, const float *grad, int threads)
{
    kc_adamw plain = *adam;
    plain.weight_decay = 0;
    /* Where the moments of element lo lie: those of experts come after the dense ones. */
    float *m = state->m + (lo >= layout->n_dense ? state->dense_here : 0);
    float *params = state->masters ? state->masters : state->params;
    float *v = state->v + (lo >= layout->n_dense ? state->dense_here : 0);
    for (int k = 0; k < layout->n; ++k) {
        const kc_tensor *t = &layout->tensor[k];
        if (adam->others && kc_muon_takes(t))
            continue;
        for (int64_t expert = 0; expert < (t->of_expert ? layout->here : 1); ++expert) {
            const int64_t begin = t->offset + expert * layout->each;
            const int64_t last = begin + t->layers * t->stride;
            const int64_t first = begin > lo ? begin : lo, end = last < hi ? last : hi;
            if (first < end)
                kc_adamw_update(params + first, grad + first - lo, m + first - lo, v + first - lo,
                                end - first, t->decays ? adam : &plain, threads);
        }
    }
}
