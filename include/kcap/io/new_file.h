/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_IO_NEW_FILE_H
#define KCAP_IO_NEW_FILE_H

#include <stdio.h>

#include "kcap/base/text.h"
#include "kcap/io/lock.h"

/* A text that is written as PATH.partial and has its name when it is whole, in place of what was there;
 * one process at a time. Zeroed: there is none. */
typedef struct kc_new_file {
    FILE *out; /* to write to */
    const char *path;
    char partial[KC_PATH_MAX + 16];
    kc_lock *lock;
} kc_new_file;

/* Begin it with its first line, and with the folders that are missing.
 *   heading     the first line, without its end; what is there and begins with another line is somebody's
 *               own, and stays
 *   path        is kept, and must stay
 *   collective  no
 *   owns        end with kc_new_file_end
 *   errors      KC_EINPUT: too long a path, another process writes it, or what is there is no regular
 *               file or another one; KC_EIO */
int kc_new_file_begin(kc_new_file *f, const char *path, const char *heading, kc_error *e);

/* Give it its name; where there is an error in *e, or comes one, nothing is left of it. A file that was
 * not begun is none. Not collective; errors: KC_EIO. */
int kc_new_file_end(kc_new_file *f, kc_error *e);

#endif
