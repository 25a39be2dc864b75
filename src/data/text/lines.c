/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/text/lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"

int kc_files_add(kc_files *files, const char *name, const char *path, const char *text,
                 int64_t bytes, kc_error *e)
{
    const int i = files->n;
    int64_t room = files->bytes;

    if (i == KC_FILES_MAX)
        return kc_fail(e, KC_EINPUT, "%s: a corpus is made of at most %d files", path,
                       KC_FILES_MAX);
    if (files->bytes + bytes > KC_FILE_BYTES_MAX)
        return kc_fail(e, KC_EINPUT, "%s: more than %d bytes of pools and templates; cut the file",
                       path, KC_FILE_BYTES_MAX);
    files->text = kc_grow(files->text, &room, files->bytes + bytes + 1, 1);
    memcpy(files->text + files->bytes, text, (size_t)bytes);
    files->text[files->bytes + bytes] = 0;
    snprintf(files->file[i].name, sizeof files->file[i].name, "%s", name);
    snprintf(files->file[i].path, sizeof files->file[i].path, "%s", path);
    files->file[i].begin = files->bytes;
    files->file[i].bytes = bytes;
    files->bytes += bytes + 1;
    files->n++;
    return KC_OK;
}

const char *kc_files_find(const kc_files *files, const char *name, int64_t *bytes)
{
    for (int i = 0; i < files->n; i++)
        if (strcmp(files->file[i].name, name) == 0) {
            *bytes = files->file[i].bytes;
            return files->text + files->file[i].begin;
        }
    return NULL;
}

int kc_lines_stop(char c)
{
    return c && strchr(",.;:!?", c) != NULL;
}

const char *kc_lines_at(const kc_lines *lines, int32_t i)
{
    return lines->text + lines->begin[i];
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* 1 when the word at `from` is nothing but stops. */
static int all_stops(const char *from, const char *end)
{
    while (from < end && kc_lines_stop(*from))
        from++;
    return from == end || is_blank(*from);
}

int32_t kc_lines_normal(const char *from, const char *end, char *to)
{
    char *start = to;

    while (from < end) {
        while (from < end && is_blank(*from))
            from++;
        if (from < end && to > start && !all_stops(from, end))
            *to++ = ' ';
        while (from < end && !is_blank(*from))
            *to++ = *from++;
    }
    *to++ = 0;
    return (int32_t)(to - start);
}

/* Append one line of a file. */
static int lines_add(kc_lines *lines, const char *from, const char *end, int64_t *room, kc_error *e)
{
    char *to = lines->text + lines->bytes;
    int32_t number = lines->n + 1;

    if (memchr(from, 0, (size_t)(end - from)))
        return kc_fail(e, KC_EINPUT, "%s:%d: a zero byte; the file must be plain text", lines->path,
                       number);
    lines->begin = kc_grow(lines->begin, room, number, sizeof *lines->begin);
    lines->begin[lines->n++] = lines->bytes;
    lines->bytes += kc_lines_normal(from, end, to);
    if (!to[0])
        return kc_fail(e, KC_EINPUT, "%s:%d: an empty line; each line holds one entry", lines->path,
                       number);
    if (strstr(to, "<eos>"))
        return kc_fail(e, KC_EINPUT,
                       "%s:%d: `<eos>` is the token that begins each document; use "
                       "another word",
                       lines->path, number);
    return KC_OK;
}

static int lines_read(const kc_files *files, const kc_source *source, kc_lines *lines, kc_error *e)
{
    const char *at, *end, *stop;
    int64_t room = 0;
    int f = 0;

    while (f < files->n && strcmp(files->file[f].name, source->name) != 0)
        f++;
    if (f == files->n)
        return kc_fail(e, KC_EINPUT, "%s: not among the files given", source->name);
    memcpy(lines->path, files->file[f].path, sizeof lines->path);
    at = files->text + files->file[f].begin;
    end = at + files->file[f].bytes;
    lines->text = kc_alloc(files->file[f].bytes + 2, 1, "bytes of lines");
    for (; at < end; at = stop + 1) {
        stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop)
            stop = end;
        KC_TRY(lines_add(lines, at, stop, &room, e));
    }
    if (!lines->n)
        kc_fail(e, KC_EINPUT, "%s: no lines; at least one entry is needed", lines->path);
out:
    return e->code;
}

/* A line and its place, for sorting. */
typedef struct entry {
    const char *text;
    int32_t line;
} entry;

static int entry_order(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int order = strcmp(x->text, y->text);

    return order ? order : (x->line > y->line) - (x->line < y->line);
}

