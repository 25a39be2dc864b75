/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/io/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/h5_internal.h"
#include "kcap/base/crc.h"
#include "kcap/io/attribute.h"

/* No text dataset of a run comes near this; a damaged one may claim more. */
static const int64_t most_bytes = (int64_t)1 << 31;

/* Of a text dataset: the CRC-32 of all its bytes, which HDF5 itself does not check. */
static const char sum[] = "crc32";

static hid_t text_type(int64_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, (size_t)size);
    H5Tset_cset(type, H5T_CSET_UTF8);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    return type;
}

static int create_groups(kc_h5 *f, const char *path, kc_error *e)
{
    char group[256];
    for (const char *at = path; (at = strchr(at + 1, '/')) != NULL;) {
        snprintf(group, sizeof group, "%.*s", (int)(at - path), path);
        if (!kc_h5_has(f, group))
            KC_TRY(kc_h5_group(f, group, e));
    }
out:
    return e->code;
}

int kc_h5_text_write(kc_h5 *f, const char *path, const char *texts, int64_t size, int64_t n,
                     kc_error *e)
{
    hsize_t count = (hsize_t)n;
    if (kc_h5_usable(f, e) != KC_OK || create_groups(f, path, e) != KC_OK)
        return e->code;
    hid_t type = text_type(size), how = kc_h5_timeless(H5P_DATASET_CREATE);
    hid_t space = n > 0 ? H5Screate_simple(1, &count, NULL) : H5Screate(H5S_SCALAR);
    hid_t id = H5Dcreate2(f->id, path, type, space, H5P_DEFAULT, how, H5P_DEFAULT);
    if (id < 0 || H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, texts) < 0 || H5Dclose(id) < 0)
        kc_h5_fail(f, e, "text %s: cannot write it", path);
    else
        kc_h5_set_int(f, path, sum, kc_crc32(0, texts, (size_t)(size * (n > 0 ? n : 1))), e);
    H5Pclose(how);
    H5Sclose(space);
    H5Tclose(type);
    return e->code;
}

/* Bytes of each text, or 0 when the type is none that kc_h5_text_write makes. */
static int64_t text_size(hid_t id)
{
    hid_t type = H5Dget_type(id);
    int64_t size = 0;
    if (H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0)
        size = (int64_t)H5Tget_size(type);
    hid_t expected = text_type(size > 0 ? size : 1);
    if (H5Tequal(type, expected) <= 0)
        size = 0;
    H5Tclose(expected);
    H5Tclose(type);
    return size;
}

static int check_sum(kc_h5 *f, const char *path, const char *texts, int64_t bytes, kc_error *e)
{
    int64_t said = 0;
    if (!kc_h5_has_attribute(f, path, sum)) /* an older file */
        return KC_OK;
    KC_TRY(kc_h5_get_int(f, path, sum, &said, e));
    if (said != kc_crc32(0, texts, (size_t)bytes))
        kc_fail(e, KC_EINPUT, "%s: text %s does not fit its checksum: damaged", f->path, path);
out:
    return e->code;
}

int kc_h5_text_read(kc_h5 *f, const char *path, char **texts, int64_t *size, int64_t *n,
                    kc_error *e)
{
    *texts = NULL;
    hid_t id = kc_h5_dataset(f, path, e);
    if (id < 0)
        return e->code;
    hid_t space = H5Dget_space(id), type = -1;
    int n_dims = H5Sget_simple_extent_ndims(space);
    int64_t points = H5Sget_simple_extent_npoints(space);
    *size = text_size(id);
    *n = n_dims == 0 ? 0 : points;
    if (*size <= 0 || n_dims < 0 || n_dims > 1 || points < 1 || points > most_bytes / *size) {
        kc_fail(e, KC_EINPUT, "%s: %s does not hold texts of fixed length", f->path, path);
        goto out;
    }
    *texts = malloc((size_t)(points * *size));
    KC_ROOM(*texts, "out of memory for %lld bytes of text", (long long)(points * *size));
    type = text_type(*size);
    if (H5Dread(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *texts) < 0)
        kc_h5_fail(f, e, "text %s: cannot read it", path);
    else
        check_sum(f, path, *texts, points * *size, e);
    if (e->code != KC_OK) {
        free(*texts);
        *texts = NULL;
    }
    H5Tclose(type);
out:
    H5Sclose(space);
    H5Dclose(id);
    return e->code;
}
