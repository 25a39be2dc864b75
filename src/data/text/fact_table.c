/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/text/fact_table.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "data/text/cells.h"
#include "kcap/base/clock.h"
#include "kcap/base/memory.h"

enum { NAME, ATTRIBUTE, VALUE, FIELDS, ATTRIBUTES = KC_ATTRIBUTES_MAX - 1, ATTRIBUTE_BYTES = 32 };
static const char *const field_names[FIELDS] = {"name", "attribute", "value"};
static const double second = 1;

/* A row as it is read. */
typedef struct row {
    int32_t name, value;
} row;

/* A table while it is read. */
typedef struct reading {
    kc_cells cells;
    int n_columns, at[FIELDS];
    row *row;
    uint8_t *of_attribute;
    int64_t n, room, attribute_room, line_room, most;
    FILE *progress;
    double told, size; /* when; of the file, 0 where it has none */
} reading;

void kc_fact_table_free(kc_fact_table *t)
{
    kc_vocab_free(&t->name);
    kc_vocab_free(&t->attribute);
    for (int a = 0; a < ATTRIBUTES; a++)
        kc_vocab_free(&t->value[a]);
    free(t->begin);
    free(t->of_value);
    free(t->of_attribute);
    free(t->line);
    memset(t, 0, sizeof *t);
}

static int place_fault(const reading *r, kc_error *e, const char *what)
{
    return kc_fail(e, KC_EINPUT, "%s:%lld: %s", r->cells.plain.path, (long long)r->cells.line,
                   what);
}

