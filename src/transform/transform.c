/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/transform/transform.h"

#include <stdio.h>
#include <string.h>

#include "transform/transforms.def"

#define DECLARE(name) extern const kc_transform kc_transform_##name;
KC_TRANSFORMS(DECLARE)
#undef DECLARE

#define ROW(name) &kc_transform_##name,
const kc_transform *const kc_transforms[] = {KC_TRANSFORMS(ROW)};
#undef ROW

const int kc_n_transforms = sizeof kc_transforms / sizeof *kc_transforms;

static const kc_transform *find(const char *name, kc_error *e)
{
    char known[256] = "";
    for (int i = 0; i < kc_n_transforms; ++i) {
        if (strcmp(kc_transforms[i]->name, name) == 0)
            return kc_transforms[i];
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", kc_transforms[i]->name);
    }
    kc_fail(e, KC_EINPUT, "%s: no transformation; there are %s", name, known);
    return NULL;
}

int kc_transform_run(const kc_grid *g, const char *name, const char *where, const char *out,
                     char from[KC_PATH_MAX], kc_error *e)
{
    kc_checkpoint_info info = {.step = 0};
    const kc_transform *t = find(name, e);
    KC_TRY(e->code);
    KC_TRY(kc_checkpoint_find(g, where, NULL, &info, e));
    if (!info.path[0])
        return kc_fail(e, KC_EINPUT, "%s: no checkpoint there", where);
    snprintf(from, KC_PATH_MAX, "%s", info.path);
    t->run(g, &info, out, e);
out:
    kc_checkpoint_info_free(&info);
    return e->code;
}
