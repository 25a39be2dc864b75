/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_TENSORS_H
#define KCAP_RECORD_TENSORS_H

#include "kcap/io/h5.h"
#include "kcap/types/state.h"

/* The tensors of a layout as datasets: global shapes in the file, flat and padded in memory. */

/* Create the group and an array for every tensor.
 *   group       /params, /m or /v
 *   what        says what the group holds, for the descriptions
 *   errors      KC_EIO */
int kc_tensors_create(kc_h5 *f, const char *group, const char *what, const kc_layout *layout,
                      kc_error *e);

/* Write or read the flat elements lo ... hi-1 of all tensors; padding is neither.
 *   flat        [hi - lo], element lo first
 *   collective  no
 *   errors      writing: KC_EIO. Reading: KC_EINPUT, naming a tensor that only one side has, or
 *               whose shape differs, with both shapes */
int kc_tensors_write(kc_h5 *f, const char *group, const kc_layout *layout, int64_t lo, int64_t hi,
                     const float *flat, kc_error *e);
int kc_tensors_read(kc_h5 *f, const char *group, const kc_layout *layout, int64_t lo, int64_t hi,
                    float *flat, kc_error *e);

/* KC_OK when all n values are finite; else an error of this code, "WHERE: tensor NAME holds ...".
 *   collective  no */
int kc_values_finite(const float *values, int64_t n, const char *where, const char *tensor,
                     int code, kc_error *e);

/* The same for the flat elements lo ... hi-1 of all tensors of a group. */
int kc_tensors_finite(const char *where, const char *group, const kc_layout *layout, int64_t lo,
                      int64_t hi, const float *flat, int code, kc_error *e);

#endif
