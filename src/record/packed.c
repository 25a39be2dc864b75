/* SPDX-License-Identifier: BSD-3-Clause */
#include "record/packed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/io/attribute.h"

/* Values at a time, a multiple of 8; bytes of a path. */
enum { PIECE = 1 << 20, PATH = 128 };

static const char rows[] = "rows", columns[] = "columns";

/* What goes with codes: /scales/x of /params/x, and its zero points. */
static const struct companion {
    const char *group, *what, *help;
    kc_h5_kind kind;
} scales_of = {"/scales", "scales", "what a group of codes of /params is multiplied with",
               KC_H5_BFLOAT},
  zeros_of = {"/zeros", "bytes of zero points", "codes of zero, of each group of /params, packed",
              KC_H5_BYTE};

static void path_of(const struct companion *c, const char *path, char of[PATH])
{
    snprintf(of, PATH, "%s%s", c->group, strrchr(path, '/'));
}

static int create_companion(kc_h5 *f, const char *path, const struct companion *c, int64_t n,
                            kc_error *e)
{
    char of[PATH];
    path_of(c, path, of);
    if (!kc_h5_has(f, c->group))
        KC_TRY(kc_h5_group(f, c->group, e));
    KC_TRY(kc_h5_array_create(f, of, c->kind, 1, &n, e));
    KC_TRY(kc_h5_describe(f, of, "1", c->help, e));
out:
    return e->code;
}

int kc_packed_create(kc_h5 *f, const char *path, const kc_packing *p, int n_dims,
                     const int64_t *dims, const char *help, kc_error *e)
{
    char shape[96];
    const int codec = p->asymmetric ? KC_CODEC_packed_asymmetric : KC_CODEC_packed;
    const kc_matrices m = kc_matrices_of(n_dims, dims);
    const int64_t bytes = kc_packing_bytes(p, m.n * m.rows * m.cols);
    const int64_t scales = kc_packing_scales(p, &m);
    KC_TRY(kc_h5_array_create(f, path, KC_H5_BYTE, 1, &bytes, e));
    KC_TRY(kc_h5_describe(f, path, "1", help, e));
    KC_TRY(kc_h5_set_text(f, path, "codec", kc_codec_of(codec)->name, e));
    KC_TRY(kc_h5_set_int(f, path, "bits", p->bits, e));
    KC_TRY(kc_h5_set_int(f, path, "group", p->group, e));
    KC_TRY(kc_h5_set_text(f, path, "channels", p->by_rows ? rows : columns, e));
    kc_text_numbers(dims, n_dims, ", ", shape, sizeof shape);
    KC_TRY(kc_h5_set_text(f, path, "shape", shape, e));
    KC_TRY(create_companion(f, path, &scales_of, scales, e));
    if (p->asymmetric)
        KC_TRY(create_companion(f, path, &zeros_of, kc_packing_bytes(p, scales), e));
out:
    return e->code;
}

/* The whole numbers of a text, none above 2^40; 0 where there is anything else in it. */
static int read_shape(const char *text, int64_t dims[KC_H5_DIMS])
{
    int n = 0;
    for (char *end; n < KC_H5_DIMS; text = end + 2) {
        dims[n++] = strtoll(text, &end, 10);
        if (end == text || dims[n - 1] < 1 || dims[n - 1] > (int64_t)1 << 40)
            return 0;
        if (!*end)
            return n;
        if (strncmp(end, ", ", 2) != 0)
            return 0;
    }
    return 0;
}

/* Do these bytes hold so many codes? In double: a shape that was damaged may be of any size. */
static int fits(const kc_stored *s, int64_t bits)
{
    double n = 1;
    for (int i = 0; i < s->n_dims; ++i)
        n *= (double)s->dims[i];
    return bits >= KC_BITS_LEAST && bits <= KC_BITS_MOST && s->n_dims > 0 && s->array.n_dims == 1 &&
           (double)s->array.dims[0] == ceil(n * (double)bits / 8);
}

static int open_companion(kc_h5 *f, const char *path, const struct companion *c, int64_t n,
                          kc_h5_array *a, kc_error *e)
{
    char of[PATH];
    path_of(c, path, of);
    KC_TRY(kc_h5_array_open(f, of, c->kind, a, e));
    if (a->n_dims != 1 || a->dims[0] != n)
        kc_fail(e, KC_EINPUT, "%s: %s: %lld %s, %s needs %lld", f->path, of, (long long)a->dims[0],
                c->what, path, (long long)n);
out:
    return e->code;
}

