/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_IO_LOCK_H
#define KCAP_IO_LOCK_H

#include "kcap/base/err.h"

/* A folder that one process writes: a file in it says who, by host, process, its start and job.
 *
 * The kernel's lock on that file is what counts where there is one: it ends with its process, and of
 * several that come at once one has it. File systems without it, or with one that other hosts do not
 * see, have the text: a process of this host is looked up, and one elsewhere renews the file's time
 * every KC_LOCK_BEAT seconds as long as it lives. */
typedef struct kc_lock kc_lock;

#define KC_LOCK_RUN  "run.lock"
#define KC_LOCK_FARM "farm.lock"

enum { KC_LOCK_BEAT = 10, KC_LOCK_PATIENCE = 60 };

/* Take a folder, made with those above it where they are missing. One who lost the lock to another,
 * because it stood still for longer than `patience`, ends with KC_EPEER as soon as it sees that.
 *   name        of the file
 *   patience    seconds that a file of another host must be unchanged to be that of a dead process
 *   lock        NULL with KC_OK where nothing can be written, which who writes finds out
 *   collective  no
 *   owns        release with kc_lock_release
 *   errors      KC_EINPUT: another process has it, which is named; KC_EIO */
int kc_lock_take(const char *folder, const char *name, double patience, kc_lock **lock,
                 kc_error *e);

/* The same of one file that is written, by PATH.lock beside it. */
int kc_lock_file(const char *path, kc_lock **lock, kc_error *e);

/* Remove the file, and the folders that were made for it if nothing else is in them; accepts NULL. */
void kc_lock_release(kc_lock *lock);

#endif
