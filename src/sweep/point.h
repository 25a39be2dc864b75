/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_SWEEP_POINT_H
#define KCAP_SWEEP_POINT_H

#include "kcap/sweep/sweep.h"

/* The folder of a point, DIR/<its name>. Nothing here is collective. */
void kc_point_folder(const kc_sweep *sweep, const kc_point *point, char path[KC_PATH_MAX]);

/* What a point's own run is asked for: its settings, then those of the command line. */
void kc_point_ask(kc_point_request *request, const kc_sweep_request *q, const kc_sweep *sweep,
                  const kc_point *point);

/* error.txt in a point's folder says why it failed. What cannot be written is said on stderr. */
void kc_point_leave_error(const kc_sweep *sweep, int64_t point, const char *text);
void kc_point_forget_error(const kc_sweep *sweep, int64_t point);

/* The first line of error.txt into `text`; 0: there is none. */
int kc_point_read_error(const char *folder, char *text, size_t size);

#endif
