/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/io/array.h"

#include <stdio.h>

#include "io/h5_internal.h"

/* Values of one transfer: MPI-IO counts bytes in ints. */
enum { PIECE = 1 << 27 };

int kc_h5_array_create(kc_h5 *f, const char *path, kc_h5_kind kind, int n_dims, const int64_t *dims,
                       kc_error *e)
{
    hsize_t shape[KC_H5_DIMS] = {0};
    KC_CHECK(n_dims >= 1 && n_dims <= KC_H5_DIMS, "%s: %d dimensions", path, n_dims);
    if (kc_h5_usable(f, e) != KC_OK)
        return e->code;
    for (int i = 0; i < n_dims; ++i)
        shape[i] = (hsize_t)dims[i];
    hid_t space = H5Screate_simple(n_dims, shape, NULL), list = kc_h5_timeless(H5P_DATASET_CREATE);
    H5Pset_layout(list, H5D_CONTIGUOUS);
    H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(list, H5D_FILL_TIME_NEVER);
    hid_t type = kc_h5_file_type(kind);
    hid_t id = H5Dcreate2(f->id, path, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    if (id < 0 || H5Dclose(id) < 0)
        kc_h5_fail(f, e, "array %s: cannot create it", path);
    H5Tclose(type);
    H5Pclose(list);
    H5Sclose(space);
    return e->code;
}

int kc_h5_array_open(kc_h5 *f, const char *path, kc_h5_kind kind, kc_h5_array *a, kc_error *e)
{
    *a = (kc_h5_array){.file = f, .kind = kind};
    snprintf(a->path, sizeof a->path, "%s", path);
    hid_t id = kc_h5_dataset(f, path, e);
    if (id < 0)
        return e->code;
    a->id = id;
    return kc_h5_shape(f, path, id, kind, KC_H5_DIMS, &a->n_dims, a->dims, e);
}

/* A box of the array that grows with each part of a range that is found. */
typedef struct cover {
    const kc_h5_array *array;
    hid_t space;
    hsize_t start[KC_H5_DIMS]; /* of the row whose inside is being covered */
    int failed;
} cover;

/* Add rows i ... i+n-1 of dimension d, whole in the dimensions below it. */
static void add_box(cover *c, int d, int64_t i, int64_t n)
{
    hsize_t start[KC_H5_DIMS] = {0}, count[KC_H5_DIMS];
    for (int k = 0; k < c->array->n_dims; ++k) {
        start[k] = k < d ? c->start[k] : 0;
        count[k] = k < d ? 1 : (hsize_t)c->array->dims[k];
    }
    start[d] = (hsize_t)i;
    count[d] = (hsize_t)n;
    if (n > 0 && H5Sselect_hyperslab(c->space, H5S_SELECT_OR, start, NULL, count, NULL) < 0)
        c->failed = 1;
}

/* Add the flat range first ... first+n-1 of what lies below dimension d: the end of a row, whole
 * rows, the beginning of a row. */
static void add_range(cover *c, int d, int64_t first, int64_t n)
{
    int64_t row = 1;
    for (int k = d + 1; k < c->array->n_dims; ++k)
        row *= c->array->dims[k];
    int64_t i = first / row, head = first % row;
    if (head > 0) {
        int64_t part = n < row - head ? n : row - head;
        c->start[d] = (hsize_t)i++;
        add_range(c, d + 1, head, part);
        n -= part;
    }
    add_box(c, d, i, n / row);
    if (n % row > 0) {
        c->start[d] = (hsize_t)(i + n / row);
        add_range(c, d + 1, 0, n % row);
    }
}

/* One of `to` and `from` is NULL. */
static int move_piece(kc_h5_array *a, int64_t first, int64_t n, void *to, const void *from,
                      kc_error *e)
{
    hsize_t count = (hsize_t)n;
    hid_t memory = H5Screate_simple(1, &count, NULL), type = kc_h5_memory_type(a->kind);
    cover c = {.array = a, .space = H5Dget_space(a->id)};
    H5Sselect_none(c.space);
    add_range(&c, 0, first, n);
    if (c.failed || (from ? H5Dwrite(a->id, type, memory, c.space, H5P_DEFAULT, from)
                          : H5Dread(a->id, type, memory, c.space, H5P_DEFAULT, to)) < 0)
        kc_h5_fail(a->file, e, "array %s: cannot %s values %lld to %lld", a->path,
                   from ? "write" : "read", (long long)first, (long long)(first + n - 1));
    H5Tclose(type);
    H5Sclose(c.space);
    H5Sclose(memory);
    return e->code;
}

static void check_range(const kc_h5_array *a, int64_t first, int64_t n)
{
    int64_t all = 1;
    for (int i = 0; i < a->n_dims; ++i)
        all *= a->dims[i];
    KC_CHECK(first >= 0 && n >= 0 && first <= all - n, "%s: %s: values %lld to %lld of %lld",
             a->file->path, a->path, (long long)first, (long long)(first + n), (long long)all);
}

int kc_h5_array_write(kc_h5_array *a, int64_t first, int64_t n, const void *values, kc_error *e)
{
    check_range(a, first, n);
    KC_TRY(kc_h5_usable(a->file, e));
    for (int64_t i = 0; i < n; i += PIECE)
        KC_TRY(move_piece(a, first + i, n - i < PIECE ? n - i : PIECE, NULL,
                          (const char *)values + (size_t)i * kc_h5_value_bytes(a->kind), e));
out:
    return e->code;
}

int kc_h5_array_read(kc_h5_array *a, int64_t first, int64_t n, void *values, kc_error *e)
{
    check_range(a, first, n);
    KC_TRY(kc_h5_usable(a->file, e));
    for (int64_t i = 0; i < n; i += PIECE)
        KC_TRY(move_piece(a, first + i, n - i < PIECE ? n - i : PIECE,
                          (char *)values + (size_t)i * kc_h5_value_bytes(a->kind), NULL, e));
out:
    return e->code;
}

int kc_h5_array_close(kc_h5_array *a, kc_error *e)
{
    hid_t id = a->id;
    a->id = 0;
    if (id > 0 && !a->file->broken && H5Dclose(id) < 0)
        return kc_h5_fail(a->file, e, "array %s: cannot close it", a->path);
    return KC_OK;
}
