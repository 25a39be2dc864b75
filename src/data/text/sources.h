/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef KCAP_DATA_TEXT_SOURCES_H
#define KCAP_DATA_TEXT_SOURCES_H

#include "kcap/config/config.h"

/* The text files that corpora are made of. The name pools come first: all that bioD needs. Six
 * sentences, in the order of the attributes they tell. */
typedef enum kc_source {
    KC_SOURCE_FIRST_NAME,
    KC_SOURCE_MIDDLE_NAME,
    KC_SOURCE_LAST_NAME,
    KC_SOURCES_BIOD,
    KC_SOURCE_CITY = KC_SOURCES_BIOD,
    KC_SOURCE_UNIVERSITY,
    KC_SOURCE_FIELD,
    KC_SOURCE_COMPANY,
    KC_SOURCE_SENTENCE,
    KC_SOURCES_BIOS = KC_SOURCE_SENTENCE + 6
} kc_source;

/* Name inside kc_files, such as pools/first_name.txt; the folder and the file's name of it are the
 * two sides of the slash. Static text. */
const char *kc_source_name(kc_source source);

/* The key that cuts the source (static text), and its value: use so many lines, 0 means all. */
const char *kc_source_key(kc_source source);
int64_t kc_source_limit(kc_source source, const kc_config *cfg);

#endif
