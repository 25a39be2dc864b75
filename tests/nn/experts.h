/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_NN_EXPERTS_H
#define KCAP_TESTS_NN_EXPERTS_H

#include "models.h"

#define N(array) ((int)(sizeof(array) / sizeof *(array)))

enum { WORDS = 31 };

/* What most models start from; later sets win. */
#define BASE                                                                                       \
    "train.context=40", "train.batch=1", "train.lanes=1", "model.layers=2", "model.heads=2",       \
        "model.head_dim=10", "model.mlp_width=17", "model.rotary_fraction=0.4",                    \
        "model.capacity_factor=64", "model.capacity_factor_measure=64", "model.balance_loss=0"

/* Of `section.key=value`, as on the command line; as many windows and threads as they say. */
static inline void experts_create(tiny *m, int64_t V, uint64_t seed, const char *const *sets,
                                  int n_sets)
{
    const kc_config cfg = config_with(sets, n_sets);
    tiny_create_windows(m, &cfg, V, seed, cfg.train.batch / cfg.train.lanes,
                        (int)cfg.parallel.threads + 1);
}

static inline double apart(const float *x, const float *y, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; ++i)
        most = isfinite(x[i]) ? fmax(most, fabs((double)x[i] - y[i])) : INFINITY;
    return most;
}

static inline int all_finite(const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; ++i)
        if (!isfinite(x[i]))
            return 0;
    return 1;
}

static inline float *tensor_of(const tiny *m, float *flat, int index, int64_t layer, int64_t expert)
{
    return (float *)kc_at_expert(&m->model.layout, flat, index, layer, expert);
}

/* Values of one layer, of one expert. */
static inline int64_t values_of(const tiny *m, int index)
{
    const kc_tensor *t = &m->model.layout.tensor[index];
    return t->layers ? t->rows * t->cols : 0;
}

#endif
