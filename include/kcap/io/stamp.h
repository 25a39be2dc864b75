/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_IO_STAMP_H
#define KCAP_IO_STAMP_H

#include "kcap/io/h5.h"
#include "kcap/types/record.h"

/* Write every row of stamp.def as an attribute of the file's root.
 *   errors      KC_EIO */
int kc_stamp_write(kc_h5 *f, const kc_stamp *stamp, kc_error *e);

/* Read them. What an older file lacks is an empty text, KC_NO_INT or NaN.
 *   owns        release with kc_stamp_free, after an error too
 *   errors      KC_EINPUT: an attribute of another type */
int kc_stamp_read(kc_h5 *f, kc_stamp *stamp, kc_error *e);
void kc_stamp_free(kc_stamp *stamp);

#endif
