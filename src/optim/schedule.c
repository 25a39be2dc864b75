/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/optim/schedule.h"

#include <math.h>

double kc_schedule_from(const kc_config *cfg, double peak, int64_t step, int64_t docs,
                        int64_t planned)
{
    const double f = cfg->train.lr_final, done = (double)docs / (double)planned;
    double lr = peak * (f + (1 - f) * (1 + cos(M_PI * done)) / 2);
    if (step + 1 < cfg->train.warmup_steps)
        lr *= (double)(step + 1) / (double)cfg->train.warmup_steps;
    return lr;
}

double kc_schedule(const kc_config *cfg, int64_t step, int64_t docs, int64_t planned)
{
    return kc_schedule_from(cfg, cfg->train.lr, step, docs, planned);
}
