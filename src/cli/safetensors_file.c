/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kcap/io/json.h"

enum { LENGTH = 8, DIGITS = 24 };

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ && sizeof(float) == 4,
               "floats go to the file as they lie in memory: little-endian, 4 bytes");

static int fail(kc_error *e, int code, const char *path, const char *what)
{
    return kc_fail(e, code, "%s: %s: %s", path, what, strerror(errno));
}

static int read_all(int fd, const char *path, int code, int64_t at, int64_t n, void *to,
                    kc_error *e)
{
    for (int64_t done = 0; done < n;) {
        const ssize_t got = pread(fd, (char *)to + done, (size_t)(n - done), (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(e, code, path, "cannot be read");
        if (got == 0)
            return kc_fail(e, code, "%s: ends after %lld bytes", path, (long long)(at + done));
        done += got;
    }
    return KC_OK;
}

static int write_all(int fd, const char *path, const void *from, int64_t n, kc_error *e)
{
    for (int64_t done = 0; done < n;) {
        const ssize_t put = write(fd, (const char *)from + done, (size_t)(n - done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return fail(e, KC_EIO, path, "cannot be written");
        done += put;
    }
    return KC_OK;
}

int kc_st_head(const char *path, char **text, int64_t *bytes, int64_t *file_bytes, kc_error *e)
{
    unsigned char length[LENGTH];
    uint64_t n = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    *text = NULL;
    *bytes = 0;
    if (fd < 0)
        return fail(e, KC_EINPUT, path, "cannot be opened");
    *file_bytes = (int64_t)lseek(fd, 0, SEEK_END);
    if (*file_bytes < LENGTH) {
        kc_fail(e, KC_EINPUT, "%s: %lld bytes; a safetensors file begins with %d of length", path,
                (long long)*file_bytes, LENGTH);
        goto out;
    }
    KC_TRY(read_all(fd, path, KC_EINPUT, 0, LENGTH, length, e));
    for (int i = LENGTH - 1; i >= 0; --i)
        n = n << 8 | length[i];
    if (n > KC_ST_HEADER_MOST || n > (uint64_t)(*file_bytes - LENGTH)) {
        kc_fail(e, KC_EINPUT,
                "%s: announces a header of %llu bytes; at most %d are allowed, and this file has "
                "%lld",
                path, (unsigned long long)n, KC_ST_HEADER_MOST, (long long)(*file_bytes - LENGTH));
        goto out;
    }
    *bytes = LENGTH + (int64_t)n;
    *text = malloc((size_t)*bytes);
    KC_CHECK(*text, "out of memory for a header of %lld bytes", (long long)*bytes);
    KC_TRY(read_all(fd, path, KC_EINPUT, 0, *bytes, *text, e));
out:
    close(fd);
    return e->code;
}

int kc_st_read(const kc_st *st, const kc_st_tensor *const *tensors, int64_t n, kc_st_move take,
               void *context, kc_error *e)
{
    float *piece = malloc(KC_ST_PIECE * sizeof *piece);
    const int fd = open(st->path, O_RDONLY | O_CLOEXEC);
    KC_CHECK(piece, "out of memory");
    if (fd < 0) {
        fail(e, KC_EIO, st->path, "cannot be opened");
        goto out;
    }
    for (int64_t i = 0; i < n; ++i) {
        const int64_t values = (tensors[i]->end - tensors[i]->begin) / (int64_t)sizeof(float);
        for (int64_t at = 0; at < values; at += KC_ST_PIECE) {
            const int64_t some = values - at < KC_ST_PIECE ? values - at : KC_ST_PIECE;
            const int64_t byte = st->data_at + tensors[i]->begin + at * (int64_t)sizeof(float);
            KC_TRY(read_all(fd, st->path, KC_EIO, byte, some * (int64_t)sizeof(float), piece, e));
            take(context, i, at, some, piece);
        }
    }
out:
    if (fd >= 0)
        close(fd);
    free(piece);
    return e->code;
}

/* Whole numbers go to the file by their digits: cJSON writes large doubles with an exponent. */
static cJSON *list_of(const int64_t *numbers, int n)
{
    cJSON *list = cJSON_CreateArray();
    char digits[DIGITS];
    for (int i = 0; i < n; ++i) {
        snprintf(digits, sizeof digits, "%lld", (long long)numbers[i]);
        cJSON_AddItemToArray(list, cJSON_CreateRaw(digits));
    }
    return list;
}

/* Length and header, filled up with blanks so that the data begins at a multiple of 8. Members are
 * added at a list's end, whose place cJSON knows: the header takes time in proportion to itself. */
static char *make_header(kc_st_tensor *tensors, int64_t n, const cJSON *metadata, int64_t *bytes)
{
    cJSON *object = cJSON_CreateObject();
    int64_t at = 0;
    cJSON_AddItemToObject(object, "__metadata__", cJSON_Duplicate(metadata, 1));
    for (int64_t i = 0; i < n; ++i) {
        kc_st_tensor *t = &tensors[i];
        int64_t values = 1;
        for (int k = 0; k < t->n_dims; ++k)
            values *= t->dims[k];
        t->begin = at;
        t->end = at += values * (int64_t)sizeof(float);
        cJSON *x = cJSON_AddObjectToObject(object, t->name);
        cJSON_AddStringToObject(x, "dtype", "F32");
        cJSON_AddItemToObject(x, "shape", list_of(t->dims, t->n_dims));
        cJSON_AddItemToObject(x, "data_offsets", list_of((int64_t[]){t->begin, t->end}, 2));
    }
    char *text = cJSON_PrintUnformatted(object);
    KC_CHECK(text, "out of memory");
    const size_t used = strlen(text), filled = (used + 7) / 8 * 8;
    char *header = malloc(LENGTH + filled);
    KC_CHECK(header, "out of memory");
    memset(header, ' ', LENGTH + filled);
    for (int i = 0; i < LENGTH; ++i)
        header[i] = (char)(filled >> 8 * i & 0xFF);
    memcpy(header + LENGTH, text, used);
    cJSON_free(text);
    cJSON_Delete(object);
    *bytes = (int64_t)(LENGTH + filled);
    return header;
}

static int write_values(int fd, const char *path, const kc_st_tensor *tensors, int64_t n,
                        kc_st_move give, void *context, kc_error *e)
{
    float *piece = malloc(KC_ST_PIECE * sizeof *piece);
    KC_CHECK(piece, "out of memory");
    for (int64_t i = 0; i < n; ++i) {
        const int64_t values = (tensors[i].end - tensors[i].begin) / (int64_t)sizeof(float);
        for (int64_t at = 0; at < values; at += KC_ST_PIECE) {
            const int64_t some = values - at < KC_ST_PIECE ? values - at : KC_ST_PIECE;
            give(context, i, at, some, piece);
            KC_TRY(write_all(fd, path, piece, some * (int64_t)sizeof(float), e));
        }
    }
out:
    free(piece);
    return e->code;
}

int kc_st_write(const char *path, kc_st_tensor *tensors, int64_t n, const cJSON *metadata,
                kc_st_move give, void *context, kc_error *e)
{
    int64_t bytes;
    int fd = -1;
    char *header = make_header(tensors, n, metadata, &bytes);
    const int64_t bad = kc_json_utf8(header + LENGTH, (size_t)(bytes - LENGTH));
    if (bytes - LENGTH > KC_ST_HEADER_MOST || bad >= 0) {
        kc_fail(e, KC_EINPUT,
                "%s: cannot be written: its header of %lld bytes, which holds the pools and "
                "templates, would be %s",
                path, (long long)bytes,
                bad >= 0 ? "no UTF-8" : "larger than the format's 100,000,000");
        goto out;
    }
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        fail(e, KC_EIO, path, "cannot be made");
        goto out;
    }
    KC_TRY(write_all(fd, path, header, bytes, e));
    KC_TRY(write_values(fd, path, tensors, n, give, context, e));
    if (fsync(fd) != 0)
        fail(e, KC_EIO, path, "cannot be written");
out:
    if (fd >= 0 && close(fd) != 0)
        fail(e, KC_EIO, path, "cannot be closed");
    free(header);
    return e->code;
}
