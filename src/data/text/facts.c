/* SPDX-License-Identifier: BSD-3-Clause */
#include "kcap/data/text/facts.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"
#include "kcap/base/text.h"

enum { NAME, ATTRIBUTE, VALUE, FIELDS, COLUMNS_MAX = 256 };
static const char *const field_names[FIELDS] = {"name", "attribute", "value"};

/* One line of the file; the texts lie in `line`, which is owned. */
typedef struct row {
    char *line;
    const char *field[FIELDS];
} row;

typedef struct rows {
    row *row;
    int64_t n, room;
} rows;

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

/* Cut a line at its tabs; returns how many columns it has. */
static int split(char *line, char *column[COLUMNS_MAX])
{
    int n = 0;
    line[strcspn(line, "\r\n")] = 0;
    for (char *at = line; at && n < COLUMNS_MAX; ++n) {
        column[n] = at;
        at = strchr(at, '\t');
        if (at)
            *at++ = 0;
    }
    return n;
}

/* Where the three columns stand, by the first line. */
static int read_head(const char *path, char *line, int at[FIELDS], kc_error *e)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8, which spreadsheets write */
    char *column[COLUMNS_MAX];
    const int n = split(line + (strncmp(line, mark, 3) == 0 ? 3 : 0), column);
    for (int k = 0; k < FIELDS; ++k) {
        at[k] = -1;
        for (int c = 0; c < n; ++c) {
            if (strcmp(column[c], field_names[k]) != 0)
                continue;
            if (at[k] >= 0)
                return kc_fail(e, KC_EINPUT, "%s:1: columns %d and %d are both named %s", path,
                               at[k] + 1, c + 1, field_names[k]);
            at[k] = c;
        }
        if (at[k] < 0)
            return kc_fail(e, KC_EINPUT,
                           "%s:1: no column %s; the first line names the columns, separated by "
                           "tabs: name, attribute, value",
                           path, field_names[k]);
    }
    return KC_OK;
}

static int read_row(const char *path, int64_t number, char *line, const int at[FIELDS], row *r,
                    kc_error *e)
{
    char *column[COLUMNS_MAX];
    const int n = split(line, column);
    for (int k = 0; k < FIELDS; ++k) {
        if (at[k] >= n)
            return kc_fail(e, KC_EINPUT, "%s:%lld: %d columns, the %s is column %d", path,
                           (long long)number, n, field_names[k], at[k] + 1);
        if (!column[at[k]][strspn(column[at[k]], " ")])
            return kc_fail(e, KC_EINPUT, "%s:%lld: an empty %s", path, (long long)number,
                           field_names[k]);
        r->field[k] = column[at[k]];
    }
    return KC_OK;
}

static int read_rows(const char *path, rows *all, kc_error *e)
{
    FILE *f = fopen(path, "r");
    char *line = NULL;
    size_t room = 0;
    int at[FIELDS];
    if (!f)
        return kc_fail(e, KC_EINPUT, "%s: cannot be read: %s", path, strerror(errno));
    for (int64_t number = 1; e->code == KC_OK && getline(&line, &room, f) >= 0; ++number) {
        if (number == 1) {
            read_head(path, line, at, e);
            continue;
        }
        if (line[strspn(line, "\r\n")] == 0)
            continue;
        all->row = kc_grow(all->row, &all->room, all->n + 1, sizeof *all->row);
        row *r = &all->row[all->n];
        r->line = kc_text_copy(line);
        ++all->n;
        read_row(path, number, r->line, at, r, e);
    }
    if (ferror(f))
        kc_fail(e, KC_EINPUT, "%s: cannot be read: %s", path, strerror(errno));
    if (all->n == 0)
        kc_fail(e, KC_EINPUT, "%s: no facts in it: a line that names the columns, then one a fact",
                path);
    free(line);
    fclose(f);
    return e->code;
}

/* Rows by attribute and value: drops those that stand twice, counts the distinct values. */
static void count_values(rows *all, kc_facts *facts)
{
    int64_t kept = 0, values = 0, of_attribute = 0;
    qsort(all->row, (size_t)all->n, sizeof *all->row, by_attribute);
    for (int64_t i = 0; i < all->n; ++i) {
        const row *last = kept ? &all->row[kept - 1] : NULL, *r = &all->row[i];
        if (last && by_attribute(last, r) == 0) {
            ++facts->n_duplicates;
            free(r->line);
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
static void count_text(rows *all, kc_facts *facts)
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
    rows all = {0};
    *facts = (kc_facts){0};
    if (read_rows(path, &all, e) == KC_OK) {
        count_values(&all, facts);
        count_text(&all, facts);
    }
    for (int64_t i = 0; i < all.n; ++i)
        free(all.row[i].line);
    free(all.row);
    return e->code;
}
