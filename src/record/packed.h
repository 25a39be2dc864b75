/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_PACKED_H
#define KCAP_RECORD_PACKED_H

#include "record/stored.h"

/* The part of stored.h that is about packed tensors. */
int kc_packed_create(kc_h5 *f, const char *path, const kc_packing *p, int n_dims,
                     const int64_t *dims, const char *help, kc_error *e);

/* Sets packing, shape, matrices and the array of scales of an array of bytes that is open.
 *   errors      KC_EINPUT: its attributes do not fit it */
int kc_packed_open(kc_h5 *f, const char *path, kc_stored *s, kc_error *e);

/* Write s->scales to their own dataset; values, which are read with them. */
int kc_packed_scales_write(kc_stored *s, kc_error *e);
int kc_packed_write(kc_stored *s, int64_t first, int64_t n, const float *values, kc_error *e);
int kc_packed_read(kc_stored *s, int64_t first, int64_t n, float *values, kc_error *e);

#endif