int kc_lines_distinct(const kc_lines *lines, kc_error *e)
{
    entry *sorted = kc_alloc(lines->n, sizeof *sorted, "lines");
    int32_t i;

    for (i = 0; i < lines->n; i++)
        sorted[i] = (entry){kc_lines_at(lines, i), i + 1};
    qsort(sorted, (size_t)lines->n, sizeof *sorted, entry_order);
    for (i = 1; i < lines->n && strcmp(sorted[i - 1].text, sorted[i].text) != 0; i++)
        ;
    if (i < lines->n)
        kc_fail(e, KC_EINPUT, "%s:%d: `%.200s` stands in line %d already; each entry once",
                lines->path, sorted[i].line, sorted[i].text, sorted[i - 1].line);
    free(sorted);
    return e->code;
}

int kc_lines_load(const kc_corpus_keys *keys, const kc_files *files, const kc_source *source,
                  kc_lines *lines, kc_error *e)
{
    const int64_t limit = *(const int64_t *)((const char *)keys + source->limit);

    memset(lines, 0, sizeof *lines);
    KC_TRY(lines_read(files, source, lines, e));
    KC_TRY(kc_lines_distinct(lines, e));
    if (limit > lines->n)
        return kc_fail(e, KC_EINPUT,
                       "%s: %d lines, but %s asks for %lld; add lines or lower the key",
                       lines->path, lines->n, source->key, (long long)limit);
    if (limit)
        lines->n = (int32_t)limit;
out:
    return e->code;
}

void kc_lines_free(kc_lines *lines)
{
    free(lines->begin);
    free(lines->text);
    memset(lines, 0, sizeof *lines);
}

static void lines_like(const kc_lines *lines, kc_lines *side)
{
    memset(side, 0, sizeof *side);
    memcpy(side->path, lines->path, sizeof side->path);
    side->begin = kc_alloc(lines->n, sizeof *side->begin, "lines");
    side->text = kc_alloc(lines->bytes, 1, "bytes of lines");
}

static void side_add(kc_lines *side, const char *from, size_t bytes)
{
    side->begin[side->n++] = side->bytes;
    memcpy(side->text + side->bytes, from, bytes);
    side->bytes += (int32_t)bytes;
    side->text[side->bytes++] = 0;
}

int kc_lines_halve(const kc_lines *lines, const char *mark, const char *form, kc_lines *left,
                   kc_lines *right, kc_error *e)
{
    lines_like(lines, left);
    lines_like(lines, right);
    for (int32_t i = 0; i < lines->n; i++) {
        const char *line = kc_lines_at(lines, i), *cut = strstr(line, mark);

        if (!cut || strstr(cut + strlen(mark), mark))
            return kc_fail(e, KC_EINPUT, "%s:%d: `%.200s` has `%s` %s; a line reads `%s`",
                           lines->path, i + 1, line, mark, cut ? "more than once" : "nowhere",
                           form);
        side_add(left, line, (size_t)(cut - line));
        side_add(right, cut + strlen(mark), strlen(cut + strlen(mark)));
    }
    return KC_OK;
}

/* Copy a word of `bytes` bytes, or its side; returns the bytes of that, -1 where it has no such. */
static int32_t side_of_word(const char *word, int32_t bytes, int which, char *to)
{
    const char *bar = memchr(word, '|', (size_t)bytes);
    int32_t end = bytes, cut = bar ? (int32_t)(bar - word) : 0;

    memcpy(to, word, (size_t)bytes);
    if (!bar)
        return bytes;
    while (end > cut + 1 && kc_lines_stop(word[end - 1]))
        end--;
    if (cut == 0 || end == cut + 1 || memchr(bar + 1, '|', (size_t)(bytes - cut - 1)))
        return -1;
    if (which) {
        memcpy(to, bar + 1, (size_t)(bytes - cut - 1));
        return bytes - cut - 1;
    }
    memcpy(to + cut, word + end, (size_t)(bytes - end));
    return cut + bytes - end;
}

int kc_lines_side(const kc_lines *lines, int which, kc_lines *side, kc_error *e)
{
    lines_like(lines, side);
    for (int32_t i = 0; i < lines->n; i++) {
        const char *at = kc_lines_at(lines, i);

        side->begin[side->n++] = side->bytes;
        while (*at) {
            const int32_t blank = *at == ' ', bytes = blank ? 1 : (int32_t)strcspn(at, " ");
            const int32_t took = side_of_word(at, bytes, which, side->text + side->bytes);

            if (took < 0)
                return kc_fail(e, KC_EINPUT,
                               "%s:%d: `%.*s`: a bar stands between two words, one for a name, He "
                               "and She, one for They, as in `was|were`",
                               lines->path, i + 1, bytes < 100 ? bytes : 100, at);
            side->bytes += took;
            at += bytes;
        }
        side->text[side->bytes++] = 0;
    }
    return KC_OK;
}
