/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/io/attribute.h"

#include <stdlib.h>
#include <string.h>

#include "io/h5_internal.h"

static int set(kc_h5 *f, const char *object, const char *name, hid_t file_type, hid_t memory_type,
               const void *value, kc_error *e)
{
    hid_t space = H5Screate(H5S_SCALAR), id = -1;
    KC_TRY(kc_h5_usable(f, e));
    id = H5Acreate_by_name(f->id, object, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT,
                           H5P_DEFAULT);
    if (id < 0 || H5Awrite(id, memory_type, value) < 0 || H5Aclose(id) < 0)
        kc_h5_fail(f, e, "attribute %s of %s: cannot write it", name, object);
out:
    H5Sclose(space);
    return e->code;
}

/* Of variable length: readers in Python then get a str, not bytes. */
static hid_t text_type(void)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

int kc_h5_set_text(kc_h5 *f, const char *object, const char *name, const char *value, kc_error *e)
{
    hid_t type = text_type();
    const char *text = value ? value : "";
    set(f, object, name, type, type, &text, e);
    H5Tclose(type);
    return e->code;
}

int kc_h5_set_int(kc_h5 *f, const char *object, const char *name, int64_t value, kc_error *e)
{
    return set(f, object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value, e);
}

int kc_h5_set_real(kc_h5 *f, const char *object, const char *name, double value, kc_error *e)
{
    return set(f, object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value, e);
}

int kc_h5_describe(kc_h5 *f, const char *object, const char *unit, const char *text, kc_error *e)
{
    if (kc_h5_set_text(f, object, "unit", unit, e) == KC_OK)
        kc_h5_set_text(f, object, "description", text, e);
    return e->code;
}

/* Open a scalar attribute of this very type in the file. */
static hid_t open_attribute(kc_h5 *f, const char *object, const char *name, hid_t expected,
                            kc_error *e)
{
    if (kc_h5_reaches(f, object, e) != KC_OK)
        return -1;
    hid_t id = -1;
    if (kc_h5_has_attribute(f, object, name))
        id = H5Aopen_by_name(f->id, object, name, H5P_DEFAULT, H5P_DEFAULT);
    if (id < 0) {
        kc_fail(e, KC_EINPUT, "%s: attribute %s of %s is missing", f->path, name, object);
        return -1;
    }
    hid_t type = H5Aget_type(id), space = H5Aget_space(id);
    int fits = H5Tequal(type, expected) > 0 && H5Sget_simple_extent_type(space) == H5S_SCALAR;
    H5Tclose(type);
    H5Sclose(space);
    if (fits)
        return id;
    kc_fail(e, KC_EINPUT, "%s: attribute %s of %s has another type than kcap writes", f->path, name,
            object);
    H5Aclose(id);
    return -1;
}

int kc_h5_get_text(kc_h5 *f, const char *object, const char *name, char **value, kc_error *e)
{
    hid_t type = text_type();
    hid_t id = open_attribute(f, object, name, type, e);
    char *text = NULL;
    *value = NULL;
    if (id >= 0 && H5Aread(id, type, &text) < 0)
        kc_h5_fail(f, e, "attribute %s of %s: cannot read it", name, object);
    else if (id >= 0)
        KC_ROOM((*value = strdup(text ? text : "")) != NULL, "out of memory");
    H5free_memory(text);
    if (id >= 0)
        H5Aclose(id);
    H5Tclose(type);
    return e->code;
}

static int get(kc_h5 *f, const char *object, const char *name, hid_t file_type, hid_t memory_type,
               void *value, kc_error *e)
{
    hid_t id = open_attribute(f, object, name, file_type, e);
    if (id < 0)
        return e->code;
    if (H5Aread(id, memory_type, value) < 0)
        kc_h5_fail(f, e, "attribute %s of %s: cannot read it", name, object);
    H5Aclose(id);
    return e->code;
}

int kc_h5_get_int(kc_h5 *f, const char *object, const char *name, int64_t *value, kc_error *e)
{
    return get(f, object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, value, e);
}

int kc_h5_get_real(kc_h5 *f, const char *object, const char *name, double *value, kc_error *e)
{
    return get(f, object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, value, e);
}

int kc_h5_has_attribute(kc_h5 *f, const char *object, const char *name)
{
    kc_error elsewhere = {0};
    return kc_h5_reaches(f, object, &elsewhere) == KC_OK &&
           H5Aexists_by_name(f->id, object, name, H5P_DEFAULT) > 0;
}
