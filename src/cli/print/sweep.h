/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CLI_PRINT_SWEEP_H
#define KCAP_CLI_PRINT_SWEEP_H

#include "kcap/sweep/sweep.h"

/* The points and their cost; with `found` what their folders hold. `input` is the sweep file.
 * Nothing here is collective: rank 0. */
void kc_report_sweep(FILE *out, const char *input, const kc_sweep *sweep,
                     const kc_point_view *views, int found);

/* The same as an object; of a farm that was stopped, `by` says by what and `again` the line to go on
 * with, else they are NULL. */
void kc_report_sweep_json(FILE *out, const char *input, const kc_sweep *sweep,
                          const kc_point_view *views, int found, const char *by, const char *again);

/* What stopped a farm, how far it came, and the line to go on with, which may be NULL. */
void kc_report_farm_stop(FILE *out, const kc_sweep *sweep, const kc_point_view *views,
                         const char *by, const char *again);

/* The indices of points that are not done: `0-3,7`, nothing when all are. */
void kc_report_missing(FILE *out, const char *input, const kc_sweep *sweep,
                       const kc_point_view *views);
void kc_report_missing_json(FILE *out, const char *input, const kc_sweep *sweep,
                            const kc_point_view *views);

#endif