/* Where the columns stand, by the first row. Returns 1 when it names them. */
static int read_head(reading *r, kc_error *e)
{
    int found = 0;

    for (int k = 0; k < FIELDS; k++) {
        r->at[k] = -1;
        for (int c = 0; c < r->cells.n; c++) {
            if (strcasecmp(r->cells.cell[c], field_names[k]) != 0)
                continue;
            if (r->at[k] >= 0) {
                kc_fail(e, KC_EINPUT, "%s:%lld: columns %d and %d are both named %s",
                        r->cells.plain.path, (long long)r->cells.line, r->at[k] + 1, c + 1,
                        field_names[k]);
                return 0;
            }
            r->at[k] = c;
            found++;
        }
    }
    r->n_columns = r->cells.n;
    return found == FIELDS;
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
static int without_head(reading *r, kc_error *e)
{
    const kc_cells *c = &r->cells;
    const char *other = c->n == 1 ? other_separator(c->cell[0]) : NULL;

    if (other)
        return kc_fail(
            e, KC_EINPUT,
            "%s:%lld: columns parted by %s, where %s are expected; .csv at the end of its "
            "name says commas, .tsv tabs; other marks want converting",
            c->plain.path, (long long)c->line, other, kc_cells_separator(c));
    for (int k = 0; k < FIELDS; k++)
        if (c->n != FIELDS && r->at[k] < 0)
            return kc_fail(e, KC_EINPUT,
                           "%s:%lld: no column %s among the %d; a table has the columns name, "
                           "attribute, value, parted by %s, or a first line that names them",
                           c->plain.path, (long long)c->line, field_names[k], c->n,
                           kc_cells_separator(c));
    for (int k = 0; k < FIELDS; k++)
        r->at[k] = k;
    return KC_OK;
}

/* The row's cell of a field, or NULL with an error. */
static const char *field(const reading *r, int k, kc_error *e)
{
    const char *text = r->cells.cell[r->at[k]];

    if (!*text)
        kc_fail(e, KC_EINPUT, "%s:%lld: an empty %s", r->cells.plain.path, (long long)r->cells.line,
                field_names[k]);
    else if (strstr(text, "<eos>"))
        place_fault(r, e, "`<eos>` is the token that begins each document; use another word");
    return text;
}

static int32_t intern(kc_vocab *vocab, const char *text)
{
    return kc_vocab_intern(vocab, text, (int32_t)strlen(text));
}

static void add_row(reading *r, kc_fact_table *t, int32_t name, int32_t attribute,
                    const char *value)
{
    t->line = kc_grow(t->line, &r->line_room, t->name.n, sizeof *t->line);
    if (!t->line[name])
        t->line[name] = r->cells.line;
    r->row = kc_grow(r->row, &r->room, r->n + 1, sizeof *r->row);
    r->of_attribute = kc_grow(r->of_attribute, &r->attribute_room, r->n + 1, 1);
    r->row[r->n] = (row){name, intern(&t->value[attribute], value)};
    r->of_attribute[r->n++] = (uint8_t)attribute;
}

static int take_row(reading *r, kc_fact_table *t, kc_error *e)
{
    const kc_cells *c = &r->cells;

    if (c->n != r->n_columns)
        return kc_fail(e, KC_EINPUT,
                       "%s:%lld: %d columns, the first line has %d, parted by %s; a cell that "
                       "holds such a mark wants quotation marks around it",
                       c->plain.path, (long long)c->line, c->n, r->n_columns,
                       kc_cells_separator(c));
    const char *name = field(r, NAME, e), *attribute = field(r, ATTRIBUTE, e);
    const char *value = field(r, VALUE, e);

    if (!e->code && strlen(attribute) >= ATTRIBUTE_BYTES)
        kc_fail(e, KC_EINPUT, "%s:%lld: `%.100s` is an attribute of %zu bytes; at most %d will do",
                c->plain.path, (long long)c->line, attribute, strlen(attribute),
                ATTRIBUTE_BYTES - 1);
    if (e->code)
        return e->code;
    if (r->most && t->name.n == r->most && kc_vocab_find(&t->name, name, (int32_t)strlen(name)) < 0)
        return KC_OK;
    const int32_t a = intern(&t->attribute, attribute);

    if (a >= ATTRIBUTES)
        return kc_fail(e, KC_EINPUT,
                       "%s:%lld: `%.100s` is attribute number %d; at most %d are possible: are the "
                       "columns name, attribute, value in this order?",
                       c->plain.path, (long long)c->line, attribute, a + 1, ATTRIBUTES);
    add_row(r, t, intern(&t->name, name), a, value);
    return KC_OK;
}

static void tell(reading *r)
{
    const double now = kc_clock();

    if (!r->progress || now - r->told < second)
        return;
    r->told = now;
    fprintf(r->progress, "\rreading %s: %lld rows", r->cells.plain.path, (long long)r->n);
    if (r->size > 0)
        fprintf(r->progress, ", %.0f %%", 100 * (double)r->cells.plain.bytes / r->size);
    fflush(r->progress);
}

static int read_rows(reading *r, kc_fact_table *t, kc_error *e)
{
    KC_TRY(kc_cells_next(&r->cells, e));
    if (r->cells.n && !read_head(r, e)) {
        KC_TRY(e->code);
        KC_TRY(without_head(r, e));
        KC_TRY(take_row(r, t, e));
    }
    for (;;) {
        KC_TRY(kc_cells_next(&r->cells, e));
        if (!r->cells.n)
            break;
        KC_TRY(take_row(r, t, e));
        if (r->n % 4096 == 0)
            tell(r);
    }
    if (r->n == 0)
        kc_fail(e, KC_EINPUT, "%s: no facts in it; a row reads name, attribute, value",
                r->cells.plain.path);
out:
    return e->code;
}

/* Rows by name, each name's in the order they came. */
static void group(const reading *r, kc_fact_table *t)
{
    const int64_t names = t->name.n;
    int64_t *next = kc_alloc(names + 1, sizeof *next, "names");

    t->begin = kc_alloc(names + 1, sizeof *t->begin, "names");
    t->of_value = kc_alloc(r->n, sizeof *t->of_value, "rows");
    t->of_attribute = kc_alloc(r->n, 1, "rows");
    for (int64_t i = 0; i < r->n; i++)
        next[r->row[i].name + 1]++;
    for (int64_t i = 0; i < names; i++)
        next[i + 1] += next[i];
    memcpy(t->begin, next, (size_t)(names + 1) * sizeof *next);
    for (int64_t i = 0; i < r->n; i++) {
        const int64_t to = next[r->row[i].name]++;

        t->of_value[to] = r->row[i].value;
        t->of_attribute[to] = r->of_attribute[i];
    }
    free(next);
}

static void contradiction(kc_fact_table *t, int64_t name, int a, int32_t stands, int32_t other)
{
    if (t->n_contradictions++ == 0)
        snprintf(t->contradiction, sizeof t->contradiction,
                 "`%.100s`, %.60s: `%.80s` stands, `%.80s` does not",
                 kc_vocab_word(&t->name, (int32_t)name), kc_vocab_word(&t->attribute, a),
                 kc_vocab_word(&t->value[a], stands), kc_vocab_word(&t->value[a], other));
}

/* Of each (name, attribute) the first row stays. */
static void drop_doubles(kc_fact_table *t)
{
    int64_t kept = 0;

    for (int64_t i = 0, from = 0; i < t->name.n; i++) {
        const int64_t end = t->begin[i + 1];
        int64_t there[ATTRIBUTES] = {0}; /* its row + 1 */

        t->begin[i] = kept;
        for (; from < end; from++) {
            const int a = t->of_attribute[from];
            const int32_t value = t->of_value[from];

            if (there[a] && t->of_value[there[a] - 1] == value)
                t->n_duplicates++;
            else if (there[a])
                contradiction(t, i, a, t->of_value[there[a] - 1], value);
            if (there[a])
                continue;
            t->of_value[kept] = value;
            t->of_attribute[kept++] = (uint8_t)a;
            there[a] = kept;
        }
    }
    t->n_rows = t->begin[t->name.n] = kept;
}

/* The values that rows still have, renumbered in the order they came. */
static void keep_used(kc_fact_table *t, int a)
{
    const int32_t n = t->value[a].n;
    int32_t *now = kc_alloc(n, sizeof *now, "values");
    kc_vocab used = {0};

    for (int64_t i = 0; i < t->n_rows; i++)
        if (t->of_attribute[i] == a)
            now[t->of_value[i]] = 1;
    for (int32_t v = 0; v < n; v++)
        if (now[v])
            now[v] = intern(&used, kc_vocab_word(&t->value[a], v));
    for (int64_t i = 0; i < t->n_rows; i++)
        if (t->of_attribute[i] == a)
            t->of_value[i] = now[t->of_value[i]];
    kc_vocab_free(&t->value[a]);
    t->value[a] = used;
    free(now);
}

int kc_fact_table_read(const char *path, FILE *file, int64_t most, FILE *progress, kc_fact_table *t,
                       kc_error *e)
{
    struct stat s;
    reading r = {.most = most, .progress = progress, .told = kc_clock()};

    memset(t, 0, sizeof *t);
    r.size = fileno(file) >= 0 && fstat(fileno(file), &s) == 0 ? (double)s.st_size : 0;
    KC_TRY(kc_cells_start(&r.cells, path, file, e));
    KC_TRY(read_rows(&r, t, e));
    if (t->name.n < most)
        kc_fail(e, KC_EINPUT, "%s: %d names, but corpus.people asks for %lld; 0 takes all", path,
                t->name.n, (long long)most);
    KC_TRY(e->code);
    group(&r, t);
    drop_doubles(t);
    for (int a = 0; a < t->attribute.n && t->n_contradictions; a++)
        keep_used(t, a);
out:
    if (progress && r.told > 0 && r.n > 4096)
        fputs("\r\033[K", progress);
    kc_cells_end(&r.cells);
    free(r.row);
    free(r.of_attribute);
    return e->code;
}
