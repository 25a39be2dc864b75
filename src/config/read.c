/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "config/config_internal.h"

enum { FILE_BYTES_MAX = 1 << 20 };

/* The YAML events of one text. */
typedef struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the newest; type YAML_NO_EVENT before the first */
    const char *text;
    size_t bytes;
    kc_origin *origin;
    int set; /* 0: a file; n < 0: the value of override -n - 1 */
    kc_error *e;
} reader;

static void reader_open(reader *r, const char *text, size_t bytes, kc_origin *origin, kc_error *e)
{
    memset(r, 0, sizeof *r);
    KC_CHECK(yaml_parser_initialize(&r->parser), "no memory for the YAML parser");
    yaml_parser_set_input_string(&r->parser, (const unsigned char *)text, bytes);
    r->text = text;
    r->bytes = bytes;
    r->origin = origin;
    r->e = e;
}

static void reader_close(reader *r)
{
    yaml_event_delete(&r->event);
    yaml_parser_delete(&r->parser);
}

/* The line of the newest event, or the number of the override, as kc_origin counts them. */
static int here(const reader *r)
{
    return r->set < 0 ? r->set : (int)r->event.start_mark.line + 1;
}

/* Fail at the newest event; `name` is the section or key the message is about. */
static int fail_at(reader *r, const char *name, const char *message)
{
    char place[KC_PLACE_MAX];
    return kc_fail(r->e, KC_EINPUT, "%s: %s", kc_place(r->origin, here(r), name, place), message);
}

static int fail_broken(reader *r)
{
    const yaml_parser_t *p = &r->parser;
    char place[KC_PLACE_MAX];
    int line = (int)p->problem_mark.line + 1;
    if (p->error == YAML_READER_ERROR) {
        line = 1;
        for (size_t i = 0; i < p->problem_offset && i < r->bytes; i++)
            line += r->text[i] == '\n';
    }
    kc_place(r->origin, r->set < 0 ? r->set : line, "broken YAML", place);
    return kc_fail(r->e, KC_EINPUT, r->set < 0 ? "%s: broken YAML: %s; quote the value" : "%s: %s",
                   place, p->problem != NULL ? p->problem : "no reason given");
}

/* What hangs on a node besides its text: none of it is part of an input file. */
static int has_extras(const yaml_event_t *ev)
{
    if (ev->type == YAML_SCALAR_EVENT)
        return ev->data.scalar.anchor != NULL || ev->data.scalar.tag != NULL;
    if (ev->type == YAML_MAPPING_START_EVENT)
        return ev->data.mapping_start.anchor != NULL || ev->data.mapping_start.tag != NULL;
    return ev->type == YAML_ALIAS_EVENT;
}

static int next(reader *r)
{
    yaml_event_delete(&r->event);
    if (!yaml_parser_parse(&r->parser, &r->event))
        return fail_broken(r);
    const yaml_event_t *ev = &r->event;
    if (has_extras(ev))
        return fail_at(r, "YAML",
                       "an alias, anchor or tag (* & !) is not allowed; write the value out or "
                       "quote it");
    if (ev->type == YAML_SCALAR_EVENT &&
        memchr(ev->data.scalar.value, 0, ev->data.scalar.length) != NULL)
        return fail_at(r, (const char *)ev->data.scalar.value, "a zero byte is not allowed");
    return KC_OK;
}

static int is_scalar(const reader *r)
{
    return r->event.type == YAML_SCALAR_EVENT;
}

static const char *scalar(const reader *r)
{
    return (const char *)r->event.data.scalar.value;
}

