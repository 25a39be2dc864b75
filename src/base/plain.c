/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/base/plain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/base/open.h"
#include "kcap/base/seen.h"
#include "kcap/base/text.h"

enum { STEP = 1 << 16, CHARACTER = 4, BYTE_ORDER_MARK = 0xFEFF };

/* Files that are taken for text again and again, by how they begin. */
static const struct {
    const char *start;
    size_t bytes;
    const char *what;
} others[] = {{"\x1f\x8b", 2, "packed by gzip; unpack it first: gunzip"},
              {"PK\3\4", 4, "a zip archive or a spreadsheet; save it as text, tab-separated"},
              {"\x28\xb5\x2f\xfd", 4, "packed by zstd; unpack it first: unzstd"},
              {"\xfd\x37zXZ", 5, "packed by xz; unpack it first: unxz"},
              {"\x42Zh91AY&SY", 10, "packed by bzip2; unpack it first: bunzip2"},
              {"\xff\xfe\0\0", 4, "UTF-32, not UTF-8; convert it: iconv -f UTF-32 -t UTF-8"},
              {"\0\0\xfe\xff", 4, "UTF-32, not UTF-8; convert it: iconv -f UTF-32 -t UTF-8"},
              {"%PDF-", 5, "a PDF file; save it as text"},
              {"\xff\xfe", 2, "UTF-16, not UTF-8; convert it: iconv -f UTF-16 -t UTF-8"},
              {"\xfe\xff", 2, "UTF-16, not UTF-8; convert it: iconv -f UTF-16 -t UTF-8"},
              {"\x89HDF", 4, "an HDF5 file; text belongs here"}};

static int check_kind(const char *path, const char *text, size_t bytes, kc_error *e)
{
    for (size_t i = 0; i < sizeof others / sizeof *others; ++i)
        if (bytes >= others[i].bytes && memcmp(text, others[i].start, others[i].bytes) == 0)
            return kc_fail(e, KC_EINPUT, "%s: %s", path, others[i].what);
    return KC_OK;
}

/* What is wrong with the character at `c`, whose bytes are in *n; NULL: nothing. */
static const char *fault_of(const char *c, int *n)
{
    uint32_t code = 0;
    *n = 1;
    if (*c == '\r')
        return c[1] == '\n' ? NULL
                            : "a carriage return (CR) alone; let each line end with LF or CR LF";
    if (*c == '\t' || *c == '\n')
        return NULL;
    if (*c == 0)
        return "a zero byte; text has none, and UTF-16 is to be converted: iconv -t UTF-8";
    *n = kc_utf8(c, &code);
    if (*n == 0)
        return "not UTF-8; convert the file: iconv -f LATIN1 -t UTF-8, or from what it is in";
    if (code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029)
        return "a control character; take it out";
    return code == BYTE_ORDER_MARK
               ? "a byte order mark inside the file, as joined files have; take "
                 "it out"
               : NULL;
}

/* A line of n bytes, behind which its end stands; it may have `most`. */
static int check_line(const char *path, int64_t line, int64_t most, const char *text, int64_t n,
                      kc_error *e)
{
    const char *end = text + (n < most ? n : most);
    int bytes = 1;
    for (const char *c = text; c < end; c += bytes) {
        bytes = 1;
        if (*c >= ' ' && *c <= '~')
            continue;
        const char *fault = fault_of(c, &bytes);
        if (fault)
            return kc_fail(e, KC_EINPUT, "%s:%lld: byte %lld of the line (0x%02X): %s", path,
                           (long long)line, (long long)(c - text) + 1, (unsigned char)*c, fault);
    }
    if (n > most)
        kc_fail(e, KC_EINPUT, "%s:%lld: a line of more than %lld bytes; cut it", path,
                (long long)line, (long long)most);
    return e->code;
}

static int check_lines(const char *path, int64_t most, const char *text, int64_t bytes, kc_error *e)
{
    const char *end = text + bytes;
    int64_t line = 1;
    for (const char *stop; text < end; text = stop + 1, ++line) {
        stop = memchr(text, '\n', (size_t)(end - text));
        stop = stop ? stop : end;
        KC_TRY(check_line(path, line, most, text, stop - text, e));
    }
out:
    return e->code;
}

static char *read_bytes(FILE *f, const char *path, int64_t most, int64_t *bytes, kc_error *e)
{
    char *text = NULL;
    int64_t room = 0;
    size_t got;
    do {
        text = kc_grow(text, &room, *bytes + STEP + 1, 1);
        got = fread(text + *bytes, 1, STEP, f);
        *bytes += (int64_t)got;
    } while (got == STEP && *bytes <= most);
    if (ferror(f))
        kc_fail(e, KC_EINPUT, "%s: cannot be read: %s", path, strerror(errno));
    else if (*bytes > most)
        kc_fail(e, KC_EINPUT, "%s: larger than the %lld bytes that such a file may have", path,
                (long long)most);
    text[*bytes] = 0;
    return text;
}

