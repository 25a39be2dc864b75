/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CONFIG_CONFIG_H
#define KCAP_CONFIG_CONFIG_H

#include <stdint.h>
#include <stdio.h>

#include "kcap/base/err.h"
#include "kcap/config/keys.def"

enum { KC_TEXT_MAX = 512 };

typedef int64_t kc_key_INT;
typedef double kc_key_REAL;
typedef char kc_key_TEXT[KC_TEXT_MAX];
typedef char kc_key_PATH[KC_TEXT_MAX];
typedef char kc_key_CHOICE[32];

/* All keys, as cfg.model.layers; constant once loaded. Plain data: copy it, print it, hash it. */
#define KC_FIELD(section, name, type, def, least, most, unit, effect, help) kc_key_##type name;
#define KC_STRUCT(section)                                                                         \
    struct {                                                                                       \
        KC_KEYS_##section(KC_FIELD)                                                                \
    } section;
typedef struct kc_config {
    KC_SECTIONS(KC_STRUCT)
} kc_config;
#undef KC_FIELD
#undef KC_STRUCT

/* Every key at its default. */
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

/* corpus.length, or where that is 0 the kind's own: 64 for random, 1 for the others. Whoever needs
 * the length asks here; the field itself is what the user wrote. */
int64_t kc_config_length(const kc_config *cfg);

/* 16 hex digits of XXH3-64 over the YAML of all BITS keys, and of ADDED ones that are not at their
 * default; corpus.length enters as kc_config_length says. Equal hashes, same experiment. */
void kc_config_hash(const kc_config *cfg, char hash[17]);

/* The first BITS or ADDED key whose values differ, as "model.layers: 2 in the first, 4 in the
 * second" written into `text`; returns 0 when all are equal. Lengths compare by kc_config_length.
 *   first, second   what to call the two sides in the message */
int kc_config_differs(const kc_config *a, const kc_config *b, const char *first, const char *second,
                      char *text, size_t size);

/* What `kcap config --help` says of the keys: a table, section by section. */
void kc_config_help(FILE *out);

#endif
