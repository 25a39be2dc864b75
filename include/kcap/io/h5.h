/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_IO_H5_H
#define KCAP_IO_H5_H

#include <stdint.h>

#include "kcap/base/text.h"
#include "kcap/comm/grid.h"

/* The door to HDF5: files and groups; attributes, columns, arrays and texts have headers of their
 * own. Objects inside a file are named by their path from the root, "/" being the root itself.
 *
 * A write that fails leaves HDF5 unable to close the file in order: its close may report
 * success, hang or crash. So the first failure of a file open for writing makes it `broken`:
 * from then on every call fails at once, and closing it only forgets it. */
typedef struct kc_h5 {
    int64_t id;             /* HDF5's handle; 0 while closed */
    int writes;             /* open for writing              */
    int broken;             /* a write failed                */
    int left_open;          /* read while its writer goes on, or as a kill left it */
    char path[KC_PATH_MAX]; /* for messages                  */
} kc_h5;

typedef enum kc_h5_kind {
    KC_H5_INT,    /* int64_t in memory, 64-bit little-endian in the file    */
    KC_H5_REAL,   /* double,  64-bit IEEE little-endian                     */
    KC_H5_FLOAT,  /* float,   32-bit IEEE little-endian                     */
    KC_H5_BFLOAT, /* uint16_t, the upper half of a float; other readers see a float of 16 bits */
    KC_H5_BYTE    /* uint8_t                                             */
} kc_h5_kind;

/* Bytes of a value, in memory and in the file. */
size_t kc_h5_value_bytes(kc_h5_kind kind);

typedef enum kc_h5_mode {
    KC_H5_PLAIN, /* written once, then closed                           */
    KC_H5_SWMR   /* written while others read, or left so by a kill     */
} kc_h5_mode;

/* Create a file, over an older one.
 *   collective  no: a file of this rank alone
 *   owns        release with kc_h5_close, also after an error
 *   errors      KC_EIO */
int kc_h5_create(kc_h5 *f, const char *path, kc_h5_mode mode, kc_error *e);

/* Open a file for reading: one that its writer closed, or, where the file itself says that it was not,
 * in SWMR mode (f->left_open). Plugins are never loaded and links are followed only when they are
 * hard. A damaged file is an error within seconds, here or where it is read.
 *   collective  no
 *   owns        release with kc_h5_close, also after an error
 *   errors      KC_EINPUT */
int kc_h5_open(kc_h5 *f, const char *path, kc_error *e);

/* Open an existing file for writing values of its arrays by all ranks over MPI-IO; nothing may be
 * created in it. When a rank fails, HDF5's collective close would wait for ever: so the close
 * asks first, and when any rank has an error it forgets the file on all of them.
 *   collective  both on all ranks, those with an error in *e too
 *   owns        release with kc_h5_close_shared, unless the open failed
 *   errors      KC_EIO, agreed on */
int kc_h5_open_shared(const kc_grid *g, kc_h5 *f, const char *path, kc_error *e);
int kc_h5_close_shared(const kc_grid *g, kc_h5 *f, kc_error *e);

/* Close. Accepts a zeroed kc_h5 and one that is closed already.
 *   errors      KC_EIO */
int kc_h5_close(kc_h5 *f, kc_error *e);

/* From here on readers may open the file. Groups, datasets and attributes must exist already. */
int kc_h5_start_swmr(kc_h5 *f, kc_error *e);

/* Hand everything to the system; with `sync` also to the disk.
 *   errors      KC_EIO, also where f->path no longer leads to this file: removed or replaced */
int kc_h5_flush(kc_h5 *f, int sync, kc_error *e);

/* Create a group; its parents must exist. */
int kc_h5_group(kc_h5 *f, const char *path, kc_error *e);

/* Members of a group, and the name of the i-th of them in alphabetical order.
 *   errors      KC_EINPUT: no such group; a name of `size` bytes or more */
int kc_h5_members(kc_h5 *f, const char *path, int64_t *n, kc_error *e);
int kc_h5_member(kc_h5 *f, const char *path, int64_t i, char *name, size_t size, kc_error *e);

/* 1 when the file has this name, whatever it leads to. */
int kc_h5_has(kc_h5 *f, const char *path);

/* HDF5's version at run time, such as 1.10.8. */
void kc_h5_version(char *text, size_t size);

#endif
