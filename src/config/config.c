/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <string.h>

#include "config/config_internal.h"

void kc_config_defaults(kc_config *cfg)
{
    memset(cfg, 0, sizeof *cfg);
    cfg->parts = 1;
    for (int i = 0; i < KC_N_PLACES; i++)
        memcpy((char *)cfg + kc_key_rows[i].offset, kc_key_rows[i].def, kc_key_rows[i].bytes);
}

static void settle_corpus(kc_corpus_keys *corpus)
{
#define KC_LENGTH(key, kind, one, many, help, length, ...) length,
    static const int64_t lengths[] = {KC_KINDS(KC_LENGTH, )};
    if (corpus->people == 0 && corpus->kind != KC_corpus_kind_facts)
        corpus->people = 1000;
    if (corpus->length == 0)
        corpus->length = lengths[corpus->kind];
}

kc_config kc_config_settled(const kc_config *cfg)
{
    kc_config settled = *cfg;
    kc_model_keys *model = &settled.model;
    const double d = (double)kc_config_width(cfg);
    settle_corpus(&settled.corpus);
    for (int i = 0; i < settled.parts - 1; ++i)
        settle_corpus(&settled.later[i]);
    if (model->width == model->heads * model->head_dim)
        model->width = 0; /* as it was before the key */
    if (model->kv_heads == 0)
        model->kv_heads = model->heads;
    if (model->mlp == KC_model_mlp_none)
        model->mlp_width = 0;
    else if (model->mlp_width == 0)
        model->mlp_width = (int64_t)floor(model->mlp_ratio * d);
    model->mlp_ratio = (double)model->mlp_width / d;
    return settled;
}

const char *kc_config_word(const kc_config *cfg, const char *section, const char *name)
{
    const int key = kc_key_find(section, name);
    KC_CHECK(key >= 0 && kc_key_rows[key].words, "%s.%s is no CHOICE", section, name);
    return kc_key_rows[key].words[*(const int64_t *)((const char *)cfg + kc_key_rows[key].offset)];
}

int kc_config_read(const char *text, size_t bytes, kc_origin *o, kc_config *cfg, kc_error *e)
{
    kc_config_defaults(cfg);
    KC_TRY(kc_read_file(text, bytes, o, cfg, e));
    for (int i = 0; i < o->n_sets; i++)
        KC_TRY(kc_read_set(i, o, cfg, e));
    KC_TRY(kc_config_preset(o, cfg, e));
    KC_TRY(kc_config_check(cfg, o, e));
out:
    return e->code;
}

int kc_config_parse(const char *text, size_t bytes, const char *path, const char *const *sets,
                    int n_sets, kc_config *cfg, kc_error *e)
{
    kc_origin o = {.path = path, .sets = sets, .n_sets = n_sets};
    return kc_config_read(text, bytes, &o, cfg, e);
}