/* Bytes of the byte order mark that a text begins with, or 0. */
static int mark_of(const char *text)
{
    return strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

static int read_text(const char *path, int64_t most, int64_t line_most, char **text, int64_t *bytes,
                     kc_error *e)
{
    FILE *f = kc_open_regular(path, e);
    *text = NULL;
    *bytes = 0;
    if (!f)
        return e->code;
    const kc_seen was = kc_see_open(f);
    *text = read_bytes(f, path, most, bytes, e);
    kc_seen_still(path, &was, kc_see_open(f), e);
    fclose(f);
    KC_TRY(e->code);
    KC_TRY(check_kind(path, *text, (size_t)*bytes, e));
    const int mark = mark_of(*text);
    memmove(*text, *text + mark, (size_t)(*bytes -= mark) + 1);
    KC_TRY(check_lines(path, line_most, *text, *bytes, e));
    return KC_OK;
out:
    free(*text);
    *text = NULL;
    return e->code;
}

int kc_plain_read(const char *path, int64_t most, char **text, int64_t *bytes, kc_error *e)
{
    return read_text(path, most, KC_LINE_MOST, text, bytes, e);
}

int kc_plain_read_json(const char *path, int64_t most, char **text, int64_t *bytes, kc_error *e)
{
    return read_text(path, most, most, text, bytes, e);
}

char *kc_plain_line(char **at)
{
    char *line = *at;
    const size_t n = strcspn(line, "\n");
    if (!*line)
        return NULL;
    *at += n + (line[n] == '\n');
    line[n] = 0;
    if (n > 0 && line[n - 1] == '\r')
        line[n - 1] = 0;
    return line;
}

/* Read on, with what is left moved to the front. */
static int more(kc_plain *p, kc_error *e)
{
    const int64_t left = p->end - p->begin;
    memmove(p->text, p->text + p->begin, (size_t)left);
    p->text = kc_grow(p->text, &p->room, left + STEP + 1, 1);
    const size_t got = fread(p->text + left, 1, STEP, p->file);
    p->begin = 0;
    p->end = left + (int64_t)got;
    p->bytes += (int64_t)got;
    p->text[p->end] = 0;
    p->at_end = got < STEP;
    return ferror(p->file)
               ? kc_fail(e, KC_EINPUT, "%s: cannot be read: %s", p->path, strerror(errno))
               : KC_OK;
}

int kc_plain_go_on(kc_plain *p, const char *path, FILE *file, kc_error *e)
{
    const off_t at = ftello(file);
    *p = (kc_plain){.path = path, .file = file, .bytes = at > 0 ? at : 0};
    p->text = kc_grow(NULL, &p->room, STEP + 1, 1);
    return more(p, e);
}

int kc_plain_start(kc_plain *p, const char *path, FILE *file, kc_error *e)
{
    KC_TRY(kc_plain_go_on(p, path, file, e));
    KC_TRY(check_kind(path, p->text, (size_t)p->end, e));
    p->begin = mark_of(p->text);
out:
    return e->code;
}

int64_t kc_plain_place(const kc_plain *p)
{
    return p->bytes - (p->end - p->begin);
}

int kc_plain_next(kc_plain *p, char **line, kc_error *e)
{
    char *stop = NULL;
    int64_t n = 0;
    *line = NULL;
    for (;;) {
        stop = memchr(p->text + p->begin + n, '\n', (size_t)(p->end - p->begin - n));
        n = stop ? stop - (p->text + p->begin) : p->end - p->begin;
        if (stop || p->at_end || n > KC_LINE_MOST + CHARACTER)
            break;
        KC_TRY(more(p, e));
    }
    if (!stop && n == 0)
        return KC_OK;
    char *text = p->text + p->begin;
    KC_TRY(check_line(p->path, ++p->line, KC_LINE_MOST, text, n, e));
    p->begin += n + (stop != NULL);
    text[n > 0 && text[n - 1] == '\r' ? n - 1 : n] = 0;
    *line = text;
out:
    return e->code;
}

void kc_plain_end(kc_plain *p)
{
    free(p->text);
    *p = (kc_plain){.text = NULL};
}

static int is_blank(uint32_t code)
{
    return code == 0xA0 || (code >= 0x2000 && code <= 0x200B) || code == 0x202F || code == 0x205F ||
           code == 0x2060 || code == 0x3000;
}

int64_t kc_plain_blanks(char *text)
{
    char *to = text;
    uint32_t code;
    for (const char *from = text; *from;) {
        if ((unsigned char)*from < 0x80) {
            *to++ = *from++;
            continue;
        }
        const int n = kc_utf8(from, &code), blank = is_blank(code);
        KC_CHECK(n > 0, "a text is not UTF-8");
        memmove(to, blank ? " " : from, blank ? 1 : (size_t)n);
        to += blank ? 1 : n;
        from += n;
    }
    *to = 0;
    return to - text;
}
