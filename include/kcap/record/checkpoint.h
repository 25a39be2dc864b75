/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_CHECKPOINT_H
#define KCAP_RECORD_CHECKPOINT_H

#include "kcap/comm/grid.h"
#include "kcap/record/codec.h"
#include "kcap/math/packing.h"
#include "kcap/types/files.h"
#include "kcap/types/record.h"
#include "kcap/types/state.h"

/* DIR/checkpoints/step_<10 digits>.h5 and, beside it, step_<10 digits>.manifest: size and XXH3
 * hashes of the file, written last. A checkpoint without a manifest that fits is no checkpoint.
 * Layout, for any rank count:
 *   root attributes   the stamp; step, tokens
 *   /params/<tensor>  /m/<tensor>  /v/<tensor>    one dataset a tensor, global shape, stored as its
 *                     attribute `codec` says (codec.def; absent: float32), unit and description;
 *                     of packed ones the bytes, attributes `bits`, `group`, `channels`, `shape`
 *   /scales/<tensor>  and their scales, bfloat16
 *                     /m and /v, the optimiser's moments, are absent where only weights are kept
 *   /masters/<tensor> /adapters/<tensor> /adapters_m /adapters_v    where train.method has such, see
 *                     optim/masters.h: what the weights are made of; trained beside them, and moments
 *   /lanes/cursor     [L x parts, 5] int64: epoch, next, offset, docs, used
 *   /files/<name>     the pools and templates, one text dataset each; attribute `order` of
 *                     /files: their names in order, a line each
 *   /vocab/words      the words of the vocabulary in the order of their tokens, a line each: for
 *                     readers in other languages; kcap makes them of the files */

/* What can be known of a checkpoint before its tensors are read. All that it points to is owned:
 * kc_checkpoint_info_free. */
typedef struct kc_checkpoint_info {
    char path[KC_PATH_MAX]; /* of the .h5 file                           */
    kc_stamp stamp;         /* config, config_hash and run_id are never empty */
    uint64_t hash;          /* of the file, as its manifest has it        */
    int64_t step, tokens;
    int has_moments;
    double stored_bits; /* of a parameter in the mean, scales included   */
    int64_t n_cursors;  /* lanes x parts of the corpus            */
    kc_cursor *cursors; /* [n_cursors]                            */
    kc_files files;     /* as they were when it was written       */
} kc_checkpoint_info;

/* Write a checkpoint of the state, complete or invisible: temporary name, parallel HDF5 (each rank
 * its slice of params, m and v), errors agreed on, fsync, hashes taken from the file by all
 * ranks, rename, manifest, fsync of the folder; then all but the newest `keep` complete
 * checkpoints are removed. Another run's are not, and one of this step gets another name.
 *   state       without moments (m, v NULL) the file has none
 *   collective  on all ranks
 *   errors      KC_EIO, agreed on, with path and system error; KC_ENUMERIC, before anything is
 *               written: a value is not finite. The older checkpoints stay untouched and no temporary
 *               file stays */
int kc_checkpoint_write(const kc_grid *g, const char *dir, const kc_state *state,
                        const kc_stamp *stamp, const kc_files *files, int64_t keep, kc_error *e);

/* Which of a folder's checkpoints may be taken; the others are passed over. */
typedef struct kc_checkpoint_wish {
    char run_id[40]; /* those of this run; empty: of any              */
    int64_t upto;    /* those of this step or an earlier one          */
    int unfit;       /* set: how many were passed over for one of these */
} kc_checkpoint_wish;

/* Find a checkpoint and verify it against its manifest (size and hashes, read by all ranks,
 * before HDF5 opens it), then read all but its tensors.
 *   where       a run's folder (its newest checkpoint that is complete and undamaged; rank 0
 *               says on stderr which newer ones were passed over and why) or a .h5 file
 *   wish        for a folder; NULL: those of the run whose run.h5 is in it, if there is one
 *   collective  on all ranks
 *   owns        kc_checkpoint_info_free(info); accepts a zeroed one
 *   errors      KC_EINPUT: nothing there, or damaged (what was expected, what was found)
 *   returns     KC_OK and info->path[0] == 0 when `where` is a folder without any checkpoint */
int kc_checkpoint_find(const kc_grid *g, const char *where, kc_checkpoint_wish *wish,
                       kc_checkpoint_info *info, kc_error *e);
void kc_checkpoint_info_free(kc_checkpoint_info *info);

/* KC_EINPUT unless a run can go on from it: weights that were imported or transformed, or are kept
 * without moments, are there to be measured.   not collective */
int kc_checkpoint_resumable(const kc_checkpoint_info *info, kc_error *e);

/* Read the tensors and cursors of a found checkpoint into a state whose layout, lo, n_lanes and
 * buffers the caller has set up; any rank count. What of m, v and cursors is NULL is not read.
 *   collective  on all ranks
 *   errors      KC_EINPUT naming the tensor and both shapes when the layout differs, or whose values
 *               are not finite; as kc_checkpoint_resumable for moments that are not there; KC_EIO */
int kc_checkpoint_read(const kc_grid *g, const kc_checkpoint_info *info, kc_state *state,
                       kc_error *e);

/* Whole rows of a tensor, one after the other: a tensor's last dimension is a row. */
typedef struct kc_rows {
    const char *tensor;  /* name                                  */
    int64_t first, cols; /* place of the first row; values of each */
    int64_t rows;
    float *values; /* [rows, cols]                                */
} kc_rows;

/* How weights become other ones. */
typedef struct kc_derivation {
    const char *by;        /* what is done, added to the stamp's transformed_by                */
    const kc_codec *codec; /* of all tensors that are not packed; NULL: each keeps its own     */

    /* How a tensor is to be packed, with the scales of its values as they were; bits 0: it is not.
     * NULL: none anew. */
    kc_packing (*packing)(const char *tensor, const void *of);

    /* Of each piece, of what is packed the whole tensor, before it is stored; NULL: nothing. */
    void (*change)(const kc_rows *r, const void *of);
    const void *of;
    const kc_stamp *quantized; /* what its quantized_... say from now on; NULL: what they said */
} kc_derivation;

/* May a checkpoint be written there? For what takes long before it writes.
 *   collective  no
 *   errors      KC_EINPUT: no name for a checkpoint, or it is there already */
int kc_checkpoint_may_write(const char *out, kc_error *e);

/* Write the weights of one checkpoint as another, complete or invisible, a piece of a tensor at a
 * time: stamp, run, step, cursors and files are kept, moments are not.
 *   out         path to write, ending in .h5; nothing may be there
 *   collective  on all ranks
 *   bits        of the whole file do not depend on ranks
 *   errors      KC_EINPUT, agreed on: `out` is there, is written by another process or is no name for a
 *               checkpoint, a value is not finite; KC_EIO */
int kc_checkpoint_derive(const kc_grid *g, const kc_checkpoint_info *from, const char *out,
                         const kc_derivation *how, kc_error *e);

#endif
