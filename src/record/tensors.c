/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/tensors.h"

#include <stdio.h>
#include <string.h>

#include "record/stored.h"

enum { NAME = 128 };

static void path_of(const char *group, const kc_tensor *t, char path[NAME])
{
    snprintf(path, NAME, "%s/%s", group, t->name);
}

int kc_tensors_create(kc_h5 *f, const char *group, const char *what, const kc_layout *layout,
                      kc_error *e)
{
    const kc_form plain = {.codec = kc_codec_of(KC_CODEC_float32)};
    char path[NAME], help[256];
    KC_TRY(kc_h5_group(f, group, e));
    for (int i = 0; i < layout->n; ++i) {
        const kc_tensor *t = &layout->tensor[i];
        if (!t->layers)
            continue;
        path_of(group, t, path);
        snprintf(help, sizeof help, "%s: %s", what, t->help);
        KC_TRY(kc_stored_create(f, path, &plain, t->n_dims, t->dims, help, e));
    }
out:
    return e->code;
}

/* A range of flat elements on its way; one of `to` and `from` is NULL. */
typedef struct span {
    int64_t lo, hi;
    float *to;
    const float *from;
} span;

static int move_tensor(kc_stored *a, const kc_layout *layout, const kc_tensor *t, const span *s,
                       kc_error *e)
{
    for (int64_t r = 0; r < kc_tensor_pieces(layout, t); ++r) {
        const kc_piece run = kc_tensor_piece(layout, t, r);
        int64_t begin = run.flat, end = begin + run.n;
        int64_t first = s->lo > begin ? s->lo : begin, last = s->hi < end ? s->hi : end;
        if (first >= last)
            continue;
        int64_t at = run.global + first - begin, n = last - first;
        if (s->from)
            KC_TRY(kc_stored_write(a, at, n, s->from + (first - s->lo), e));
        else
            KC_TRY(kc_stored_read(a, at, n, s->to + (first - s->lo), e));
    }
out:
    return e->code;
}

static int check_shape(const kc_stored *a, const kc_tensor *t, kc_error *e)
{
    char found[160], expected[160];
    int same = a->n_dims == t->n_dims;
    for (int i = 0; same && i < t->n_dims; ++i)
        same = a->dims[i] == t->dims[i];
    if (same)
        return KC_OK;
    return kc_fail(e, KC_EINPUT, "%s: tensor %s is [%s] in the checkpoint, [%s] in this model",
                   a->array.file->path, t->name,
                   kc_text_numbers(a->dims, a->n_dims, ", ", found, sizeof found),
                   kc_text_numbers(t->dims, t->n_dims, ", ", expected, sizeof expected));
}

static int move_all(kc_h5 *f, const char *group, const kc_layout *layout, const span *s,
                    kc_error *e)
{
    char path[NAME];
    for (int i = 0; i < layout->n && e->code == KC_OK; ++i) {
        kc_stored a = {.n = 0};
        if (!layout->tensor[i].layers)
            continue;
        path_of(group, &layout->tensor[i], path);
        if (kc_stored_open(f, path, &a, e) == KC_OK &&
            check_shape(&a, &layout->tensor[i], e) == KC_OK)
            move_tensor(&a, layout, &layout->tensor[i], s, e);
        kc_stored_close(&a, e);
    }
    return e->code;
}

int kc_tensors_write(kc_h5 *f, const char *group, const kc_layout *layout, int64_t lo, int64_t hi,
                     const float *flat, kc_error *e)
{
    return move_all(f, group, layout, &(span){.lo = lo, .hi = hi, .from = flat}, e);
}

int kc_tensors_read(kc_h5 *f, const char *group, const kc_layout *layout, int64_t lo, int64_t hi,
                    float *flat, kc_error *e)
{
    int64_t n = 0, here = 0;
    KC_TRY(move_all(f, group, layout, &(span){.lo = lo, .hi = hi, .to = flat}, e));
    KC_TRY(kc_h5_members(f, group, &n, e));
    for (int i = 0; i < layout->n; ++i)
        here += layout->tensor[i].layers > 0;
    if (n != here)
        kc_fail(e, KC_EINPUT, "%s: %s holds %lld tensors, this model has %lld", f->path, group,
                (long long)n, (long long)here);
out:
    return e->code;
}

int kc_values_finite(const float *values, int64_t n, const char *where, const char *tensor,
                     int code, kc_error *e)
{
    const uint32_t exponent = 0x7f800000;
    int bad = 0;
    for (int64_t i = 0; i < n; ++i) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        bad |= (bits & exponent) == exponent;
    }
    if (bad)
        kc_fail(e, code, "%s: tensor %s holds values that are not finite", where, tensor);
    return e->code;
}

int kc_tensors_finite(const char *where, const char *group, const kc_layout *layout, int64_t lo,
                      int64_t hi, const float *flat, int code, kc_error *e)
{
    char name[NAME];
    for (int i = 0; i < layout->n; ++i) {
        const kc_tensor *t = &layout->tensor[i];
        path_of(group + 1, t, name);
        for (int64_t r = 0; r < kc_tensor_pieces(layout, t); ++r) {
            const kc_piece run = kc_tensor_piece(layout, t, r);
            const int64_t first = lo > run.flat ? lo : run.flat;
            const int64_t last = hi < run.flat + run.n ? hi : run.flat + run.n;
            if (first < last)
                KC_TRY(kc_values_finite(flat + (first - lo), last - first, where, name, code, e));
        }
    }
out:
    return e->code;
}
