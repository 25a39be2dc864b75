/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/stored.h"

#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/io/attribute.h"

/* Values that are encoded at a time, and bytes that none exceeds. */
enum { PIECE = 1 << 20, VALUE = 8 };

int kc_stored_create(kc_h5 *f, const char *path, const kc_codec *codec, int n_dims,
                     const int64_t *dims, const char *help, kc_error *e)
{
    KC_TRY(kc_h5_array_create(f, path, codec->kind, n_dims, dims, e));
    KC_TRY(kc_h5_describe(f, path, "1", help, e));
    KC_TRY(kc_h5_set_text(f, path, "codec", codec->name, e));
out:
    return e->code;
}

static int find_codec(kc_h5 *f, const char *path, const kc_codec **codec, kc_error *e)
{
    char *name = NULL;
    *codec = kc_codec_of(KC_CODEC_float32);
    if (!kc_h5_has_attribute(f, path, "codec"))
        return KC_OK;
    if (kc_h5_get_text(f, path, "codec", &name, e) != KC_OK)
        return e->code;
    int i = 0;
    while (i < KC_N_CODECS && strcmp(kc_codec_of(i)->name, name) != 0)
        ++i;
    if (i < KC_N_CODECS)
        *codec = kc_codec_of(i);
    else
        kc_fail(e, KC_EINPUT, "%s: %s is stored as %.40s, which this version of kcap does not read",
                f->path, path, name);
    free(name);
    return e->code;
}

int kc_stored_open(kc_h5 *f, const char *path, kc_stored *s, kc_error *e)
{
    *s = (kc_stored){.array = {.id = 0}};
    KC_TRY(find_codec(f, path, &s->codec, e));
    KC_TRY(kc_h5_array_open(f, path, s->codec->kind, &s->array, e));
out:
    return e->code;
}

/* One of `from` and `to` is NULL. */
static int move(kc_stored *s, int64_t first, int64_t n, const float *from, float *to, kc_error *e)
{
    void *piece = kc_alloc(n < PIECE ? n : PIECE, VALUE, "encoded values");
    for (int64_t i = 0; i < n; i += PIECE) {
        const int64_t part = n - i < PIECE ? n - i : PIECE;
        if (from) {
            s->codec->encode(from + i, piece, part);
            KC_TRY(kc_h5_array_write(&s->array, first + i, part, piece, e));
        } else {
            KC_TRY(kc_h5_array_read(&s->array, first + i, part, piece, e));
            s->codec->decode(piece, to + i, part);
        }
    }
out:
    free(piece);
    return e->code;
}

int kc_stored_write(kc_stored *s, int64_t first, int64_t n, const float *values, kc_error *e)
{
    if (!s->codec->encode)
        return kc_h5_array_write(&s->array, first, n, values, e);
    return move(s, first, n, values, NULL, e);
}

int kc_stored_read(kc_stored *s, int64_t first, int64_t n, float *values, kc_error *e)
{
    if (!s->codec->decode)
        return kc_h5_array_read(&s->array, first, n, values, e);
    return move(s, first, n, NULL, values, e);
}

int kc_stored_close(kc_stored *s, kc_error *e)
{
    return kc_h5_array_close(&s->array, e);
}
