/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_OPEN_H
#define KCAP_BASE_OPEN_H

#include <stdio.h>

#include "kcap/base/err.h"

/* Open a regular file for reading, the one way in which files that a user names are opened: it never
 * waits, where a fifo without a writer or a device would for ever.
 *   collective  no
 *   owns        release with fclose
 *   returns     NULL after an error, errno saying which (EINVAL: no regular file)
 *   errors      KC_EINPUT: path, the system's word or what kind of file it is */
FILE *kc_open_regular(const char *path, kc_error *e);

#endif
