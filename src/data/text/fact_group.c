/* SPDX-License-Identifier: BSD-3-Clause */
#include "data/text/fact_group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kcap/base/memory.h"

enum { ATTRIBUTES = KC_ATTRIBUTES_MAX - 1 };

/* Where each row belongs when they stand by name, each name's in the order they came. */
static void find_places(kc_fact_table *t, int32_t *of_name)
{
    const int64_t names = t->name.n;
    int64_t *next = kc_alloc(names + 1, sizeof *next, "names");

    t->begin = kc_alloc(names + 1, sizeof *t->begin, "names");
    for (int64_t i = 0; i < t->n_rows; i++)
        next[of_name[i] + 1]++;
    for (int64_t i = 0; i < names; i++)
        next[i + 1] += next[i];
    memcpy(t->begin, next, (size_t)(names + 1) * sizeof *next);
    for (int64_t i = 0; i < t->n_rows; i++)
        of_name[i] = (int32_t)next[of_name[i]]++;
    free(next);
}

/* Each row to its place, in the memory they have: whoever stands there goes to its own. */
static void group(kc_fact_table *t, int32_t *to)
{
    find_places(t, to);
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
        if (now[v]) {
            const char *word = kc_vocab_word(&t->value[a], v);

            now[v] = kc_vocab_intern(&used, word, (int32_t)strlen(word));
        }
    for (int64_t i = 0; i < t->n_rows; i++)
        if (t->of_attribute[i] == a)
            t->of_value[i] = now[t->of_value[i]];
    kc_vocab_free(&t->value[a]);
    t->value[a] = used;
    free(now);
}

void kc_fact_table_group(kc_fact_table *t, int32_t *of_name)
{
    group(t, of_name);
    drop_doubles(t);
    for (int a = 0; a < t->attribute.n && t->n_contradictions; a++)
        keep_used(t, a);
}
