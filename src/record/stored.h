/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_STORED_H
#define KCAP_RECORD_STORED_H

#include "kcap/io/array.h"
#include "kcap/record/codec.h"
#include "kcap/math/packing.h"

/* How a tensor lies in a file: a codec of codec.def, which the attribute `codec` of its dataset names,
 * and of packed values how they are. */
typedef struct kc_form {
    const kc_codec *codec;
    kc_packing packing; /* bits 0: not packed */
} kc_form;

/* A tensor as it lies in a file: floats for whoever writes and reads it. The scales of a packed one,
 * /params/x, are a dataset of their own, /scales/x, and its zero points another, /zeros/x. Nothing here is
 * collective. */
typedef struct kc_stored {
    kc_h5_array array;
    kc_form form;
    int n_dims;
    int64_t dims[KC_H5_DIMS], n; /* of the tensor; values in all */
    /* Of a packed one. */
    kc_matrices matrices;
    kc_h5_array scales_array, /* opened with it: HDF5 wants all ranks to open the same objects */
        zeros_array;          /* where there are zero points                                 */
    float *scales;            /* NULL: not read or made yet; [kc_packing_room]               */
} kc_stored;

/* Create the dataset, described by `help`.
 *   errors      KC_EIO */
int kc_stored_create(kc_h5 *f, const char *path, const kc_form *form, int n_dims,
                     const int64_t *dims, const char *help, kc_error *e);

/* Open it; one without the attribute is float32.
 *   owns        release with kc_stored_close, after an error too
 *   errors      KC_EINPUT: missing, of an unknown codec, or values of another kind than its codec's; packed,
 *               and what is said of it does not fit its bytes */
int kc_stored_open(kc_h5 *f, const char *path, kc_stored *s, kc_error *e);

/* Bits that it takes in the file, scales and zero points included. */
double kc_stored_bits(const kc_stored *s);

/* The scales of a packed tensor that is to be written, and its zero points, before its values: those that
 * fit all of these, or those of another that was read.
 *   errors      KC_EIO */
int kc_stored_fit(kc_stored *s, const float *values, kc_error *e);
int kc_stored_take_scales(kc_stored *s, const kc_stored *from, kc_error *e);

/* Write or read the n values from flat index `first` on; what is packed is written from a multiple of 8
 * on.
 *   errors      as kc_h5_array_write */
int kc_stored_write(kc_stored *s, int64_t first, int64_t n, const float *values, kc_error *e);
int kc_stored_read(kc_stored *s, int64_t first, int64_t n, float *values, kc_error *e);

int kc_stored_close(kc_stored *s, kc_error *e);

#endif
