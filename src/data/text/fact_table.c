/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/text/fact_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/text/fact_rows.h"
#include "kcap/base/alike.h"
#include "kcap/base/memory.h"

enum { ATTRIBUTES = KC_ATTRIBUTES_MAX - 1, TOLD_ROWS = 4096 };

/* A text that came new in a row with odd ones. */
typedef struct odd_text {
    const kc_vocab *among;
    int32_t text, line;
} odd_text;

/* A table while it is read: what is held beside it. */
typedef struct reading {
    kc_fact_rows rows;
    int32_t *of_name; /* [rows]: its name, later its place among the rows of all names */
    int64_t room[4];  /* of the arrays that grow with rows, and with names            */
    int64_t most;
    kc_teller *teller;
    double size; /* of the file, 0 where it has none */
    odd_text *odd;
    int64_t n_odd, odd_room;
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

static int32_t intern(kc_vocab *vocab, const char *text)
{
    return kc_vocab_intern(vocab, text, (int32_t)strlen(text));
}

/* A text of a row. */
static int32_t take_text(reading *r, kc_vocab *vocab, const char *text)
{
    const int32_t n = vocab->n, number = intern(vocab, text);

    if (r->rows.cells.odd && number == n) {
        r->odd = kc_grow(r->odd, &r->odd_room, r->n_odd + 1, sizeof *r->odd);
        r->odd[r->n_odd++] = (odd_text){vocab, number, (int32_t)r->rows.cells.line};
    }
    return number;
}

static void add_row(reading *r, kc_fact_table *t, int32_t name, int32_t attribute,
                    const char *value)
{
    const int64_t n = t->n_rows++;

    t->line = kc_grow(t->line, &r->room[0], t->name.n, sizeof *t->line);
    if (!t->line[name])
        t->line[name] = (int32_t)r->rows.cells.line;
    r->of_name = kc_grow(r->of_name, &r->room[1], n + 1, sizeof *r->of_name);
    t->of_value = kc_grow(t->of_value, &r->room[2], n + 1, sizeof *t->of_value);
    t->of_attribute = kc_grow(t->of_attribute, &r->room[3], n + 1, 1);
    r->of_name[n] = name;
    t->of_value[n] = take_text(r, &t->value[attribute], value);
    t->of_attribute[n] = (uint8_t)attribute;
}

static int take_row(reading *r, kc_fact_table *t, kc_error *e)
{
    const kc_cells *c = &r->rows.cells;
    const char *const *field = r->rows.field, *name = field[KC_FACT_NAME];

    if (r->most && t->name.n == r->most && kc_vocab_find(&t->name, name, (int32_t)strlen(name)) < 0)
        return KC_OK;
    const int32_t a = take_text(r, &t->attribute, field[KC_FACT_ATTRIBUTE]);

    if (a >= ATTRIBUTES)
        return kc_fail(e, KC_EINPUT,
                       "%s:%lld: `%.100s` is attribute number %d; at most %d are possible: are the "
                       "columns name, attribute, value in this order?",
                       c->plain.path, (long long)c->line, field[KC_FACT_ATTRIBUTE], a + 1,
                       ATTRIBUTES);
    if (c->line > INT32_MAX)
        return kc_fail(e, KC_EINPUT, "%s: more than %d lines; cut the table", c->plain.path,
                       INT32_MAX);
    add_row(r, t, take_text(r, &t->name, name), a, field[KC_FACT_VALUE]);
    return KC_OK;
}

static void tell(const reading *r, const kc_fact_table *t)
{
    const kc_plain *plain = &r->rows.cells.plain;

    if (r->size > 0)
        kc_tell(r->teller, "reading %s: %lld rows, %.0f %%", plain->path, (long long)t->n_rows,
                100 * (double)plain->bytes / r->size);
    else
        kc_tell(r->teller, "reading %s: %lld rows", plain->path, (long long)t->n_rows);
}

static int read_rows(reading *r, kc_fact_table *t, kc_error *e)
{
    for (;;) {
        KC_TRY(kc_fact_rows_next(&r->rows, e));
        if (!r->rows.field[KC_FACT_NAME])
            break;
        KC_TRY(take_row(r, t, e));
        if (t->n_rows % TOLD_ROWS == 0)
            tell(r, t);
    }
    if (t->n_rows == 0)
        kc_fail(e, KC_EINPUT, "%s: no facts in it; a row reads name, attribute, value",
                r->rows.cells.plain.path);
out:
    return e->code;
}

/* Where each row belongs when they stand by name, each name's in the order they came. */
static void find_places(reading *r, kc_fact_table *t)
{
    const int64_t names = t->name.n;
    int64_t *next = kc_alloc(names + 1, sizeof *next, "names");

    t->begin = kc_alloc(names + 1, sizeof *t->begin, "names");
    for (int64_t i = 0; i < t->n_rows; i++)
        next[r->of_name[i] + 1]++;
    for (int64_t i = 0; i < names; i++)
        next[i + 1] += next[i];
    memcpy(t->begin, next, (size_t)(names + 1) * sizeof *next);
    for (int64_t i = 0; i < t->n_rows; i++)
        r->of_name[i] = (int32_t)next[r->of_name[i]]++;
    free(next);
}

/* Each row to its place, in the memory they have: whoever stands there goes to its own. */
static void group(reading *r, kc_fact_table *t)
{
    int32_t *to = r->of_name;

    find_places(r, t);
    for (int32_t i = 0; i < t->n_rows; i++)
        while (to[i] != i) {
            const int32_t place = to[i], value = t->of_value[place];
            const uint8_t attribute = t->of_attribute[place];

            t->of_value[place] = t->of_value[i];
            t->of_attribute[place] = t->of_attribute[i];
            t->of_value[i] = value;
            t->of_attribute[i] = attribute;
            to[i] = to[place];
            to[place] = place;
        }
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

/* Of the odd texts of one list those that look like others of it. */
static void find_twins(const reading *r, const kc_vocab *among, kc_fact_table *t)
{
    uint64_t *all = kc_alloc(among->n, sizeof *all, "texts");
    uint64_t *odd = kc_alloc(r->n_odd, sizeof *odd, "texts");
    const odd_text **which = kc_alloc(r->n_odd, sizeof *which, "texts");
    int64_t n = 0, first = 0;
    char shown[120];

    for (const odd_text *it = r->odd; it < r->odd + r->n_odd; it++)
        if (it->among == among) {
            odd[n] = kc_alike_key(kc_vocab_word(among, it->text));
            which[n++] = it;
        }
    for (int32_t i = 0; i < among->n && n; i++)
        all[i] = kc_alike_key(kc_vocab_word(among, i));
    const int64_t twins = kc_alike_twins(all, among->n, odd, n, &first);

    if (twins && !t->n_twins)
        snprintf(t->twin, sizeof t->twin, "%.150s:%d: `%s`", r->rows.cells.plain.path,
                 which[first]->line,
                 kc_alike_show(kc_vocab_word(among, which[first]->text), shown, sizeof shown));
    t->n_twins += twins;
    free(which);
    free(odd);
    free(all);
}

int kc_fact_table_read(const char *path, FILE *file, int64_t most, kc_teller *teller,
                       kc_fact_table *t, kc_error *e)
{
    struct stat s;
    reading r = {.most = most, .teller = teller};

    memset(t, 0, sizeof *t);
    r.size = fileno(file) >= 0 && fstat(fileno(file), &s) == 0 ? (double)s.st_size : 0;
    KC_TRY(kc_fact_rows_start(&r.rows, path, file, e));
    KC_TRY(read_rows(&r, t, e));
    if (t->name.n < most)
        kc_fail(e, KC_EINPUT, "%s: %d names, but corpus.people asks for %lld; 0 takes all", path,
                t->name.n, (long long)most);
    KC_TRY(e->code);
    for (int a = -2; a < t->attribute.n && r.n_odd; a++)
        find_twins(&r, a == -2 ? &t->name : a == -1 ? &t->attribute : &t->value[a], t);
    group(&r, t);
    drop_doubles(t);
    for (int a = 0; a < t->attribute.n && t->n_contradictions; a++)
        keep_used(t, a);
out:
    kc_tell_end(teller);
    kc_fact_rows_end(&r.rows);
    free(r.of_name);
    free(r.odd);
    return e->code;
}
