/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TRANSFORM_TRANSFORM_H
#define KCAP_TRANSFORM_TRANSFORM_H

#include "kcap/record/checkpoint.h"

/* Checkpoint in, checkpoint out: said once, at the end of its own file; transforms.def names it. */
typedef struct kc_transform {
    const char *name, *help; /* one line */

    /* Write `out` from a checkpoint that was found, as kc_checkpoint_derive does.   collective on all
     * ranks; errors agreed on */
    int (*run)(const kc_grid *g, const kc_checkpoint_info *from, const char *out, kc_error *e);
} kc_transform;

/* All, in the order of transforms.def, and how many there are. */
extern const kc_transform *const kc_transforms[];
extern const int kc_n_transforms;

/* Find a checkpoint and write what a transformation makes of it.
 *   where       as kc_checkpoint_find
 *   out         path of the new checkpoint, which ends in .h5
 *   from        path of the one that was found, on all ranks
 *   collective  on all ranks
 *   errors      agreed on: KC_EINPUT for an unknown name, nothing at `where`, `out` there already;
 *               KC_EIO */
int kc_transform_run(const kc_grid *g, const char *name, const char *where, const char *out,
                     char from[KC_PATH_MAX], kc_error *e);

#endif
