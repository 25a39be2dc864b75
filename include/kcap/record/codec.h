/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_RECORD_CODEC_H
#define KCAP_RECORD_CODEC_H

#include "kcap/io/h5.h"
#include "kcap/record/codec.def"

/* A row of codec.def. */
typedef struct kc_codec {
    const char *name;
    kc_h5_kind kind; /* of the dataset: bytes of a value                          */
    void (*encode)(const float *values, void *stored, int64_t n); /* NULL: as they are in memory */
    void (*decode)(const void *stored, float *values, int64_t n);
} kc_codec;

#define KC_CODEC(name, kind, encode, decode, help) KC_CODEC_##name,
typedef enum kc_codec_id { KC_CODECS(KC_CODEC) KC_N_CODECS } kc_codec_id;
#undef KC_CODEC

/* bfloat16 keeps NaN a NaN, overflows to infinity as rounding demands, and gives back exactly what
 * it gave before.   bits: those of numpy's ml_dtypes and of PyTorch but for the bits of a NaN */
const kc_codec *kc_codec_of(kc_codec_id id);

#endif
