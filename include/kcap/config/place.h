/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CONFIG_PLACE_H
#define KCAP_CONFIG_PLACE_H

#include "kcap/config/config.h"

/* Where a value was said, for messages about it. */

/* KC_AT_train_lanes, ...: where a key stands in TABLE 1. */
#define KC_AT(section, name, type, def, least, most, unit, effect, help) KC_AT_##section##_##name,
#define KC_AT_SECTION(section)                                           KC_KEYS_##section(KC_AT)
enum { KC_SECTIONS(KC_AT_SECTION) KC_N_KEYS };
#undef KC_AT
#undef KC_AT_SECTION

/* An input: the file's name, overrides (see kc_config_parse), and where each value came from: 0 the
 * default, n > 0 line n of the file, n < 0 override -n - 1. */
typedef struct kc_origin {
    const char *path;
    const char *const *sets;
    int n_sets;
    int line[KC_N_KEYS];
} kc_origin;

enum { KC_SAID_MAX = 400 };

/* kc_fail with KC_EINPUT about a key: `inputs/x.yaml:12: model.layers: ...`, `--set model.layers=0:
 * ...` (which names the key itself), `default: model.layers: ...`, or without an origin (NULL)
 * `model.layers: ...`. */
int kc_fail_key(kc_error *e, const kc_origin *o, int key, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* `model.heads 3 (inputs/x.yaml:4)`: another key that a message names, with its value and place.
 * Returns `text`. */
const char *kc_key_said(const kc_config *cfg, const kc_origin *o, int key, char text[KC_SAID_MAX]);

/* kc_config_parse that also says where the values came from: path, sets and n_sets given, line
 * filled in. */
int kc_config_read(const char *text, size_t bytes, kc_origin *o, kc_config *cfg, kc_error *e);

#endif
