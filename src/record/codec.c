/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/record/codec.h"

#include <string.h>

/* The half below is rounded away: it carries into the upper one where it is more than a half of it,
 * or just a half and the upper one odd. A NaN is cut and made quiet, lest it round to infinity. */
static void to_bfloat16(const float *values, void *stored, int64_t n)
{
    uint16_t *to = stored;
    for (int64_t i = 0; i < n; ++i) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        if ((bits & 0x7fffffff) > 0x7f800000)
            to[i] = (uint16_t)(bits >> 16 | 0x40);
        else
            to[i] = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }
}

static void from_bfloat16(const void *stored, float *values, int64_t n)
{
    const uint16_t *from = stored;
    for (int64_t i = 0; i < n; ++i) {
        const uint32_t bits = (uint32_t)from[i] << 16;
        memcpy(&values[i], &bits, sizeof bits);
    }
}

const kc_codec *kc_codec_of(kc_codec_id id)
{
#define ROW(name, kind, encode, decode, help) {#name, kind, encode, decode},
    static const kc_codec rows[] = {KC_CODECS(ROW)};
#undef ROW
    return &rows[id];
}
