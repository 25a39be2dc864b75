/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_IO_ARRAY_H
#define KCAP_IO_ARRAY_H

#include "kcap/io/h5.h"

enum { KC_H5_DIMS = 4 };

/* An array of fixed shape, contiguous in the file, of which ranges of flat row-major indices are
 * written and read. */
typedef struct kc_h5_array {
    kc_h5 *file;
    char path[128];
    int64_t id;
    kc_h5_kind kind;
    int n_dims;
    int64_t dims[KC_H5_DIMS];
} kc_h5_array;

/* Create an array in a file of this rank and reserve its room; values never written are undefined.
 *   errors      KC_EIO */
int kc_h5_array_create(kc_h5 *f, const char *path, kc_h5_kind kind, int n_dims, const int64_t *dims,
                       kc_error *e);

/* Open an array of this kind; sets n_dims and dims.
 *   collective  no, in a shared file neither
 *   owns        release with kc_h5_array_close, also after an error
 *   errors      KC_EINPUT: missing, or of another kind */
int kc_h5_array_open(kc_h5 *f, const char *path, kc_h5_kind kind, kc_h5_array *a, kc_error *e);

/* Write or read the n values from flat index `first` on.
 *   collective  no: in a shared file each rank moves its own ranges, which must not overlap
 *   errors      KC_EIO for a file that is written, else KC_EINPUT */
int kc_h5_array_write(kc_h5_array *a, int64_t first, int64_t n, const void *values, kc_error *e);
int kc_h5_array_read(kc_h5_array *a, int64_t first, int64_t n, void *values, kc_error *e);

/* Close; accepts a zeroed array.
 *   errors      KC_EIO */
int kc_h5_array_close(kc_h5_array *a, kc_error *e);

#endif
