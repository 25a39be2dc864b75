/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config/config_internal.h"
#include "config/presets.def"

/* Key-value heads of Mistral-l-h in arXiv 2404.05405 appendix A: 4 where they divide the heads, else
 * 2, else 1. */
static int64_t groups_of(int64_t heads)
{
    return heads % 4 == 0 ? 4 : heads % 2 == 0 ? 2 : 1;
}

static const struct preset {
    int64_t arch;
    const char *value;
    int key;
} presets[] = {
#define KC_PRESET(arch, key, value) {KC_model_arch_##arch, value, KC_AT_model_##key},
    KC_PRESETS(KC_PRESET)
#undef KC_PRESET
};

int kc_config_preset(const kc_origin *o, kc_config *cfg, kc_error *e)
{
    char number[24];
    for (size_t i = 0; i < sizeof presets / sizeof *presets; ++i) {
        const struct preset *p = &presets[i];
        if (o->line[p->key] != 0 || cfg->model.arch != p->arch)
            continue;
        snprintf(number, sizeof number, "%" PRId64, groups_of(cfg->model.heads));
        KC_TRY(kc_value_read(o, p->key, strcmp(p->value, "rule") == 0 ? number : p->value, cfg, e));
    }
out:
    return e->code;
}
