/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_LABELS_H
#define KCAP_RECORD_LABELS_H

#include "kcap/io/h5.h"
#include "kcap/types/schema.h"

/* The labels of a schema, <group>/attribute_names, as one dataset of texts of equal length; nothing
 * where there are none.
 *   errors      KC_EIO */
int kc_labels_write(kc_h5 *f, const kc_schema *schema, kc_error *e);

/* Hold those of a file against the schema's. A file without them passes.
 *   errors      KC_EINPUT: how many there are, or the first that differs */
int kc_labels_check(kc_h5 *f, const kc_schema *schema, kc_error *e);

#endif
