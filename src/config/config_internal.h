/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_CONFIG_CONFIG_INTERNAL_H
#define KCAP_CONFIG_CONFIG_INTERNAL_H

/* What the modules of src/config share; nobody else includes it. */

#include <stddef.h>
#include <stdint.h>

#include "kcap/base/err.h"
#include "kcap/base/text.h"
#include "kcap/config/place.h"

typedef enum kc_key_type {
    KC_TYPE_INT,
    KC_TYPE_REAL,
    KC_TYPE_TEXT,
    KC_TYPE_PATH,
    KC_TYPE_CHOICE
} kc_key_type;

typedef enum kc_key_effect { KC_EFFECT_BITS, KC_EFFECT_FREE } kc_key_effect;

#define KC_ONE(section) +1
enum { KC_N_SECTIONS = 0 KC_SECTIONS(KC_ONE) };
#undef KC_ONE

/* A row of TABLE 1 as data. Bounds of INT keys are whole and below 2^53, so double holds them. */
typedef struct kc_key_row {
    const char *section, *name;
    kc_key_type type;
    const void *def; /* kc_key_<TYPE> */
    double least, most;
    const char *unit;         /* of a CHOICE: its words, divided by |           */
    const char *const *words; /* of a CHOICE: the same as a list that ends NULL */
    kc_key_effect effect;
    const char *help;
    size_t offset, bytes; /* of the field in kc_config */
} kc_key_row;

/* TABLE 1, and behind it the keys of later parts in sections corpus.2, corpus.3, ...: see
 * kc_key_of_part. */
extern const kc_key_row kc_key_rows[KC_N_PLACES];
extern const char *const kc_section_names[KC_N_SECTIONS];

/* How many of these rows mean something in this configuration. */
int kc_config_keys(const kc_config *cfg);

/* The row of section.name, or -1. `corpus.1` is `corpus`. */
int kc_key_find(const char *section, const char *name);

/* The section's index, or -1. */
int kc_section_find(const char *section);

/* The known key nearest to a mistyped one, by edit distance; a name that exists in another section
 * is nearer than a similar name in this one. `section` may be empty. */
int kc_key_nearest(const char *section, const char *name);

/* What a mistyped section may have meant: a section, or a key written without its section,
 * as text of at most `size` bytes. */
void kc_section_nearest(const char *section, char *text, size_t size);

enum { KC_SHOWN_MAX = 100, KC_PLACE_MAX = 640 };

/* Copy untrusted text for a message of one line: control characters become `?`, and what exceeds
 * size - 1 bytes or KC_SHOWN_MAX is cut and marked `...`. Returns `shown`. */
const char *kc_shown(const char *text, char *shown, size_t size);

/* The start of every message, at `line` as in kc_origin; see kc_fail_key. Returns `place`. */
const char *kc_place(const kc_origin *o, int line, const char *name, char place[KC_PLACE_MAX]);

/* Read one value into its field of *cfg: type, length, range, words of a CHOICE.
 *   o           o->line[key] says where a PATH starts from and what messages name
 *   errors      KC_EINPUT */
int kc_value_read(const kc_origin *o, int key, const char *text, kc_config *cfg, kc_error *e);

/* A value in its shortest exact form, unquoted. */
enum { KC_VALUE_MAX = KC_TEXT_MAX };
void kc_value_print(const kc_config *cfg, int key, char text[KC_VALUE_MAX]);

/* A double in the shortest %g form that reads back to the same bits. */
void kc_real_print(double value, char text[32]);

/* [1, 1000] layers, or the words of a CHOICE; empty for texts and paths. */
void kc_range_print(int key, char *text, size_t size);

/* A text as a YAML scalar: plain where every YAML reader takes that for the same string, else in
 * double quotes with escapes. */
void kc_scalar_write(const char *text, FILE *out);

/* Read the sections and keys of an input file, or one `section.key=value` (override number i).
 *   errors      KC_EINPUT */
int kc_read_file(const char *text, size_t bytes, kc_origin *o, kc_config *cfg, kc_error *e);
int kc_read_set(int i, kc_origin *o, kc_config *cfg, kc_error *e);

/* Give the keys that the input leaves out what model.arch stands for.
 *   errors      KC_EINPUT */
int kc_config_preset(const kc_origin *o, kc_config *cfg, kc_error *e);

/* What keys demand of each other.
 *   errors      KC_EINPUT */
int kc_config_check(const kc_config *cfg, const kc_origin *o, kc_error *e);

#endif
