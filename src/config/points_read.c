/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "config/points_internal.h"
#include "kcap/base/memory.h"

static int64_t length_of(const yaml_node_t *list)
{
    return list->data.sequence.items.top - list->data.sequence.items.start;
}

static int64_t pairs_of(const yaml_node_t *map)
{
    return map->data.mapping.pairs.top - map->data.mapping.pairs.start;
}

/* Column `column` from a list of scalars. */
static int read_list(kc_builder *b, const yaml_node_t *list, const char *key, kc_factor *f,
                     int column)
{
    for (int64_t i = 0; i < f->n_rows && b->e->code == KC_OK; ++i)
        f->cell[i * f->n_columns + column] =
            kc_points_value(b, kc_points_node(b, list->data.sequence.items.start[i]), key);
    return b->e->code;
}

static kc_factor *new_factor(kc_builder *b, const yaml_node_t *at)
{
    if (b->n_factors == KC_SWEEP_FACTORS) {
        kc_points_fail(b, at, "sweep", "more than 64 axes, zips and lists of points");
        return NULL;
    }
    return &b->factor[b->n_factors++];
}

static int read_axis(kc_builder *b, const yaml_node_t *name, const yaml_node_t *values)
{
    kc_factor *f = new_factor(b, name);
    if (!f || kc_points_key(b, name) != KC_OK)
        return b->e->code;
    f->key[0] = kc_points_text(name);
    if (values->type == YAML_MAPPING_NODE)
        return kc_points_range(b, values, f->key[0], f);
    if (values->type != YAML_SEQUENCE_NODE || length_of(values) == 0)
        return kc_points_fail(b, values, f->key[0],
                              "an axis is a list of values, or {from, to, points, scale}");
    kc_points_rows(f, 1, length_of(values));
    return read_list(b, values, f->key[0], f, 0);
}

static int read_axes(kc_builder *b, const yaml_node_t *axes)
{
    if (axes->type != YAML_MAPPING_NODE)
        return kc_points_fail(b, axes, "axes", "not a mapping of keys to values");
    for (yaml_node_pair_t *p = axes->data.mapping.pairs.start; p < axes->data.mapping.pairs.top;
         ++p)
        KC_TRY(read_axis(b, kc_points_node(b, p->key), kc_points_node(b, p->value)));
out:
    return b->e->code;
}

static int read_zip(kc_builder *b, const yaml_node_t *zip)
{
    if (zip->type != YAML_MAPPING_NODE || pairs_of(zip) == 0 || pairs_of(zip) > KC_SWEEP_COLUMNS)
        return kc_points_fail(b, zip, "zip", "not a list of mappings of at most 64 keys to lists");
    kc_factor *f = new_factor(b, zip);
    if (!f)
        return b->e->code;
    yaml_node_pair_t *pair = zip->data.mapping.pairs.start;
    for (int k = 0; k < pairs_of(zip); ++k) {
        const yaml_node_t *name = kc_points_node(b, pair[k].key),
                          *list = kc_points_node(b, pair[k].value);
        KC_TRY(kc_points_key(b, name));
        f->key[k] = kc_points_text(name);
        if (list->type != YAML_SEQUENCE_NODE || length_of(list) == 0)
            return kc_points_fail(b, list, f->key[k], "not a list of values");
        if (k == 0)
            kc_points_rows(f, (int)pairs_of(zip), length_of(list));
        if (length_of(list) != f->n_rows)
            return kc_points_fail(b, list, f->key[k],
                                  "not as many values as the zip's first key has");
        KC_TRY(read_list(b, list, f->key[k], f, k));
    }
out:
    return b->e->code;
}

static int read_zips(kc_builder *b, const yaml_node_t *zips)
{
    if (zips->type != YAML_SEQUENCE_NODE)
        return kc_points_fail(b, zips, "zip",
                              "not a list of mappings; write `zip: [{key: [...], ...}]`");
    for (yaml_node_item_t *i = zips->data.sequence.items.start; i < zips->data.sequence.items.top;
         ++i)
        KC_TRY(read_zip(b, kc_points_node(b, *i)));
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
        const yaml_node_t *name = kc_points_node(b, p->key);
        KC_TRY(kc_points_key(b, name));
        const int k = column_of(f, kc_points_text(name));
        if (f->cell[row * f->n_columns + k])
            return kc_points_fail(b, name, kc_points_text(name), "given twice");
        f->cell[row * f->n_columns + k] =
            kc_points_value(b, kc_points_node(b, p->value), kc_points_text(name));
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
        return kc_points_fail(b, map, entry, "not a mapping of keys to values");
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         ++p) {
        const char *key = kc_points_text(kc_points_node(b, p->key));
        if (column_of(f, key) >= 0)
            continue;
        if (f->n_columns == KC_SWEEP_COLUMNS)
            return kc_points_fail(b, map, entry, "more than 64 keys");
        f->key[f->n_columns++] = key;
    }
    return KC_OK;
}

