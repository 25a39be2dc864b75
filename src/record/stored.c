/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/stored.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/io/attribute.h"
#include "record/packed.h"

/* Values that are encoded at a time, a multiple of 8, and bytes that none exceeds. */
enum { PIECE = 1 << 20, VALUE = 8 };

int kc_stored_create(kc_h5 *f, const char *path, const kc_form *form, int n_dims,
                     const int64_t *dims, const char *help, kc_error *e)
{
    if (form->packing.bits)
        return kc_packed_create(f, path, &form->packing, n_dims, dims, help, e);
    KC_TRY(kc_h5_array_create(f, path, form->codec->kind, n_dims, dims, e));
    KC_TRY(kc_h5_describe(f, path, "1", help, e));
    KC_TRY(kc_h5_set_text(f, path, "codec", form->codec->name, e));
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
    KC_TRY(find_codec(f, path, &s->form.codec, e));
    KC_TRY(kc_h5_array_open(f, path, s->form.codec->kind, &s->array, e));
    s->n_dims = s->array.n_dims;
    memcpy(s->dims, s->array.dims, sizeof s->dims);
    if (s->form.codec->kind == KC_H5_BYTE)
        KC_TRY(kc_packed_open(f, path, s, e));
    s->n = 1;
    for (int k = 0; k < s->n_dims; ++k)
        s->n *= s->dims[k];
out:
    return e->code;
}

double kc_stored_bits(const kc_stored *s)
{
    const kc_packing *p = &s->form.packing;
    if (!p->bits)
        return 8 * (double)kc_h5_value_bytes(s->form.codec->kind) * (double)s->n;
    const int64_t scales = kc_packing_scales(p, &s->matrices);
    return 8 * (double)kc_packing_bytes(p, s->n) + 16 * (double)scales +
           8 * (double)(p->asymmetric ? kc_packing_bytes(p, scales) : 0);
}

int kc_stored_fit(kc_stored *s, const float *values, kc_error *e)
{
    const kc_packing *p = &s->form.packing;
    s->scales = kc_alloc(kc_packing_room(p, &s->matrices), sizeof *s->scales, "scales");
    kc_packing_fit(p, &s->matrices, values, s->scales);
    return kc_packed_scales_write(s, e);
}

int kc_stored_take_scales(kc_stored *s, const kc_stored *from, kc_error *e)
{
    const int64_t n = kc_packing_room(&s->form.packing, &s->matrices);
    s->scales = kc_alloc(n, sizeof *s->scales, "scales");
    memcpy(s->scales, from->scales, (size_t)n * sizeof *s->scales);
    return kc_packed_scales_write(s, e);
}

/* One of `from` and `to` is NULL. */
static int move(kc_stored *s, int64_t first, int64_t n, const float *from, float *to, kc_error *e)
{
    const kc_codec *codec = s->form.codec;
    void *piece = kc_alloc(n < PIECE ? n : PIECE, VALUE, "encoded values");
    for (int64_t i = 0; i < n; i += PIECE) {
        const int64_t part = n - i < PIECE ? n - i : PIECE;
        if (from) {
            codec->encode(from + i, piece, part);
            KC_TRY(kc_h5_array_write(&s->array, first + i, part, piece, e));
        } else {
            KC_TRY(kc_h5_array_read(&s->array, first + i, part, piece, e));
            codec->decode(piece, to + i, part);
        }
    }
out:
    free(piece);
    return e->code;
}

int kc_stored_write(kc_stored *s, int64_t first, int64_t n, const float *values, kc_error *e)
{
    if (s->form.packing.bits)
        return kc_packed_write(s, first, n, values, e);
    if (!s->form.codec->encode)
        return kc_h5_array_write(&s->array, first, n, values, e);
    return move(s, first, n, values, NULL, e);
}

int kc_stored_read(kc_stored *s, int64_t first, int64_t n, float *values, kc_error *e)
{
    if (s->form.packing.bits)
        return kc_packed_read(s, first, n, values, e);
    if (!s->form.codec->decode)
        return kc_h5_array_read(&s->array, first, n, values, e);
    return move(s, first, n, NULL, values, e);
}

int kc_stored_close(kc_stored *s, kc_error *e)
{
    free(s->scales);
    s->scales = NULL;
    kc_h5_array_close(&s->zeros_array, e);
    kc_h5_array_close(&s->scales_array, e);
    return kc_h5_array_close(&s->array, e);
}
