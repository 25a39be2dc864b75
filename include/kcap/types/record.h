/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TYPES_RECORD_H
#define KCAP_TYPES_RECORD_H

#include <stdint.h>

#include "kcap/types/columns.def"
#include "kcap/types/stamp.def"

enum { KC_ATTRIBUTES_MAX = 65, KC_LOADS_MAX = 8192 }; /* the name and up to 64 attributes */

/* How wide the columns of /measure are that hold more than one value an event. */
typedef struct kc_widths {
    int attributes; /* 1 ... KC_ATTRIBUTES_MAX                                              */
    int loads;      /* blocks x experts, at most KC_LOADS_MAX; 0: no such column            */
} kc_widths;

/* What an INT column or stamp reads that a file has not; a REAL one reads NaN. No count of anything. */
#define KC_NO_INT INT64_MIN

typedef int64_t kc_col_INT;
typedef double kc_col_REAL;
typedef const char *kc_col_TEXT;

#define KC_FIELD(type, name, unit, help) kc_col_##type name;
#define KC_ARRAY(type, name, unit, help) kc_col_##type name[KC_ATTRIBUTES_MAX];
#define KC_LOAD(type, name, unit, help)  kc_col_##type name[KC_LOADS_MAX];
#define KC_STAMP(type, name, help)       kc_col_##type name;

/* One row of /steps. */
typedef struct kc_step_row {
    KC_COLUMNS_STEP(KC_FIELD)
} kc_step_row;

/* One row of /measure. */
typedef struct kc_measure_row {
    KC_COLUMNS_MEASURE(KC_FIELD)
    KC_COLUMNS_ATTRIBUTE(KC_ARRAY)
    KC_COLUMNS_LOAD(KC_LOAD)
} kc_measure_row;

/* What explains a file: its root attributes. The texts belong to whoever filled it in. */
typedef struct kc_stamp {
    KC_STAMPS(KC_STAMP)
} kc_stamp;

#undef KC_FIELD
#undef KC_ARRAY
#undef KC_LOAD
#undef KC_STAMP

#endif
