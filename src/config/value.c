/* SPDX-License-Identifier: BSD-3-Clause */
#include <ctype.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config_internal.h"

/* Read a decimal number that fills the text; returns 0 where it does not. *whole is decided on the
 * digits, because 2.00000000000000000001 as a double is 2. */
static int scan_number(const char *text, double *value, int *whole)
{
    const char *p = text;
    if (*p == '+' || *p == '-')
        p++;
    int64_t digits = 0, before_point = -1, last = 0; /* last: the last digit that is not 0 */
    for (; isdigit((unsigned char)*p) || (*p == '.' && before_point < 0); p++) {
        if (*p == '.')
            before_point = digits;
        else if (++digits && *p != '0')
            last = digits;
    }
    if (digits == 0)
        return 0;
    if (before_point < 0)
        before_point = digits;
    int64_t exponent = 0;
    if (*p == 'e' || *p == 'E') {
        p++;
        const char *start = *p == '+' || *p == '-' ? p + 1 : p;
        if (!isdigit((unsigned char)*start))
            return 0;
        char *end;
        exponent = strtol(p, &end, 10);
        p = end;
    }
    *whole = last == 0 || last - before_point <= exponent;
    *value = strtod(text, NULL) + 0.0;               /* -0 becomes 0 */
    return *p == '\0' && (last == 0 || *value != 0); /* nor does 1e-400 */
}

/* 010 is 8 to readers of YAML 1.1 and 10 to those of YAML 1.2. */
static int is_octal(const char *text)
{
    text += *text == '+' || *text == '-';
    return text[0] == '0' && isdigit((unsigned char)text[1]);
}

static int read_number(const kc_origin *o, int key, const char *text, kc_config *cfg, kc_error *e)
{
    const kc_key_row *row = &kc_key_rows[key];
    char shown[KC_SHOWN_MAX + 1], range[KC_VALUE_MAX];
    kc_shown(text, shown, sizeof shown);
    double value = 0;
    int whole = 0, is_int = row->type == KC_TYPE_INT;
    if (!scan_number(text, &value, &whole) || (is_int && !whole))
        return kc_fail_key(e, o, key, "'%s' is not a %snumber", shown, is_int ? "whole " : "");
    if (is_octal(text))
        return kc_fail_key(e, o, key,
                           "'%s': a number that begins with 0 is octal to some; write it "
                           "without",
                           shown);
    kc_range_print(key, range, sizeof range);
    if (!(value >= row->least && value <= row->most))
        return kc_fail_key(e, o, key, "%s is outside %s: %s", shown, range, row->help);
    char *field = (char *)cfg + row->offset;
    if (is_int)
        *(int64_t *)field = (int64_t)value;
    else
        *(double *)field = value;
    return KC_OK;
}

static int read_word(const kc_origin *o, int key, const char *text, kc_config *cfg, kc_error *e)
{
    const kc_key_row *row = &kc_key_rows[key];
    char shown[KC_SHOWN_MAX + 1];
    int64_t i = 0;
    while (row->words[i] && strcmp(row->words[i], text) != 0)
        ++i;
    if (!row->words[i])
        return kc_fail_key(e, o, key, "'%s' is not one of %s", kc_shown(text, shown, sizeof shown),
                           row->unit);
    *(int64_t *)((char *)cfg + row->offset) = i;
    return KC_OK;
}

static const char *skip_dots(const char *path)
{
    while (path[0] == '.' && path[1] == '/')
        path += 2 + strspn(path + 2, "/");
    return path;
}

/* Make `text` absolute. `..` stays: what it means depends on links, and the path need not exist. */
static int join_path(const kc_origin *o, int line, const char *text, char *joined, size_t size)
{
    char cwd[PATH_MAX] = "";
    if (text[0] == '/')
        return snprintf(joined, size, "%s", text);
    const char *from = line > 0 ? skip_dots(o->path) : "";
    const char *slash = strrchr(from, '/');
    int n = slash != NULL ? (int)(slash - from) + 1 : 0;
    if (from[0] == '/')
        return snprintf(joined, size, "%.*s%s", n, from, skip_dots(text));
    if (getcwd(cwd, sizeof cwd) == NULL)
        return -1;
    return snprintf(joined, size, "%s/%.*s%s", strcmp(cwd, "/") == 0 ? "" : cwd, n, from,
                    skip_dots(text));
}

static int is_utf8(const char *text)
{
    uint32_t code;
    int n;
    for (; *text != '\0'; text += n)
        if ((n = kc_utf8(text, &code)) == 0)
            return 0;
    return 1;
}

static int read_text(const kc_origin *o, int key, const char *text, kc_config *cfg, kc_error *e)
{
    const kc_key_row *row = &kc_key_rows[key];
    char joined[2 * PATH_MAX];
    int is_path = row->type == KC_TYPE_PATH && text[0] != '\0';
    size_t length = strlen(text);
    if (is_path && kc_path_fault(text))
        return kc_fail_key(e, o, key, "%s: %s", kc_shown(text, joined, KC_SHOWN_MAX + 1),
                           kc_path_fault(text));
    if (is_path && length < sizeof joined) {
        int n = join_path(o, o->line[key], text, joined, sizeof joined);
        if (n < 0)
            return kc_fail_key(e, o, key,
                               "the working directory has no path; write an absolute one");
        length = (size_t)n;
        text = joined;
    }
    if (length >= row->bytes)
        return kc_fail_key(e, o, key, "the %s has %zu bytes; at most %zu are allowed",
                           is_path ? "absolute path" : "text", length, row->bytes - 1);
    /* Texts come out of the YAML reader, but the folder in front of a path may hold any bytes. */
    if (!is_utf8(text))
        return kc_fail_key(e, o, key,
                           "the absolute path is not UTF-8, as the run's record must be; use "
                           "another folder");
    memset((char *)cfg + row->offset, 0, row->bytes);
    memcpy((char *)cfg + row->offset, text, length);
    return KC_OK;
}

int kc_value_read(const kc_origin *o, int key, const char *text, kc_config *cfg, kc_error *e)
{
    const kc_key_row *row = &kc_key_rows[key];
    if (row->type == KC_TYPE_INT || row->type == KC_TYPE_REAL)
        return read_number(o, key, text, cfg, e);
    if (row->type == KC_TYPE_CHOICE)
        return read_word(o, key, text, cfg, e);
    return read_text(o, key, text, cfg, e);
}
