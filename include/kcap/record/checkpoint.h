/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_CHECKPOINT_H
#define KCAP_RECORD_CHECKPOINT_H

#include "kcap/comm/grid.h"
#include "kcap/types/files.h"
#include "kcap/types/record.h"
#include "kcap/types/state.h"

/* DIR/checkpoints/step_<10 digits>.h5 and, beside it, step_<10 digits>.manifest: size and XXH3
 * hashes of the file, written last. A checkpoint without a manifest that fits is no checkpoint.
 * Layout, for any rank count:
 *   root attributes   the stamp; step, tokens
 *   /params/<tensor>  /m/<tensor>  /v/<tensor>    one dataset a tensor, global shape, float32,
 *                     unit and description
 *   /lanes/cursor     [L, 4] int64: epoch, next, offset, docs
 *   /files/<name>     the pools and templates, one text dataset each; attribute `order` of
 *                     /files: their names in order, a line each
 *   /vocab/words      the words of the vocabulary in the order of their tokens, a line each: for
 *                     readers in other languages; kcap makes them of the files */

/* What can be known of a checkpoint before its tensors are read. Strings are owned:
 * kc_head_free. */
typedef struct kc_head {
    char path[1024];     /* of the .h5 file                   */
    char *config;        /* effective YAML                    */
    char *imported_from; /* empty: weights of a run of kcap's  */
    char run_id[40], kernel[32], config_hash[17];
    int64_t step, tokens;
    kc_files files; /* as they were when it was written  */
} kc_head;

/* Write a checkpoint of the state, complete or invisible: temporary name, parallel HDF5 (each rank
 * its slice of params, m and v), errors agreed on, fsync, hashes taken from the file by all
 * ranks, rename, manifest, fsync of the folder; then all but the newest `keep` complete
 * checkpoints are removed.
 *   collective  on all ranks
 *   errors      KC_EIO, agreed on, with path and system error; the older checkpoints stay
 *               untouched and no temporary file stays */
int kc_checkpoint_write(const kc_grid *g, const char *dir, const kc_state *state,
                        const kc_stamp *stamp, const kc_files *files, int64_t keep, kc_error *e);

/* Find a checkpoint and verify it against its manifest (size and hashes, read by all ranks,
 * before HDF5 opens it), then read its head.
 *   where       a run's folder (its newest checkpoint that is complete and undamaged; rank 0
 *               says on stderr which newer ones were passed over and why) or a .h5 file
 *   collective  on all ranks
 *   owns        kc_head_free(head); accepts a zeroed head
 *   errors      KC_EINPUT: nothing there, or damaged (what was expected, what was found)
 *   returns     KC_OK and head->path[0] == 0 when `where` is a folder without any checkpoint */
int kc_checkpoint_find(const kc_grid *g, const char *where, kc_head *head, kc_error *e);
void kc_head_free(kc_head *head);

/* Read the tensors and cursors of a found checkpoint into a state whose layout, lo, n_lanes and
 * buffers the caller has set up; any rank count. What of m, v and cursors is NULL is not read.
 *   collective  on all ranks
 *   errors      KC_EINPUT naming the tensor and both shapes when the layout differs; KC_EIO */
int kc_checkpoint_read(const kc_grid *g, const kc_head *head, kc_state *state, kc_error *e);

#endif
