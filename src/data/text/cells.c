/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/text/cells.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "data/text/lines.h"
#include "kcap/base/alike.h"
#include "kcap/base/memory.h"

static int ends_with(const char *path, const char *end)
{
    const size_t n = strlen(path), m = strlen(end);

    return n >= m && strcmp(path + n - m, end) == 0;
}

int kc_cells_start(kc_cells *c, const char *path, FILE *file, kc_error *e)
{
    memset(c, 0, sizeof *c);
    if (ends_with(path, ".csv"))
        c->separator = ',';
    else if (ends_with(path, ".tsv") || ends_with(path, ".tab"))
        c->separator = '\t';
    c->end = INT64_MAX;
    return kc_plain_start(&c->plain, path, file, e);
}

int kc_cells_within(kc_cells *c, const char *path, FILE *file, char separator, int64_t begin,
                    int64_t end, int64_t line, kc_error *e)
{
    *c = (kc_cells){.separator = separator, .end = end};
    if (fseeko(file, begin, SEEK_SET) != 0)
        return kc_fail(e, KC_EINPUT, "%s: cannot be read: %s", path, strerror(errno));
    KC_TRY(kc_plain_go_on(&c->plain, path, file, e));
    c->plain.line = line;
out:
    return e->code;
}

void kc_cells_end(kc_cells *c)
{
    kc_plain_end(&c->plain);
    free(c->row);
    memset(c, 0, sizeof *c);
}

const char *kc_cells_separator(const kc_cells *c)
{
    return c->separator == ',' ? "commas" : "tabs";
}

void kc_cells_scan(char separator, const char *at, int *open)
{
    for (;;) {
        if (!*open) {
            at += strspn(at, " ");
            *open = *at == '"';
            at += *open;
        }
        for (; *open && (at = strchr(at, '"')); at++)
            if (at[1] != '"')
                *open = 0;
            else
                at++;
        if (*open)
            return;
        at = strchr(at, separator);
        if (!at)
            return;
        at++;
    }
}

/* Append a line to the row. */
static int append(kc_cells *c, const char *line, kc_error *e)
{
    const int64_t n = (int64_t)strlen(line);

    if (c->n_bytes + n > KC_LINE_MOST)
        return kc_fail(e, KC_EINPUT,
                       "%s:%lld: a row of more than %d bytes; is a quotation mark not closed?",
                       c->plain.path, (long long)c->line, KC_LINE_MOST);
    c->row = kc_grow(c->row, &c->room, c->n_bytes + n + 2, 1);
    memcpy(c->row + c->n_bytes, line, (size_t)n + 1);
    c->n_bytes += n;
    c->odd = c->odd || kc_alike_odd(line);
    return KC_OK;
}

/* The lines of a row; n_bytes 0: there are no more. */
static int read_row(kc_cells *c, kc_error *e)
{
    char *line = NULL;
    int64_t begin;
    int open = 0;

    c->n_bytes = 0;
    c->odd = 0;
    do {
        begin = kc_plain_place(&c->plain);
        if (!open && begin >= c->end)
            break;
        KC_TRY(kc_plain_next(&c->plain, &line, e));
        if (!line && open)
            kc_fail(e, KC_EINPUT, "%s:%lld: a quotation mark that begins a cell is not closed",
                    c->plain.path, (long long)c->line);
        if (!line)
            break;
        if (!c->separator)
            c->separator = strchr(line, '\t') ? '\t' : ',';
        if (open) {
            c->row[c->n_bytes++] = ' ';
        } else {
            c->begin = begin;
            c->line = c->plain.line;
        }
        KC_TRY(append(c, line, e));
        kc_cells_scan(c->separator, line, &open);
    } while (open || c->n_bytes == 0);
out:
    return e->code;
}

/* Take the marks off a quoted cell in place, of two inside leave one. Returns where the cell ends, at
 * a separator or a zero byte; NULL: its last mark is not where it ends. */
static char *unquote(const kc_cells *c, char *cell)
{
    char *to = cell, *from = cell + 1;

    for (; *from && (*from != '"' || from[1] == '"'); from++) {
        from += *from == '"';
        *to++ = *from;
    }
    if (!*from++)
        return NULL;
    *to = 0;
    from += strspn(from, " ");
    return *from && *from != c->separator ? NULL : from;
}

/* Take the first cell off what is left of a row; *left is NULL after the last. NULL: a broken quote. */
static char *take(const kc_cells *c, char **left)
{
    char *cell = *left + strspn(*left, " ");
    char *end = *cell == '"' ? unquote(c, cell) : cell + strcspn(cell, (char[]){c->separator, 0});

    if (!end)
        return NULL;
    *left = *end ? end + 1 : NULL;
    *end = 0;
    kc_plain_blanks(cell);
    kc_lines_normal(cell, cell + strlen(cell), cell);
    return cell;
}

int kc_cells_next(kc_cells *c, kc_error *e)
{
    char *left;

    c->n = 0;
    KC_TRY(read_row(c, e));
    if (!c->n_bytes)
        return KC_OK;
    for (left = c->row; left && c->n < KC_CELLS_MAX; c->n++)
        if (!(c->cell[c->n] = take(c, &left)))
            return kc_fail(e, KC_EINPUT,
                           "%s:%lld: column %d begins with a quotation mark and does not end with "
                           "one; quote a whole cell, with \"\" for a mark inside it, or nothing",
                           c->plain.path, (long long)c->line, c->n + 1);
    if (left)
        kc_fail(e, KC_EINPUT, "%s:%lld: more than %d columns", c->plain.path, (long long)c->line,
                KC_CELLS_MAX);
out:
    return e->code;
}
