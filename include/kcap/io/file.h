/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_IO_FILE_H
#define KCAP_IO_FILE_H

#include <stdint.h>

#include "kcap/base/err.h"
#include "kcap/base/text.h"

/* Files as the system knows them. Nothing here is collective; errors are KC_EIO with path and the
 * system's word unless something else is said. */

/* Bytes of a file, or -1 when there is none. */
int64_t kc_file_size(const char *path);

/* Reserve the first `bytes` bytes of a file, created if need be, so that a full disk is found out
 * before it is written to. Where the file system cannot reserve, only limits of size are found out.
 * A shorter file grows; what is in it stays. */
int kc_file_reserve(const char *path, int64_t bytes, kc_error *e);

/* Write a small file whole and see it onto the disk. */
int kc_file_write(const char *path, const char *text, kc_error *e);

/* Read a file of less than `size` bytes as a text.
 *   errors      KC_EINPUT: missing, unreadable, too long */
int kc_file_read(const char *path, char *text, int64_t size, kc_error *e);

/* See a file, or a folder's names, onto the disk. */
int kc_file_sync(const char *path, kc_error *e);

/* The folder that a path lies in, `.` where it names none. Returns `folder`. */
const char *kc_file_folder(const char *path, char folder[KC_PATH_MAX]);

/* Rename over what may be there. */
int kc_file_rename(const char *from, const char *to, kc_error *e);

/* Remove a file; that there is none is no error. */
int kc_file_remove(const char *path, kc_error *e);

/* 1 when a folder has entries but its lock (lock.h), 0 when it is empty or not there, -1 (with errno) when it cannot be
 * read. */
int kc_folder_full(const char *path);

/* Make a folder unless it is there already. */
int kc_folder_create(const char *path, kc_error *e);

/* Make a folder and those above it that are missing. */
int kc_folders_create(const char *path, kc_error *e);

/* XXH3-64 of the file's chunks of `chunk` bytes (the last may be shorter) number first, first +
 * step, ... into hashes[0], hashes[1], ...
 *   bytes       size that the file had
 *   errors      KC_EINPUT: shorter, or unreadable */
int kc_file_hash(const char *path, int64_t bytes, int64_t chunk, int64_t first, int64_t step,
                 uint64_t *hashes, kc_error *e);

/* XXH3-64 of n numbers taken as little-endian bytes. */
uint64_t kc_hash_combine(const uint64_t *hashes, int64_t n);

#endif
