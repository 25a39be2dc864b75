/* SPDX-License-Identifier: BSD-3-Clause */
#include "cli/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/io/json.h"

enum { LENGTH = 8, SHOWN = 120 };

static const char meta[] = "__metadata__";

void kc_st_shape(int n_dims, const int64_t *dims, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "[");
    for (int i = 0; i < n_dims && used < size; ++i)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%lld", i ? ", " : "", (long long)dims[i]);
    if (used < size)
        snprintf(text + used, size - used, "]");
}

/* Names in messages are cut: a header may hold one of megabytes. */
static int refuse(const kc_st *st, const char *name, const char *what, kc_error *e)
{
    return kc_fail(e, KC_EINPUT, "%s: tensor %.*s: %s", st->path, SHOWN, name, what);
}

static int read_shape(const kc_st *st, const cJSON *shape, kc_st_tensor *t, kc_error *e)
{
    const cJSON *dim;
    int64_t values = 1;
    if (!cJSON_IsArray(shape))
        return refuse(st, t->name, "shape is missing or no list", e);
    cJSON_ArrayForEach(dim, shape)
    {
        if (t->n_dims == KC_ST_DIMS)
            return refuse(st, t->name, "shape has more than 8 dimensions", e);
        if (!kc_json_whole(dim, &t->dims[t->n_dims]))
            return refuse(st, t->name, "shape is not whole numbers from 0 to 2^53 - 1", e);
        if (__builtin_mul_overflow(values, t->dims[t->n_dims++], &values))
            return refuse(st, t->name, "the product of its shape overflows", e);
    }
    int64_t bytes;
    if (__builtin_mul_overflow(values, (int64_t)sizeof(float), &bytes))
        return refuse(st, t->name, "the bytes of its shape overflow", e);
    if (bytes != t->end - t->begin)
        return kc_fail(
            e, KC_EINPUT,
            "%s: tensor %.*s: data_offsets [%lld, %lld] hold %lld bytes, its shape needs "
            "%lld",
            st->path, SHOWN, t->name, (long long)t->begin, (long long)t->end,
            (long long)(t->end - t->begin), (long long)bytes);
    return KC_OK;
}

static int read_offsets(const kc_st *st, const cJSON *offsets, int64_t data, kc_st_tensor *t,
                        kc_error *e)
{
    if (!cJSON_IsArray(offsets) || cJSON_GetArraySize(offsets) != 2 ||
        !kc_json_whole(offsets->child, &t->begin) || !kc_json_whole(offsets->child->next, &t->end))
        return refuse(st, t->name, "data_offsets is not two whole numbers from 0 to 2^53 - 1", e);
    if (t->begin <= t->end && t->end <= data)
        return KC_OK;
    return kc_fail(e, KC_EINPUT,
                   "%s: tensor %.*s: data_offsets [%lld, %lld]; allowed is 0 <= begin <= end <= "
                   "%lld, the bytes of data in the file",
                   st->path, SHOWN, t->name, (long long)t->begin, (long long)t->end,
                   (long long)data);
}

/* dtype, shape and data_offsets, each once, and nothing else. */
static int read_tensor(const kc_st *st, const cJSON *x, int64_t data, kc_st_tensor *t, kc_error *e)
{
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(x, "dtype");
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(x, "shape");
    const cJSON *offsets = cJSON_GetObjectItemCaseSensitive(x, "data_offsets");
    *t = (kc_st_tensor){.name = x->string};
    if (!cJSON_IsObject(x) || cJSON_GetArraySize(x) != 3 || !dtype || !shape || !offsets)
        return refuse(st, t->name, "is not an object of dtype, shape and data_offsets, each once",
                      e);
    if (!cJSON_IsString(dtype) || strcmp(dtype->valuestring, "F32") != 0)
        return kc_fail(e, KC_EINPUT, "%s: tensor %.*s: dtype %.20s; kcap reads F32 alone", st->path,
                       SHOWN, t->name, cJSON_IsString(dtype) ? dtype->valuestring : "is no text");
    KC_TRY(read_offsets(st, offsets, data, t, e));
    KC_TRY(read_shape(st, shape, t, e));
out:
    return e->code;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const kc_st_tensor *)a)->name, ((const kc_st_tensor *)b)->name);
}

static int by_place(const void *a, const void *b)
{
    const kc_st_tensor *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return (x->end > y->end) - (x->end < y->end);
}

