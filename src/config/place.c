/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "config/config_internal.h"

const char *kc_shown(const char *text, char *shown, size_t size)
{
    size_t most = size - 1 < KC_SHOWN_MAX ? size - 1 : KC_SHOWN_MAX;
    size_t n = strnlen(text, most + 1);
    int cut = n > most;
    if (cut) {
        n = most - 3;
        while (n > 0 && ((unsigned char)text[n] & 0xC0) == 0x80)
            n--;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        shown[i] = c < 0x20 || c == 0x7F ? '?' : text[i];
    }
    strcpy(shown + n, cut ? "..." : "");
    return shown;
}

const char *kc_place(const kc_origin *o, int line, const char *name, char place[KC_PLACE_MAX])
{
    char shown[KC_SHOWN_MAX + 1];
    if (line > 0)
        snprintf(place, KC_PLACE_MAX, "%.*s:%d: %s", KC_TEXT_MAX, o->path, line,
                 kc_shown(name, shown, sizeof shown));
    else if (line < 0)
        snprintf(place, KC_PLACE_MAX, "--set %s",
                 kc_shown(o->sets[-line - 1], shown, sizeof shown));
    else
        snprintf(place, KC_PLACE_MAX, "default: %s", kc_shown(name, shown, sizeof shown));
    return place;
}

const char *kc_place_key(const kc_origin *o, int line, int key, char place[KC_PLACE_MAX])
{
    char name[KC_SHOWN_MAX + 1];
    snprintf(name, sizeof name, "%s.%s", kc_key_rows[key].section, kc_key_rows[key].name);
    return kc_place(o, line, name, place);
}
