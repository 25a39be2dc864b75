/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_SWEEP_SWEEP_H
#define KCAP_SWEEP_SWEEP_H

#include "kcap/config/points.h"
#include "kcap/run/run.h"

/* Whose folders are looked into: one point's, by its index, or those of all or none. */
enum { KC_LOOK_ALL = -1, KC_LOOK_NONE = -2 };

/* What is asked of a sweep. Texts are borrowed. */
typedef struct kc_sweep_request {
    const char *input;       /* the sweep file                                     */
    const char *const *sets; /* [n_sets] overrides in all points                   */
    int n_sets;
    int ranks_per_point; /* ranks of a farm's group; 0: as few as can run a point  */
    double patience;     /* seconds a group may be silent; fewer after max_seconds */
    double max_seconds;  /* stop in time; 0: no limit                              */
    int64_t look;        /* whose folders kc_sweep_survey looks into               */
    int without_history; /* as in kc_run_request                                   */
    FILE *talk;          /* progress                                               */
} kc_sweep_request;

/* What has become of a point. */
typedef enum kc_point_state {
    KC_POINT_MISSING, /* nothing yet                                              */
    KC_POINT_PARTIAL, /* begun, not at its end: stopped, killed or running         */
    KC_POINT_RUNNING, /* a group of this farm is at it                             */
    KC_POINT_DONE,
    KC_POINT_FAILED,  /* error.txt says why, or its run.h5 cannot be read          */
    KC_POINT_FOREIGN, /* its folder holds another experiment, or is a file         */
    KC_POINT_STATES
} kc_point_state;

/* A word for a state. */
const char *kc_point_word(kc_point_state state);

/* A point with its forecast and what is found of it. */
typedef struct kc_point_view {
    int64_t index;
    const kc_point *point;
    int64_t n_params, n_people, exposures, max_steps; /* max_steps 0: none */
    double corpus_bits, tokens, flops;
    double to_expose; /* exposures at its end, train.max_steps included          */
    char config_hash[17], run_hash[17]; /* as kc_config_hash and kc_config_hash_all have it */
    kc_point_state state;
    double exposed, bits_per_param; /* so far; bits NaN before a measurement             */
    double begun, seconds;          /* in a farm: clock at the start; how long it took     */
    char error[400];
} kc_point_view;

/* How many points there are of each state. */
void kc_point_count(const kc_sweep *sweep, const kc_point_view *views, int64_t n[KC_POINT_STATES]);

/* Read the sweep file on rank 0, share it, expand it on all.
 *   collective  on all ranks
 *   owns        the caller frees with kc_sweep_free, after an error too
 *   errors      agreed on, as kc_sweep_parse; an override of what tells points apart */
int kc_sweep_load(const kc_grid *g, const kc_sweep_request *q, kc_sweep *sweep, kc_error *e);

/* Check and forecast all points and look up those of q->look on rank 0; on the others *views is NULL.
 *   collective  on all ranks
 *   owns        the caller frees *views
 *   errors      agreed on: a point whose configuration is wrong, by its name; two points that are
 *               one run, their values spelled differently */
int kc_sweep_survey(const kc_grid *g, const kc_sweep_request *q, const kc_sweep *sweep,
                    kc_point_view **views, kc_error *e);

/* Run one point on all ranks, as kcap train --resume auto would: kc_run_prepare and kc_run_train. What
 * failed leaves error.txt in the point's folder, for a survey and law.py.
 *   request     receives what the run is asked for, with `sets` [KC_POINT_SETS_MAX], `name` and
 *               `folder` as its texts: the caller sets talk, watch and watcher before
 *   collective  on all ranks of g
 *   owns        run is the caller's to close, after an error too
 *   returns     as kc_run_train */
enum { KC_POINT_SETS_MAX = 256 };
typedef struct kc_point_request {
    kc_run_request run;
    const char *sets[KC_POINT_SETS_MAX];
    char name[KC_POINT_NAME_MAX + 16], folder[KC_PATH_MAX];
} kc_point_request;
int kc_point_run(kc_run *run, kc_grid *g, const kc_sweep_request *q, const kc_sweep *sweep,
                 int64_t point, kc_point_request *request, kc_error *e);

/* Run all points that are not done on groups of ranks, on rank 0 into `views` as kc_sweep_survey gave
 * them. A point that fails leaves error.txt and the others go on.
 *   stopped     by what, on rank 0, as kc_run.stopped; 0: not
 *   collective  on all ranks
 *   errors      agreed on: KC_EINPUT for ranks that do not divide; the first failed point's
 *   returns     e->code, or KC_STOPPED */
int kc_sweep_farm(kc_grid *g, const kc_sweep_request *q, const kc_sweep *sweep,
                  kc_point_view *views, int *stopped, kc_error *e);

#endif
