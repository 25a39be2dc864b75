/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/transform/transform.h"

static int strip(const kc_grid *g, const kc_checkpoint_info *from, const char *out, kc_error *e)
{
    return kc_checkpoint_derive(g, from, out, &(kc_derivation){.by = "strip"}, e);
}

const kc_transform kc_transform_strip = {
    .name = "strip",
    .help = "leave out the optimiser's moments: a third of the bytes",
    .run = strip};
