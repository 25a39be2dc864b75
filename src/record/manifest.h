/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_MANIFEST_H
#define KCAP_RECORD_MANIFEST_H

#include "kcap/comm/grid.h"

/* What makes a .h5 file a checkpoint: a small text of `key: value` lines beside it, written
 * last. */
typedef struct kc_manifest {
    char file[64];       /* name of the .h5 file, without its folder                            */
    char run_id[40];     /* of the run that wrote it                                            */
    int64_t step;        /* steps done                                                          */
    int64_t bytes;       /* size of the file                                                    */
    int64_t chunk_bytes; /* of the chunks that are hashed apart                                 */
    uint64_t hash;       /* XXH3-64 of the chunks' XXH3-64 hashes, in order, little-endian       */
} kc_manifest;

/* Path of the manifest that belongs to DIR/step_N.h5. */
void kc_manifest_path(const char *h5, char *path, size_t size);

/* Hash a finished file; sets bytes, chunk_bytes and hash. Rank r reads the chunks r, r + ranks, ...
 *   collective  on all ranks
 *   errors      agreed on */
int kc_manifest_hash(const kc_grid *g, const char *h5, kc_manifest *m, kc_error *e);

/* Write a manifest's text to `path`, onto the disk.  Not collective. */
int kc_manifest_write(const char *path, const kc_manifest *m, kc_error *e);

/* Read a manifest.  Not collective; KC_EINPUT: missing, or none that kcap writes. */
int kc_manifest_read(const char *path, kc_manifest *m, kc_error *e);

/* Check a .h5 file against its manifest, before HDF5 opens it; *m is what the manifest says.
 *   collective  on all ranks
 *   errors      KC_EINPUT, agreed on: what was expected, what was found */
int kc_manifest_verify(const kc_grid *g, const char *h5, kc_manifest *m, kc_error *e);

#endif
