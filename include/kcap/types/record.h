/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TYPES_RECORD_H
#define KCAP_TYPES_RECORD_H

#include "kcap/types/columns.def"
#include "kcap/types/schema.h"
#include "kcap/types/stamp.def"

typedef int64_t kc_col_INT;
typedef double kc_col_REAL;
typedef const char *kc_col_TEXT;

/* From a row of columns.def: the field of a struct, whose fields are the values of a row of the same
 * columns; the column. Lists are in the schema alone. */
#define KC_COLUMN_FIELD(type, name, unit, help) kc_col_##type name;
#define KC_COLUMN_ROW(type, name, unit, help)   {#name, KC_VALUE_##type, 0, unit, help, 0},
#define KC_COLUMN_LIST(type, name, width, unit, help)                                              \
    {#name, KC_VALUE_##type, width, unit, help, 0},
#define KC_STAMP(type, name, help) kc_col_##type name;

/* One row of /steps. */
typedef struct kc_step_row {
    KC_COLUMNS_STEP(KC_COLUMN_FIELD)
} kc_step_row;

/* What a row of every measure begins with. */
typedef struct kc_event {
    KC_COLUMNS_EVENT(KC_COLUMN_FIELD)
} kc_event;

/* What explains a file: its root attributes. The texts belong to whoever filled it in. */
typedef struct kc_stamp {
    KC_STAMPS(KC_STAMP)
} kc_stamp;

#undef KC_STAMP

/* The schema of /steps.   owns: release with kc_schema_free */
void kc_schema_steps(kc_schema *s);

#endif