int kc_packed_open(kc_h5 *f, const char *path, kc_stored *s, kc_error *e)
{
    char *shape = NULL, *channels = NULL;
    int64_t bits = 0, size = 0;
    KC_TRY(kc_h5_get_int(f, path, "bits", &bits, e));
    KC_TRY(kc_h5_get_int(f, path, "group", &size, e));
    KC_TRY(kc_h5_get_text(f, path, "channels", &channels, e));
    KC_TRY(kc_h5_get_text(f, path, "shape", &shape, e));
    s->n_dims = read_shape(shape, s->dims);
    if (!fits(s, bits) || size < 0 || (strcmp(channels, rows) && strcmp(channels, columns))) {
        kc_fail(
            e, KC_EINPUT,
            "%s: %s: %lld bytes are no packed tensor of %lld bits, shape [%.60s], groups of %lld "
            "in its %.20s",
            f->path, path, (long long)s->array.dims[0], (long long)bits, shape, (long long)size,
            channels);
        goto out;
    }
    s->form.packing = (kc_packing){(int32_t)bits, strcmp(channels, rows) == 0, size,
                                   s->form.codec == kc_codec_of(KC_CODEC_packed_asymmetric)};
    s->matrices = kc_matrices_of(s->n_dims, s->dims);
    const int64_t n = kc_packing_scales(&s->form.packing, &s->matrices);
    KC_TRY(open_companion(f, path, &scales_of, n, &s->scales_array, e));
    if (s->form.packing.asymmetric)
        KC_TRY(open_companion(f, path, &zeros_of, kc_packing_bytes(&s->form.packing, n),
                              &s->zeros_array, e));
out:
    free(shape);
    free(channels);
    return e->code;
}

int kc_packed_scales_write(kc_stored *s, kc_error *e)
{
    const int64_t n = s->scales_array.dims[0];
    const kc_packing *p = &s->form.packing;
    uint16_t *halves = kc_alloc(n, sizeof *halves, "scales");
    uint8_t *zeros = kc_alloc(kc_packing_bytes(p, n), 1, "zero points");
    kc_codec_of(KC_CODEC_bfloat16)->encode(s->scales, halves, n);
    KC_TRY(kc_h5_array_write(&s->scales_array, 0, n, halves, e));
    if (p->asymmetric) {
        kc_pack_zeros(p, s->scales + n, n, zeros);
        KC_TRY(kc_h5_array_write(&s->zeros_array, 0, kc_packing_bytes(p, n), zeros, e));
    }
out:
    free(zeros);
    free(halves);
    return e->code;
}

static int read_scales(kc_stored *s, kc_error *e)
{
    const int64_t n = s->scales_array.dims[0];
    const kc_packing *p = &s->form.packing;
    uint16_t *halves = kc_alloc(n, sizeof *halves, "scales");
    uint8_t *zeros = kc_alloc(kc_packing_bytes(p, n), 1, "zero points");
    s->scales = kc_alloc(kc_packing_room(p, &s->matrices), sizeof *s->scales, "scales");
    KC_TRY(kc_h5_array_read(&s->scales_array, 0, n, halves, e));
    kc_codec_of(KC_CODEC_bfloat16)->decode(halves, s->scales, n);
    if (p->asymmetric) {
        KC_TRY(kc_h5_array_read(&s->zeros_array, 0, kc_packing_bytes(p, n), zeros, e));
        kc_unpack_zeros(p, zeros, n, s->scales + n);
    }
out:
    free(zeros);
    free(halves);
    return e->code;
}

int kc_packed_write(kc_stored *s, int64_t first, int64_t n, const float *values, kc_error *e)
{
    const kc_packing *p = &s->form.packing;
    uint8_t *bytes = kc_alloc(kc_packing_bytes(p, n < PIECE ? n : PIECE), 1, "packed values");
    KC_CHECK(first % 8 == 0 && s->scales, "%s: packed from %lld on", s->array.path,
             (long long)first);
    for (int64_t i = 0; i < n; i += PIECE) {
        const int64_t part = n - i < PIECE ? n - i : PIECE;
        kc_pack(p, &s->matrices, s->scales, first + i, part, values + i, bytes);
        KC_TRY(kc_h5_array_write(&s->array, (first + i) * p->bits / 8, kc_packing_bytes(p, part),
                                 bytes, e));
    }
out:
    free(bytes);
    return e->code;
}

int kc_packed_read(kc_stored *s, int64_t first, int64_t n, float *values, kc_error *e)
{
    const kc_packing *p = &s->form.packing;
    const int64_t most = n < PIECE ? n : PIECE;
    uint8_t *bytes = kc_alloc(kc_packing_bytes(p, most + 8), 1, "packed values");
    if (!s->scales)
        KC_TRY(read_scales(s, e));
    for (int64_t i = 0; i < n; i += PIECE) {
        const int64_t part = n - i < PIECE ? n - i : PIECE;
        const int64_t begin = (first + i) * p->bits / 8;
        const int64_t end = kc_packing_bytes(p, first + i + part);
        KC_TRY(kc_h5_array_read(&s->array, begin, end - begin, bytes, e));
        kc_unpack(p, &s->matrices, s->scales, first + i, part, bytes, values + i);
    }
out:
    free(bytes);
    return e->code;
}
