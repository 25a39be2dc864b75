/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/io/stamp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static int get_text(kc_h5 *f, const char *name, const char **value, kc_error *e)
{
    char *text = NULL;
    if (kc_h5_has_attribute(f, "/", name))
        kc_h5_get_text(f, "/", name, &text, e);
    *value = text ? text : strdup("");
    KC_ROOM(*value, "out of memory");
    return e->code;
}

static int get_int(kc_h5 *f, const char *name, int64_t *value, kc_error *e)
{
    *value = KC_NO_INT;
    return kc_h5_has_attribute(f, "/", name) ? kc_h5_get_int(f, "/", name, value, e) : KC_OK;
}

static int get_real(kc_h5 *f, const char *name, double *value, kc_error *e)
{
    *value = NAN;
    return kc_h5_has_attribute(f, "/", name) ? kc_h5_get_real(f, "/", name, value, e) : KC_OK;
}

#define GET_TEXT              get_text
#define GET_INT               get_int
#define GET_REAL              get_real
#define GET(type, name, help) KC_TRY(GET_##type(f, #name, &stamp->name, e));

int kc_stamp_read(kc_h5 *f, kc_stamp *stamp, kc_error *e)
{
    *stamp = (kc_stamp){.config = NULL};
    KC_STAMPS(GET)
out:
    return e->code;
}

#define FREE_TEXT(name) free((void *)(uintptr_t)stamp->name);
#define FREE_INT(name)
#define FREE_REAL(name)
#define FREE(type, name, help) FREE_##type(name)

void kc_stamp_free(kc_stamp *stamp)
{
    KC_STAMPS(FREE)
    *stamp = (kc_stamp){.config = NULL};
}