static int read_points(kc_builder *b, const yaml_node_t *list)
{
    if (list->type != YAML_SEQUENCE_NODE || length_of(list) == 0)
        return kc_points_fail(b, list, "points",
                              "not a list of points; write `points: [{key: value}]`");
    const yaml_node_item_t *item = list->data.sequence.items.start;
    kc_factor *f = new_factor(b, list);
    if (!f)
        return b->e->code;
    for (int64_t i = 0; i < length_of(list); ++i)
        KC_TRY(gather_columns(b, kc_points_node(b, item[i]), "points", f));
    kc_points_rows(f, f->n_columns, length_of(list));
    for (int64_t i = 0; i < f->n_rows; ++i)
        KC_TRY(read_row(b, kc_points_node(b, item[i]), f, i));
out:
    return b->e->code;
}

static int read_set(kc_builder *b, const yaml_node_t *map)
{
    KC_TRY(gather_columns(b, map, "set", &b->set));
    kc_points_rows(&b->set, b->set.n_columns, 1);
    KC_TRY(read_row(b, map, &b->set, 0));
out:
    return b->e->code;
}

static int read_path(kc_builder *b, const yaml_node_t *n, const char *name, char path[KC_TEXT_MAX])
{
    if (path[0])
        return kc_points_fail(b, n, name, "given twice");
    if (!kc_points_text(n)[0] || strlen(kc_points_text(n)) >= KC_TEXT_MAX / 2 ||
        strpbrk(kc_points_text(n), "\n\r\t"))
        return kc_points_fail(b, n, name, "not the name of a file or folder");
    if (kc_path_fault(kc_points_text(n)))
        return kc_points_fail(b, n, name, kc_path_fault(kc_points_text(n)));
    strcpy(path, kc_points_text(n));
    return KC_OK;
}

static int read_entry(kc_builder *b, const yaml_node_t *name, const yaml_node_t *value, kc_sweep *s)
{
    const char *word = kc_points_text(name);
    if (strcmp(word, "base") == 0)
        return read_path(b, value, word, s->base);
    if (strcmp(word, "out") == 0)
        return read_path(b, value, word, s->out);
    if (strcmp(word, "set") == 0)
        return b->set.cell ? kc_points_fail(b, name, word, "given twice") : read_set(b, value);
    if (strcmp(word, "axes") == 0)
        return read_axes(b, value);
    if (strcmp(word, "zip") == 0)
        return read_zips(b, value);
    if (strcmp(word, "points") == 0)
        return read_points(b, value);
    return kc_points_fail(b, name, word,
                          "unknown; a sweep file has base, out, set, axes, zip and points");
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

static int read_all(kc_builder *b, kc_sweep *s)
{
    const yaml_node_t *root = yaml_document_get_root_node(&b->doc);
    if (!root || root->type != YAML_MAPPING_NODE)
        return kc_fail(b->e, KC_EINPUT,
                       "%s: not a sweep file: it has base, out, set, axes, zip and points",
                       b->path);
    for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top;
         ++p)
        KC_TRY(read_entry(b, kc_points_node(b, p->key), kc_points_node(b, p->value), s));
    if (!s->base[0])
        return kc_fail(b->e, KC_EINPUT,
                       "%s: base is missing: the input file that the points change", b->path);
    settle_paths(b->path, s);
out:
    return b->e->code;
}

static void free_factor(kc_factor *f)
{
    for (int64_t i = 0; f->cell && i < f->n_rows * f->n_columns; ++i)
        free(f->cell[i]);
    free(f->cell);
}

int kc_sweep_parse(const char *text, size_t bytes, const char *path, kc_sweep *sweep, kc_error *e)
{
    yaml_parser_t parser;
    kc_builder *b = kc_alloc(1, sizeof *b, "sweep");
    KC_ROOM(yaml_parser_initialize(&parser), "out of memory for a YAML parser");
    b->path = path;
    b->e = e;
    *sweep = (kc_sweep){0};
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, bytes);
    if (yaml_parser_load(&parser, &b->doc)) {
        if (read_all(b, sweep) == KC_OK)
            kc_sweep_expand(b, sweep);
        for (int i = 0; i < b->n_factors; ++i)
            free_factor(&b->factor[i]);
        free_factor(&b->set);
        yaml_document_delete(&b->doc);
    } else
        kc_fail(e, KC_EINPUT, "%s:%d: broken YAML: %s", path, (int)parser.problem_mark.line + 1,
                parser.problem ? parser.problem : "no reason given");
    yaml_parser_delete(&parser);
    free(b);
    if (e->code)
        kc_sweep_free(sweep);
    return e->code;
}
