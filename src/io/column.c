/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/io/column.h"

#include "io/h5_internal.h"

static int n_dims(const kc_h5_column *c)
{
    return c->width > 0 ? 2 : 1;
}

int kc_h5_column_create(kc_h5_column *c, int64_t chunk, kc_error *e)
{
    hsize_t width = (hsize_t)c->width;
    hsize_t none[2] = {0, width}, most[2] = {H5S_UNLIMITED, width};
    hsize_t chunks[2] = {(hsize_t)chunk, width};
    c->id = 0;
    c->rows = 0;
    if (kc_h5_usable(c->file, e) != KC_OK)
        return e->code;
    hid_t space = H5Screate_simple(n_dims(c), none, most),
          list = kc_h5_timeless(H5P_DATASET_CREATE);
    H5Pset_chunk(list, n_dims(c), chunks);
    hid_t type = kc_h5_file_type(c->kind);
    hid_t id = H5Dcreate2(c->file->id, c->path, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    if (id < 0)
        kc_h5_fail(c->file, e, "column %s: cannot create it", c->path);
    else
        c->id = id;
    H5Tclose(type);
    H5Pclose(list);
    H5Sclose(space);
    return e->code;
}

int kc_h5_column_open(kc_h5_column *c, kc_error *e)
{
    int64_t dims[2] = {0, 0};
    int n = 0;
    c->id = 0;
    c->rows = 0;
    hid_t id = kc_h5_dataset(c->file, c->path, e);
    if (id < 0)
        return e->code;
    c->id = id;
    KC_TRY(kc_h5_shape(c->file, c->path, id, c->kind, 2, &n, dims, e));
    if (n != n_dims(c) || (n == 2 && dims[1] != c->width))
        kc_fail(e, KC_EINPUT, "%s: %s has %lld values a row, %lld belong there", c->file->path,
                c->path, n == 2 ? (long long)dims[1] : 1, c->width ? (long long)c->width : 1);
    c->rows = dims[0];
out:
    if (e->code != KC_OK)
        kc_h5_column_close(c, e);
    return e->code;
}

/* What is neither kind is for kc_h5_column_open to say. */
int kc_h5_column_open_any(kc_h5_column *c, kc_error *e)
{
    hsize_t dims[H5S_MAX_RANK] = {0};
    hid_t id = kc_h5_dataset(c->file, c->path, e);
    if (id < 0)
        return e->code;
    hid_t type = H5Dget_type(id), space = H5Dget_space(id);
    c->kind = H5Tget_class(type) == H5T_INTEGER ? KC_H5_INT : KC_H5_REAL;
    c->width = H5Sget_simple_extent_dims(space, dims, NULL) == 2 ? (int64_t)dims[1] : 0;
    H5Tclose(type);
    H5Sclose(space);
    H5Dclose(id);
    return kc_h5_column_open(c, e);
}

/* Rows first ... first+n-1 of the dataset as it is now; negative on error. */
static hid_t select_rows(const kc_h5_column *c, int64_t first, int64_t n)
{
    hsize_t start[2] = {(hsize_t)first, 0}, count[2] = {(hsize_t)n, (hsize_t)c->width};
    hid_t space = H5Dget_space(c->id);
    if (space >= 0 && H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) < 0) {
        H5Sclose(space);
        return -1;
    }
    return space;
}

static hid_t memory_rows(const kc_h5_column *c, int64_t n)
{
    hsize_t count[2] = {(hsize_t)n, (hsize_t)c->width};
    return H5Screate_simple(n_dims(c), count, NULL);
}

int kc_h5_column_append(kc_h5_column *c, const void *values, int64_t n, kc_error *e)
{
    hsize_t grown[2] = {(hsize_t)(c->rows + n), (hsize_t)c->width};
    if (kc_h5_usable(c->file, e) != KC_OK || n == 0)
        return e->code;
    hid_t memory = memory_rows(c, n), space = -1, type = kc_h5_memory_type(c->kind);
    if (H5Dset_extent(c->id, grown) < 0 || (space = select_rows(c, c->rows, n)) < 0 ||
        H5Dwrite(c->id, type, memory, space, H5P_DEFAULT, values) < 0)
        kc_h5_fail(c->file, e, "column %s: cannot add %lld rows", c->path, (long long)n);
    else
        c->rows += n;
    if (space >= 0)
        H5Sclose(space);
    H5Sclose(memory);
    H5Tclose(type);
    return e->code;
}

int kc_h5_column_read(kc_h5_column *c, int64_t first, int64_t n, void *values, kc_error *e)
{
    if (first < 0 || n < 0 || first > c->rows - n)
        return kc_fail(e, KC_EINPUT, "%s: %s has %lld rows, row %lld was asked for", c->file->path,
                       c->path, (long long)c->rows, (long long)(first + n - 1));
    if (n == 0)
        return KC_OK;
    hid_t memory = memory_rows(c, n), space = select_rows(c, first, n);
    hid_t type = kc_h5_memory_type(c->kind);
    if (space < 0 || H5Dread(c->id, type, memory, space, H5P_DEFAULT, values) < 0)
        kc_h5_fail(c->file, e, "column %s: cannot read it", c->path);
    if (space >= 0)
        H5Sclose(space);
    H5Sclose(memory);
    H5Tclose(type);
    return e->code;
}

int kc_h5_column_close(kc_h5_column *c, kc_error *e)
{
    hid_t id = c->id;
    c->id = 0;
    if (id > 0 && !c->file->broken && H5Dclose(id) < 0)
        return kc_h5_fail(c->file, e, "column %s: cannot close it", c->path);
    return KC_OK;
}