static int is_empty_scalar(const reader *r)
{
    return is_scalar(r) && r->event.data.scalar.length == 0 &&
           r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

static int fail_unknown_key(reader *r, const char *section, const char *name)
{
    const kc_key_row *row = &kc_key_rows[kc_key_nearest(section, name)];
    char shown[KC_SHOWN_MAX + 1], full[2 * KC_SHOWN_MAX], message[2 * KC_SHOWN_MAX];
    snprintf(full, sizeof full, "%s.%s", section, kc_shown(name, shown, sizeof shown));
    snprintf(message, sizeof message, "unknown key; did you mean %s.%s?", row->section, row->name);
    return fail_at(r, full, message);
}

/* The newest event is the key's name. */
static int read_key(reader *r, const char *section, kc_config *cfg)
{
    char name[KC_SHOWN_MAX + 1], message[KC_SHOWN_MAX];
    if (!is_scalar(r))
        return fail_at(r, section, "a list or mapping where a key belongs");
    int key = kc_key_find(section, scalar(r));
    if (key < 0)
        return fail_unknown_key(r, section, scalar(r));
    snprintf(name, sizeof name, "%s.%s", section, scalar(r));
    int line = here(r);
    if (r->origin->line[key] > 0) {
        snprintf(message, sizeof message, "given twice, first on line %d", r->origin->line[key]);
        return fail_at(r, name, message);
    }
    KC_TRY(next(r));
    if (!is_scalar(r))
        return fail_at(r, name, "a list or mapping where a single value belongs");
    r->origin->line[key] = line;
    r->origin->n_keys++;
    KC_TRY(kc_value_read(r->origin, key, scalar(r), cfg, r->e));
out:
    return r->e->code;
}

/* The newest event begins a mapping of keys. */
static int read_keys(reader *r, const char *section, kc_config *cfg)
{
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return fail_at(r, section, "not a mapping of keys to values");
    KC_TRY(next(r));
    while (r->event.type != YAML_MAPPING_END_EVENT) {
        KC_TRY(read_key(r, section, cfg));
        KC_TRY(next(r));
    }
out:
    return r->e->code;
}

/* The newest event begins the list of the corpus's parts. */
static int read_parts(reader *r, kc_config *cfg)
{
    char section[32] = "corpus", message[KC_SHOWN_MAX];
    KC_TRY(next(r));
    for (cfg->parts = 0; r->event.type != YAML_SEQUENCE_END_EVENT;) {
        if (++cfg->parts > KC_PARTS_MAX) {
            snprintf(message, sizeof message, "more than %d parts", KC_PARTS_MAX);
            return fail_at(r, "corpus", message);
        }
        snprintf(section, sizeof section, "corpus.%lld", (long long)cfg->parts);
        KC_TRY(read_keys(r, section, cfg));
        KC_TRY(next(r));
    }
    if (cfg->parts == 0)
        return fail_at(r, "corpus", "a list without parts");
out:
    return r->e->code;
}

/* The newest event is the section's name; `first` holds the line of each section met so far. */
static int read_section(reader *r, int first[KC_N_SECTIONS], kc_config *cfg)
{
    char near[KC_SHOWN_MAX], message[2 * KC_SHOWN_MAX];
    if (!is_scalar(r))
        return fail_at(r, "top level", "a list or mapping where the name of a section belongs");
    int section = kc_section_find(scalar(r));
    if (section < 0) {
        kc_section_nearest(scalar(r), near, sizeof near);
        snprintf(message, sizeof message, "unknown section; did you mean %s?", near);
        return fail_at(r, scalar(r), message);
    }
    if (first[section] > 0) {
        snprintf(message, sizeof message, "given twice, first on line %d", first[section]);
        return fail_at(r, scalar(r), message);
    }
    first[section] = here(r);
    KC_TRY(next(r));
    if (is_empty_scalar(r)) /* every key of the section is commented out */
        return KC_OK;
    if (r->event.type == YAML_SEQUENCE_START_EVENT &&
        strcmp(kc_section_names[section], "corpus") == 0)
        return read_parts(r, cfg);
    return read_keys(r, kc_section_names[section], cfg);
out:
    return r->e->code;
}

/* The newest event is the first of the document's content. */
static int read_document(reader *r, kc_config *cfg)
{
    int first[KC_N_SECTIONS] = {0};
    if (is_empty_scalar(r))
        return KC_OK;
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return fail_at(r, "top level", "not a mapping of sections, such as `model: {layers: 2}`");
    KC_TRY(next(r));
    while (r->event.type != YAML_MAPPING_END_EVENT) {
        KC_TRY(read_section(r, first, cfg));
        KC_TRY(next(r));
    }
out:
    return r->e->code;
}

int kc_read_file(const char *text, size_t bytes, kc_origin *o, kc_config *cfg, kc_error *e)
{
    reader r;
    if (bytes > FILE_BYTES_MAX)
        return kc_fail(e, KC_EINPUT, "%.*s: %zu bytes; an input file has at most %d", KC_TEXT_MAX,
                       o->path, bytes, FILE_BYTES_MAX);
    reader_open(&r, text, bytes, o, e);
    KC_TRY(next(&r)); /* the stream's start */
    KC_TRY(next(&r));
    if (r.event.type == YAML_STREAM_END_EVENT)
        goto out;
    KC_TRY(next(&r)); /* past the document's start */
    KC_TRY(read_document(&r, cfg));
    KC_TRY(next(&r)); /* the document's end */
    KC_TRY(next(&r));
    if (r.event.type != YAML_STREAM_END_EVENT)
        fail_at(&r, "top level", "a second document (---); an input file has one");
out:
    reader_close(&r);
    return e->code;
}

/* The row of the key before the `=`, or -1 after kc_fail. */
static int find_set_key(reader *r, const char *set)
{
    char name[KC_TEXT_MAX];
    const char *equals = strchr(set, '=');
    if (equals == NULL)
        return fail_at(r, set, "no value; write --set section.key=value"), -1;
    snprintf(name, sizeof name, "%.*s", (int)(equals - set), set);
    char *dot = strrchr(name, '.');
    if (dot == NULL)
        return fail_unknown_key(r, "", name), -1;
    *dot = '\0';
    int key = kc_key_find(name, dot + 1);
    if (key < 0)
        fail_unknown_key(r, name, dot + 1);
    return key;
}

/* The whole of the reader's text as the value of a key. */
static int read_set_value(reader *r, int key, kc_config *cfg)
{
    const char *set = r->origin->sets[-r->set - 1];
    KC_TRY(next(r)); /* the stream's start */
    KC_TRY(next(r));
    if (r->event.type == YAML_STREAM_END_EVENT)
        return kc_value_read(r->origin, key, "", cfg, r->e);
    KC_TRY(next(r)); /* past the document's start */
    if (!is_scalar(r))
        return fail_at(r, set, "a list or mapping where a single value belongs; quote the value");
    KC_TRY(kc_value_read(r->origin, key, scalar(r), cfg, r->e));
    KC_TRY(next(r)); /* the document's end */
    KC_TRY(next(r));
    if (r->event.type != YAML_STREAM_END_EVENT)
        return fail_at(r, set, "a second document (---) where a single value belongs");
out:
    return r->e->code;
}

int kc_read_set(int i, kc_origin *o, kc_config *cfg, kc_error *e)
{
    reader r;
    const char *value = strchr(o->sets[i], '=');
    value = value != NULL ? value + 1 : "";
    reader_open(&r, value, strlen(value), o, e);
    r.set = -i - 1;
    int key = find_set_key(&r, o->sets[i]);
    if (key >= 0) {
        o->line[key] = r.set;
        read_set_value(&r, key, cfg);
    }
    reader_close(&r);
    return e->code;
}
