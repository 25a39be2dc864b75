/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_internal.h"
#include "config/points_internal.h"
#include "kcap/base/memory.h"

yaml_node_t *kc_points_node(kc_builder *b, int index)
{
    return yaml_document_get_node(&b->doc, index);
}

const char *kc_points_text(const yaml_node_t *n)
{
    return n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : "";
}

int kc_points_fail(kc_builder *b, const yaml_node_t *at, const char *name, const char *message)
{
    char shown[KC_SHOWN_MAX + 1];
    return kc_fail(b->e, KC_EINPUT, "%s:%d: %s: %s", b->path, (int)at->start_mark.line + 1,
                   kc_shown(name, shown, sizeof shown), message);
}

int kc_points_key(kc_builder *b, const yaml_node_t *at)
{
    char section[KC_TEXT_MAX], message[3 * KC_SHOWN_MAX];
    const char *name = kc_points_text(at), *dot = strrchr(name, '.');
    if (strcmp(name, KC_STANDS_FOR) == 0)
        return KC_OK;
    snprintf(section, sizeof section, "%.*s", dot ? (int)(dot - name) : 0, name);
    const char *key = dot ? dot + 1 : name;
    if (dot && kc_key_find(section, key) >= 0)
        return KC_OK;
    const kc_key_row *row = &kc_key_rows[kc_key_nearest(section, key)];
    snprintf(message, sizeof message,
             "unknown key; keys are written section.key: did you mean %s.%s?", row->section,
             row->name);
    return kc_points_fail(b, at, name, message);
}

/* stands_for takes a number of parameters, 0 for none. */
static int check_stands_for(kc_builder *b, const yaml_node_t *at, const char *key, const char *text)
{
    char *end, message[2 * KC_SHOWN_MAX + 64], shown[KC_SHOWN_MAX + 1];
    if (strcmp(key, KC_STANDS_FOR) != 0)
        return KC_OK;
    const double value = strtod(text, &end);
    if (*text && *end == 0 && value >= 0 && isfinite(value))
        return KC_OK;
    snprintf(message, sizeof message, "'%s' is not a number of parameters",
             kc_shown(text, shown, sizeof shown));
    return kc_points_fail(b, at, key, message);
}

char *kc_points_value(kc_builder *b, const yaml_node_t *n, const char *key)
{
    if (n->type != YAML_SCALAR_NODE) {
        kc_points_fail(b, n, key, "a list or mapping where a single value belongs");
        return NULL;
    }
    const char *in = kc_points_text(n);
    for (const char *c = in; *c; ++c)
        if ((unsigned char)*c < 0x20) {
            kc_points_fail(b, n, key, "a control character in a value");
            return NULL;
        }
    if (check_stands_for(b, n, key, in) != KC_OK)
        return NULL;
    if (n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE || strcmp(key, KC_STANDS_FOR) == 0)
        return kc_text_copy(in);
    char *out = kc_alloc(2 * (int64_t)strlen(in) + 3, 1, "bytes of a value"), *to = out;
    *to++ = '\'';
    for (; *in; *to++ = *in++)
        if (*in == '\'')
            *to++ = '\'';
    strcpy(to, "'");
    return out;
}

void kc_points_rows(kc_factor *f, int n_columns, int64_t n_rows)
{
    f->n_columns = n_columns;
    f->n_rows = n_rows;
    f->named = 1;
    f->cell = kc_alloc(n_rows * n_columns, sizeof *f->cell, "values of a sweep");
}

/* A number of a range: from, to or points. */
static int range_number(kc_builder *b, const yaml_node_t *range, const char *name, double *value)
{
    for (yaml_node_pair_t *p = range->data.mapping.pairs.start; p < range->data.mapping.pairs.top;
         ++p) {
        char *end;
        if (strcmp(kc_points_text(kc_points_node(b, p->key)), name) != 0)
            continue;
        const char *text = kc_points_text(kc_points_node(b, p->value));
        *value = strtod(text, &end);
        if (*text && *end == 0 && isfinite(*value))
            return KC_OK;
        return kc_points_fail(b, kc_points_node(b, p->value), name, "not a number");
    }
    return kc_points_fail(b, range, name, "missing in a range; it has from, to, points and scale");
}

static int range_scale(kc_builder *b, const yaml_node_t *range, int *is_log)
{
    *is_log = 0;
    for (yaml_node_pair_t *p = range->data.mapping.pairs.start; p < range->data.mapping.pairs.top;
         ++p) {
        const yaml_node_t *name = kc_points_node(b, p->key), *value = kc_points_node(b, p->value);
        const char *known = "from to points scale", *word = strstr(known, kc_points_text(name));
        if (!kc_points_text(name)[0] || !word || (word != known && word[-1] != ' '))
            return kc_points_fail(b, name, kc_points_text(name),
                                  "a range has from, to, points and scale");
        if (strcmp(kc_points_text(name), "scale") != 0)
            continue;
        *is_log = strcmp(kc_points_text(value), "log") == 0;
        if (!*is_log && strcmp(kc_points_text(value), "linear") != 0)
            return kc_points_fail(b, value, "scale", "linear or log");
    }
    return KC_OK;
}

int kc_points_range(kc_builder *b, const yaml_node_t *range, const char *key, kc_factor *f)
{
    double from = 0, to = 0, points = 0;
    int is_log = 0;
    KC_TRY(range_scale(b, range, &is_log));
    KC_TRY(range_number(b, range, "from", &from));
    KC_TRY(range_number(b, range, "to", &to));
    KC_TRY(range_number(b, range, "points", &points));
    if (points < 2 || points > KC_POINTS_MAX || points != floor(points))
        return kc_points_fail(b, range, key, "points: a whole number from 2 to 1000000");
    if (is_log && (from <= 0 || to <= 0))
        return kc_points_fail(b, range, key, "a log scale has positive ends");
    char section[KC_TEXT_MAX], value[64];
    const char *dot = strrchr(key, '.');
    snprintf(section, sizeof section, "%.*s", dot ? (int)(dot - key) : 0, key);
    const int row = dot ? kc_key_find(section, dot + 1) : -1;
    const int is_whole = row >= 0 && kc_key_rows[row].type == KC_TYPE_INT;
    kc_points_rows(f, 1, (int64_t)points);
    for (int64_t i = 0; i < f->n_rows; ++i) {
        const double share = (double)i / (points - 1);
        const double x = is_log ? from * pow(to / from, share) : from + (to - from) * share;
        snprintf(value, sizeof value, is_whole ? "%.0f" : "%.6g", x);
        KC_TRY(check_stands_for(b, range, key, value));
        f->cell[i] = kc_text_copy(value);
    }
out:
    return b->e->code;
}
