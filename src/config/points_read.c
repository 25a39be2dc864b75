/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/config_internal.h"
#include "config/points_internal.h"

static yaml_node_t *node(kc_builder *b, int index)
{
    return yaml_document_get_node(&b->doc, index);
}

static const char *text_of(const yaml_node_t *n)
{
    return n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : "";
}

static int fail(kc_builder *b, const yaml_node_t *at, const char *name, const char *message)
{
    char shown[KC_SHOWN_MAX + 1];
    return kc_fail(b->e, KC_EINPUT, "%s:%d: %s: %s", b->path, (int)at->start_mark.line + 1,
                   kc_shown(name, shown, sizeof shown), message);
}

/* `section.key` of TABLE 1, or stands_for. */
static int check_key(kc_builder *b, const yaml_node_t *at)
{
    char section[KC_TEXT_MAX], message[3 * KC_SHOWN_MAX];
    const char *name = text_of(at), *dot = strchr(name, '.');
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
    return fail(b, at, name, message);
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
    return fail(b, at, key, message);
}

/* A scalar as text that the reader of overrides takes for the same value: quoted where it was. */
static char *value_of(kc_builder *b, const yaml_node_t *n, const char *key)
{
    if (n->type != YAML_SCALAR_NODE) {
        fail(b, n, key, "a list or mapping where a single value belongs");
        return NULL;
    }
    const char *in = text_of(n);
    for (const char *c = in; *c; ++c)
        if ((unsigned char)*c < 0x20) {
            fail(b, n, key, "a control character in a value");
            return NULL;
        }
    if (check_stands_for(b, n, key, in) != KC_OK)
        return NULL;
    if (n->data.scalar.style == YAML_PLAIN_SCALAR_STYLE || strcmp(key, KC_STANDS_FOR) == 0)
        return kc_text_copy(in);
    char *out = malloc(2 * strlen(in) + 3), *to = out;
    KC_CHECK(out, "out of memory");
    *to++ = '\'';
    for (; *in; *to++ = *in++)
        if (*in == '\'')
            *to++ = '\'';
    strcpy(to, "'");
    return out;
}

static void make_rows(kc_factor *f, int n_columns, int64_t n_rows)
{
    f->n_columns = n_columns;
    f->n_rows = n_rows;
    f->named = 1;
    f->cell = calloc((size_t)(n_rows * n_columns) + 1, sizeof *f->cell);
    KC_CHECK(f->cell, "out of memory for %lld rows of a sweep", (long long)n_rows);
}

static int64_t length_of(const yaml_node_t *list)
{
    return list->data.sequence.items.top - list->data.sequence.items.start;
}

static int64_t pairs_of(const yaml_node_t *map)
{
    return map->data.mapping.pairs.top - map->data.mapping.pairs.start;
}

/* A number of a range: from, to or points. */
static int range_number(kc_builder *b, const yaml_node_t *range, const char *name, double *value)
{
    for (yaml_node_pair_t *p = range->data.mapping.pairs.start; p < range->data.mapping.pairs.top;
         ++p) {
        char *end;
        if (strcmp(text_of(node(b, p->key)), name) != 0)
            continue;
        const char *text = text_of(node(b, p->value));
        *value = strtod(text, &end);
        if (*text && *end == 0 && isfinite(*value))
            return KC_OK;
        return fail(b, node(b, p->value), name, "not a number");
    }
    return fail(b, range, name, "missing in a range; it has from, to, points and scale");
}

static int range_scale(kc_builder *b, const yaml_node_t *range, int *is_log)
{
    *is_log = 0;
    for (yaml_node_pair_t *p = range->data.mapping.pairs.start; p < range->data.mapping.pairs.top;
         ++p) {
        const yaml_node_t *name = node(b, p->key), *value = node(b, p->value);
        const char *known = "from to points scale", *word = strstr(known, text_of(name));
        if (!text_of(name)[0] || !word || (word != known && word[-1] != ' '))
            return fail(b, name, text_of(name), "a range has from, to, points and scale");
        if (strcmp(text_of(name), "scale") != 0)
            continue;
        *is_log = strcmp(text_of(value), "log") == 0;
        if (!*is_log && strcmp(text_of(value), "linear") != 0)
            return fail(b, value, "scale", "linear or log");
    }
    return KC_OK;
}

