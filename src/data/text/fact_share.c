/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/text/fact_share.h"

#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"

/* Between attribute and value: no text has it. */
static const char between[] = "\1";

void kc_fact_share_free(kc_fact_share *s)
{
    kc_vocab_free(&s->name);
    kc_vocab_free(&s->fact);
    free(s->of_name);
    free(s->of_fact);
    free(s->line);
    free(s->is_odd);
    *s = (kc_fact_share){.n_rows = 0};
}

static void add_row(kc_fact_share *s, const char *name, const char *fact, const kc_cells *c)
{
    const int64_t n = s->n_rows++;

    s->of_name = kc_grow(s->of_name, &s->room[0], n + 1, sizeof *s->of_name);
    s->of_fact = kc_grow(s->of_fact, &s->room[1], n + 1, sizeof *s->of_fact);
    s->line = kc_grow(s->line, &s->room[2], n + 1, sizeof *s->line);
    s->is_odd = kc_grow(s->is_odd, &s->room[3], n + 1, 1);
    s->of_name[n] = kc_vocab_intern(&s->name, name, (int32_t)strlen(name));
    s->of_fact[n] = kc_vocab_intern(&s->fact, fact, (int32_t)strlen(fact));
    s->line[n] = (int32_t)c->line;
    s->is_odd[n] = (uint8_t)c->odd;
}

void kc_fact_share_read(kc_fact_rows *rows, kc_fact_share *s)
{
    const char *const *field = rows->field;
    char *fact = NULL;
    int64_t room = 0;

    while (kc_fact_rows_next(rows, &s->error) == KC_OK && field[KC_FACT_NAME]) {
        const char *attribute = field[KC_FACT_ATTRIBUTE], *value = field[KC_FACT_VALUE];

        fact = kc_grow(fact, &room, (int64_t)(strlen(attribute) + strlen(value)) + 2, 1);
        strcat(strcat(strcpy(fact, attribute), between), value);
        add_row(s, field[KC_FACT_NAME], fact, &rows->cells);
    }
    free(fact);
}

/* The array of n elements, there and here. */
static void pass(const kc_grid *g, int from, void *array, int64_t n, size_t size)
{
    void *at;

    memcpy(&at, array, sizeof at);
    if (g->rank == 0)
        at = kc_alloc(n, size, "rows of a table");
    kc_pass(g, from, 0, at, (size_t)n * size);
    memcpy(array, &at, sizeof at);
}

static void pass_texts(const kc_grid *g, int from, kc_vocab *v)
{
    if (g->rank == 0)
        v->slot = NULL;
    pass(g, from, &v->text, v->bytes, 1);
    pass(g, from, &v->begin, v->n, sizeof *v->begin);
}

void kc_fact_share_pass(const kc_grid *g, int from, kc_fact_share *s)
{
    kc_pass(g, from, 0, s, sizeof *s);
    pass_texts(g, from, &s->name);
    pass_texts(g, from, &s->fact);
    pass(g, from, &s->of_name, s->n_rows, sizeof *s->of_name);
    pass(g, from, &s->of_fact, s->n_rows, sizeof *s->of_fact);
    pass(g, from, &s->line, s->n_rows, sizeof *s->line);
    pass(g, from, &s->is_odd, s->n_rows, 1);
}

const char *kc_fact_share_value(const kc_fact_share *s, int32_t fact,
                                char attribute[KC_FACT_ATTRIBUTE_BYTES])
{
    const char *text = kc_vocab_word(&s->fact, fact);
    const size_t n = strcspn(text, between);

    memcpy(attribute, text, n);
    attribute[n] = 0;
    return text + n + 1;
}
