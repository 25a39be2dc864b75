/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/types/record.h"

static const kc_column steps[] = {KC_COLUMNS_STEP(KC_COLUMN_ROW)};

_Static_assert(sizeof(kc_step_row) == sizeof steps / sizeof *steps * sizeof(double),
               "a kc_step_row is a row of /steps");

void kc_schema_steps(kc_schema *s)
{
    kc_schema_create(s, "/steps", 4096, steps, sizeof steps / sizeof *steps);
}
