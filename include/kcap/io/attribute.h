/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_IO_ATTRIBUTE_H
#define KCAP_IO_ATTRIBUTE_H

#include "kcap/io/h5.h"

/* Write an attribute of a group or dataset. Texts are UTF-8. */
int kc_h5_set_text(kc_h5 *f, const char *object, const char *name, const char *value, kc_error *e);
int kc_h5_set_int(kc_h5 *f, const char *object, const char *name, int64_t value, kc_error *e);
int kc_h5_set_real(kc_h5 *f, const char *object, const char *name, double value, kc_error *e);

/* Write the attributes `unit` and `description`, which every dataset has. */
int kc_h5_describe(kc_h5 *f, const char *object, const char *unit, const char *text, kc_error *e);

/* Read an attribute as it was written.
 *   value       of a text: malloc'ed, the caller frees it
 *   errors      KC_EINPUT: missing, or of another type */
int kc_h5_get_text(kc_h5 *f, const char *object, const char *name, char **value, kc_error *e);
int kc_h5_get_int(kc_h5 *f, const char *object, const char *name, int64_t *value, kc_error *e);
int kc_h5_get_real(kc_h5 *f, const char *object, const char *name, double *value, kc_error *e);

/* 1 when an object that is there has the attribute. */
int kc_h5_has_attribute(kc_h5 *f, const char *object, const char *name);

/* HDF5 checks what it keeps of an object, but neither texts of variable length nor that what was made is
 * still there. So a file that has all its objects and the root its attributes is sealed: the root's
 * attribute `holds` is the paths of all groups and datasets, `seal` the CRC-32 of names and values of its
 * attributes, as 8 hex digits, and these names in the order in which they are taken; both separated by
 * blanks. Texts count without their ends, numbers as 8 bytes, little-endian.
 *   errors      KC_EIO */
int kc_h5_seal(kc_h5 *f, kc_error *e);

/* Hold a file against its seal: the attributes of the root as they were, and all there that it held. One
 * without a seal passes, and so do objects that were added.
 *   errors      KC_EINPUT: they do not fit, or which is missing */
int kc_h5_check_seal(kc_h5 *f, kc_error *e);

#endif
