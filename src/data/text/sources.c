/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/text/sources.h"

#include <stddef.h>

static const struct {
    const char *name, *key;
    size_t limit; /* where kc_config has the key's value */
} SOURCE[KC_SOURCES_BIOS] = {
#define KC_ROW(file, field) {file ".txt", "corpus." #field, offsetof(kc_config, corpus.field)},
    KC_ROW("pools/first_name", first_names)     /* KC_SOURCE_FIRST_NAME */
    KC_ROW("pools/middle_name", middle_names)   /* KC_SOURCE_MIDDLE_NAME */
    KC_ROW("pools/last_name", last_names)       /* KC_SOURCE_LAST_NAME */
    KC_ROW("pools/city", cities)                /* KC_SOURCE_CITY */
    KC_ROW("pools/university", universities)    /* KC_SOURCE_UNIVERSITY */
    KC_ROW("pools/field", majors)               /* KC_SOURCE_FIELD */
    KC_ROW("pools/company", employers)          /* KC_SOURCE_COMPANY */
    KC_ROW("templates/birth_date", sentences)   /* KC_SOURCE_SENTENCE */
    KC_ROW("templates/birth_city", sentences)   /* + 1 */
    KC_ROW("templates/university", sentences)   /* + 2 */
    KC_ROW("templates/major", sentences)        /* + 3 */
    KC_ROW("templates/employer", sentences)     /* + 4 */
    KC_ROW("templates/working_city", sentences) /* + 5 */
#undef KC_ROW
};

const char *kc_source_name(kc_source source)
{
    return SOURCE[source].name;
}

const char *kc_source_key(kc_source source)
{
    return SOURCE[source].key;
}

int64_t kc_source_limit(kc_source source, const kc_config *cfg)
{
    return *(const int64_t *)((const char *)cfg + SOURCE[source].limit);
}
