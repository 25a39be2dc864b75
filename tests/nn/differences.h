/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_NN_DIFFERENCES_H
#define KCAP_TESTS_NN_DIFFERENCES_H

#include "models.h"

/* The loss whose gradient is looked at; *load [l, E]: pairs that chose each expert. */
typedef double loss_of(tiny *m, int64_t *load);

/* How a gradient is compared: along so many directions, by steps so long. */
typedef struct bound {
    loss_of *loss;
    uint64_t directions;
    double step, error; /* of a directional derivative, over the gradient's norm */
} bound;

/* Derivative along `direction` from five points; who is chosen must not change between them. */
static inline double difference(tiny *m, float *at, int64_t n, const float *direction,
                                const bound *b)
{
    const int64_t experts = m->model.shape.l * m->model.shape.E;
    int64_t *load[5];
    double loss[5];
    float *kept = memcpy(test_room(n, sizeof *kept), at, (size_t)n * sizeof *kept);
    for (int k = 0; k < 5; ++k) {
        for (int64_t i = 0; i < n; ++i)
            at[i] = kept[i] + (float)((k - 2) * b->step) * direction[i];
        tiny_refresh(m);
        load[k] = test_room(experts, sizeof *load[k]);
        loss[k] = b->loss(m, load[k]);
        assert_memory_equal(load[k], load[0], (size_t)experts * sizeof *load[k]);
    }
    memcpy(at, kept, (size_t)n * sizeof *kept);
    tiny_refresh(m);
    return (8 * (loss[3] - loss[1]) - (loss[4] - loss[0])) / (12 * b->step);
}

static inline double norm_of(const float *x, int64_t n)
{
    double square = 0;
    for (int64_t i = 0; i < n; ++i)
        square += (double)x[i] * x[i];
    return sqrt(square);
}

/* The gradient of n values that the loss is of, against differences; returns the largest error over its
 * norm. */
static inline double check_values(tiny *m, const char *name, float *values, const float *grad,
                                  int64_t n, const bound *b)
{
    const double norm = norm_of(grad, n);
    double worst = 0;
    for (uint64_t k = 0; k < b->directions; ++k) {
        float *u = noise_of(1000 + k, n);
        const double length = norm_of(u, n);
        double slope = 0;
        for (int64_t i = 0; i < n; ++i) {
            /* Half along the gradient, so that the loss changes; half anywhere. */
            u[i] = (float)(u[i] / length + grad[i] / norm * (k % 2 ? 0.5 : -0.5));
            slope += (double)grad[i] * u[i];
        }
        const double measured = difference(m, values, n, u, b);
        worst = fmax(worst, fabs(slope - measured) / norm);
        if (!(fabs(slope - measured) <= b->error * norm))
            fail_msg("%s: gradient %.8g, differences %.8g, norm %g", name, slope, measured, norm);
    }
    return worst;
}

/* The same of m->grad, of n weights at `flat`. */
static inline double check_directions(tiny *m, const char *name, int64_t flat, int64_t n,
                                      const bound *b)
{
    return check_values(m, name, m->w + flat, m->grad + flat, n, b);
}

#endif
