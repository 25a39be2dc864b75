/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/config/place.h"

#include <stdarg.h>
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

/* `model.heads` */
static const char *name_of(int key, char name[KC_SHOWN_MAX])
{
    snprintf(name, KC_SHOWN_MAX, "%s.%s", kc_key_rows[key].section, kc_key_rows[key].name);
    return name;
}

/* Questions are about the people of the first part, whose keys they have but for some of their own; those about
 * a table have the folder of their forms. */
static kc_corpus_keys about_first(const kc_corpus_keys *first, const kc_corpus_keys *own)
{
    kc_corpus_keys keys = *first;
    keys.kind = own->kind;
    keys.held_out = own->held_out;
    keys.share = own->share;
    keys.exposures = own->exposures;
    keys.windows = own->windows;
    keys.skew = own->skew;
    memcpy(keys.tag, own->tag, sizeof keys.tag);
    if (first->kind != KC_corpus_kind_facts)
        keys.file[0] = 0;
    else if (own->templates[0])
        memcpy(keys.templates, own->templates, sizeof keys.templates);
    return keys;
}

kc_config kc_config_of_part(const kc_config *cfg, int part)
{
    kc_config one = *cfg;
    if (part > 0)
        one.corpus = cfg->later[part - 1];
    if (part > 0 && one.corpus.kind == KC_corpus_kind_questions)
        one.corpus = about_first(&cfg->corpus, &one.corpus);
    one.parts = 1;
    return one;
}

int kc_config_pace(const kc_config *cfg)
{
    for (int part = 0; part < cfg->parts; ++part)
        if ((part ? cfg->later[part - 1].share : cfg->corpus.share) > 0)
            return part;
    return 0;
}

kc_origin kc_origin_of_part(const kc_origin *o, int part)
{
    kc_origin one = *o;
    for (int i = 0; i < KC_N_corpus; ++i)
        one.line[KC_FIRST_corpus + i] = o->line[kc_key_of_part(KC_FIRST_corpus + i, part)];
    return one;
}

int kc_fail_key(kc_error *e, const kc_origin *o, int key, const char *format, ...)
{
    char place[KC_PLACE_MAX], name[KC_SHOWN_MAX], text[sizeof e->text];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    name_of(key, name);
    return kc_fail(e, KC_EINPUT, "%s: %s", o ? kc_place(o, o->line[key], name, place) : name, text);
}

const char *kc_key_said(const kc_config *cfg, const kc_origin *o, int key, char text[KC_SAID_MAX])
{
    char value[KC_VALUE_MAX], shown[KC_SHOWN_MAX + 1], name[KC_SHOWN_MAX];
    kc_value_print(cfg, key, value);
    int n = snprintf(text, KC_SAID_MAX, "%s %s", name_of(key, name),
                     kc_shown(value, shown, sizeof shown));
    if (o && o->line[key] > 0)
        snprintf(text + n, KC_SAID_MAX - (size_t)n, " (%.200s:%d)", o->path, o->line[key]);
    else if (o)
        snprintf(text + n, KC_SAID_MAX - (size_t)n, o->line[key] < 0 ? " (--set)" : " (default)");
    return text;
}