/* {from, to, points, scale}: both ends included; whole numbers for whole keys. */
static int read_range(kc_builder *b, const yaml_node_t *range, const char *key, kc_factor *f)
{
    double from = 0, to = 0, points = 0;
    int is_log = 0;
    KC_TRY(range_scale(b, range, &is_log));
    KC_TRY(range_number(b, range, "from", &from));
    KC_TRY(range_number(b, range, "to", &to));
    KC_TRY(range_number(b, range, "points", &points));
    if (points < 2 || points > KC_POINTS_MAX || points != floor(points))
        return fail(b, range, key, "points: a whole number from 2 to 1000000");
    if (is_log && (from <= 0 || to <= 0))
        return fail(b, range, key, "a log scale has positive ends");
    char section[KC_TEXT_MAX], value[64];
    const char *dot = strchr(key, '.');
    snprintf(section, sizeof section, "%.*s", dot ? (int)(dot - key) : 0, key);
    const int row = dot ? kc_key_find(section, dot + 1) : -1;
    const int is_whole = row >= 0 && kc_key_rows[row].type == KC_TYPE_INT;
    make_rows(f, 1, (int64_t)points);
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

/* Column `column` from a list of scalars. */
static int read_list(kc_builder *b, const yaml_node_t *list, const char *key, kc_factor *f,
                     int column)
{
    for (int64_t i = 0; i < f->n_rows && b->e->code == KC_OK; ++i)
        f->cell[i * f->n_columns + column] =
            value_of(b, node(b, list->data.sequence.items.start[i]), key);
    return b->e->code;
}

static kc_factor *new_factor(kc_builder *b, const yaml_node_t *at)
{
    if (b->n_factors == KC_SWEEP_FACTORS) {
        fail(b, at, "sweep", "more than 64 axes, zips and lists of points");
        return NULL;
    }
    return &b->factor[b->n_factors++];
}

static int read_axis(kc_builder *b, const yaml_node_t *name, const yaml_node_t *values)
{
    kc_factor *f = new_factor(b, name);
    if (!f || check_key(b, name) != KC_OK)
        return b->e->code;
    f->key[0] = text_of(name);
    if (values->type == YAML_MAPPING_NODE)
        return read_range(b, values, f->key[0], f);
    if (values->type != YAML_SEQUENCE_NODE || length_of(values) == 0)
        return fail(b, values, f->key[0],
                    "an axis is a list of values, or {from, to, points, scale}");
    make_rows(f, 1, length_of(values));
    return read_list(b, values, f->key[0], f, 0);
}

static int read_axes(kc_builder *b, const yaml_node_t *axes)
{
    if (axes->type != YAML_MAPPING_NODE)
        return fail(b, axes, "axes", "not a mapping of keys to values");
    for (yaml_node_pair_t *p = axes->data.mapping.pairs.start; p < axes->data.mapping.pairs.top;
         ++p)
        KC_TRY(read_axis(b, node(b, p->key), node(b, p->value)));
out:
    return b->e->code;
}

static int read_zip(kc_builder *b, const yaml_node_t *zip)
{
    if (zip->type != YAML_MAPPING_NODE || pairs_of(zip) == 0 || pairs_of(zip) > KC_SWEEP_COLUMNS)
        return fail(b, zip, "zip", "not a list of mappings of at most 64 keys to lists");
    kc_factor *f = new_factor(b, zip);
    if (!f)
        return b->e->code;
    yaml_node_pair_t *pair = zip->data.mapping.pairs.start;
    for (int k = 0; k < pairs_of(zip); ++k) {
        const yaml_node_t *name = node(b, pair[k].key), *list = node(b, pair[k].value);
        KC_TRY(check_key(b, name));
        f->key[k] = text_of(name);
        if (list->type != YAML_SEQUENCE_NODE || length_of(list) == 0)
            return fail(b, list, f->key[k], "not a list of values");
        if (k == 0)
            make_rows(f, (int)pairs_of(zip), length_of(list));
        if (length_of(list) != f->n_rows)
            return fail(b, list, f->key[k], "not as many values as the zip's first key has");
        KC_TRY(read_list(b, list, f->key[k], f, k));
    }
out:
    return b->e->code;
}

static int read_zips(kc_builder *b, const yaml_node_t *zips)
{
    if (zips->type != YAML_SEQUENCE_NODE)
        return fail(b, zips, "zip", "not a list of mappings; write `zip: [{key: [...], ...}]`");
    for (yaml_node_item_t *i = zips->data.sequence.items.start; i < zips->data.sequence.items.top;
         ++i)
        KC_TRY(read_zip(b, node(b, *i)));
out:
    return b->e->code;
}

static int column_of(kc_factor *f, const char *key)
{
    for (int k = 0; k < f->n_columns; ++k)
        if (strcmp(f->key[k], key) == 0)
            return k;
    return -1;
}

/* One row of keys and values; columns that no row before had are new. */
static int read_row(kc_builder *b, const yaml_node_t *map, kc_factor *f, int64_t row)
{
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         ++p) {
        const yaml_node_t *name = node(b, p->key);
        KC_TRY(check_key(b, name));
        const int k = column_of(f, text_of(name));
        if (f->cell[row * f->n_columns + k])
            return fail(b, name, text_of(name), "given twice");
        f->cell[row * f->n_columns + k] = value_of(b, node(b, p->value), text_of(name));
        if (b->e->code)
            return b->e->code;
    }
out:
    return b->e->code;
}

