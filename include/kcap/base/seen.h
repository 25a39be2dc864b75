/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_BASE_SEEN_H
#define KCAP_BASE_SEEN_H

#include <stdint.h>
#include <stdio.h>

#include "kcap/base/err.h"

/* What a file was when it was looked at, to tell whether it is that still: a file that is written to while
 * it is read gives neither what it was nor what it will be. Nothing here is collective. */
typedef struct kc_seen {
    int64_t bytes;                /* -1: there is no regular file */
    int64_t device, inode;        /* which file it is             */
    int64_t seconds, nanoseconds; /* when it was written to last  */
} kc_seen;

/* The file that has this name now, or that is open. */
kc_seen kc_see(const char *path);
kc_seen kc_see_open(FILE *f);

/* Is it what it was? What is written within the same tick of the system's clock and leaves the size is not
 * seen.
 *   errors      KC_EINPUT: it changed meanwhile, and how */
int kc_seen_still(const char *path, const kc_seen *was, kc_seen now, kc_error *e);

#endif
