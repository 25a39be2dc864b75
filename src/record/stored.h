/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_STORED_H
#define KCAP_RECORD_STORED_H

#include "kcap/io/array.h"
#include "kcap/record/codec.h"

/* A tensor as it lies in a file: floats for whoever writes and reads it, a codec of codec.def in the
 * dataset, which its attribute `codec` names. Nothing here is collective. */
typedef struct kc_stored {
    kc_h5_array array;
    const kc_codec *codec;
} kc_stored;

/* Create the dataset, described by `help`.
 *   errors      KC_EIO */
int kc_stored_create(kc_h5 *f, const char *path, const kc_codec *codec, int n_dims,
                     const int64_t *dims, const char *help, kc_error *e);

/* Open it; one without the attribute is float32.
 *   owns        release with kc_stored_close, after an error too
 *   errors      KC_EINPUT: missing, of an unknown codec, or values of another kind than its codec's */
int kc_stored_open(kc_h5 *f, const char *path, kc_stored *s, kc_error *e);

/* Write or read the n values from flat index `first` on.
 *   errors      as kc_h5_array_write */
int kc_stored_write(kc_stored *s, int64_t first, int64_t n, const float *values, kc_error *e);
int kc_stored_read(kc_stored *s, int64_t first, int64_t n, float *values, kc_error *e);

int kc_stored_close(kc_stored *s, kc_error *e);

#endif
