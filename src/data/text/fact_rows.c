/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/text/fact_rows.h"

#include <string.h>
#include <strings.h>

static const char *const field_names[KC_FACT_FIELDS] = {"name", "attribute", "value"};

void kc_fact_rows_end(kc_fact_rows *r)
{
    kc_cells_end(&r->cells);
}

/* Where the columns stand, by the first row. Returns 1 when it names them. */
static int read_head(kc_fact_rows *r, kc_error *e)
{
    int found = 0;

    for (int k = 0; k < KC_FACT_FIELDS; k++) {
        r->head.at[k] = -1;
        for (int c = 0; c < r->cells.n; c++) {
            if (strcasecmp(r->cells.cell[c], field_names[k]) != 0)
                continue;
            if (r->head.at[k] >= 0) {
                kc_fail(e, KC_EINPUT, "%s:%lld: columns %d and %d are both named %s",
                        r->cells.plain.path, (long long)r->cells.line, r->head.at[k] + 1, c + 1,
                        field_names[k]);
                return 0;
            }
            r->head.at[k] = c;
            found++;
        }
    }
    r->head.n_columns = r->cells.n;
    return found == KC_FACT_FIELDS;
}

/* What else may stand between the cells of a row that has no separator. */
static const char *other_separator(const char *text)
{
    return strchr(text, '\t')  ? "tabs"
           : strchr(text, ',') ? "commas"
           : strchr(text, ';') ? "semicolons"
           : strchr(text, '|') ? "bars"
                               : NULL;
}

/* A first row that names no columns has the three in their order. */
static int without_head(kc_fact_rows *r, kc_error *e)
{
    const kc_cells *c = &r->cells;
    const char *other = c->n == 1 ? other_separator(c->cell[0]) : NULL;

    if (other)
        return kc_fail(
            e, KC_EINPUT,
            "%s:%lld: columns parted by %s, where %s are expected; .csv at the end of its "
            "name says commas, .tsv tabs; other marks want converting",
            c->plain.path, (long long)c->line, other, kc_cells_separator(c));
    for (int k = 0; k < KC_FACT_FIELDS; k++)
        if (c->n != KC_FACT_FIELDS && r->head.at[k] < 0)
            return kc_fail(e, KC_EINPUT,
                           "%s:%lld: no column %s among the %d; a table has the columns name, "
                           "attribute, value, parted by %s, or a first line that names them",
                           c->plain.path, (long long)c->line, field_names[k], c->n,
                           kc_cells_separator(c));
    for (int k = 0; k < KC_FACT_FIELDS; k++)
        r->head.at[k] = k;
    return KC_OK;
}

int kc_fact_rows_start(kc_fact_rows *r, const char *path, FILE *file, kc_error *e)
{
    kc_cells *c = &r->cells;

    memset(r, 0, sizeof *r);
    KC_TRY(kc_cells_start(c, path, file, e));
    KC_TRY(kc_cells_next(c, e));
    r->head.separator = c->separator;
    if (!c->n)
        return KC_OK;
    const int names_columns = read_head(r, e);
    KC_TRY(e->code);
    r->head.begin = names_columns ? kc_plain_place(&c->plain) : c->begin;
    r->head.lines = names_columns ? c->plain.line : c->line - 1;
    r->is_read = !names_columns;
    KC_TRY(names_columns ? KC_OK : without_head(r, e));
out:
    return e->code;
}

int kc_fact_rows_within(kc_fact_rows *r, const char *path, FILE *file, const kc_fact_head *head,
                        const kc_fact_part *part, kc_error *e)
{
    *r = (kc_fact_rows){.head = *head};
    return kc_cells_within(&r->cells, path, file, head->separator, part->begin, part->end,
                           part->lines, e);
}

static int check_row(const kc_fact_rows *r, kc_error *e)
{
    const kc_cells *c = &r->cells;

    if (c->line > INT32_MAX)
        return kc_fail(e, KC_EINPUT, "%s: more than %d lines; cut the table", c->plain.path,
                       INT32_MAX);
    if (c->n != r->head.n_columns)
        return kc_fail(e, KC_EINPUT,
                       "%s:%lld: %d columns, the first line has %d, parted by %s; a cell that "
                       "holds such a mark wants quotation marks around it",
                       c->plain.path, (long long)c->line, c->n, r->head.n_columns,
                       kc_cells_separator(c));
    for (int k = 0; k < KC_FACT_FIELDS; k++) {
        const char *text = c->cell[r->head.at[k]];

        if (!*text)
            return kc_fail(e, KC_EINPUT, "%s:%lld: an empty %s", c->plain.path, (long long)c->line,
                           field_names[k]);
        if (strstr(text, "<eos>"))
            return kc_fail(e, KC_EINPUT,
                           "%s:%lld: `<eos>` is the token that begins each document; use another "
                           "word",
                           c->plain.path, (long long)c->line);
        if (k == KC_FACT_ATTRIBUTE && strlen(text) >= KC_FACT_ATTRIBUTE_BYTES)
            return kc_fail(
                e, KC_EINPUT, "%s:%lld: `%.100s` is an attribute of %zu bytes; at most %d will do",
                c->plain.path, (long long)c->line, text, strlen(text), KC_FACT_ATTRIBUTE_BYTES - 1);
    }
    return KC_OK;
}

int kc_fact_rows_next(kc_fact_rows *r, kc_error *e)
{
    kc_cells *c = &r->cells;

    memset(r->field, 0, sizeof r->field);
    if (!r->is_read)
        KC_TRY(kc_cells_next(c, e));
    r->is_read = 0;
    if (!c->n)
        return KC_OK;
    KC_TRY(check_row(r, e));
    for (int k = 0; k < KC_FACT_FIELDS; k++)
        r->field[k] = c->cell[r->head.at[k]];
out:
    return e->code;
}
