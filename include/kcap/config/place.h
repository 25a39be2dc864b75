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

/* The keys of the corpus's first part are those of TABLE 1, from KC_FIRST_corpus on; behind all of the
 * table come those of the later parts, KC_N_corpus each. */
#define KC_COUNTED(section, name, type, def, least, most, unit, effect, help) +1
enum { KC_N_corpus = 0 KC_KEYS_corpus(KC_COUNTED) };
enum {
    KC_FIRST_corpus = KC_AT_corpus_kind,
    KC_N_PLACES = KC_N_KEYS + (KC_PARTS_MAX - 1) * KC_N_corpus
};
#undef KC_COUNTED
#define KC_IS_OF_corpus(key) ((key) >= KC_FIRST_corpus && (key) < KC_FIRST_corpus + KC_N_corpus)

/* The place of a key of the corpus in part `part`, from 0. */
static inline int kc_key_of_part(int key, int part)
{
    return part == 0 ? key : KC_N_KEYS + (part - 1) * KC_N_corpus + key - KC_FIRST_corpus;
}

/* An input: the file's name, overrides (see kc_config_parse), and where each value came from: 0 the
 * default, n > 0 line n of the file, n < 0 override -n - 1. */
typedef struct kc_origin {
    const char *path;
    const char *const *sets;
    int n_sets;
    int n_keys; /* that the file has */
    int line[KC_N_PLACES];
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

/* The configuration of part `part` of the corpus, from 0, as if it were the whole corpus; and where its
 * values came from. */
kc_config kc_config_of_part(const kc_config *cfg, int part);
kc_origin kc_origin_of_part(const kc_origin *o, int part);

/* The part of the corpus, from 0, that `exposures` are of: the first one that has tokens. */
int kc_config_pace(const kc_config *cfg);

/* kc_config_parse that also says where the values came from: path, sets and n_sets given, the
 * rest filled in. */
int kc_config_read(const char *text, size_t bytes, kc_origin *o, kc_config *cfg, kc_error *e);

#endif
