/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_OPTIM_SCHEDULE_H
#define KCAP_OPTIM_SCHEDULE_H

#include "kcap/config/config.h"

/* Learning rate of the step after `step` steps done and `docs` of `planned` documents shown:
 *   peak min(1, (step + 1) / warmup_steps) (f + (1 - f) (1 + cos(pi docs / planned)) / 2)
 * with f = lr_final (warm-up and cosine to a fraction: arXiv 2404.05405 appendix A). max_steps does
 * not enter. */
double kc_schedule_from(const kc_config *cfg, double peak, int64_t step, int64_t docs,
                        int64_t planned);

/* The same from the peak train.lr. */
double kc_schedule(const kc_config *cfg, int64_t step, int64_t docs, int64_t planned);

#endif
