/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/io/stamp.h"

#include "kcap/io/attribute.h"

#define SET_TEXT              kc_h5_set_text
#define SET_INT               kc_h5_set_int
#define SET_REAL              kc_h5_set_real
#define SET(type, name, help) KC_TRY(SET_##type(f, "/", #name, stamp->name, e));

int kc_stamp_write(kc_h5 *f, const kc_stamp *stamp, kc_error *e)
{
    KC_STAMPS(SET)
out:
    return e->code;
}
