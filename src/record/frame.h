/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_FRAME_H
#define KCAP_RECORD_FRAME_H

#include "kcap/types/record.h"
#include "record/table.h"

/* A file of tables that grow while others read, and that a kill at any moment leaves readable: root
 * attributes with their seal, a group a schema with its labels. Nothing here is collective. */
typedef struct kc_frame {
    kc_h5 file;
    int n;
    kc_table *table;        /* [n] */
    char path[KC_PATH_MAX]; /* that it will have; until then it is PATH.partial */
} kc_frame;

/* Start PATH.partial, for the rows that there are already.
 *   schemas     [n], borrowed
 *   owns        release with kc_frame_close, after an error too
 *   errors      KC_EIO */
int kc_frame_create(kc_frame *f, const char *path, const kc_stamp *stamp,
                    const kc_schema *const *schemas, int n, kc_error *e);

/* From PATH.partial to PATH, over what may be there, with readers admitted before anyone can see it.
 *   errors      KC_EIO */
int kc_frame_publish(kc_frame *f, kc_error *e);

/* Close; accepts a zeroed one. One that was never published is removed.
 *   errors      KC_EIO */
int kc_frame_close(kc_frame *f, kc_error *e);

#endif
