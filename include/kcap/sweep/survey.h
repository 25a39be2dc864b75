/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_SWEEP_SURVEY_H
#define KCAP_SWEEP_SURVEY_H

#include "kcap/run/session.h"
#include "kcap/config/points.h"
#include "kcap/record/outcome.h"

enum { KC_SWEEP_PATH_MAX = 1024 };

/* What has become of a point. */
typedef enum kc_point_state {
    KC_POINT_MISSING, /* nothing yet                                              */
    KC_POINT_PARTIAL, /* begun, not at its end: stopped, killed or running         */
    KC_POINT_RUNNING, /* a group of this farm is at it                             */
    KC_POINT_DONE,
    KC_POINT_FAILED, /* error.txt says why, or its run.h5 cannot be read          */
    KC_POINT_FOREIGN /* its folder holds another experiment                       */
} kc_point_state;

/* A point with its forecast and what is found of it. */
typedef struct kc_point_view {
    int64_t index;
    const kc_point *point;
    int64_t n_params, n_people, exposures, max_steps; /* max_steps 0: none */
    double corpus_bits, tokens, flops;
    char config_hash[17];
    kc_point_state state;
    double exposed, bits_per_param; /* so far; bits NaN before a measurement             */
    double begun, seconds;          /* in a farm: clock at the start; how long it took     */
    char error[400];
} kc_point_view;

/* DIR/<name of the point> */
void kc_point_folder(const kc_sweep *sweep, const kc_point *point, char path[KC_SWEEP_PATH_MAX]);

/* The options of a point's own run: its settings, then those of the command line.
 *   owns        texts are borrowed from both; `name` holds run.name=<name of the point> */
void kc_point_options(const kc_options *o, const kc_sweep *sweep, const kc_point *point,
                      char name[KC_POINT_NAME_MAX + 16], char path[KC_SWEEP_PATH_MAX],
                      kc_options *of_point);

/* error.txt in a point's folder says why it failed, for --status and law.py.
 *   not collective: on one rank of those that run the point */
void kc_point_leave_error(const kc_sweep *sweep, int64_t point, const char *text);
void kc_point_forget_error(const kc_sweep *sweep, int64_t point);

/* Read the sweep file on rank 0, share it, expand it on all.   collective; errors agreed on */
int kc_sweep_load(kc_session *s, kc_sweep *sweep, kc_error *e);

/* Check, forecast and look up all points on rank 0; on the others *views is NULL.
 *   collective  on all ranks
 *   owns        free(*views)
 *   errors      agreed on: a point whose configuration is wrong, by its name */
int kc_sweep_survey(kc_session *s, const kc_sweep *sweep, kc_point_view **views, kc_error *e);

/* Run all points that are not done on groups of ranks; returns the exit code.
 *   views       as kc_sweep_survey gave them
 *   collective  on all ranks */
int kc_sweep_farm(kc_session *s, const kc_sweep *sweep, kc_point_view *views, kc_error *e);

/* Tables: the points and their cost; with `found` what their folders hold. JSON likewise.
 *   not collective: rank 0 */
void kc_report_sweep(FILE *out, const kc_session *s, const kc_sweep *sweep,
                     const kc_point_view *views, int found);
void kc_report_sweep_json(FILE *out, const kc_session *s, const kc_sweep *sweep,
                          const kc_point_view *views, int found);

/* The indices of points that are not done: `0-3,7`, nothing when all are. */
void kc_report_missing(FILE *out, const kc_sweep *sweep, const kc_point_view *views);
void kc_report_missing_json(FILE *out, const kc_session *s, const kc_sweep *sweep,
                            const kc_point_view *views);

/* Progress of a farm: a table redrawn in place on a terminal, else a line now and then. */
typedef struct kc_farm_screen {
    int live, lines; /* lines drawn last, to go back over */
    double begun, shown;
    double flops_before; /* of points done before this farm began */
} kc_farm_screen;
void kc_farm_show(kc_farm_screen *screen, FILE *out, const kc_sweep *sweep,
                  const kc_point_view *views, int now);

/* A word for a state. */
const char *kc_point_word(kc_point_state state);

#endif
