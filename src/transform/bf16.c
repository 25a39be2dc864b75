/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/transform/transform.h"

static int bf16(const kc_grid *g, const kc_checkpoint_info *from, const char *out, kc_error *e)
{
    const kc_derivation how = {.by = "bf16", .codec = kc_codec_of(KC_CODEC_bfloat16)};
    return kc_checkpoint_derive(g, from, out, &how, e);
}

const kc_transform kc_transform_bf16 = {
    .name = "bf16",
    .help = "weights as bfloat16 (nearest even), no moments: a sixth of the bytes",
    .run = bf16};
