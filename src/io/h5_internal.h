/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_IO_H5_INTERNAL_H
#define KCAP_IO_H5_INTERNAL_H

/* What the modules of src/io share and nobody else may see. */

#include <hdf5.h>

#include "kcap/io/h5.h"

_Static_assert(sizeof(hid_t) == sizeof(int64_t), "kc_h5 keeps HDF5's handles as int64_t");

/* Fail with a message and what HDF5 says about its last call; a file open for writing is broken
 * from here on.
 *   errors      returns KC_EIO for a file that is written, else KC_EINPUT */
int kc_h5_fail(kc_h5 *f, kc_error *e, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* KC_OK when f can still be used. */
int kc_h5_usable(const kc_h5 *f, kc_error *e);

/* KC_OK when every part of the path is there and a hard link, nothing that leads out of the
 * file. */
int kc_h5_reaches(kc_h5 *f, const char *path, kc_error *e);

/* Open a dataset whose values lie inside the file as they are: no filter, no other file.
 *   returns     the handle, to be closed with H5Dclose; negative after an error */
hid_t kc_h5_dataset(kc_h5 *f, const char *path, kc_error *e);

/* How to create a file, group or dataset that does not say when it was made: equal contents are
 * equal bytes. To be closed with H5Pclose. */
hid_t kc_h5_timeless(hid_t what);

/* The type in memory and in the file, to be closed with H5Tclose. */
hid_t kc_h5_memory_type(kc_h5_kind kind);
hid_t kc_h5_file_type(kc_h5_kind kind);

/* KC_OK when the dataset holds values of this kind in at most `room` dimensions, which are
 * written to dims.
 *   errors      KC_EINPUT naming the dataset, what was found and what belongs there */
int kc_h5_shape(kc_h5 *f, const char *path, hid_t dataset, kc_h5_kind kind, int room, int *n_dims,
                int64_t *dims, kc_error *e);

#endif
