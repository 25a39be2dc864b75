/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/data/text/facts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/base/plain.h"

enum { NAME, ATTRIBUTE, VALUE, FIELDS, COLUMNS_MAX = 256 };
static const char *const field_names[FIELDS] = {"name", "attribute", "value"};
static const int64_t file_most = (int64_t)1 << 36;

typedef struct row {
    const char *field[FIELDS]; /* in the table's text */
} row;

/* A file as it is read. */
typedef struct table {
    const char *path;
    char *text;
    int64_t line;              /* number of the line at hand      */
    int n_columns, at[FIELDS]; /* as the first line names them    */
    row *row;
    int64_t n, room;
} table;

typedef struct words {
    const char **word;
    int64_t n, room;
} words;

static int compare(const row *a, const row *b, const int order[FIELDS])
{
    int result = 0;
    for (int k = 0; k < FIELDS && result == 0; ++k)
        result = strcmp(a->field[order[k]], b->field[order[k]]);
    return result;
}

static int by_attribute(const void *a, const void *b)
{
    static const int order[FIELDS] = {ATTRIBUTE, VALUE, NAME};
    return compare(a, b, order);
}

static int by_name(const void *a, const void *b)
{
    static const int order[FIELDS] = {NAME, ATTRIBUTE, VALUE};
    return compare(a, b, order);
}

