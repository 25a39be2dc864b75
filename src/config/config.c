/* SPDX-License-Identifier: BSD-3-Clause */
#include <string.h>

#include "config/config_internal.h"

void kc_config_defaults(kc_config *cfg)
{
    memset(cfg, 0, sizeof *cfg);
    for (int i = 0; i < KC_N_KEYS; i++)
        memcpy((char *)cfg + kc_key_rows[i].offset, kc_key_rows[i].def, kc_key_rows[i].bytes);
}

int64_t kc_config_length(const kc_config *cfg)
{
    if (cfg->corpus.length > 0)
        return cfg->corpus.length;
    return strcmp(cfg->corpus.kind, "random") == 0 ? 64 : 1;
}

kc_config kc_config_settled(const kc_config *cfg)
{
    kc_config settled = *cfg;
    settled.corpus.length = kc_config_length(cfg);
    return settled;
}

int kc_config_parse(const char *text, size_t bytes, const char *path, const char *const *sets,
                    int n_sets, kc_config *cfg, kc_error *e)
{
    kc_origin origin = {.path = path, .sets = sets};
    kc_config_defaults(cfg);
    KC_TRY(kc_read_file(text, bytes, &origin, cfg, e));
    for (int i = 0; i < n_sets; i++)
        KC_TRY(kc_read_set(i, &origin, cfg, e));
    KC_TRY(kc_config_preset(&origin, cfg, e));
    const kc_config settled = kc_config_settled(cfg);
    KC_TRY(kc_config_check(&settled, &origin, e));
out:
    return e->code;
}
