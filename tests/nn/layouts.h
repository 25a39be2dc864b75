/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_TESTS_NN_LAYOUTS_H
#define KCAP_TESTS_NN_LAYOUTS_H

#include <stdio.h>

#include "models.h"

/* Of settings as tiny_config takes them. */
static inline kc_shape shape_with(const char *settings, int64_t V)
{
    const kc_config cfg = tiny_config(settings);
    return kc_shape_of(&cfg, V);
}

static inline kc_layout layout_with(const char *settings, int64_t V)
{
    const kc_shape s = shape_with(settings, V);
    kc_layout layout;
    kc_layout_of(&s, &layout);
    return layout;
}

static inline kc_layout layout_of(int64_t layers, int64_t heads, int64_t head_dim, int64_t V)
{
    kc_config cfg;
    kc_layout layout;
    kc_config_defaults(&cfg);
    cfg.model.layers = layers;
    cfg.model.heads = heads;
    cfg.model.head_dim = head_dim;
    const kc_shape s = kc_shape_of(&cfg, V);
    kc_layout_of(&s, &layout);
    return layout;
}

/* One with everything, one with as little as can be, and the presets. */
static const char *const architectures[] = {
    "",
    "model.arch=llama",
    "model.arch=mistral",
    "model.position=learned model.mlp=gated model.embeddings=untied",
    "model.arch=llama model.mlp=none model.embeddings=tied",
    "model.position=learned model.mlp=none",
    "model.biases=none",
    "model.arch=llama model.biases=qkv model.kv_heads=1",
    "model.arch=llama model.qk_norm=yes model.width=16",
    "model.arch=mistral model.canon=ABCD"};
enum { N_ARCHITECTURES = sizeof architectures / sizeof *architectures };

static inline kc_shape architecture_shape(int i)
{
    char settings[256];
    snprintf(settings, sizeof settings,
             "train.context=19 model.layers=3 model.heads=3 model.head_dim=8 %s", architectures[i]);
    return shape_with(settings, 41);
}

static inline kc_layout architecture(int i)
{
    const kc_shape s = architecture_shape(i);
    kc_layout layout;
    kc_layout_of(&s, &layout);
    return layout;
}

#endif
