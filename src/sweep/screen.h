/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_SWEEP_SCREEN_H
#define KCAP_SWEEP_SCREEN_H

#include "kcap/sweep/sweep.h"

/* Progress of a farm: a table redrawn in place on a terminal, else a line now and then. All zero: nothing
 * shown yet. */
typedef struct kc_farm_screen {
    int live, lines; /* lines drawn last, to go back over */
    double begun, shown;
    double flops_before; /* of points done before this farm began */
} kc_farm_screen;

/* Show it when it is time, or `now`. */
void kc_farm_show(kc_farm_screen *screen, FILE *out, const kc_sweep *sweep,
                  const kc_point_view *views, int now);

/* One line for a point that ended, above the table. */
void kc_farm_announce(kc_farm_screen *screen, FILE *out, const kc_point_view *view);

#endif