/* The keys of all rows, in the order they first stand. */
static int gather_columns(kc_builder *b, const yaml_node_t *map, const char *entry, kc_factor *f)
{
    if (map->type != YAML_MAPPING_NODE)
        return fail(b, map, entry, "not a mapping of keys to values");
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         ++p) {
        const char *key = text_of(node(b, p->key));
        if (column_of(f, key) >= 0)
            continue;
        if (f->n_columns == KC_SWEEP_COLUMNS)
            return fail(b, map, entry, "more than 64 keys");
        f->key[f->n_columns++] = key;
    }
    return KC_OK;
}

static int read_points(kc_builder *b, const yaml_node_t *list)
{
    if (list->type != YAML_SEQUENCE_NODE || length_of(list) == 0)
        return fail(b, list, "points", "not a list of points; write `points: [{key: value}]`");
    const yaml_node_item_t *item = list->data.sequence.items.start;
    kc_factor *f = new_factor(b, list);
    if (!f)
        return b->e->code;
    for (int64_t i = 0; i < length_of(list); ++i)
        KC_TRY(gather_columns(b, node(b, item[i]), "points", f));
    make_rows(f, f->n_columns, length_of(list));
    for (int64_t i = 0; i < f->n_rows; ++i)
        KC_TRY(read_row(b, node(b, item[i]), f, i));
out:
    return b->e->code;
}

static int read_set(kc_builder *b, const yaml_node_t *map)
{
    KC_TRY(gather_columns(b, map, "set", &b->set));
    make_rows(&b->set, b->set.n_columns, 1);
    KC_TRY(read_row(b, map, &b->set, 0));
out:
    return b->e->code;
}

static int read_path(kc_builder *b, const yaml_node_t *n, const char *name, char path[KC_TEXT_MAX])
{
    if (path[0])
        return fail(b, n, name, "given twice");
    if (!text_of(n)[0] || strlen(text_of(n)) >= KC_TEXT_MAX / 2 || strpbrk(text_of(n), "\n\r\t"))
        return fail(b, n, name, "not the name of a file or folder");
    strcpy(path, text_of(n));
    return KC_OK;
}

static int read_entry(kc_builder *b, const yaml_node_t *name, const yaml_node_t *value, kc_sweep *s)
{
    const char *word = text_of(name);
    if (strcmp(word, "base") == 0)
        return read_path(b, value, word, s->base);
    if (strcmp(word, "out") == 0)
        return read_path(b, value, word, s->out);
    if (strcmp(word, "set") == 0)
        return b->set.cell ? fail(b, name, word, "given twice") : read_set(b, value);
    if (strcmp(word, "axes") == 0)
        return read_axes(b, value);
    if (strcmp(word, "zip") == 0)
        return read_zips(b, value);
    if (strcmp(word, "points") == 0)
        return read_points(b, value);
    return fail(b, name, word, "unknown; a sweep file has base, out, set, axes, zip and points");
}

/* base starts from the sweep file's folder; out has the file's name where none is given. */
static void settle_paths(const char *path, kc_sweep *s)
{
    const char *slash = strrchr(path, '/'), *stem = slash ? slash + 1 : path;
    const size_t folder = slash ? (size_t)(slash + 1 - path) : 0;
    if (s->base[0] != '/' && folder + strlen(s->base) < sizeof s->base) {
        memmove(s->base + folder, s->base, strlen(s->base) + 1);
        memcpy(s->base, path, folder);
    }
    if (!s->out[0])
        snprintf(s->out, sizeof s->out, "runs/%.*s", (int)strcspn(stem, "."), stem);
}

int kc_sweep_read(kc_builder *b, kc_sweep *s)
{
    const yaml_node_t *root = yaml_document_get_root_node(&b->doc);
    if (!root || root->type != YAML_MAPPING_NODE)
        return kc_fail(b->e, KC_EINPUT,
                       "%s: not a sweep file: it has base, out, set, axes, zip and points",
                       b->path);
    for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top;
         ++p)
        KC_TRY(read_entry(b, node(b, p->key), node(b, p->value), s));
    if (!s->base[0])
        return kc_fail(b->e, KC_EINPUT,
                       "%s: base is missing: the input file that the points change", b->path);
    settle_paths(b->path, s);
out:
    return b->e->code;
}
