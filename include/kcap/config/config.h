/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CONFIG_CONFIG_H
#define KCAP_CONFIG_CONFIG_H

#include <stdint.h>
#include <stdio.h>

#include "kcap/base/err.h"
#include "kcap/config/keys.def"

enum { KC_TEXT_MAX = 512, KC_PARTS_MAX = 8 };

typedef int64_t kc_key_INT;
typedef double kc_key_REAL;
typedef char kc_key_TEXT[KC_TEXT_MAX];
typedef char kc_key_PATH[KC_TEXT_MAX];
typedef int64_t kc_key_CHOICE;

/* KC_model_norm_rmsnorm, ...: the values of the CHOICEs, numbered in the order of their words. */
#define KC_OF_WORD(key, word, ...) key##_##word,
#define KC_OF_CHOICE(key, words)   enum { words(KC_OF_WORD, key) };
#define KC_OF_INT(key, unit)
#define KC_OF_REAL(key, unit)
#define KC_OF_TEXT(key, unit)
#define KC_OF_PATH(key, unit)
#define KC_OF_KEY(section, name, type, def, least, most, unit, effect, help)                       \
    KC_OF_##type(KC_##section##_##name, unit)
#define KC_OF_SECTION(section) KC_KEYS_##section(KC_OF_KEY)
KC_SECTIONS(KC_OF_SECTION)

/* The keys of a section (kc_<section>_keys), and all of them, as cfg.model.layers; constant
 * once loaded. Plain data: copy it, print it, hash it. */
#define KC_FIELD(section, name, type, def, least, most, unit, effect, help) kc_key_##type name;
#define KC_STRUCT(section)                                                                         \
    typedef struct kc_##section##_keys {                                                           \
        KC_KEYS_##section(KC_FIELD)                                                                \
    } kc_##section##_keys;
#define KC_MEMBER(section) kc_##section##_keys section;
KC_SECTIONS(KC_STRUCT)
typedef struct kc_config {
    KC_SECTIONS(KC_MEMBER)                  /* corpus: its first part                 */
    int64_t parts;                          /* of the corpus; 1 unless it is a list   */
    kc_corpus_keys later[KC_PARTS_MAX - 1]; /* the others, at their defaults where unused */
} kc_config;
#undef KC_FIELD
#undef KC_STRUCT
#undef KC_MEMBER

/* Every key at its default; one part. */
void kc_config_defaults(kc_config *cfg);

/* Read the YAML text of an input file over the defaults, then the overrides, then check ranges and
 * what keys demand of each other (lanes divide batch, names suffice for the people, ...).
 *   text        `bytes` bytes of YAML: one mapping of sections, each a mapping of keys. May be
 *               empty.
 *   path        the file's name for messages, and whose folder PATH keys start from
 *   sets        `section.key=value` overrides, in order; their PATH values start from the working
 *               directory. The value is read as a YAML scalar.
 *   collective  no; the same text and overrides give the same result on every rank
 *   errors      KC_EINPUT, one line: `inputs/x.yaml:12: model.layer: unknown key; did you mean
 *               model.layers?`; overrides are named as `--set model.layer=3: ...`. Unknown
 *               section or key (with the nearest known one), wrong type, outside the range (with
 *               unit and help), duplicate key, a list or mapping where a scalar belongs, broken
 *               YAML. *cfg is undefined then. */
int kc_config_parse(const char *text, size_t bytes, const char *path, const char *const *sets,
                    int n_sets, kc_config *cfg, kc_error *e);

/* Write the configuration as YAML that kc_config_parse reads back to the same values (reals in
 * their shortest exact form; PATH values absolute). With `help`, each key's unit, range and help
 * follow it as a comment.
 *   collective  no */
void kc_config_print(const kc_config *cfg, int help, FILE *out);

/* The same without help as one string. The caller frees it. */
char *kc_config_yaml(const kc_config *cfg);

/* d: model.width, or heads x head_dim. */
int64_t kc_config_width(const kc_config *cfg);

/* A copy in which each key says what it stands for: corpus.length 0 is the kind's own length,
 * model.kv_heads 0 as many as heads; width 0 heads x head_dim; mlp_width is the hidden width (0: no
 * MLP), mlp_ratio what that makes of the width. What two inputs say in different words is equal
 * here. Whoever needs
 * one of these keys asks here; the fields of `cfg` are what the user wrote. */
kc_config kc_config_settled(const kc_config *cfg);

/* The word of a CHOICE, such as ("model", "norm"). Static text; aborts where there is no such. */
const char *kc_config_word(const kc_config *cfg, const char *section, const char *name);

/* 16 hex digits of XXH3-64 over the BITS keys that are not at their defaults, settled. Equal hashes,
 * same experiment. */
void kc_config_hash(const kc_config *cfg, char hash[17]);

/* The same over all keys but run.name and run.out. Equal hashes, same run. */
void kc_config_hash_all(const kc_config *cfg, char hash[17]);

/* The first BITS key whose settled values differ, as "model.layers: 2 in the first, 4 in the
 * second" written into `text`; returns 0 when all are equal.
 *   first, second   what to call the two sides in the message */
int kc_config_differs(const kc_config *a, const kc_config *b, const char *first, const char *second,
                      char *text, size_t size);

/* What `kcap config --help` says of the keys: a table, section by section. */
void kc_config_help(FILE *out);

#endif