/* The tensors cover the data from its first to its last byte, each byte once. */
static int check_cover(kc_st *st, int64_t data, kc_error *e)
{
    int64_t covered = 0;
    const char *before = "the start of the data";
    qsort(st->tensor, (size_t)st->n, sizeof *st->tensor, by_place);
    for (int64_t i = 0; i < st->n; ++i) {
        const kc_st_tensor *t = &st->tensor[i];
        if (t->begin != covered)
            return kc_fail(e, KC_EINPUT,
                           "%s: tensor %.*s begins at byte %lld of the data, but %.*s ends at "
                           "%lld; neither overlaps nor holes are allowed",
                           st->path, SHOWN, t->name, (long long)t->begin, SHOWN, before,
                           (long long)covered);
        covered = t->end;
        before = t->name;
    }
    if (covered != data)
        return kc_fail(e, KC_EINPUT,
                       "%s: %lld bytes of data, but the tensors end at %lld; nothing may follow "
                       "them",
                       st->path, (long long)data, (long long)covered);
    return KC_OK;
}

/* Names are distinct, and the metadata is texts. */
static int check_names(const kc_st *st, kc_error *e)
{
    const cJSON *texts = cJSON_GetObjectItemCaseSensitive(st->header, meta), *x;
    const char *twice = kc_json_twice(st->header);
    if (twice)
        return kc_fail(e, KC_EINPUT, "%s: %.*s is there twice", st->path, SHOWN, twice);
    if (texts && !cJSON_IsObject(texts))
        return kc_fail(e, KC_EINPUT, "%s: %s is no object", st->path, meta);
    twice = kc_json_twice(texts);
    if (twice)
        return kc_fail(e, KC_EINPUT, "%s: %s: %.*s is there twice", st->path, meta, SHOWN, twice);
    cJSON_ArrayForEach(x, texts)
    {
        if (!cJSON_IsString(x))
            return kc_fail(e, KC_EINPUT, "%s: %s: %.*s is no text", st->path, meta, SHOWN,
                           x->string);
    }
    return KC_OK;
}

/* The header as JSON, with nothing after it but blanks. A zero byte, plain or escaped, would hide
 * what follows it in a name. */
static int read_json(kc_st *st, const char *text, int64_t bytes, kc_error *e)
{
    const char *end = NULL;
    if (bytes < 2 || text[0] != '{')
        return kc_fail(e, KC_EINPUT, "%s: its header does not begin with {", st->path);
    if (kc_json_utf8(text, (size_t)bytes) >= 0 || memchr(text, 0, (size_t)bytes) ||
        memmem(text, (size_t)bytes, "\\u0000", 6))
        return kc_fail(e, KC_EINPUT, "%s: its header is not UTF-8, or holds a zero byte", st->path);
    st->header = cJSON_ParseWithLengthOpts(text, (size_t)bytes, &end, 0);
    while (st->header && end < text + bytes && *end == ' ')
        ++end;
    if (!cJSON_IsObject(st->header) || end != text + bytes)
        return kc_fail(e, KC_EINPUT, "%s: its header is not one JSON object, filled up with blanks",
                       st->path);
    return KC_OK;
}

static int read_tensors(kc_st *st, int64_t data, kc_error *e)
{
    const cJSON *x;
    const int n = cJSON_GetArraySize(st->header);
    st->tensor = calloc((size_t)n + 1, sizeof *st->tensor);
    KC_CHECK(st->tensor, "out of memory for %d tensors", n);
    cJSON_ArrayForEach(x, st->header)
    {
        if (strcmp(x->string, meta) != 0 &&
            read_tensor(st, x, data, &st->tensor[st->n++], e) != KC_OK)
            return e->code;
    }
    return KC_OK;
}

int kc_st_parse(const char *path, const char *text, int64_t bytes, int64_t file_bytes, kc_st *st,
                kc_error *e)
{
    uint64_t length = 0;
    *st = (kc_st){.data_at = bytes};
    snprintf(st->path, sizeof st->path, "%s", path);
    for (int i = LENGTH - 1; i >= 0 && bytes >= LENGTH; --i)
        length = length << 8 | (unsigned char)text[i];
    if (bytes < LENGTH || length != (uint64_t)(bytes - LENGTH) || file_bytes < bytes)
        return kc_fail(e, KC_EINPUT, "%s: %lld bytes of header in a file of %lld", path,
                       (long long)length, (long long)file_bytes);
    KC_TRY(read_json(st, text + LENGTH, bytes - LENGTH, e));
    KC_TRY(check_names(st, e));
    KC_TRY(read_tensors(st, file_bytes - bytes, e));
    KC_TRY(check_cover(st, file_bytes - bytes, e));
    qsort(st->tensor, (size_t)st->n, sizeof *st->tensor, by_name);
out:
    return e->code;
}

void kc_st_free(kc_st *st)
{
    cJSON_Delete(st->header);
    free(st->tensor);
    *st = (kc_st){.n = 0};
}

const kc_st_tensor *kc_st_find(const kc_st *st, const char *name)
{
    const kc_st_tensor key = {.name = name};
    return bsearch(&key, st->tensor, (size_t)st->n, sizeof key, by_name);
}

const char *kc_st_meta(const kc_st *st, const char *name)
{
    const cJSON *all = cJSON_GetObjectItemCaseSensitive(st->header, meta);
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(all, name));
}
