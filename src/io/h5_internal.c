/* SPDX-License-Identifier: BSD-3-Clause */
#include "io/h5_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct reason {
    char text[256];
} reason;

/* "phrase: time = ..., errno = 27, error message = 'why', buf = ..." becomes "phrase: why". */
static void shorten(const char *said, char *text, size_t size)
{
    static const char mark[] = "error message = '";
    const char *why = strstr(said, mark);
    if (why == NULL) {
        snprintf(text, size, "%s", said);
    } else {
        why += sizeof mark - 1;
        snprintf(text, size, "%.*s: %.*s", (int)strcspn(said, ":,"), said, (int)strcspn(why, "'"),
                 why);
    }
    for (char *p = text; *p; ++p)
        if (*p == '\n')
            *p = ' ';
}

/* The innermost entry of HDF5's error stack says what the system said; the others repeat it. */
static herr_t innermost(unsigned n, const H5E_error2_t *entry, void *data)
{
    reason *why = data;
    if (n == 0 && entry->desc != NULL)
        shorten(entry->desc, why->text, sizeof why->text);
    return 0;
}

int kc_h5_fail(kc_h5 *f, kc_error *e, const char *format, ...)
{
    reason why = {.text = ""};
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, &why);
    char what[512];
    va_list values;
    va_start(values, format);
    vsnprintf(what, sizeof what, format, values);
    va_end(values);
    if (f->writes)
        f->broken = 1;
    return kc_fail(e, f->writes ? KC_EIO : KC_EINPUT, "%s: %s%s%s%s", f->path, what,
                   why.text[0] ? " (HDF5: " : "", why.text, why.text[0] ? ")" : "");
}

int kc_h5_usable(const kc_h5 *f, kc_error *e)
{
    if (f->broken)
        return kc_fail(e, KC_EIO, "%s: an earlier write failed", f->path);
    KC_CHECK(f->id > 0, "%s is not open", f->path);
    return KC_OK;
}

int kc_h5_reaches(kc_h5 *f, const char *path, kc_error *e)
{
    char part[512];
    KC_TRY(kc_h5_usable(f, e));
    for (size_t n = 1; path[0] == '/' && path[1]; ++n) {
        n += strcspn(path + n, "/");
        snprintf(part, sizeof part, "%.*s", (int)n, path);
        H5L_info_t info = {.type = H5L_TYPE_ERROR};
        if (H5Lexists(f->id, part, H5P_DEFAULT) <= 0)
            return kc_fail(e, KC_EINPUT, "%s: %s is missing", f->path, part);
        if (H5Lget_info(f->id, part, &info, H5P_DEFAULT) < 0 || info.type != H5L_TYPE_HARD)
            return kc_fail(e, KC_EINPUT, "%s: %s is a link that leads elsewhere", f->path, part);
        if (path[n] == 0)
            break;
    }
out:
    return e->code;
}

/* 1 when the values lie unfiltered in this very file. */
static int lies_inside(hid_t dataset)
{
    hid_t list = H5Dget_create_plist(dataset);
    H5D_layout_t layout = H5Pget_layout(list);
    int inside = (layout == H5D_CONTIGUOUS || layout == H5D_CHUNKED) &&
                 H5Pget_external_count(list) == 0 && H5Pget_nfilters(list) == 0;
    H5Pclose(list);
    return inside;
}

hid_t kc_h5_dataset(kc_h5 *f, const char *path, kc_error *e)
{
    hid_t id = -1;
    KC_TRY(kc_h5_reaches(f, path, e));
    id = H5Dopen2(f->id, path, H5P_DEFAULT);
    if (id < 0) {
        kc_h5_fail(f, e, "%s is not a dataset", path);
    } else if (!lies_inside(id)) {
        kc_fail(e, KC_EINPUT, "%s: %s is filtered or lies in another file; kcap writes neither",
                f->path, path);
        H5Dclose(id);
        id = -1;
    }
out:
    return id;
}

hid_t kc_h5_timeless(hid_t what)
{
    hid_t list = H5Pcreate(what);
    H5Pset_obj_track_times(list, 0);
    return list;
}

/* `halved`: of a float the upper half alone, sign, 8 bits of exponent, 7 of mantissa. */
static hid_t copy_of(hid_t type, int halved)
{
    type = H5Tcopy(type);
    if (halved) {
        H5Tset_fields(type, 15, 7, 8, 0, 7);
        H5Tset_precision(type, 16);
        H5Tset_size(type, 2);
    }
    return type;
}

hid_t kc_h5_memory_type(kc_h5_kind kind)
{
    const hid_t types[] = {H5T_NATIVE_INT64, H5T_NATIVE_DOUBLE, H5T_NATIVE_FLOAT, H5T_NATIVE_FLOAT,
                           H5T_NATIVE_UINT8};
    return copy_of(types[kind], kind == KC_H5_BFLOAT);
}

hid_t kc_h5_file_type(kc_h5_kind kind)
{
    const hid_t types[] = {H5T_STD_I64LE, H5T_IEEE_F64LE, H5T_IEEE_F32LE, H5T_IEEE_F32LE,
                           H5T_STD_U8LE};
    return copy_of(types[kind], kind == KC_H5_BFLOAT);
}

size_t kc_h5_value_bytes(kc_h5_kind kind)
{
    static const size_t bytes[] = {8, 8, 4, 2, 1};
    return bytes[kind];
}

int kc_h5_shape(kc_h5 *f, const char *path, hid_t dataset, kc_h5_kind kind, int room, int *n_dims,
                int64_t *dims, kc_error *e)
{
    static const char *const names[] = {"64-bit integers", "64-bit reals", "32-bit reals",
                                        "16-bit reals (bfloat16)", "bytes"};
    hsize_t found[H5S_MAX_RANK] = {0};
    hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
    hid_t expected = kc_h5_file_type(kind);
    int is_kind = H5Tequal(type, expected) > 0;
    int n = H5Sget_simple_extent_dims(space, found, NULL);
    H5Tclose(expected);
    H5Tclose(type);
    H5Sclose(space);
    if (!is_kind)
        return kc_fail(e, KC_EINPUT, "%s: %s does not hold %s", f->path, path, names[kind]);
    if (n < 1 || n > room)
        return kc_fail(e, KC_EINPUT, "%s: %s has %d dimensions, 1 to %d belong there", f->path,
                       path, n, room);
    *n_dims = n;
    for (int i = 0; i < n; ++i)
        dims[i] = (int64_t)found[i];
    return KC_OK;
}
