/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_IO_TEXT_H
#define KCAP_IO_TEXT_H

#include "kcap/io/h5.h"

/* Write a dataset of n UTF-8 texts of `size` bytes each, padded with zero bytes (at least one
 * each); n = 0: a single text, without dimensions. Missing groups on its path are created.
 *   errors      KC_EIO */
int kc_h5_text_write(kc_h5 *f, const char *path, const char *texts, int64_t size, int64_t n,
                     kc_error *e);

/* Read what kc_h5_text_write wrote, bytes unchanged.
 *   texts       malloc'ed, [n x size] or [size]; the caller frees it. NULL on error
 *   errors      KC_EINPUT: missing, not of this form */
int kc_h5_text_read(kc_h5 *f, const char *path, char **texts, int64_t *size, int64_t *n,
                    kc_error *e);

#endif
