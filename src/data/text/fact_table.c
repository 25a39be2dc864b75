/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/text/fact_table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/text/fact_group.h"
#include "data/text/fact_rows.h"
#include "data/text/fact_share.h"
#include "data/text/fact_split.h"
#include "data/text/fact_twins.h"
#include "kcap/base/memory.h"

enum { ATTRIBUTES = KC_ATTRIBUTES_MAX - 1, TOLD_ROWS = 4096 };

/* A table while it is read: what is held beside it. */
typedef struct reading {
    const char *path;
    kc_fact_rows rows;
    int32_t line; /* of the row                                        */
    int is_odd;   /* so are cells of it, see kc_alike_odd              */
    kc_odd_texts odd;
    int32_t *of_name; /* [rows]: its name                                  */
    int64_t room[4];  /* of the arrays that grow with rows, and with names */
    int64_t most;
    kc_teller *teller;
    double begin, bytes; /* of what is read of the file; 0 where it has no size */
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

/* A text of the row. */
static int32_t take_text(reading *r, kc_vocab *vocab, const char *text)
{
    const int32_t n = vocab->n, number = kc_vocab_intern(vocab, text, (int32_t)strlen(text));

    if (r->is_odd && number == n)
        kc_odd_texts_add(&r->odd, vocab, number, r->line);
    return number;
}

/* -1: it is not among the first so many. */
static int32_t take_name(reading *r, kc_fact_table *t, const char *name)
{
    return r->most && t->name.n == r->most ? kc_vocab_find(&t->name, name, (int32_t)strlen(name))
                                           : take_text(r, &t->name, name);
}

static int take_attribute(reading *r, kc_fact_table *t, const char *attribute, int32_t *a,
                          kc_error *e)
{
    *a = take_text(r, &t->attribute, attribute);
    if (*a < ATTRIBUTES)
        return KC_OK;
    return kc_fail(e, KC_EINPUT,
                   "%s:%lld: `%.100s` is attribute number %d; at most %d are possible: are the "
                   "columns name, attribute, value in this order?",
                   r->path, (long long)r->line, attribute, *a + 1, ATTRIBUTES);
}

static void add_row(reading *r, kc_fact_table *t, int32_t name, int32_t attribute, int32_t value)
{
    const int64_t n = t->n_rows++;

    t->line = kc_grow(t->line, &r->room[0], t->name.n, sizeof *t->line);
    if (!t->line[name])
        t->line[name] = r->line;
    r->of_name = kc_grow(r->of_name, &r->room[1], n + 1, sizeof *r->of_name);
    t->of_value = kc_grow(t->of_value, &r->room[2], n + 1, sizeof *t->of_value);
    t->of_attribute = kc_grow(t->of_attribute, &r->room[3], n + 1, 1);
    r->of_name[n] = name;
    t->of_value[n] = value;
    t->of_attribute[n] = (uint8_t)attribute;
}

static int take_row(reading *r, kc_fact_table *t, kc_error *e)
{
    const char *const *field = r->rows.field;
    int32_t name, a;

    r->line = (int32_t)r->rows.cells.line;
    r->is_odd = r->rows.cells.odd;
    name = take_name(r, t, field[KC_FACT_NAME]);
    if (name < 0)
        return KC_OK;
    KC_TRY(take_attribute(r, t, field[KC_FACT_ATTRIBUTE], &a, e));
    add_row(r, t, name, a, take_text(r, &t->value[a], field[KC_FACT_VALUE]));
out:
    return e->code;
}

static void tell(const reading *r, const kc_fact_table *t)
{
    const double done = (double)kc_plain_place(&r->rows.cells.plain) - r->begin;

    if (r->bytes > 0)
        kc_tell(r->teller, "reading %s: %lld rows, %.0f %%", r->path, (long long)t->n_rows,
                100 * done / r->bytes);
    else
        kc_tell(r->teller, "reading %s: %lld rows", r->path, (long long)t->n_rows);
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
out:
    return e->code;
}

static int finish(reading *r, kc_fact_table *t, kc_error *e)
{
    if (t->n_rows == 0)
        return kc_fail(e, KC_EINPUT, "%s: no facts in it; a row reads name, attribute, value",
                       r->path);
    if (t->name.n < r->most)
        return kc_fail(e, KC_EINPUT, "%s: %d names, but corpus.people asks for %lld; 0 takes all",
                       r->path, t->name.n, (long long)r->most);
    kc_fact_table_twins(r->path, &r->odd, t);
    kc_fact_table_group(t, r->of_name);
    return KC_OK;
}

static void end(reading *r)
{
    kc_tell_end(r->teller);
    kc_fact_rows_end(&r->rows);
    free(r->of_name);
    free(r->odd.text);
}

int kc_fact_table_read(const char *path, FILE *file, int64_t most, kc_teller *teller,
                       kc_fact_table *t, kc_error *e)
{
    struct stat s;
    reading r = {.path = path, .most = most, .teller = teller};

    *t = (kc_fact_table){.n_rows = 0};
    r.bytes = fileno(file) >= 0 && fstat(fileno(file), &s) == 0 ? (double)s.st_size : 0;
    KC_TRY(kc_fact_rows_start(&r.rows, path, file, e));
    KC_TRY(read_rows(&r, t, e));
    KC_TRY(finish(&r, t, e));
out:
    end(&r);
    return e->code;
}

/* What is known of a share's texts: numbers in the table + 1, 0 where it has not been asked; and of a fact
 * its attribute. */
typedef struct known {
    int32_t *name, *value;
    uint8_t *attribute;
} known;

static int join_row(reading *r, kc_fact_table *t, const kc_fact_share *s, int64_t row, known *k,
                    kc_error *e)
{
    const int32_t name = s->of_name[row], fact = s->of_fact[row];
    char attribute[KC_FACT_ATTRIBUTE_BYTES];
    int32_t a;

    r->line = s->line[row];
    r->is_odd = s->is_odd[row];
    if (!k->name[name])
        k->name[name] = take_name(r, t, kc_vocab_word(&s->name, name)) + 1;
    if (!k->name[name])
        return KC_OK;
    if (!k->value[fact]) {
        const char *value = kc_fact_share_value(s, fact, attribute);

        KC_TRY(take_attribute(r, t, attribute, &a, e));
        k->attribute[fact] = (uint8_t)a;
        k->value[fact] = take_text(r, &t->value[a], value) + 1;
    }
    add_row(r, t, k->name[name] - 1, k->attribute[fact], k->value[fact] - 1);
out:
    return e->code;
}

/* The rows of a share behind those there are, as if they had been read here. */
static void join(reading *r, kc_fact_table *t, const kc_fact_share *s, kc_error *e)
{
    known k = {.name = kc_alloc(s->name.n, sizeof *k.name, "names"),
               .value = kc_alloc(s->fact.n, sizeof *k.value, "values"),
               .attribute = kc_alloc(s->fact.n, sizeof *k.attribute, "values")};

    for (int64_t row = 0; row < s->n_rows && e->code == KC_OK; row++)
        join_row(r, t, s, row, &k, e);
    if (e->code == KC_OK)
        *e = s->error;
    free(k.name);
    free(k.value);
    free(k.attribute);
}

/* Rank 0 reads its part into the table, others theirs for it. */
static void read_part(const kc_grid *g, FILE *file, const kc_fact_head *head, int64_t bytes,
                      reading *r, kc_fact_table *t, kc_fact_share *share, kc_error *e)
{
    kc_fact_part part;
    kc_error fault = {0};

    kc_fact_split(g, r->path, file, bytes, head, &part, &fault);
    r->begin = (double)part.begin;
    r->bytes = (double)(part.end - part.begin);
    kc_fact_rows_within(&r->rows, r->path, file, head, &part, &share->error);
    if (share->error.code == KC_OK && g->rank == 0)
        read_rows(r, t, &share->error);
    else if (share->error.code == KC_OK)
        kc_fact_share_read(&r->rows, share);
    if (share->error.code == KC_OK) /* such as a disk that fails at times */
        share->error = fault;
    if (g->rank == 0)
        *e = share->error;
}

int kc_fact_table_read_together(const kc_grid *g, const char *path, FILE *file, int64_t bytes,
                                int64_t most, kc_teller *teller, kc_fact_table *t, kc_error *e)
{
    reading r = {.path = path, .most = most, .teller = teller};
    kc_fact_share share = {.n_rows = 0};

    *t = (kc_fact_table){.n_rows = 0};
    KC_TRY_ROOT(g, kc_fact_rows_start(&r.rows, path, file, e));
    kc_fact_head head = r.rows.head;
    kc_fact_rows_end(&r.rows);
    kc_bcast(g, &head, sizeof head);
    read_part(g, file, &head, bytes, &r, t, &share, e);
    for (int from = 1; from < g->size; from++) {
        if (g->rank == from || g->rank == 0)
            kc_fact_share_pass(g, from, &share);
        if (g->rank == 0)
            join(&r, t, &share, e);
        if (g->rank == from || g->rank == 0)
            kc_fact_share_free(&share);
    }
    KC_TRY_ROOT(g, e->code ? e->code : finish(&r, t, e));
out:
    end(&r);
    return e->code;
}