static int by_word(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Take the marks off a quoted cell in place, of two inside leave one. Returns where the cell ends, at
 * a tab or a zero byte; NULL: its last mark is not where it ends. */
static char *unquote(char *cell)
{
    char *to = cell, *from = cell + 1;
    for (; *from && (*from != '"' || from[1] == '"'); ++from) {
        from += *from == '"';
        *to++ = *from;
    }
    if (!*from++)
        return NULL;
    *to = 0;
    from += strspn(from, " ");
    return *from && *from != '\t' ? NULL : from;
}

/* Words parted by one blank, none at the ends, in place. */
static void normalise(char *cell)
{
    char *to = cell;
    for (const char *from = cell; *from; ++from)
        if (*from != ' ' && *from != '\t')
            *to++ = *from;
        else if (to > cell && to[-1] != ' ' && from[strspn(from, " \t")])
            *to++ = ' ';
    *to = 0;
}

/* Take the first cell off what is left of a line; *left is NULL after the last. NULL: a broken quote. */
static char *take_cell(char **left)
{
    char *cell = *left + strspn(*left, " ");
    char *end = *cell == '"' ? unquote(cell) : cell + strcspn(cell, "\t");
    if (!end)
        return NULL;
    *left = *end ? end + 1 : NULL;
    *end = 0;
    normalise(cell);
    return cell;
}

/* Cut the line at hand; *n says how many columns it has. */
static int split(const table *t, char *line, char *column[COLUMNS_MAX], int *n, kc_error *e)
{
    for (*n = 0; line && *n < COLUMNS_MAX; ++*n)
        if (!(column[*n] = take_cell(&line)))
            return kc_fail(e, KC_EINPUT,
                           "%s:%lld: column %d begins with a quotation mark and does not end with "
                           "one in this line; quote a whole cell, with \"\" for a mark inside it, "
                           "or nothing",
                           t->path, (long long)t->line, *n + 1);
    if (line)
        return kc_fail(e, KC_EINPUT, "%s:%lld: more than %d columns", t->path, (long long)t->line,
                       COLUMNS_MAX);
    return KC_OK;
}

/* What else may stand between the columns where there are no tabs. */
static const char *separator(const char *line)
{
    return strchr(line, '\t')  ? NULL
           : strchr(line, ',') ? "commas"
           : strchr(line, ';') ? "semicolons"
           : strchr(line, '|') ? "bars"
                               : NULL;
}

/* Where the three columns stand, by the first line. */
static int read_head(table *t, char *line, kc_error *e)
{
    char *column[COLUMNS_MAX];
    const char *found = separator(line);
    if (found)
        return kc_fail(e, KC_EINPUT,
                       "%s:1: columns parted by %s; save the table tab-separated: name, attribute, "
                       "value",
                       t->path, found);
    KC_TRY(split(t, line, column, &t->n_columns, e));
    for (int k = 0; k < FIELDS; ++k) {
        t->at[k] = -1;
        for (int c = 0; c < t->n_columns; ++c) {
            if (strcmp(column[c], field_names[k]) != 0)
                continue;
            if (t->at[k] >= 0)
                return kc_fail(e, KC_EINPUT, "%s:1: columns %d and %d are both named %s", t->path,
                               t->at[k] + 1, c + 1, field_names[k]);
            t->at[k] = c;
        }
        if (t->at[k] < 0)
            return kc_fail(e, KC_EINPUT,
                           "%s:1: no column %s; the first line names the columns, separated by "
                           "tabs: name, attribute, value",
                           t->path, field_names[k]);
    }
out:
    return e->code;
}

static int read_row(table *t, char *line, kc_error *e)
{
    char *column[COLUMNS_MAX];
    int n = 0;
    t->row = kc_grow(t->row, &t->room, t->n + 1, sizeof *t->row);
    row *r = &t->row[t->n];
    KC_TRY(split(t, line, column, &n, e));
    if (n > t->n_columns)
        return kc_fail(
            e, KC_EINPUT,
            "%s:%lld: %d columns, the first line names %d; a tab inside a cell wants the "
            "cell quoted",
            t->path, (long long)t->line, n, t->n_columns);
    for (int k = 0; k < FIELDS; ++k) {
        if (t->at[k] >= n)
            return kc_fail(e, KC_EINPUT, "%s:%lld: %d columns, the %s is column %d", t->path,
                           (long long)t->line, n, field_names[k], t->at[k] + 1);
        r->field[k] = column[t->at[k]];
        if (!r->field[k][0])
            return kc_fail(e, KC_EINPUT, "%s:%lld: an empty %s", t->path, (long long)t->line,
                           field_names[k]);
    }
    ++t->n;
out:
    return e->code;
}

static int read_table(table *t, kc_error *e)
{
    int64_t bytes = 0;
    KC_TRY(kc_plain_read(t->path, file_most, &t->text, &bytes, e));
    kc_plain_blanks(t->text);
    char *at = t->text;
    for (char *line; (line = kc_plain_line(&at));) {
        if (++t->line == 1)
            KC_TRY(read_head(t, line, e));
        else if (*line)
            KC_TRY(read_row(t, line, e));
    }
    if (t->n == 0)
        kc_fail(e, KC_EINPUT, "%s: no facts in it: a line that names the columns, then one a fact",
                t->path);
out:
    return e->code;
}

/* Rows by attribute and value: drops those that stand twice, counts the distinct values. */
static void count_values(table *all, kc_facts *facts)
{
    int64_t kept = 0, values = 0, of_attribute = 0;
    qsort(all->row, (size_t)all->n, sizeof *all->row, by_attribute);
    for (int64_t i = 0; i < all->n; ++i) {
        const row *last = kept ? &all->row[kept - 1] : NULL, *r = &all->row[i];
        if (last && by_attribute(last, r) == 0) {
            ++facts->n_duplicates;
            continue;
        }
        const int new_attribute = !last || strcmp(last->field[ATTRIBUTE], r->field[ATTRIBUTE]) != 0;
        const int new_value = new_attribute || strcmp(last->field[VALUE], r->field[VALUE]) != 0;
        if (new_attribute) {
            if (last)
                facts->value_bits += (double)of_attribute * log2((double)values);
            ++facts->n_attributes;
            values = of_attribute = 0;
        }
        values += new_value;
        ++of_attribute;
        all->row[kept++] = *r;
    }
    facts->value_bits += (double)of_attribute * log2((double)values);
    facts->n_rows = all->n = kept;
}

/* Cut a text at blanks into the list; returns how many words it has. */
static int64_t add_words(const char *text, words *list)
{
    int64_t n = 0;
    for (char *at = (char *)text; *at;) {
        at += strspn(at, " ");
        if (!*at)
            break;
        list->word = kc_grow(list->word, &list->room, list->n + 1, sizeof *list->word);
        list->word[list->n++] = at;
        ++n;
        at += strcspn(at, " ");
        if (*at)
            *at++ = 0;
    }
    return n;
}

/* Names, tokens and vocabulary. The rows' texts are cut into words on the way. */
static void count_text(table *all, kc_facts *facts)
{
    words list = {0};
    qsort(all->row, (size_t)all->n, sizeof *all->row, by_name);
    for (int64_t i = 0; i < all->n; ++i)
        facts->n_names += i == 0 || strcmp(all->row[i - 1].field[NAME], all->row[i].field[NAME]);
    facts->exposure_tokens = (double)(facts->n_names + facts->n_rows);
    for (int64_t i = all->n - 1; i >= 0; --i) {
        const int first = i == 0 || strcmp(all->row[i - 1].field[NAME], all->row[i].field[NAME]);
        if (first)
            facts->exposure_tokens += (double)add_words(all->row[i].field[NAME], &list);
        facts->exposure_tokens += (double)add_words(all->row[i].field[VALUE], &list);
    }
    qsort(list.word, (size_t)list.n, sizeof *list.word, by_word);
    facts->n_words = 1 + facts->n_attributes;
    for (int64_t i = 0; i < list.n; ++i)
        facts->n_words += i == 0 || strcmp(list.word[i - 1], list.word[i]) != 0;
    free(list.word);
}

int kc_facts_read(const char *path, kc_facts *facts, kc_error *e)
{
    table all = {.path = path};
    *facts = (kc_facts){0};
    if (read_table(&all, e) == KC_OK) {
        count_values(&all, facts);
        count_text(&all, facts);
    }
    free(all.row);
    free(all.text);
    return e->code;
}
