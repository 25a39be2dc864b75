/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_DRAFT_H
#define KCAP_RECORD_DRAFT_H

#include "kcap/record/checkpoint.h"

/* Bytes of the path of a checkpoint: room is left for what its drafts are called. */
enum { KC_DRAFT_MOST = KC_PATH_MAX - 32 };

/* A checkpoint on its way from X.h5.partial to X.h5 and X.manifest. */
typedef struct kc_draft {
    char folder[KC_PATH_MAX], h5[KC_PATH_MAX], h5_partial[KC_PATH_MAX];
    char manifest[KC_PATH_MAX], manifest_partial[KC_PATH_MAX];
} kc_draft;

/* The names of `h5`, a path that ends in .h5. */
void kc_draft_names(kc_draft *d, const char *h5);

/* Reserve about `bytes` bytes and begin the file: attributes, cursors and files, as `info` says. The
 * caller adds arrays and ends with kc_draft_begun.
 *   collective  no
 *   errors      KC_EIO */
int kc_draft_begin(const kc_draft *d, kc_h5 *f, const kc_checkpoint_info *info, int64_t bytes,
                   kc_error *e);
int kc_draft_begun(const kc_draft *d, kc_h5 *f, kc_error *e);

/* Close the file that all ranks have opened shared to write their values.
 *   collective  on all ranks, those with an error in *e too
 *   errors      KC_EIO, agreed on */
int kc_draft_written(const kc_grid *g, const kc_draft *d, kc_h5 *f, kc_error *e);

/* Hash the file whole, give it its name and its manifest.
 *   collective  on all ranks
 *   errors      KC_EIO, agreed on */
int kc_draft_finish(const kc_grid *g, const kc_draft *d, const kc_checkpoint_info *info,
                    kc_error *e);

/* Remove what there is of it. Not collective. */
void kc_draft_take_back(const kc_draft *d);

#endif
