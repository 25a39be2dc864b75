/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_SHELF_H
#define KCAP_RECORD_SHELF_H

#include <stddef.h>
#include <stdint.h>

#include "kcap/base/err.h"

/* The folder of a run's checkpoints. Nothing here is collective: rank 0 looks and tells the others,
 * because a name that one node has made is not at once seen by another. */

/* What there is of the checkpoint after a step. */
typedef struct kc_shelf_entry {
    int64_t step;
    int32_t has_file, has_manifest;
} kc_shelf_entry;

/* DIR/checkpoints, and DIR/checkpoints/step_<10 digits><ending> for an ending such as .h5. */
void kc_shelf_folder(const char *dir, char *path, size_t size);
void kc_shelf_path(const char *dir, int64_t step, const char *ending, char *path, size_t size);

/* All checkpoints of a run, the newest first; none when there is no folder.
 *   owns        the caller frees *entries
 *   errors      KC_EINPUT: the folder cannot be read */
int kc_shelf_list(const char *dir, kc_shelf_entry **entries, int64_t *n, kc_error *e);

/* Remove what a kill has left of an unfinished write.
 *   errors      KC_EIO */
int kc_shelf_clean(const char *dir, kc_error *e);

/* Of the checkpoints up to `step` keep the newest `keep` complete ones; remove the older ones,
 * each manifest before its file, and incomplete files as old as these. Later ones, and those whose
 * manifest is another run's or unreadable, are not this run's to judge.
 *   errors      KC_EIO */
int kc_shelf_retain(const char *dir, const char *run_id, int64_t step, int64_t keep, kc_error *e);

#endif
