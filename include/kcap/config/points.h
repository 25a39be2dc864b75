/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CONFIG_POINTS_H
#define KCAP_CONFIG_POINTS_H

#include <stddef.h>
#include <stdint.h>

#include "kcap/base/err.h"
#include "kcap/config/config.h"

enum { KC_POINTS_MAX = 1000000, KC_POINT_NAME_MAX = 200, KC_SWEEP_SETS_MAX = 128 };

/* One run of a sweep. */
typedef struct kc_point {
    char *name;  /* of its folder: what tells it from the others, `people=2000,seed=1` */
    char **sets; /* [n_sets] `section.key=value`, as --set takes them                   */
    int n_sets;
    double stands_for; /* parameters of the large model it stands for; 0: none           */
} kc_point;

/* A sweep file: one base input and the overrides of each point. */
typedef struct kc_sweep {
    char base[KC_TEXT_MAX]; /* input file, absolute or from the working directory */
    char out[KC_TEXT_MAX];  /* folder that holds a folder for each point          */
    int64_t n;
    kc_point *point;
} kc_sweep;

/* Read a sweep file and write out its points:
 *
 *     base: FILE                 from the sweep file's folder
 *     out: DIR                   from the working directory; default runs/<name of the file>
 *     set: {section.key: value}  for all points
 *     axes: {section.key: [value, ...] or {from, to, points, scale: linear | log}}
 *     zip: [{section.key: [value, ...], ...}]         keys that move together
 *     points: [{section.key: value, ...}]             points written out
 *
 * The points are the product of all axes, zips and the list `points`, in the order they stand in
 * the file, the last varying fastest: the same text gives the same points in the same order. A
 * later factor overrides an earlier one, and `set`. A point is named by its value on each axis,
 * and from a zip or `points` by as many first keys as tell the rows apart; keys lose their section
 * where that leaves them different. `stands_for` may be written wherever a key may: a number of
 * parameters (0: none), no setting.
 *   text        `bytes` bytes of YAML;  path  its name for messages and for `base`
 *   collective  no
 *   owns        kc_sweep_free; accepts a zeroed sweep
 *   errors      KC_EINPUT with file:line: unknown key (the nearest named), a value that is no
 *               scalar, columns of unequal length, two points of one name or with the same
 *               settings, too many points. Values are not read here: kc_config_parse does, point
 *               by point. */
int kc_sweep_parse(const char *text, size_t bytes, const char *path, kc_sweep *sweep, kc_error *e);
void kc_sweep_free(kc_sweep *sweep);

#endif
